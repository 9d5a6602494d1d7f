// Exact colour refinement (Weisfeiler and Leman 1968) of the indices of every axis: two indices get the same colour when no
// difference between them is found in bits, whatever the order of the other axes. An index of an axis with sign flips has
// two colours, one per orientation. Positive scales and general-linear bases are not followed: they stay as they are.

import { instanceCount } from "../group/element.ts";
import { stridesOf } from "../core/shapes.ts";
import type { Axis } from "../spec/types.ts";
import { governorsOf, type Numbers } from "./dense.ts";
import { type Lanes64, mixInto, textWord } from "./mix.ts";
import type { MatchPart, MatchProblem, PartReader } from "./problem.ts";

/** Colours of one axis: [instances * size], times 2 orientations (+ then -) where signs may flip. */
export interface AxisColours {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly signed: boolean;
}

export type Colours = Readonly<Record<string, AxisColours>>;

export const isReordered = ({ group }: Axis): boolean => group === "permutation";

/** One colour as a number that can be compared and sorted (53 of its 64 bits). */
export const colourKey = ({ lo, hi }: AxisColours, at: number): number =>
  (hi[at] >>> 0) * 2097152 + (lo[at] >>> 11);

/** Every index alike, or set apart by `marks` (axis -> index over all instances -> mark). */
export function firstColours(
  problem: MatchProblem,
  marks: Readonly<Record<string, ReadonlyMap<number, number>>> = {},
): Colours {
  const out: Lanes64 = { lo: 0, hi: 0 };
  return Object.fromEntries(
    Object.entries(problem.axes).flatMap(([name, axis]) => {
      if (!isReordered(axis)) return [];
      const signed = axis.scale === "sign";
      const width = signed ? 2 : 1;
      const count = instanceCount(problem, name) * axis.size * width;
      const colours = {
        lo: new Int32Array(count).fill(1),
        hi: new Int32Array(count).fill(1),
        signed,
      };
      for (const [index, mark] of marks[name] ?? []) {
        for (let o = 0; o < width; o++) {
          mixInto(out, mark, o, 77, 99);
          colours.lo[index * width + o] = out.lo;
          colours.hi[index * width + o] = out.hi;
        }
      }
      return [[name, colours] as const];
    }),
  );
}

/** Colours that further refinement would not split; every round reads all parts once. */
export async function refineColours(
  problem: MatchProblem,
  read: PartReader,
  first: Colours = firstColours(problem),
): Promise<Colours> {
  let colours = first;
  let classes = countClasses(colours);
  const most = Object.values(colours).reduce((sum, { lo }) => sum + lo.length, 0);
  for (;;) {
    const next = await refineOnce(problem, read, colours);
    const found = countClasses(next);
    if (found <= classes) return colours === first ? next : colours;
    colours = next;
    classes = found;
    if (classes === most) return colours;
  }
}

function countClasses(colours: Colours): number {
  let classes = 0;
  for (const axis of Object.values(colours)) {
    const seen = new Set<number>();
    for (let i = 0; i < axis.lo.length; i++) seen.add(colourKey(axis, i));
    classes += seen.size;
  }
  return classes;
}

async function refineOnce(problem: MatchProblem, read: PartReader, old: Colours): Promise<Colours> {
  const next: Colours = Object.fromEntries(
    Object.entries(old).map(([name, { lo, hi, signed }]) => [
      name,
      {
        lo: lo.map((x) => Math.imul(x, 0x2545f491)),
        hi: hi.map((x) => Math.imul(x, 0x1b873593)),
        signed,
      },
    ]),
  );
  for (const [index, part] of problem.parts.entries()) {
    if (part.dims.every(({ axis }) => axis === null || old[axis] === undefined)) continue;
    colourPart(problem, part, (await read(index)).data, old, next);
  }
  return next;
}

/** One dimension of a part seen by its entries. */
interface ColouredDim {
  readonly size: number;
  /** What each colour adds to the context of an entry, [colours]. */
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  /** How far the colour index moves with every dimension of the part. */
  readonly steps: readonly number[];
  readonly signed: boolean;
  /** Where entries are added, for dimensions that move. */
  readonly target: AxisColours | null;
}

