// Loops over networks and indices: which neighbouring loops are really one, which one is taken several rows at a time, how
// threads share them, and the pointers into every array at each step.

import type { FunctionWriter } from "./wasm/assembler.ts";
import { get, i32, type Instruction, type Local, op, set } from "./wasm/instructions.ts";
import type { Buffer, View } from "./wasm/operations.ts";

/** A loop of so many turns, times the batch where it is batched. */
export interface Loop {
  readonly size: number;
  readonly batched: boolean;
}

/** Loops, and for each view its steps along them. */
export interface Nest {
  readonly loops: readonly Loop[];
  readonly strides: readonly (readonly number[])[];
  /** Where each of the given loops went; -1 for a loop of one turn. */
  readonly loopOf: readonly number[];
}

/**
 * Joins neighbouring loops that every view walks through in even steps. `apart` names loops that must stay themselves.
 */
export function mergeLoops(
  loops: readonly Loop[],
  strides: readonly (readonly number[])[],
  unmerged: ReadonlySet<number>,
): Nest {
  const merged: Loop[] = [];
  const steps: number[][] = strides.map(() => []);
  const loopOf: number[] = [];
  let before = -1;
  for (const [i, loop] of loops.entries()) {
    if (loop.size === 1 && !loop.batched) {
      loopOf.push(-1);
      continue;
    }
    const last = merged.length - 1;
    const joins =
      last >= 0 &&
      !loop.batched &&
      !unmerged.has(i) &&
      !unmerged.has(before) &&
      strides.every((ofView, v) => steps[v][last] === ofView[i] * loop.size);
    if (joins)
      merged[last] = { size: merged[last].size * loop.size, batched: merged[last].batched };
    else merged.push(loop);
    for (const [v, ofView] of strides.entries()) steps[v][merged.length - 1] = ofView[i];
    loopOf.push(merged.length - 1);
    before = i;
  }
  return { loops: merged, strides: steps, loopOf };
}

/** Loops of a sum: those that stay, each with steps along every view, and those that are added up, with steps along what is read. */
export interface SumNest {
  readonly kept: readonly Loop[];
  readonly reduced: readonly Loop[];
  readonly columns: number;
  /** Of what is read and then of the output. */
  readonly keptSteps: readonly (readonly number[])[];
  /** Of what is read. */
  readonly reducedSteps: readonly (readonly number[])[];
}

interface Strided {
  readonly batch: number;
  readonly strides: readonly number[];
}

/** The loops of a sum, joined where they can be; kept loops whose rows lie side by side join the columns. */
export function sumNest(
  {
    batch,
    kept,
    reduced,
    columns,
  }: {
    readonly batch: "kept" | "reduced" | "none";
    readonly kept: readonly number[];
    readonly reduced: readonly number[];
    readonly columns: number;
  },
  read: readonly Strided[],
  output: Strided,
): SumNest {
  const loop = (size: number): Loop => ({ size, batched: false });
  const network: Loop = { size: 1, batched: true };
  const outer = mergeLoops(
    [...(batch === "kept" ? [network] : []), ...kept.map(loop)],
    [...read, output].map((view) => [
      ...(batch === "kept" ? [view.batch] : []),
      ...view.strides.slice(0, kept.length),
    ]),
    new Set(),
  );
  const inner = mergeLoops(
    [...(batch === "reduced" ? [network] : []), ...reduced.map(loop)],
    read.map((view) => [
      ...(batch === "reduced" ? [view.batch] : []),
      ...view.strides.slice(kept.length),
    ]),
    new Set(),
  );
  const last = outer.loops.length - 1;
  const joins =
    last >= 0 &&
    !outer.loops[last].batched &&
    outer.strides.every((steps) => steps[last] === columns);
  const end = joins ? last : outer.loops.length;
  return {
    kept: outer.loops.slice(0, end),
    reduced: inner.loops,
    columns: joins ? columns * outer.loops[last].size : columns,
    keptSteps: outer.strides.map((steps) => steps.slice(0, end)),
    reducedSteps: inner.strides,
  };
}

/** Where buffers begin: a constant number of bytes, and one for every network. */
export interface Layout {
  readonly buffers: readonly Buffer[];
  readonly base: readonly number[];
  readonly perNetwork: readonly number[];
  /** Bytes in all, for a batch of so many. */
  readonly bytes: (batch: number) => number;
  readonly threads: number;
}

/**
 * What every function of a module is written with: it runs its part of the networks from `first` on, `count` of them. Only
 * modules for several threads have the last three.
 */
export interface Frame {
  readonly writer: FunctionWriter;
  readonly layout: Layout;
  /** Networks that the arena holds. */
  readonly batch: Local;
  readonly first: Local;
  readonly count: Local;
  /** Whose sums it adds to, where threads collect them apart. */
  readonly thread: Local;
  /** Which of so many parts of the work it does. */
  readonly part: Local;
  readonly parts: Local;
}

export const bytesOf = (floats: number): number => 4 * floats;

/** A sum with a constant, which is left out when it is 0. */
export const plus = (value: Instruction, constant: number): Instruction =>
  constant === 0 ? value : op("i32.add", value, i32(constant));

/** A product with a constant. */
export const times = (value: Instruction, constant: number): Instruction =>
  constant === 1 ? value : op("i32.mul", value, i32(constant));

