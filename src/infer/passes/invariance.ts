// Constants must look the same after the group acted: an axis along which a constant varies is fixed.

import { sizeOf } from "../../core/shapes.ts";
import { type Atom, factorsOf, find, fix, termsOf, leavesOf } from "../index-sets/atoms.ts";
import { shapeOfValue, type Value } from "../walk/value.ts";

/** One leaf inside a dimension: its entries are `stride` apart, repeated at every offset. */
interface AxisRun {
  readonly leaf: Atom;
  readonly stride: number;
  readonly offsets: readonly number[];
}

/** Fixes every leaf along which one of the constants varies. */
export function fixVaryingConstants(constants: readonly Value[]): void {
  for (const value of constants) {
    if (value.numbers === null) continue;
    const shape = shapeOfValue(value);
    for (const [at, dim] of value.dims.entries()) {
      if (dim.size < 2 || leavesOf(dim).every(({ fixed }) => fixed)) continue;
      const inner = sizeOf(shape.slice(at + 1));
      const outer = sizeOf(shape.slice(0, at));
      for (const run of runsOf(dim, 0)) {
        if (!run.leaf.fixed && varies(value.numbers.data, run, outer, dim.size, inner))
          fix(run.leaf, `constant "${value.name}" varies along it`);
      }
    }
  }
}

function varies(
  data: ArrayLike<number>,
  { leaf, stride, offsets }: AxisRun,
  outer: number,
  size: number,
  inner: number,
): boolean {
  for (let row = 0; row < outer; row++) {
    for (const offset of offsets) {
      const start = (row * size + offset) * inner;
      for (let i = 1; i < leaf.size; i++) {
        for (let k = 0; k < inner; k++) {
          const a = data[start + k];
          const b = data[start + i * stride * inner + k];
          if (a !== b && !(Number.isNaN(a) && Number.isNaN(b))) return true;
        }
      }
    }
  }
  return false;
}

/** All leaves of one dimension with where their entries lie. */
function runsOf(dim: Atom, start: number): AxisRun[] {
  const runs: AxisRun[] = [];
  let at = start;
  for (const term of termsOf(dim)) {
    runs.push(...runsOfTerm(term, at));
    at += term.size;
  }
  return runs;
}

function runsOfTerm(term: Atom, start: number): AxisRun[] {
  const { parts } = find(term);
  if (parts?.kind === "interleaved")
    return parts.parts.flatMap((part, turn) =>
      runsOf(part, 0).map(({ leaf, stride, offsets }): AxisRun => ({
        leaf,
        stride: stride * parts.parts.length,
        offsets: offsets.map((offset) => start + offset * parts.parts.length + turn),
      })),
    );
  const factors = factorsOf(term);
  if (factors.length <= 1 && find(term).parts === null) {
    const all = find(term);
    return all.size === 1 ? [] : [{ leaf: all, stride: 1, offsets: [start] }];
  }
  return factors.flatMap((factor, which) => {
    const stride = sizeOf(factors.slice(which + 1).map(({ size }) => size));
    const above = sizeOf(factors.slice(0, which).map(({ size }) => size));
    const places = Array.from({ length: above }, (_, i) => start + i * factor.size * stride);
    return runsOf(factor, 0).map(({ leaf, stride: step, offsets }): AxisRun => ({
      leaf,
      stride: step * stride,
      offsets: places.flatMap((place) =>
        offsets.flatMap((offset) =>
          Array.from({ length: stride }, (_, i) => place + offset * stride + i),
        ),
      ),
    }));
  });
}
