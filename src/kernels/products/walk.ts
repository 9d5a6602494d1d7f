// Loops over indices with pointers that follow them, shared by threads at the outermost one: what kernels of products have
// in common.

import { get, i32, type Local, op, set } from "../wasm/instructions.ts";
import {
  addressOf,
  bytesOf,
  type Frame,
  type Loop,
  once,
  threadRange,
  times,
  turnsOf,
} from "../nest.ts";
import type { View } from "../wasm/operations.ts";

/** A pointer, where it begins, and its steps (in numbers) along the loops. */
export interface Walker {
  readonly pointer: Local;
  readonly base: Local;
  readonly steps: readonly number[];
}

/** A pointer for a view, whose base is set here. */
export function walkerOf(frame: Frame, view: View, name: string, steps: readonly number[]): Walker {
  const { writer } = frame;
  const [base, pointer] = [writer.local("i32", `${name}.base`), writer.local("i32", name)];
  writer.emit(set(base, addressOf(frame, view.buffer, view.offset)));
  return { pointer, base, steps };
}

/** Runs the body at every index of the loops, pointers set; threads share the turns of the first loop. */
export function writeShared(
  frame: Frame,
  loops: readonly Loop[],
  walkers: readonly Walker[],
  body: () => void,
): void {
  const { writer } = frame;
  if (loops.length === 0) {
    once(frame, () => {
      for (const { pointer, base } of walkers) writer.emit(set(pointer, get(base)));
      body();
    });
    return;
  }
  const { from, to } = threadRange(frame, turnsOf(frame, loops[0]));
  const indices: Local[] = [];
  const visit = (at: number): void => {
    if (at === loops.length) {
      for (const { pointer, base, steps } of walkers) {
        const moved = indices.reduce(
          (sum, index, i) =>
            steps[i] === 0 ? sum : op("i32.add", sum, times(get(index), bytesOf(steps[i]))),
          get(base),
        );
        writer.emit(set(pointer, moved));
      }
      body();
      return;
    }
    const index = writer.local("i32", `i${at}`);
    indices.push(index);
    const inside = () => visit(at + 1);
    if (at === 0) writer.loop(index, get(from), get(to), 1, inside);
    else writer.loop(index, i32(0), turnsOf(frame, loops[at]), 1, inside);
    indices.pop();
  };
  visit(0);
}

/** Runs the body at every index of loops that one thread goes through, each with pointers of its own; gives the innermost. */
export function writeInner(
  frame: Frame,
  loops: readonly Loop[],
  walkers: readonly Omit<Walker, "base">[],
  body: (pointers: readonly Local[]) => void,
): void {
  const { writer } = frame;
  const visit = (at: number, outer: readonly Local[]): void => {
    if (at === loops.length) return body(outer);
    const pointers = walkers.map((_, i) => writer.local("i32", `inner${at}.${i}`));
    for (const [i, pointer] of pointers.entries()) writer.emit(set(pointer, get(outer[i])));
    const turn = writer.local("i32", `turn${at}`);
    writer.loop(turn, i32(0), turnsOf(frame, loops[at]), 1, () => {
      visit(at + 1, pointers);
      for (const [i, pointer] of pointers.entries()) {
        const step = walkers[i].steps[at];
        if (step !== 0) writer.emit(set(pointer, op("i32.add", get(pointer), i32(bytesOf(step)))));
      }
    });
  };
  visit(
    0,
    walkers.map(({ pointer }) => pointer),
  );
}
