// Exact colour refinement (Weisfeiler and Leman 1968) of the indices of every axis: two indices get the same colour when no
// difference between them is found in bits, whatever the order of the other axes. An index of an axis with sign flips has
// two colours, one per orientation. Positive scales and general-linear bases are not followed: they stay as they are.

import { instanceCount } from "../../symmetry/element.ts";
import { lookup } from "../../core/records.ts";
import { stridesOf } from "../../core/shapes.ts";
import type { Axis } from "../../symmetry/types.ts";
import { parentsOf, type FloatArray } from "../../symmetry/dense.ts";
import { colourEntries, type ColouredDim } from "./colour-entries.ts";
import { type Lanes64, mixInto, textWord } from "./mix.ts";
import type { MatchPart, MatchProblem, PartReader } from "../problem.ts";

/** Colours of one axis: [instances * size], times 2 orientations (+ then -) where signs may flip. */
export interface AxisColours {
  readonly lo: Int32Array;
  readonly hi: Int32Array;
  readonly signed: boolean;
}

export type Colours = Readonly<Record<string, AxisColours>>;

export const isReordered = ({ group }: Axis): boolean => group === "permutation";

/** A double holds whole numbers of 53 bits: all 32 of the upper lane and this many of the lower one. */
const lowerBits = 21;

/** One colour as a number that can be compared and sorted (53 of its 64 bits). */
export const colourKey = ({ lo, hi }: AxisColours, at: number): number =>
  (hi[at] >>> 0) * 2 ** lowerBits + (lo[at] >>> (32 - lowerBits));

/** Contexts of words that are mixed: any numbers will do that keep marks and the dimensions of a part apart. */
const markWord = 5;
const markContext = [77, 99] as const;
const dimContext = 0x51ed27;
/** Added to the number of a dimension, so that it is never 0. */
const firstDimWord = 3;

/** By axis, marks that set single colours apart: slot in {@link AxisColours} -> mark. */
export type Marks = Readonly<Record<string, ReadonlyMap<number, number>>>;

/** Every index alike, but for those that are marked. */
export function firstColours(problem: MatchProblem, marks: Marks = {}): Colours {
  const out: Lanes64 = { lo: 0, hi: 0 };
  return Object.fromEntries(
    Object.entries(problem.axes).flatMap(([name, axis]) => {
      if (!isReordered(axis)) return [];
      const signed = axis.scale === "sign";
      const count = instanceCount(problem, name) * axis.size * (signed ? 2 : 1);
      const lo = new Int32Array(count).fill(1);
      const hi = new Int32Array(count).fill(1);
      for (const [slot, mark] of lookup(marks, name) ?? []) {
        mixInto(out, mark, markWord, ...markContext);
        lo[slot] = out.lo;
        hi[slot] = out.hi;
      }
      return [[name, { lo, hi, signed }] as const];
    }),
  );
}

/** Marks with one more index set apart; on an axis with signs, its given orientation and the other one. */
export function withMark(
  marks: Marks,
  axis: string,
  index: number,
  mark: number,
  orientation: 0 | 1 | null,
): Marks {
  const more = new Map(lookup(marks, axis));
  if (orientation === null) more.set(index, 2 * mark);
  else {
    more.set(2 * index + orientation, 2 * mark);
    more.set(2 * index + 1 - orientation, 2 * mark + 1);
  }
  return { ...marks, [axis]: more };
}

/** Colours that further refinement would not split; every round reads all parts once. */
export async function refineColours(
  problem: MatchProblem,
  read: PartReader,
  marks: Marks = {},
): Promise<Colours> {
  const first = firstColours(problem, marks);
  let colours = first;
  let classes = countClasses(colours);
  const maxClasses = Object.values(colours).reduce((sum, { lo }) => sum + lo.length, 0);
  for (;;) {
    const next = await refineOnce(problem, read, colours);
    const found = countClasses(next);
    if (found <= classes) return colours === first ? next : colours;
    colours = next;
    classes = found;
    if (classes === maxClasses) return colours;
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

/** One round: every index adds up what it sees. */
export async function refineOnce(
  problem: MatchProblem,
  read: PartReader,
  old: Colours,
): Promise<Colours> {
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
    if (part.dims.every(({ axis }) => axis === null || lookup(old, axis) === undefined)) continue;
    colourPart(problem, part, (await read(index)).data, old, next);
  }
  return next;
}

/**
 * Adds every entry, mixed with the colours of all its indices, to the colours of each of them, with a factor that tells
 * the dimensions apart; the sum over all entries is the part's own colour.
 */
export function colourPart(
  { axes }: MatchProblem,
  part: MatchPart,
  data: FloatArray,
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
  const moving = axis !== null && isReordered(axes[axis]) ? lookup(old, axis) : undefined;
  const chain = moving === undefined ? [dim] : [...parentsOf(part.dims, dim), dim];
  const weights = stridesOf(chain.map((at) => part.dims[at].size));
  const steps = part.dims.map((_, at) => (chain.includes(at) ? weights[chain.indexOf(at)] : 0));
  const count = moving?.lo.length ?? size;
  const lo = new Int32Array(count);
  const hi = new Int32Array(count);
  const out: Lanes64 = { lo: 0, hi: 0 };
  for (let i = 0; i < count; i++) {
    mixInto(out, moving?.lo[i] ?? i, moving?.hi[i] ?? 0, dim + firstDimWord, dimContext);
    lo[i] = out.lo;
    hi[i] = out.hi;
  }
  const signed = moving?.signed ?? false;
  return { size, lo, hi, steps, signed, target: moving && axis !== null ? next[axis] : null };
}