/**
 * Adds every entry, mixed with the colours of its other indices, to the colours of each of its indices; the sum over all
 * entries, mixed with all their colours, is the part's own colour.
 */
export function colourPart(
  { axes }: MatchProblem,
  part: MatchPart,
  data: Numbers,
  old: Colours,
  next: Colours,
): Lanes64 {
  const dims = part.dims.map((_, dim) => colouredDim(axes, part, dim, old, next));
  const salt = textWord(part.name);
  const signed = dims.flatMap((dim, at) => (dim.signed ? [at] : []));
  const total: Lanes64 = { lo: 0, hi: 0 };
  for (let flips = 0; flips < 1 << signed.length; flips++) {
    const orientation = dims.map((_, at) =>
      signed.includes(at) ? (flips >> signed.indexOf(at)) & 1 : 0,
    );
    const negative = orientation.reduce((sum, o) => sum + o, 0) % 2 === 1;
    colourEntries(dims, data, salt, orientation, negative, total);
  }
  return total;
}

function colouredDim(
  axes: MatchProblem["axes"],
  part: MatchPart,
  dim: number,
  old: Colours,
  next: Colours,
): ColouredDim {
  const { axis, size } = part.dims[dim];
  const moving = axis !== null && isReordered(axes[axis]) ? old[axis] : undefined;
  const chain = moving === undefined ? [dim] : [...governorsOf(part.dims, dim), dim];
  const weights = stridesOf(chain.map((at) => part.dims[at].size));
  const steps = part.dims.map((_, at) => (chain.includes(at) ? weights[chain.indexOf(at)] : 0));
  const count = moving?.lo.length ?? size;
  const lo = new Int32Array(count);
  const hi = new Int32Array(count);
  const out: Lanes64 = { lo: 0, hi: 0 };
  for (let i = 0; i < count; i++) {
    mixInto(out, moving?.lo[i] ?? i, moving?.hi[i] ?? 0, dim + 3, 0x51ed27);
    lo[i] = out.lo;
    hi[i] = out.hi;
  }
  const signed = moving?.signed ?? false;
  return { size, lo, hi, steps, signed, target: moving && axis !== null ? next[axis] : null };
}

const number = new Float64Array(1);
const words = new Int32Array(number.buffer);

function colourEntries(
  dims: readonly ColouredDim[],
  data: Numbers,
  salt: Lanes64,
  orientation: readonly number[],
  negative: boolean,
  total: Lanes64,
): void {
  const rank = dims.length;
  const index = dims.map(() => 0);
  const at = dims.map(({ signed }, d) => (signed ? orientation[d] : 0));
  const scaled = dims.map(({ steps, signed }) => steps.map((step) => (signed ? 2 * step : step)));
  const targets = dims.flatMap(({ target }, d) => (target === null ? [] : [d]));
  const out: Lanes64 = { lo: 0, hi: 0 };
  for (let flat = 0; flat < data.length; flat++) {
    const value = negative ? -data[flat] : data[flat];
    number[0] = value === 0 ? 0 : value; // -0 is 0
    let c0 = salt.lo;
    let c1 = salt.hi;
    for (let d = 0; d < rank; d++) {
      c0 = (c0 + dims[d].lo[at[d]]) | 0;
      c1 = (c1 + dims[d].hi[at[d]]) | 0;
    }
    mixInto(out, words[0], words[1], c0, c1);
    total.lo = (total.lo + out.lo) | 0;
    total.hi = (total.hi + out.hi) | 0;
    for (const d of targets) {
      const dim = dims[d];
      const i = at[d];
      mixInto(out, words[0], words[1], (c0 - dim.lo[i]) | 0, (c1 - dim.hi[i] + d) | 0);
      const target = dim.target as AxisColours;
      target.lo[i] = (target.lo[i] + out.lo) | 0;
      target.hi[i] = (target.hi[i] + out.hi) | 0;
    }
    for (let d = rank - 1; d >= 0; d--) {
      index[d]++;
      for (let q = 0; q < rank; q++) at[q] += scaled[q][d];
      if (index[d] < dims[d].size) break;
      for (let q = 0; q < rank; q++) at[q] -= scaled[q][d] * dims[d].size;
      index[d] = 0;
    }
  }
}
