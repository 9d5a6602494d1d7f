// Read an image from weights: a drawing becomes a network while one watches, and others tell the digit from its numbers.

import { useEffect, useMemo, useState } from "preact/hooks";
import { Problem } from "../app/problem.tsx";
import { Progress } from "../app/progress.tsx";
import { countText, percentText } from "../app/text.ts";
import { DrawBox } from "./draw-box.tsx";
import { asDigit, enlarged, type Stroke, thicker } from "./drawing.ts";
import { LossCurve } from "./loss-curve.tsx";
import { type State, states } from "./moves.ts";
import { NumberGrid } from "./number-grid.tsx";
import { PictureCanvas } from "./picture-canvas.tsx";
import type { Opened } from "./read.worker.ts";
import type { ReaderNote } from "./readers.ts";
import { readerTitle, Readings } from "./readings.tsx";
import { steps } from "./siren.ts";
import { type PictureWork, usePictureWork } from "./use-picture-work.ts";
import "../style/picture.css";

/** The sample that is read when the part opens. */
const first = 7;

export function PictureView() {
  const { work, begin, clear, stop } = usePictureWork();
  const [picture, setPicture] = useState<Float32Array>();
  const { opened } = work;
  const take = (digit: Float32Array<ArrayBuffer>) => {
    if (opened === undefined) return;
    const next = enlarged(digit);
    setPicture(next);
    begin(next, opened);
  };
  useEffect(() => {
    const sample = opened?.samples.findLast(({ label }) => label === first);
    if (sample !== undefined && picture === undefined) take(sample.pixels);
  }, [opened]);
  return (
    <article class="picture">
      <h1>This network is a picture. Its numbers alone say which.</h1>
      <p class="lead">
        Draw a digit. A network of 1,185 numbers learns to paint it while you watch; then others
        read the digit from these numbers, without painting it.
      </p>
      {work.problem !== undefined && (
        <Problem title="Something does not run here" message={work.problem} />
      )}
      <div class="cards two">
        <DrawCard
          {...{ opened, picture, take }}
          onBegin={clear}
          onDrawn={(strokes: readonly Stroke[]) => take(asDigit(strokes))}
        />
        <LearnCard work={work} stop={stop} />
      </div>
      <ReadCard work={work} />
      <EditCard work={work} picture={picture} />
      {opened !== undefined && <Provenance opened={opened} />}
    </article>
  );
}

interface DrawCardProps {
  readonly opened: Opened | undefined;
  readonly picture: Float32Array | undefined;
  readonly take: (digit: Float32Array<ArrayBuffer>) => void;
  readonly onBegin: () => void;
  readonly onDrawn: (strokes: readonly Stroke[]) => void;
}

function DrawCard({ opened, picture, take, onBegin, onDrawn }: DrawCardProps) {
  return (
    <section class="card" aria-labelledby="card-draw">
      <h2 id="card-draw">1. Draw a digit</h2>
      <p class="soft">
        In the box, over the example, by mouse, pen or finger. Your lines are then brought to the
        size and the width of the pictures that the readers know: that is what the network learns.
      </p>
      <DrawBox picture={picture} onBegin={onBegin} onDrawn={onDrawn} />
      <p class="soft above" id="samples-title">
        Or choose one that no reader has seen:
      </p>
      <Samples opened={opened} take={take} />
    </section>
  );
}

function Samples({ opened, take }: Pick<DrawCardProps, "opened" | "take">) {
  const pictures = useMemo(
    () => (opened?.samples ?? []).map((sample) => ({ ...sample, large: enlarged(sample.pixels) })),
    [opened],
  );
  return (
    <div class="samples" role="group" aria-labelledby="samples-title">
      {pictures.map(({ pixels, label, large }, i) => (
        <button key={i} type="button" onClick={() => take(pixels)}>
          <PictureCanvas picture={large} label={`A ${label} that somebody wrote`} />
        </button>
      ))}
    </div>
  );
}

const stageTexts: Readonly<Record<PictureWork["stage"], string>> = {
  opening: "Fetching the trained readers",
  idle: "Waiting for a drawing",
  fitting: "Learning your picture",
  reading: "Learnt; reading its numbers",
  editing: "Learnt and read; editing its numbers",
  done: "Learnt, read and edited.",
  stopped: "Stopped. Draw, or choose a digit, to begin anew.",
};

function LearnCard({ work, stop }: { readonly work: PictureWork; readonly stop: () => void }) {
  const { stage, frame, losses, started } = work;
  const isBusy = ["opening", "fitting", "reading", "editing"].includes(stage);
  const share = stage === "fitting" ? (frame?.step ?? 0) / steps : undefined;
  return (
    <section class="card" aria-labelledby="card-learn">
      <h2 id="card-learn">2. A network learns it</h2>
      <p class="soft">
        Two coordinates in, one brightness out: the network is asked for every pixel, and its
        numbers change until it answers with your picture.
      </p>
      <PictureCanvas picture={frame?.picture} label="What the network paints now" />
      <p class="says" id="learnt">
        Step {frame?.step ?? 0} of {steps}
        <span class="soft">
          {" "}
          · {frame === undefined ? "–" : frame.psnr.toFixed(1)} dB of likeness, more is nearer
        </span>
      </p>
      <LossCurve losses={losses} />
      <p class="soft above">Its error at every step, each line a tenth of the one above it.</p>
      {isBusy ? (
        <Progress label={stageTexts[stage]} share={share} started={started} onStop={stop} />
      ) : (
        <p class="progress" role="status">
          {stageTexts[stage]}
        </p>
      )}
    </section>
  );
}

