// The whole page: its header, what was dropped or the place to drop, the group at work, and what is kept for later.

import { useEffect, useState } from "preact/hooks";
import { keepOffline, type OfflineState } from "../offline/offline.ts";
import { type Choice, chooseFiles } from "../work/dropped.ts";
import { Later } from "./later.tsx";
import { Problem } from "./problem.tsx";
import { Start } from "./start.tsx";
import { useDrop } from "./use-drop.ts";

/** Parts that have a place of their own, in the order of the navigation. */
const places = [
  { place: "#group", title: "Watch the group act" },
  { place: "#picture", title: "Read an image from weights" },
] as const;

const loadFile = () => import("../file/file-view.tsx").then(({ FileView }) => FileView);
const loadPair = () => import("../compare/pair-view.tsx").then(({ PairView }) => PairView);
const loadGroup = () => import("../group/group-view.tsx").then(({ GroupView }) => GroupView);
const loadPicture = () =>
  import("../picture/picture-view.tsx").then(({ PictureView }) => PictureView);

function usePlace(): string {
  const [place, setPlace] = useState(location.hash);
  useEffect(() => {
    const follow = () => setPlace(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return place;
}

/** What was dropped last, with a number that tells one drop from the next. */
interface Given {
  readonly choice: Choice;
  readonly number: number;
}

export function App() {
  const place = usePlace();
  const [given, setGiven] = useState<Given>();
  const [offline, setOffline] = useState<OfflineState>("none");
  useEffect(() => keepOffline(setOffline), []);
  const give = (files: readonly File[]) => {
    setGiven((last) => ({ choice: chooseFiles(files), number: (last?.number ?? 0) + 1 }));
    if (location.hash !== "") location.hash = "#";
    scrollTo(0, 0);
  };
  const dragging = useDrop(give);
  const isPlace = places.some((one) => one.place === place);
  return (
    <div class={dragging ? "shell dragging" : "shell"}>
      <header class="top">
        <a class="mark" href="#" onClick={() => setGiven(undefined)}>
          weightspace
        </a>
        <nav aria-label="Parts of the page">
          <a href="#" aria-current={isPlace ? undefined : "page"}>
            Files
          </a>
          {places.map((one) => (
            <a
              key={one.place}
              href={one.place}
              aria-current={one.place === place ? "page" : undefined}
            >
              {one.title}
            </a>
          ))}
        </nav>
      </header>
      <main>
        {place === "#group" && <Later load={loadGroup} give={{}} />}
        {place === "#picture" && <Later load={loadPicture} give={{}} />}
        {!isPlace && <Files given={given} give={give} onLeave={() => setGiven(undefined)} />}
      </main>
      <Footer offline={offline} />
      <p class="veil" aria-hidden="true">
        Drop it anywhere
      </p>
    </div>
  );
}

interface FilesProps {
  readonly given: Given | undefined;
  readonly give: (files: readonly File[]) => void;
  readonly onLeave: () => void;
}

function Files({ given, give, onLeave }: FilesProps) {
  if (given === undefined) return <Start give={give} />;
  const { choice, number } = given;
  if (choice.kind === "unclear")
    return (
      <>
        <Problem title="What is meant?" message={choice.message} />
        <Start give={give} />
      </>
    );
  const shared = { give, onLeave };
  return choice.kind === "one" ? (
    <Later key={number} load={loadFile} give={{ ...shared, dropped: choice.one }} />
  ) : (
    <Later
      key={number}
      load={loadPair}
      give={{ ...shared, two: choice.two, graph: choice.graph }}
    />
  );
}

const offlineTexts: Readonly<Record<OfflineState, string>> = {
  kept: "Kept on this machine: the page works with the network cut off.",
  keeping: "Fetching the rest of the page, so that it works with the network cut off …",
  none: "This page asks for nothing but its own files.",
};

function Footer({ offline }: { readonly offline: OfflineState }) {
  const threads = globalThis.crossOriginIsolated
    ? ""
    : " One thread: this host sends no isolation headers.";
  return (
    <footer>
      <p>
        Everything runs here. No file leaves this machine, and no other host is asked for anything.
      </p>
      <p id="offline" data-state={offline}>
        {offlineTexts[offline]}
        {threads}
      </p>
    </footer>
  );
}
