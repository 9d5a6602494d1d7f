// Progress of long work on standard error: bars on a terminal, a line now and then in a log, nothing under --json.

import { visibleName } from "../../core/visible.ts";
import { MultiBar } from "cli-progress";

export interface ProgressTask {
  /** Units done so far, and a few words on how it goes. */
  update(done: number, note?: string): void;
  /** The task is complete. */
  finish(note?: string): void;
}

export interface Progress {
  /** A task of `total` units; `start` units were done by an earlier run and do not count for the rate. */
  task(label: string, total: number, options?: { unit?: string; start?: number }): ProgressTask;
  /** Ends all drawing; call before printing anything else. */
  stop(): void;
}

export type ProgressMode = "bars" | "lines" | "silent";

/** `8 s`, `3:05 min`, `2:10 h`. */
export function timeLeft(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const rounded = Math.ceil(seconds);
  if (rounded < 100) return `${rounded} s`;
  const pair = (large: number, small: number) => `${large}:${String(small).padStart(2, "0")}`;
  if (rounded < 6000) return `${pair(Math.floor(rounded / 60), rounded % 60)} min`;
  return `${pair(Math.floor(rounded / 3600), Math.floor((rounded % 3600) / 60))} h`;
}

/** `12 steps/s`, `0.4 epochs/s`. */
function rateText(rate: number, unit: string): string {
  const digits = rate >= 10 ? 0 : rate >= 1 ? 1 : 2;
  return `${rate.toFixed(digits)} ${unit}/s`;
}

/**
 * Rate and time left of a task from what this run has done. Before the first unit ends, programs are compiled and data is
 * read, which happens once; so time left is told from what came after it, and not before there is more.
 */
function pace(total: number, start: number, unit: string) {
  const began = performance.now();
  let first: { readonly done: number; readonly at: number } | undefined;
  return (done: number) => {
    const now = performance.now();
    const seconds = (now - began) / 1000;
    if (done > start) first ??= { done, at: now };
    const isSteady = first !== undefined && done > first.done && now > first.at;
    const steady = isSteady ? (1000 * (done - first!.done)) / (now - first!.at) : Number.NaN;
    const known = done > start && seconds > 0;
    const rate = isSteady && done < total ? steady : (done - start) / seconds;
    return {
      rate: known ? rateText(rate, unit) : "",
      left: isSteady && done < total ? timeLeft((total - done) / steady) : "",
      seconds,
    };
  };
}

const silent: Progress = {
  task: () => ({ update: () => undefined, finish: () => undefined }),
  stop: () => undefined,
};

const lineEveryMs = 5000;

function lines(stream: NodeJS.WritableStream): Progress {
  return {
    task(label, total, { unit = "steps", start = 0 } = {}) {
      const paceAt = pace(total, start, unit);
      let last = performance.now();
      let finished = false;
      const write = (done: number, end: string, note: string) => {
        const percent = total > 0 ? Math.floor((100 * done) / total) : 100;
        const parts = [`${label}: ${done}/${total} (${percent} %)`, paceAt(done).rate, end, note];
        stream.write(`${visibleName(parts.filter((part) => part !== "").join(", "))}\n`);
      };
      let latest = "";
      return {
        update(done, note = latest) {
          latest = note;
          const { left } = paceAt(done); // also where no line is due: it notes when the first unit ended
          if (finished || performance.now() - last < lineEveryMs) return;
          last = performance.now();
          write(done, left === "" ? "" : `${left} left`, note);
        },
        finish(note = latest) {
          if (finished) return;
          finished = true;
          write(total, `done in ${timeLeft(paceAt(total).seconds)}`, note);
        },
      };
    },
    stop: () => undefined,
  };
}

const drawEveryMs = 100;

function bars(stream: NodeJS.WritableStream): Progress {
  let multi: MultiBar | undefined;
  let drawn = 0;
  const draw = (always: boolean) => {
    if (multi === undefined || (!always && performance.now() - drawn < drawEveryMs)) return;
    drawn = performance.now();
    multi.update();
  };
  return {
    task(label, total, { unit = "steps", start = 0 } = {}) {
      multi ??= new MultiBar({
        stream,
        format: "{label} {bar} {percentage}% {value}/{total}  {rate}  {left}  {note}",
        barCompleteChar: "━",
        barIncompleteChar: "─",
        barsize: 26,
        hideCursor: false, // a process that is ended at once could not show it again
        linewrap: true, // the same; bars are cut at the width of the terminal
        gracefulExit: false, // Ctrl-C belongs to the command line, which lets the work end at a safe place
      });
      const paceAt = pace(total, start, unit);
      const payload = { label: visibleName(label).padEnd(18), rate: "", left: "", note: "" };
      const bar = multi.create(total, start, payload);
      let finished = false;
      return {
        update(done, note) {
          if (finished) return;
          const { rate, left } = paceAt(done);
          payload.note = note === undefined ? payload.note : visibleName(note);
          bar.update(done, { ...payload, rate, left: left === "" ? "" : `${left} left` });
          draw(false);
        },
        finish(note) {
          if (finished) return;
          finished = true;
          const { rate, seconds } = paceAt(total);
          payload.note = note === undefined ? payload.note : visibleName(note);
          bar.update(total, { ...payload, rate, left: `done in ${timeLeft(seconds)}` });
          draw(true);
          bar.stop();
        },
      };
    },
    stop() {
      multi?.stop();
      multi = undefined;
    },
  };
}

/** Progress in one of the three ways, on standard error unless another stream is given. */
export function progress(
  mode: ProgressMode,
  stream: NodeJS.WritableStream = process.stderr,
): Progress {
  return mode === "bars" ? bars(stream) : mode === "lines" ? lines(stream) : silent;
}
