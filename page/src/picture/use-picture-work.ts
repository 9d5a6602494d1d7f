// The work on one picture: a worker of its own teaches the network, another one holds the readers.

import type { Weights } from "weightspace";
import { useEffect, useRef, useState } from "preact/hooks";
import { isStopped, type Job, type Line, openLine, startJob } from "../work/job.ts";
import type { FitWork, Frame } from "./fit.worker.ts";
import type { Edited, Opened, Reading, ReadWork } from "./read.worker.ts";

/** How far the work on a picture is. */
export type Stage = "opening" | "idle" | "fitting" | "reading" | "editing" | "done" | "stopped";

export interface PictureWork {
  readonly stage: Stage;
  readonly opened?: Opened;
  readonly frame?: Frame;
  readonly losses: readonly number[];
  readonly reading?: Reading;
  readonly edited?: Edited;
  readonly problem?: string;
  /** When the last fit began, as `performance.now()` tells. */
  readonly started: number;
}

const fitter = () => new Worker(new URL("./fit.worker.ts", import.meta.url), { type: "module" });
const reader = () => new Worker(new URL("./read.worker.ts", import.meta.url), { type: "module" });

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** What of the work has changed. */
type Tell = (part: Partial<PictureWork>) => void;

/** Both workers, and the picture they are on. */
interface Workers {
  readers?: Line<ReadWork>;
  fit?: Job<Weights>;
  /** Counts pictures: what belongs to an earlier one is not told any more. */
  turn: number;
}

/** Opens the readers anew; the answer is what the page needs before anything is drawn. */
function openReaders(workers: Workers): Promise<Opened> {
  workers.readers = openLine<ReadWork>(reader);
  return workers.readers.ask({ kind: "open" }) as Promise<Opened>;
}

/** Ends what goes on; the readers stay, unless they are asked for something. */
function endAll(workers: Workers, isReading: boolean): void {
  workers.turn++;
  workers.fit?.stop();
  if (isReading) workers.readers?.close();
}

/** Has a picture learnt, read and edited. */
async function follow(
  workers: Workers,
  picture: Float32Array,
  start: Weights,
  tellAll: Tell,
): Promise<void> {
  const mine = workers.turn;
  const isOurs = () => mine === workers.turn;
  const tell: Tell = (part) => isOurs() && tellAll(part);
  const losses: number[] = [];
  workers.fit = startJob<FitWork>(fitter, { start, picture }, (frame) => {
    losses.push(frame.loss);
    tell({ frame, losses: [...losses] });
  });
  const weights = await workers.fit.result;
  const { readers } = workers;
  if (!isOurs() || readers === undefined) return;
  tell({ stage: "reading" });
  const reading = (await readers.ask({ kind: "read", weights })) as Reading;
  if (!isOurs()) return;
  tell({ stage: "editing", reading });
  const edited = (await readers.ask({ kind: "edit", weights })) as Edited;
  tell({ stage: "done", edited });
}

/** The work, a way to begin it on a picture, one to forget what was done, and one to stop it. */
export function usePictureWork() {
  const [work, setWork] = useState<PictureWork>({ stage: "opening", losses: [], started: 0 });
  const { current: workers } = useRef<Workers>({ turn: 0 });
  const tell: Tell = (part) => setWork((last) => ({ ...last, ...part }));
  const fail = (error: unknown) => {
    if (!isStopped(error)) tell({ problem: textOf(error) });
  };
  useEffect(() => {
    openReaders(workers).then((opened) => tell({ opened, stage: "idle" }), fail);
    return () => endAll(workers, true);
  }, []);
  const clear = () => {
    endAll(workers, false);
    setWork(({ stage, opened }) => ({
      stage: stage === "opening" ? "opening" : "idle",
      losses: [],
      started: performance.now(),
      ...(opened && { opened }),
    }));
  };
  const begin = (picture: Float32Array, { start }: Opened) => {
    clear();
    tell({ stage: "fitting" });
    follow(workers, picture, start, tell).catch(fail);
  };
  const stop = () => {
    endAll(workers, true); // a reading ends with its worker; the next picture has a new one
    tell({ stage: "stopped" });
    openReaders(workers).then((opened) => tell({ opened }), fail);
  };
  return { work, begin, clear, stop };
}