const stateTexts: Readonly<Record<State, { readonly label: string; readonly says: string }>> = {
  fitted: { label: "as it was taught", says: "The network as it was taught." },
  moved: {
    label: "reordered, signs flipped",
    says: "Every number has moved, the picture has not: units are in another order, and some have the other sign on both sides.",
  },
  shuffled: {
    label: "shuffled, a control",
    says: "The same numbers in any order paint nothing. Readers have to name a digit all the same; it means nothing here.",
  },
};

function ReadCard({ work: { reading, opened } }: { readonly work: PictureWork }) {
  const [state, setState] = useState<State>("fitted");
  const seen = reading?.[state];
  return (
    <section class="card" aria-labelledby="card-read" id="reading" data-state={state}>
      <h2 id="card-read">3. Others read its numbers</h2>
      <fieldset class="choice">
        <legend>The numbers:</legend>
        {states.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="state"
              checked={one === state}
              onChange={() => setState(one)}
            />
            {stateTexts[one].label}
          </label>
        ))}
      </fieldset>
      <div class="cards read">
        <div>
          <p class="soft above">{stateTexts[state].says}</p>
          <NumberGrid numbers={seen?.numbers} />
          <p class="soft above">What it paints:</p>
          <PictureCanvas
            picture={seen?.picture}
            label={`What the network paints, ${stateTexts[state].label}`}
          />
        </div>
        {opened === undefined ? (
          <div class="hold" />
        ) : (
          <Readings
            readers={opened.note.readers}
            seen={seen}
            before={state === "fitted" ? undefined : reading?.fitted}
          />
        )}
      </div>
    </section>
  );
}

interface EditCardProps {
  readonly work: PictureWork;
  readonly picture: Float32Array | undefined;
}

function EditCard({ work: { frame, edited, opened, stage }, picture }: EditCardProps) {
  const isLearnt = ["reading", "editing", "done"].includes(stage);
  const wanted = useMemo(() => (picture === undefined ? undefined : thicker(picture)), [picture]);
  const shown: readonly (readonly [string, Float32Array | undefined])[] = [
    ["the picture", picture],
    ["as the network paints it", isLearnt ? frame?.picture : undefined],
    ["its numbers edited: thicker", edited],
    ["what was asked for", wanted],
  ];
  const { error = 0, unedited = 0 } = opened?.note.edited ?? {};
  return (
    <section class="card" aria-labelledby="card-edit">
      <h2 id="card-edit">4. Another one changes its numbers</h2>
      <p class="soft">
        It reads the numbers and says by how much to change each, so that the network paints a
        thicker digit. It never sees a pixel. On test networks its mean squared error is{" "}
        {error.toPrecision(2)}; that of unchanged pictures is {unedited.toPrecision(2)}.
      </p>
      <div class="gallery">
        {shown.map(([title, one]) => (
          <figure key={title}>
            <PictureCanvas picture={one} label={title} />
            <figcaption class="soft">{title}</figcaption>
          </figure>
        ))}
      </div>
    </section>
  );
}

/** The smallest and the largest spread of the readers, in points. */
function spreadText(readers: readonly ReaderNote[]): string {
  const points = readers.map(({ spread }) => 100 * spread);
  return `${Math.min(...points).toFixed(1)} to ${Math.max(...points).toFixed(1)} points`;
}

function Provenance({ opened: { note } }: { readonly opened: Opened }) {
  const [train, validation, test] = note.networks;
  return (
    <section class="card" aria-labelledby="card-trained">
      <h2 id="card-trained">How the readers were trained</h2>
      <p class="soft">
        On {countText(train)} networks, each taught one handwritten digit of the UCI set from the
        same start, which was learnt before from others; {countText(validation)} more chose the best
        pass, and {countText(test)} that no reader ever saw give the shares above. They are means of{" "}
        {note.trainings} trainings, which differ by a standard deviation of{" "}
        {spreadText(note.readers)}; the first training of each reads here.
      </p>
      <p class="soft">
        <strong>The common start makes reading easier.</strong> Trained and tested on networks with
        random starts of their own, in one training each, readers are right on{" "}
        {note.readers
          .map(({ name, apart }) => `${percentText(apart)} (${readerTitle(name)})`)
          .join(", ")}
        ; chance is 10 %.
      </p>
      <p class="soft">
        Your drawing is not of the set. Of ten digits drawn by a program for the tests of this page,
        the functional tells eight, and the probes nine.
      </p>
    </section>
  );
}
