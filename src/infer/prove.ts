// The proof: random group elements act on the tensors of the real file, and the untouched and the acted model give the
// same outputs. The control: the same action on one tensor only must show, or the test could not have failed.

import { UnsupportedError } from "../core/errors.ts";
import { deriveSeed } from "../core/random.ts";
import { frozenRecord, lookup } from "../core/records.ts";
import type { Weights } from "../core/tensors.ts";
import { decodeTensor } from "../formats/onnx-tensor.ts";
import { replaceInitializers } from "../formats/onnx-write.ts";
import { actOn } from "../group/act.ts";
import { movingAxes, sampleElement } from "../group/element.ts";
import { axesOfExpression } from "../spec/expression.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import { shuffleTensor } from "./control.ts";
import type { Executor, ModelArray } from "./executor.ts";
import type { Inference } from "./infer.ts";
import { randomInputs } from "./random-inputs.ts";

export interface ProveOptions {
  /** @default 0 */
  readonly seed?: number;
  /** Largest difference of outputs, relative to their largest entry. @default 1e-4 */
  readonly tolerance?: number;
  /** Inputs to run on instead of random ones. */
  readonly inputs?: Readonly<Record<string, ModelArray>>;
}

export interface AxisProof {
  readonly axis: string;
  /** Difference of the outputs after the action, relative to their largest entry. */
  readonly error: number;
  readonly holds: boolean;
  /** The action on one tensor alone: which, and how far the outputs moved; null when no tensor alone had an effect. */
  readonly control: { readonly tensor: string; readonly error: number } | null;
}

export interface Proof {
  /** `proved`: everything holds; `refuted`: some claim does not; `nothing to prove`: no axis moves, or no output does. */
  readonly verdict: "proved" | "refuted" | "nothing to prove";
  readonly seed: number;
  readonly tolerance: number;
  readonly axes: readonly AxisProof[];
  /** All axes acted on at once. */
  readonly together: number;
  readonly largestError: number;
  readonly warnings: readonly string[];
}

/** The scale of an output is its largest entry over this many random inputs: one input alone may nearly cancel. */
const scaleDraws = 4;
/** Outputs below this are rounding noise. */
const smallestScale = 1e-6;
const maxDraws = 32;
const maxControls = 6;

/**
 * Acts on every moving axis in turn, and on all together, and compares outputs.
 * @throws {UnsupportedError} when inputs cannot be drawn or the untouched model has no finite outputs
 */
export async function proveSpec(
  bytes: Uint8Array,
  inference: Pick<Inference, "spec" | "graph" | "aliases" | "inputShapes">,
  executor: Executor,
  { seed = 0, tolerance = 1e-4, inputs: given }: ProveOptions = {},
): Promise<Proof> {
  const { spec, graph, aliases } = inference;
  const names = [...new Set([...Object.keys(spec.tensors), ...aliases.keys()])];
  const weights: Weights = frozenRecord(
    names.flatMap((name) => {
      const tensor = graph.initializers.get(name);
      return tensor === undefined
        ? []
        : [[name, { shape: tensor.shape, data: decodeTensor(tensor) }] as const];
    }),
  );
  const inputs = given ?? randomInputs(graph, inference.inputShapes, seed);
  const runWith = async (changed: Weights) => {
    const written = names.filter((name) => aliases.has(name) || changed[name] !== weights[name]);
    const replaced = frozenRecord(written.map((name) => [name, changed[name]] as const));
    return executor.run(replaceInitializers(bytes, replaced), inputs);
  };
  const untouched = await executor.run(bytes, inputs);
  const scales = scalesOf(untouched);
  for (let draw = 1; draw < (given === undefined ? scaleDraws : 1); draw++) {
    const more = randomInputs(graph, inference.inputShapes, deriveSeed(seed, "scale", draw));
    for (const [name, scale] of scalesOf(await executor.run(bytes, more))) {
      if (Number.isFinite(scale)) scales.set(name, Math.max(scale, scales.get(name) ?? 0));
    }
  }
  const errorOf = async (changed: Weights) => difference(untouched, await runWith(changed), scales);
  if (!Object.values(untouched).every(isFinite))
    throw new UnsupportedError(
      "proveSpec: the untouched model gives outputs that are not finite on random inputs; give inputs it works on",
    );

  const axes: AxisProof[] = [];
  const warnings: string[] = [];
  for (const [name, scale] of scales) {
    if (scale < smallestScale)
      warnings.push(`output "${name}" is almost 0 on random inputs and is left out`);
  }
  for (const axis of movingAxes(spec)) {
    const acted = visibleAction(spec, weights, [axis], deriveSeed(seed, "prove", axis));
    if (acted === null) {
      warnings.push(`axis "${axis}": every action leaves the tensors as they are (equal entries)`);
      axes.push({ axis, error: 0, holds: true, control: null });
      continue;
    }
    const error = await errorOf(acted);
    const control = await controlOf(spec, weights, acted, axis, seed, tolerance, errorOf);
    if (control === null)
      warnings.push(
        `axis "${axis}": changing one tensor alone does not change the output; its weights may be dead`,
      );
    axes.push({ axis, error, holds: error <= tolerance, control });
  }
  const all =
    axes.length === 0
      ? weights
      : actOn(spec, sampleElement(spec, deriveSeed(seed, "prove all")), weights);
  const together = axes.length === 0 ? 0 : await errorOf(all);
  const seen = [...scales.values()].some((scale) => scale >= smallestScale);
  const holds = together <= tolerance && axes.every((proof) => proof.holds);
  return Object.freeze({
    verdict: axes.length === 0 || !seen ? "nothing to prove" : holds ? "proved" : "refuted",
    seed,
    tolerance,
    axes: Object.freeze(axes),
    together,
    largestError: Math.max(together, ...axes.map(({ error }) => error)),
    warnings: Object.freeze(warnings),
  });
}

