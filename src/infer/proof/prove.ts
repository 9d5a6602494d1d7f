// The proof: random group elements act on the tensors of the real file, and the untouched and the acted model give the
// same outputs. The control: the same action on one tensor only must show, or the test could not have failed.

import { UnsupportedError } from "../../core/errors.ts";
import { deriveSeed } from "../../core/random.ts";
import { frozenRecord } from "../../core/records.ts";
import type { Weights } from "../../core/tensors.ts";
import { decodeTensor } from "../../formats/onnx/onnx-tensor.ts";
import type { OnnxGraph } from "../../formats/onnx/onnx-types.ts";
import { modelWriter } from "../../formats/onnx/onnx-write.ts";
import { actOn, actOnTensor } from "../../symmetry/act.ts";
import { type GroupElement, movingAxes, sampleElement } from "../../symmetry/element.ts";
import { axesOfExpression } from "../../symmetry/expression.ts";
import type { SymmetrySpec, TensorSpec } from "../../symmetry/types.ts";
import { difference, isFinite, scalesOf, minScale } from "./output-difference.ts";
import { jitter, jitterInputs, jitterTries, shuffleTensor } from "./control.ts";
import type { Executor, ModelArray, RunOptions } from "../../runtime/executor.ts";
import { keepingModel } from "../../runtime/kept-model.ts";
import type { Inference } from "../infer.ts";
import type { AxisProof } from "./axis-proof.ts";
import { groupCounts, manyAxes, proveInGroups } from "./prove-groups.ts";
import { openRuns } from "./weights-as-inputs.ts";
import { manyNodes, type Setting, workingSettings } from "./working-inputs.ts";

/** How often {@link proveSpec} tries an element, and which error counts as rounding. */
export interface ProveOptions {
  /** @default 0 */
  readonly seed?: number;
  /** Largest difference of outputs, relative to their largest entry. @default 1e-4 */
  readonly tolerance?: number;
  /** Inputs to run on instead of random ones. */
  readonly inputs?: Readonly<Record<string, ModelArray>>;
  readonly signal?: AbortSignal;
  /** Told what every axis came to, when it is known. */
  readonly onAxis?: (proof: AxisProof, done: number, total: number) => void;
}

/** A spec put to the test on the file itself: what every axis came to, and the verdict. */
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

/** A control shows when it moves the output by more than the tolerance, or by this much more than the action did. */
const clearly = 30;
/** Relative error of single precision, with room. */
const rounding = 1e-6;
/** Errors of a badly conditioned model may be this much larger than those of its jittered weights, up to a ceiling. */
const amplification = 10;
const ceiling = 1e-2;
const maxDraws = 32;
const maxControls = 6;

/**
 * Acts on every moving axis in turn, and on all together, and compares outputs.
 * @throws {UnsupportedError} when inputs cannot be drawn or the untouched model has no finite outputs; the signal's reason
 */
export async function proveSpec(
  bytes: Uint8Array,
  inference: Pick<Inference, "spec" | "graph" | "aliases" | "inputShapes" | "otherShapes">,
  executor: Executor,
  options: ProveOptions = {},
): Promise<Proof> {
  const seed = options.seed ?? 0;
  const prepared = await prepareModel(bytes, inference, executor, { ...options, seed });
  try {
    return await proveOn(prepared, inference, { ...options, seed });
  } finally {
    await prepared.close();
  }
}

