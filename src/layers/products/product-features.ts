// The layer that computes products of weights: arrays of the tensors of a spec in, the same and all derived features out. It
// goes level by level, where a level holds products whose operands are there already; between levels values are stored, since
// the engine computes a value again for each reader inside a program.

import { jit, numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { KernelProducts } from "../../kernels/stack.ts";
import { numbersOf } from "../kernel-stage.ts";
import { concatenateAll } from "../pointwise/concatenate.ts";
import { deriveOne, pullOne } from "./derive.ts";
import { separateAtoms } from "../pack.ts";
import type { MergedSpec } from "../../plan/merge-tensors.ts";
import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { coefficientShape, isRead, type Formula } from "../../symmetry/formula.ts";
import { type LayerParams, normalArray } from "../layer.ts";
import { functionLayer, layerStack, type StackEntry, type StagedLayer } from "../layer-stack.ts";
import type { CompiledStage, StageGradients } from "../stage.ts";

export interface ProductFeaturesOptions {
  /** The tensors of the spec, merged: one input array for each. */
  readonly base: MergedSpec;
  /** The same with derived tensors, not merged. */
  readonly derived: LoweredSpec;
  /** `derived`, merged: one output array for each tensor that is read. */
  readonly merged: MergedSpec;
  readonly channels: number;
}

type Derived = AtomicTensor & { readonly formula: Formula };

const isDerived = (tensor: AtomicTensor): tensor is Derived => tensor.formula !== undefined;

/** Maps start normal, sums with equal factors whose squares add up to 1. */
function startOf({ formula, name }: Derived, shape: number[], seed: number, channels: number) {
  if (formula.op !== "map") {
    const value = 1 / Math.sqrt(shape[0]);
    return np.array(new Float32Array(sizeOf(shape)).fill(value)).reshape(shape);
  }
  // A full matrix sums over channels, a frozen one is as small as published.
  const { std, matrix, trained } = formula;
  const scale = trained ? (matrix === "full" ? 1 / Math.sqrt(channels) : 1) : 1 / channels;
  return normalArray(deriveSeed(seed, name), shape, std * scale);
}

/** Derived tensors by the longest way from the spec's own. */
function levelsOf({ tensors }: LoweredSpec): Derived[][] {
  const level = new Map<number, number>();
  const levels: Derived[][] = [];
  for (const tensor of tensors.filter(isDerived)) {
    const at = 1 + Math.max(...tensor.formula.operands.map((id) => level.get(id) ?? 0));
    level.set(tensor.id, at);
    (levels[at - 1] ??= []).push(tensor);
  }
  return levels;
}

/** {@link productFeatures} as kernels read it; parameters lie below `name`. */
export function kernelProducts(
  name: string,
  { base, derived, merged, channels }: ProductFeaturesOptions,
): KernelProducts {
  const coefficients = new Map<number, string | Float32Array<ArrayBuffer>>();
  for (const [level, tensors] of levelsOf(derived).entries())
    for (const tensor of tensors) {
      const shape = coefficientShape(tensor.formula, channels);
      if (shape === null) continue;
      const frozen = () => numbersOf(startOf(tensor, shape, 0, channels));
      coefficients.set(
        tensor.id,
        isTrained(tensor) ? `${name}.level${level}.${tensor.name}` : frozen(),
      );
    }
  return { name, base, derived, merged, channels, coefficients };
}

/** One level: values with ids `before` in, values with ids `after` out. */
interface Level {
  readonly derived: LoweredSpec;
  readonly channels: number;
  readonly tensors: readonly Derived[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

const isTrained = ({ formula }: Derived): boolean => formula.op !== "map" || formula.trained;

/** Coefficients of a tensor of the level, from the parameters or frozen; null where it has none. */
function coefficientsOf(tensor: Derived, channels: number, params: LayerParams): np.Array | null {
  const shape = coefficientShape(tensor.formula, channels);
  if (shape === null) return null;
  return isTrained(tensor) ? params[tensor.name].ref : startOf(tensor, shape, 0, channels);
}

const operandsOf = ({ tensors }: Level): number[] => [
  ...new Set(tensors.flatMap(({ formula }) => formula.operands)),
];

/** Computes the level's tensors from its operands, in the order of `operandsOf`. @consumes */
function computeLevel(level: Level, params: LayerParams, values: readonly np.Array[]): np.Array[] {
  const { derived, channels, tensors } = level;
  const used = operandsOf(level);
  const made = tensors.map((tensor) => {
    const read = tensor.formula.operands.map((id) => values[used.indexOf(id)].ref);
    const coefficients = coefficientsOf(tensor, channels, params);
    return deriveOne(derived, tensor.formula, read, coefficients, channels);
  });
  for (const array of [...values, ...Object.values(params)]) array.dispose();
  return made;
}

/** Gradients of parameters, and of every operand of every tensor in turn, from those of the level's tensors. @consumes */
function pullLevel(
  level: Level,
  params: LayerParams,
  values: readonly np.Array[],
  gradients: readonly np.Array[],
): StageGradients {
  const { derived, channels, tensors } = level;
  const used = operandsOf(level);
  const ofParams: LayerParams = {};
  const inputs = tensors.flatMap((tensor, i) => {
    const { formula, name } = tensor;
    const read = formula.operands.map((id) => values[used.indexOf(id)].ref);
    const coefficients = coefficientsOf(tensor, channels, params);
    const step = pullOne(derived, formula, read, coefficients, gradients[i], channels);
    if (step.coefficients !== null) {
      if (isTrained(tensor)) ofParams[name] = step.coefficients;
      else step.coefficients.dispose();
    }
    return step.operands;
  });
  for (const array of [...values, ...Object.values(params)]) array.dispose();
  return { params: ofParams, inputs };
}

/** Values after a level: those that pass through it, and those that it made. @consumes */
function afterLevel(
  { tensors, before, after }: Level,
  inputs: readonly np.Array[],
  made: readonly np.Array[],
): np.Array[] {
  const outputs = after.map((id) => {
    const at = tensors.findIndex((tensor) => tensor.id === id);
    return at === -1 ? inputs[before.indexOf(id)].ref : made[at].ref;
  });
  for (const array of [...inputs, ...made]) array.dispose();
  return outputs;
}

/** Both directions of a level: values that pass through it are not touched. */
function compileLevel(level: Level): CompiledStage {
  const { tensors, before, after } = level;
  const used = operandsOf(level);
  const readers = tensors.flatMap(({ formula }) => formula.operands);
  const forward = jit((params: LayerParams, values: np.Array[]) =>
    computeLevel(level, params, values),
  );
  const pull = jit((params: LayerParams, values: np.Array[], gradients: np.Array[]) =>
    pullLevel(level, params, values, gradients),
  );
  /** Sums of what every operand gets; a program of its own, since sums fused into products are slow. */
  const add = jit((lists: np.Array[][]) =>
    lists.map((list) => list.reduce((sum, array) => np.add(sum, array))),
  );
  const operands = (inputs: readonly np.Array[]) =>
    used.map((id) => inputs[before.indexOf(id)].ref);
  return {
    forward: (params, inputs) => afterLevel(level, inputs, forward(params, operands(inputs))),
    backward: (params, inputs, gradients, wanted) => {
      const ofMade = tensors.map(({ id }) => gradients[after.indexOf(id)].ref);
      const step = pull(params, operands(inputs), ofMade);
      const parts = before.map((id) => [
        ...readers.flatMap((reader, i) => (reader === id ? [step.inputs[i].ref] : [])),
        ...(after.includes(id) ? [gradients[after.indexOf(id)].ref] : []),
      ]);
      for (const array of [...gradients, ...step.inputs]) array.dispose();
      if (!wanted) for (const array of parts.flat()) array.dispose();
      const sums = wanted ? add(parts.filter((list) => list.length > 1)) : [];
      const result = wanted
        ? parts.map((list, i) => {
            if (list.length === 0) return np.zeros(inputs[i].shape);
            return list.length === 1 ? list[0] : (sums.shift() as np.Array);
          })
        : [];
      for (const array of inputs) array.dispose();
      return { params: step.params, inputs: result };
    },
    dispose: () => {
      for (const program of [forward, add, pull]) program.dispose();
    },
  };
}

function levelLayer(level: Level): StagedLayer {
  const { tensors, channels, before } = level;
  const trained = tensors.flatMap((tensor): [Derived, number[]][] => {
    const shape = coefficientShape(tensor.formula, channels);
    return shape === null || !isTrained(tensor) ? [] : [[tensor, shape]];
  });
  return {
    parameterCount: trained.reduce((sum, [, shape]) => sum + sizeOf(shape), 0),
    init: (seed) =>
      Object.fromEntries(
        trained.map(([tensor, shape]) => [tensor.name, startOf(tensor, shape, seed, channels)]),
      ),
    apply: (params, inputs) => {
      const operands = operandsOf(level).map((id) => inputs[before.indexOf(id)].ref);
      return afterLevel(level, inputs, computeLevel(level, params, operands));
    },
    stages: (scope) => [
      { scope: trained.length > 0 ? scope : null, compile: () => compileLevel(level) },
    ],
  };
}

/** Parameters are named after derived tensors. Frozen coefficients are the same in every model over the spec. */
export function productFeatures(options: ProductFeaturesOptions): StagedLayer {
  const { base, derived, merged, channels } = options;
  const levels = levelsOf(derived);
  const given = derived.tensors.filter((t) => !isDerived(t) && isRead(t)).map(({ id }) => id);
  const features = derived.tensors.filter(isRead).map(({ id }) => id);
  const neededFrom = levels.map(
    (_, i) =>
      new Set([
        ...features,
        ...levels
          .slice(i)
          .flat()
          .flatMap(({ formula }) => formula.operands),
      ]),
  );
  neededFrom.push(new Set(features));
  let before = given;
  const entries = levels.map((tensors, i): StackEntry => {
    const there = [...before, ...tensors.map(({ id }) => id)];
    const after = there.filter((id) => neededFrom[i + 1].has(id));
    const layer = levelLayer({ derived, channels, tensors, before, after });
    before = after;
    return { path: `level${i}`, layer };
  });
  const last = before;
  const outputs = merged.tensors.flatMap((tensor, id) => (isRead(tensor) ? [id] : []));
  const close = functionLayer((values) => {
    const joined = outputs.map((id) =>
      concatenateAll(
        merged.members[id].map((member) => values[last.indexOf(member.id)]),
        merged.tensors[id].dims.length + 1,
      ),
    );
    return joined;
  });
  return layerStack([
    { path: "open", layer: functionLayer((inputs) => separateAtoms(base, inputs, channels)) },
    ...entries,
    { path: "close", layer: close },
  ]);
}