const changes = (before: Weights, after: Weights, name: string): boolean =>
  before[name].data.some((x, i) => x !== after[name].data[i]);

/** Weights after an action that changes some tensor, or null when none is found. */
function visibleAction(
  spec: SymmetrySpec,
  weights: Weights,
  axes: readonly string[],
  seed: number,
): Weights | null {
  for (let draw = 0; draw < maxDraws; draw++) {
    const acted = actOn(spec, sampleElement(spec, deriveSeed(seed, draw), { axes }), weights);
    if (Object.keys(weights).some((name) => changes(weights, acted, name))) return acted;
  }
  return null;
}

/** One tensor alone acted on: the first that shows. An axis of a single tensor is controlled by shuffling its dimension. */
async function controlOf(
  spec: SymmetrySpec,
  weights: Weights,
  acted: Weights,
  axis: string,
  seed: number,
  tolerance: number,
  errorOf: (changed: Weights) => Promise<number>,
): Promise<AxisProof["control"]> {
  const moved = Object.keys(weights).filter((name) => changes(weights, acted, name));
  const alone = moved.length > 1;
  for (const tensor of moved.slice(0, maxControls)) {
    const entry = lookup(spec.tensors, tensor);
    const dimension =
      entry?.axes.findIndex((expression) => axesOfExpression(expression).includes(axis)) ?? -1;
    const changed = alone
      ? acted[tensor]
      : shuffleTensor(weights[tensor], dimension, deriveSeed(seed, "control", axis));
    const error = await errorOf({ ...weights, [tensor]: changed });
    if (error > 10 * tolerance) return { tensor, error };
  }
  return null;
}

const isFinite = ({ data }: ModelArray): boolean =>
  data instanceof Float32Array || data instanceof Float64Array ? data.every(Number.isFinite) : true;

/** Largest absolute entry of every output. */
function scalesOf(outputs: Readonly<Record<string, ModelArray>>): Map<string, number> {
  return new Map(
    Object.entries(outputs).map(([name, { data }]) => {
      let scale = 0;
      for (const entry of data) scale = Math.max(scale, Math.abs(Number(entry)));
      return [name, scale] as const;
    }),
  );
}

/** Largest difference of any output over its scale; NaN and missing outputs differ infinitely. */
function difference(
  before: Readonly<Record<string, ModelArray>>,
  after: Readonly<Record<string, ModelArray>>,
  scales: ReadonlyMap<string, number>,
): number {
  let worst = 0;
  for (const [name, { data }] of Object.entries(before)) {
    const other = lookup(after, name)?.data;
    if (other === undefined || other.length !== data.length) return Infinity;
    let gap = 0;
    for (let i = 0; i < data.length; i++) {
      if (Number.isNaN(Number(other[i]))) return Infinity;
      gap = Math.max(gap, Math.abs(Number(data[i]) - Number(other[i])));
    }
    const scale = scales.get(name) ?? 0;
    if (scale >= smallestScale) worst = Math.max(worst, gap / scale);
  }
  return worst;
}