/** The address of a number of a buffer. */
export function addressOf(
  { layout, batch, first, thread }: Frame,
  buffer: number,
  offset: number,
): Instruction {
  const { size, batched, perThread } = layout.buffers[buffer];
  const begin = layout.base[buffer] + bytesOf(offset);
  const perNetwork = layout.perNetwork[buffer];
  let address: Instruction = i32(begin);
  if (perNetwork !== 0) address = plus(times(get(batch), perNetwork), begin);
  if (batched) address = op("i32.add", address, times(get(first), bytesOf(size)));
  if (perThread !== true || layout.threads === 1) return address;
  const networkBytes = batched ? times(get(batch), bytesOf(size)) : i32(bytesOf(size));
  return op("i32.add", address, op("i32.mul", get(thread), networkBytes));
}

/** Number of turns of a loop. */
export const turnsOf = ({ count }: Frame, { size, batched }: Loop): Instruction =>
  batched ? times(get(count), size) : i32(size);

/** Writes what only one of several threads may do. */
export function once({ writer, layout, part }: Frame, body: () => void): void {
  if (layout.threads === 1) body();
  else writer.when(op("i32.eqz", get(part)), body);
}

/** This part of so many turns: locals `from` and `to`. */
export function threadRange(frame: Frame, total: Instruction): { from: Local; to: Local } {
  const { writer, layout, part, parts } = frame;
  const [from, to] = [writer.local("i32", "from"), writer.local("i32", "to")];
  writer.emit(set(to, total));
  if (layout.threads > 1) {
    const share = (index: Instruction) =>
      op("i32.div_u", op("i32.mul", get(to), index), get(parts));
    writer.emit(set(from, share(get(part))), set(to, share(op("i32.add", get(part), i32(1)))));
  }
  return { from, to };
}

/** The loop that is taken several rows at a time: the last one, unless it is short and another is longer. */
export function tileLoopOf({ loops }: Nest): number {
  const last = loops.length - 1;
  if (loops[last].batched || loops[last].size >= 4) return last;
  return loops.reduce(
    (best, { size, batched }, i) => (!batched && size > loops[best].size ? i : best),
    last,
  );
}

/** Rows that the innermost code goes through: all of a loop, or a thread's part of it. */
export interface Rows {
  /** Known beforehand, or null. */
  readonly count: number | null;
  readonly from: Instruction;
  readonly to: Instruction;
}

/**
 * Writes the loops of a nest round `body`, which gets one pointer a view, set to the first row of the tile loop, and the
 * local that counts each of the other loops.
 */
export function writeNest(
  frame: Frame,
  nest: Nest,
  views: readonly View[],
  names: readonly string[],
  tile: number,
  body: (pointers: readonly Local[], rows: Rows, indices: ReadonlyMap<number, Local>) => void,
): void {
  const { writer } = frame;
  const bases = views.map(({ buffer, offset }, v) => {
    const base = writer.local("i32", `${names[v]}.base`);
    writer.emit(set(base, addressOf(frame, buffer, offset)));
    return base;
  });
  const pointers = names.map((name) => writer.local("i32", name));
  const outer = nest.loops.map((_, i) => i).filter((i) => i !== tile);
  const indices = new Map<number, Local>();
  const innermost = (rows: Rows) => {
    for (const [v, pointer] of pointers.entries()) {
      const moved = outer.reduce((address, i) => {
        const stride = bytesOf(nest.strides[v][i]);
        const index = indices.get(i);
        if (stride === 0 || index === undefined) return address;
        return op("i32.add", address, times(get(index), stride));
      }, get(bases[v]));
      writer.emit(set(pointer, moved));
    }
    body(pointers, rows, indices);
  };
  if (outer.length === 0) {
    const { from, to } = threadRange(frame, turnsOf(frame, nest.loops[tile]));
    innermost({ count: null, from: get(from), to: get(to) });
    return;
  }
  const count = nest.loops[tile].batched ? null : nest.loops[tile].size;
  const rows = { count, from: i32(0), to: turnsOf(frame, nest.loops[tile]) };
  writeOuterLoops(frame, nest, outer, indices, () => innermost(rows));
}

/** The loops outside the tile loop; threads share the first one, or the first two as if they were one. */
function writeOuterLoops(
  frame: Frame,
  { loops }: Nest,
  outer: readonly number[],
  indices: Map<number, Local>,
  body: () => void,
): void {
  const { writer } = frame;
  const [first, second] = outer;
  const together = outer.length > 1;
  const total = together
    ? times(turnsOf(frame, loops[first]), loops[second].size)
    : turnsOf(frame, loops[first]);
  const { from, to } = threadRange(frame, total);
  const unit = writer.local("i32", "unit");
  writer.loop(unit, get(from), get(to), 1, () => {
    if (together) {
      const [a, b] = [writer.local("i32", "i0"), writer.local("i32", "i1")];
      indices.set(first, a).set(second, b);
      const size = i32(loops[second].size);
      writer.emit(
        set(a, op("i32.div_u", get(unit), size)),
        set(b, op("i32.rem_u", get(unit), size)),
      );
    } else indices.set(first, unit);
    const visit = (rest: readonly number[]): void => {
      if (rest.length === 0) return body();
      const index = writer.local("i32", `i${rest[0]}`);
      indices.set(rest[0], index);
      writer.loop(index, i32(0), i32(loops[rest[0]].size), 1, () => visit(rest.slice(1)), {
        runsOnce: true,
      });
    };
    visit(outer.slice(2));
  });
}
