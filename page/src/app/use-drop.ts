// Files dropped anywhere on the page, or pasted into it.

import { useEffect, useState } from "preact/hooks";

const holdsFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") === true;

/** Calls `give` with dropped and pasted files; true while files are dragged over the page. */
export function useDrop(give: (files: readonly File[]) => void): boolean {
  const [depth, setDepth] = useState(0);
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const on = <K extends keyof DocumentEventMap>(
      name: K,
      act: (event: DocumentEventMap[K]) => void,
    ) => document.addEventListener(name, act, { signal });
    on("dragenter", (event) => holdsFiles(event) && setDepth((d) => d + 1));
    on("dragleave", (event) => holdsFiles(event) && setDepth((d) => Math.max(0, d - 1)));
    on("dragover", (event) => holdsFiles(event) && event.preventDefault());
    on("drop", (event) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setDepth(0);
      give([...(event.dataTransfer?.files ?? [])]);
    });
    on("paste", (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length > 0) give(files);
    });
    return () => stop.abort();
  }, [give]);
  return depth > 0;
}
