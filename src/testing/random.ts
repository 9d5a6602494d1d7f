// Random specs and random weights for property tests, from a seed.

import { countLayerTerms } from "../basis/counts.ts";
import { randomStream, type RandomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";
import type { Weights } from "../core/tensors.ts";
import { lowerSpec } from "../symmetry/lower.ts";
import { defineSpec } from "../symmetry/spec.ts";
import type { Axis, SymmetrySpec } from "../symmetry/types.ts";

/** How large random specs are. */
export interface RandomSpecOptions {
  /** @default 4 */
  readonly maxTensors?: number;
  /** Dimensions of a tensor, at most. @default 5 */
  readonly maxRank?: number;
  /** Sizes of axes, at most. @default 4 */
  readonly maxSize?: number;
  /** Entries of a tensor, at most: larger draws are cut to fewer dimensions. @default 2000 */
  readonly maxEntries?: number;
  /** Basis terms of a layer over the spec, at most; five repeated axes alone give 115,975. @default 600 */
  readonly maxTerms?: number;
  /** Draw scale parts (and inverse and still dimensions) too. @default false */
  readonly scales?: boolean;
}

const pick = <T>(random: RandomStream, items: readonly T[]): T =>
  items[random.integer(items.length)];

/**
 * A random spec: fixed and permuted axes, axes within others, repeated axes, sums, products and fixed blocks.
 * The same seed gives the same spec.
 */
export function randomSpec(
  seed: number,
  {
    maxTensors = 4,
    maxRank = 5,
    maxSize = 4,
    maxEntries = 2000,
    maxTerms = 600,
    scales = false,
  }: RandomSpecOptions = {},
): SymmetrySpec {
  const random = randomStream(seed);
  const size = () => 1 + random.integer(maxSize);
  const axes = freeAxes(random, size, scales);
  const free = Object.keys(axes);
  if (random.uniform() < 0.5)
    axes["w"] = { size: 1 + random.integer(3), group: "permutation", within: pick(random, free) };
  const enclosing = axes["w"]?.within;

  const atom = (): string => {
    const name = pick(random, free);
    const { scale } = axes[name];
    const draw = scale === undefined ? 1 : random.uniform();
    if (draw < 0.5) return `${name}^-1`;
    return draw < 0.6 && scale === "positive" ? `${name}^0` : name;
  };
  const expression = (depth: number): string => {
    const draw = random.uniform();
    if (enclosing !== undefined && draw < 0.15) return `${enclosing} * w`;
    if (depth > 0 && draw < 0.25) return `${expression(depth - 1)} + ${expression(depth - 1)}`;
    if (depth > 0 && draw < 0.35) return `${atom()} * ${atom()}`;
    if (depth > 0 && draw < 0.4) return `${atom()} * (${expression(depth - 1)} + ${atom()})`;
    return draw < 0.5 ? String(1 + random.integer(2)) : atom();
  };
  const tensors: Record<string, string[]> = {};
  for (let i = 1 + random.integer(maxTensors); i > 0; i--) {
    // Repeat one axis often: that is where implementations break.
    const repeated = random.uniform() < 0.4 ? atom() : undefined;
    const rank = random.integer(maxRank + 1);
    let dims = Array.from({ length: rank }, () =>
      repeated !== undefined && random.uniform() < 0.6 ? repeated : expression(1),
    );
    const name = `t${i}`;
    const fits = () => {
      const spec = defineSpec({ axes, tensors: { ...tensors, [name]: dims } });
      return (
        sizeOf(spec.tensors[name].shape) <= maxEntries &&
        countLayerTerms(lowerSpec(spec)) <= maxTerms
      );
    };
    while (dims.length > 0 && !fits()) dims = dims.slice(1);
    tensors[name] = dims;
  }
  return defineSpec({ axes, tensors });
}

/** One to four permuted axes, and sometimes a fixed one. */
function freeAxes(random: RandomStream, size: () => number, scales: boolean): Record<string, Axis> {
  const axes: Record<string, Axis> = {};
  for (let i = 1 + random.integer(4); i > 0; i--) {
    const scale =
      scales && random.uniform() < 0.5
        ? { scale: pick(random, ["sign", "positive"] as const) }
        : {};
    axes[`p${i}`] = { size: size(), group: "permutation", ...scale };
  }
  if (random.uniform() < 0.5) axes["f"] = { size: size(), group: "fixed" };
  return axes;
}

/** Standard normal weights of every tensor of a spec. */
export function randomWeights(spec: SymmetrySpec, seed: number): Weights {
  const random = randomStream(seed);
  const fill = (shape: readonly number[]) =>
    Float32Array.from({ length: sizeOf(shape) }, () => random.normal());
  const tensors = Object.entries(spec.tensors).map(
    ([name, { shape }]) => [name, { shape, data: fill(shape) }] as const,
  );
  return Object.fromEntries(tensors);
}