async function proveOn(
  prepared: PreparedModel,
  inference: Pick<Inference, "spec" | "graph">,
  { seed, tolerance = 1e-4, ...options }: ProveOptions & { readonly seed: number },
): Promise<Proof> {
  const { spec, graph } = inference;
  const isRounding = roundingTest(prepared, graph, seed, tolerance);
  const { weights, settings, errorOf, warnings } = prepared;
  const isSeen = (name: string) =>
    settings.some(({ scales }) => (scales.get(name) ?? 0) >= minScale);
  const outputs = [...settings[0].scales.keys()];
  for (const name of outputs) {
    if (!isSeen(name))
      warnings.push(`output "${name}" is almost 0 on random inputs and is left out`);
  }
  const moving = movingAxes(spec);
  const prove = (names: readonly string[]) => {
    options.signal?.throwIfAborted();
    return proveAxes(prepared, { spec, axes: names, seed, tolerance, isRounding });
  };
  const axes: AxisProof[] = [];
  if (moving.length >= manyAxes) {
    axes.push(
      ...(await proveInGroups(moving, prove, groupCountFor(graph), (proof, done) =>
        options.onAxis?.(proof, done, moving.length),
      )),
    );
    warnings.push(
      `${moving.length} axes were acted on in groups, one control a group; groups that do not hold are taken apart`,
    );
  } else
    for (const axis of moving) {
      axes.push({ axis, ...(await prove([axis])) });
      options.onAxis?.(axes[axes.length - 1], axes.length, moving.length);
    }
  const everything = sampleElement(spec, deriveSeed(seed, "prove all"));
  const together = axes.length === 0 ? 0 : await errorOf(actOn(spec, everything, weights));
  const seen = outputs.some(isSeen);
  const holds = (await isRounding(together)) && axes.every((proof) => proof.holds);
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

const groupCountFor = ({ nodes }: OnnxGraph): number =>
  nodes.length > manyNodes ? groupCounts.few : groupCounts.usual;

/** A model that is ready to be run with changed weights and compared with itself untouched. */
export interface PreparedModel {
  readonly weights: Weights;
  /** The untouched model on every set of inputs. */
  readonly settings: readonly Setting[];
  /** Largest difference of outputs from the untouched ones after these weights changed, relative to the scales. */
  readonly errorOf: (
    changed: Weights,
    inputsOf?: (inputs: Setting["inputs"]) => Setting["inputs"],
  ) => Promise<number>;
  readonly close: () => Promise<void>;
  /** Grows while the proof goes on. */
  readonly warnings: string[];
}

/** Runs the untouched model. @throws {UnsupportedError} when its outputs are not finite */
export async function prepareModel(
  bytes: Uint8Array,
  inference: Parameters<typeof proveSpec>[1],
  executor: Executor,
  { seed, inputs: given }: Pick<ProveOptions, "inputs"> & { readonly seed: number },
): Promise<PreparedModel> {
  const { spec, graph, aliases } = inference;
  const weights = weightsOf(graph, [...Object.keys(spec.tensors), ...aliases.keys()]);
  const options: RunOptions = { asWritten: graph.nodes.length > manyNodes };
  const session = keepingModel(executor, bytes, options);
  const settings = await (
    given === undefined
      ? workingSettings(session.executor, bytes, inference, seed)
      : givenSetting(session.executor, bytes, given)
  ).finally(() => session.close());
  const write = modelWriter(bytes);
  const kept = frozenRecord([...aliases.keys()].map((name) => [name, weights[name]] as const));
  // Aliases are no initializers yet; few axes are proved on files as they are.
  const isLarge = movingAxes(spec).length >= manyAxes && aliases.size === 0;
  const runs = isLarge ? await openRuns(bytes, weights, executor, settings[0], options) : undefined;
  const errorOf: PreparedModel["errorOf"] = async (changed, inputsOf = (given) => given) => {
    const model = runs === undefined ? write({ ...kept, ...changed }) : bytes;
    let error = 0;
    for (const { inputs: drawn, untouched, scales } of settings) {
      const inputs = inputsOf(drawn);
      const outputs = await (runs?.run(changed, inputs) ?? executor.run(model, inputs, options));
      error = Math.max(error, difference(untouched, outputs, scales));
    }
    return error;
  };
  const close = async () => runs?.close();
  return { weights, settings, errorOf, close, warnings: [] };
}

/** The model as it is on inputs that were given. @throws {UnsupportedError} when its outputs are not finite */
async function givenSetting(
  executor: Executor,
  model: Uint8Array,
  inputs: Readonly<Record<string, ModelArray>>,
): Promise<Setting[]> {
  const untouched = await executor.run(model, inputs);
  if (!Object.values(untouched).every(isFinite))
    throw new UnsupportedError(
      "proveSpec: the untouched model gives outputs that are not finite on the inputs that were given",
    );
  return [{ inputs, untouched, scales: scalesOf(untouched) }];
}

/**
 * Whether an error is rounding: within the tolerance, or within what the last bit of every weight and input does to this model,
 * which is measured once, when an error first asks for it; more bits where the graph rounds to whole steps.
 */
function roundingTest(
  { weights, errorOf, warnings }: PreparedModel,
  graph: OnnxGraph,
  seed: number,
  tolerance: number,
): (error: number) => Promise<boolean> {
  const typeOf = (name: string) => graph.initializers.get(name)?.type;
  const tries = jitterTries(graph);
  let limit = tolerance;
  let next = 0;
  return async (error) => {
    for (; next < tries.length; next++) {
      if (error <= limit || error >= ceiling) break;
      const bits = tries[next];
      const own = deriveSeed(seed, "jitter", bits);
      const noise = await errorOf(jitter(weights, own, typeOf, bits), (inputs) =>
        jitterInputs(inputs, own, bits),
      );
      limit = Math.max(limit, Math.min(ceiling, amplification * noise));
      const what = bits === 1 ? "the last bit" : `${bits} times the last bit`;
      if (error <= limit)
        warnings.push(
          `${what} of the weights and inputs alone moves the outputs by ${noise.toExponential(1)}: rounding is amplified, errors up to ${limit.toExponential(1)} are taken for it`,
        );
    }
    return error <= limit;
  };
}

interface AxisOptions {
  readonly spec: SymmetrySpec;
  readonly axes: readonly string[];
  readonly seed: number;
  readonly tolerance: number;
  readonly isRounding: (error: number) => Promise<boolean>;
}

/** Acts on these axes at once and compares outputs, with a control. */
async function proveAxes(
  { weights, errorOf, warnings }: PreparedModel,
  { spec, axes, seed, tolerance, isRounding }: AxisOptions,
): Promise<Omit<AxisProof, "axis">> {
  const acted = visibleAction(spec, weights, axes, deriveSeed(seed, "prove", axes[0]));
  const named =
    axes.length === 1 ? `axis "${axes[0]}"` : `${axes.length} axes from "${axes[0]}" on`;
  if (acted === null) {
    warnings.push(`${named}: every action leaves the tensors as they are (equal entries)`);
    return { error: 0, holds: true, control: null };
  }
  const error = await errorOf(acted);
  const holds = await isRounding(error);
  if (axes.length > 1 && !holds) return { error, holds, control: null };
  const wanted = Math.min(tolerance, clearly * Math.max(error, rounding));
  const control = await controlOf({ weights, acted, axis: axes[0], seed, wanted, errorOf });
  if (control === null)
    warnings.push(
      `${named}: changing one tensor alone does not change the output; its weights may be dead`,
    );
  return { error, holds, control };
}

function weightsOf(graph: OnnxGraph, names: readonly string[]): Weights {
  return frozenRecord(
    [...new Set(names)].flatMap((name) => {
      const tensor = graph.initializers.get(name);
      if (tensor === undefined) return [];
      return [[name, { shape: tensor.shape, data: decodeTensor(tensor) }] as const];
    }),
  );
}

const mentions = ({ axes }: TensorSpec, wanted: ReadonlySet<string>): boolean =>
  axes.some((expression) => axesOfExpression(expression).some((axis) => wanted.has(axis)));

/** The tensors that an action on these axes changes, after it; null when no action is found that changes any. */
function visibleAction(
  spec: SymmetrySpec,
  weights: Weights,
  axes: readonly string[],
  seed: number,
): Weights | null {
  const wanted = new Set(axes);
  const names = Object.keys(spec.tensors).filter((name) => mentions(spec.tensors[name], wanted));
  for (let draw = 0; draw < maxDraws; draw++) {
    const element =
      axes.length === 1
        ? sampleElement(spec, deriveSeed(seed, draw), { axes })
        : movingElement(spec, axes, deriveSeed(seed, draw));
    const acted = names
      .map((name) => [name, actOnTensor(spec, element, name, weights[name])] as const)
      .filter(([name, { data }]) => weights[name].data.some((x, i) => x !== data[i]));
    if (acted.length > 0) return frozenRecord(acted);
  }
  return null;
}

/** An element that moves every one of these axes. */
function movingElement(spec: SymmetrySpec, axes: readonly string[], seed: number): GroupElement {
  const moves = ({ permutations, scales, matrices }: GroupElement[string]) =>
    permutations.some((p) => p.some((to, i) => to !== i)) ||
    scales?.some((ofInstance) => ofInstance.some((s) => s !== 1)) === true ||
    matrices !== undefined;
  return Object.fromEntries(
    axes.map((axis) => {
      let action: GroupElement[string] | undefined;
      for (let draw = 0; draw < maxDraws && (action === undefined || !moves(action)); draw++)
        action = sampleElement(spec, deriveSeed(seed, axis, draw), { axes: [axis] })[axis];
      return [axis, action] as const;
    }),
  ) as GroupElement;
}

interface ControlOptions {
  readonly weights: Weights;
  /** The tensors that changed. */
  readonly acted: Weights;
  readonly axis: string;
  readonly seed: number;
  /** The error that counts as seen. */
  readonly wanted: number;
  readonly errorOf: (changed: Weights) => Promise<number>;
}

/** One tensor alone acted on: the first that shows. An axis of a single tensor is controlled by shuffling that. */
async function controlOf(options: ControlOptions): Promise<AxisProof["control"]> {
  const { weights, acted, axis, seed, wanted, errorOf } = options;
  const moved = Object.keys(acted);
  for (const tensor of moved.slice(0, maxControls)) {
    const changed =
      moved.length > 1
        ? acted[tensor]
        : shuffleTensor(weights[tensor], deriveSeed(seed, "control", axis));
    const error = await errorOf({ [tensor]: changed });
    if (error > wanted) return { tensor, error };
  }
  return null;
}
