// Learned probes of any network of a task: every network is run at a few inputs that training chooses, and a dense network reads what
// it answers (Herrmann et al. 2024; Kahana et al. 2025). Reads what a network computes, not its weights: no symmetry can move it.

import { nn, numpy as np, tree } from "@jax-js/jax";
import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import { equalShapes, formatShape, sizeOf } from "../../core/shapes.ts";
import { keepArrays } from "../../engine/arrays.ts";
import { checkBatch } from "../../layers/check-batch.ts";
import { prefixed, scoped } from "../../layers/layer.ts";
import { concatenateAll } from "../../layers/pointwise/concatenate.ts";
import { denseStack } from "../../layers/pointwise/dense.ts";
import { type Stage, stage } from "../../layers/stage.ts";
import type { Answers, RunnableNetwork } from "../../populations/networks/runnable.ts";
import { networkNames, networkOf } from "../../populations/networks/task-networks.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { type Model, onlyOutput, type Params, type WeightBatch } from "../model.ts";
import { checkValues, networkProbesOptions } from "../options.ts";
import { statisticsPerTensor, weightStatistics } from "../stat-nn.ts";

/** The shape of a functional that runs a task's networks at learned inputs. */
export interface NetworkProbesOptions {
  /** @default "network-probes" */
  readonly name?: string;
  /** What the networks compute, by name. @default the only network whose tensors are those of the spec */
  readonly networks?: string;
  /** Inputs at which every network is run. @default 64 */
  readonly probes?: number;
  /** Sizes of the dense head; the last is the number of outputs. @default [128, 128, 1] */
  readonly head?: readonly number[];
  /** Dropout rate in the head while training. @default 0 */
  readonly dropout?: number;
  /** Whether the head reads seven statistics of every tensor too, which makes it a reader of weights and functions. @default false */
  readonly statistics?: boolean;
}

/** Parameters are probes divided by this, so that a step of an optimizer moves them so many times as far as a coefficient of the head. */
const reach = 10;

/** Whether the tensors of a network are those of a spec: undefined, or the first difference in words. */
function differenceOf(spec: SymmetrySpec, { shapes }: RunnableNetwork): string | undefined {
  for (const [name, shape] of Object.entries(shapes)) {
    if (!Object.hasOwn(spec.tensors, name)) return `"${name}" is not among its tensors`;
    const { shape: found } = spec.tensors[name];
    if (!equalShapes(found, shape))
      return `"${name}" has shape ${formatShape(found)}, expected ${formatShape(shape)}`;
  }
  const more = Object.keys(spec.tensors).find((name) => !Object.hasOwn(shapes, name));
  return more === undefined ? undefined : `it has a tensor "${more}" that they do not have`;
}

/** The network that an option names, or the only one that fits. @throws {OptionError} */
function chooseNetwork(
  name: string,
  spec: SymmetrySpec,
  asked: string | undefined,
): RunnableNetwork {
  const known = networkNames().map((each) => [each, networkOf(each) as RunnableNetwork] as const);
  const fitting = known.filter(([, network]) => differenceOf(spec, network) === undefined);
  if (asked !== undefined) {
    const network = networkOf(asked);
    const difference = network === undefined ? "unknown" : differenceOf(spec, network);
    if (network !== undefined && difference === undefined) return network;
    throw new OptionError(
      `${name}: the spec is not that of networks "${asked}": ${difference}; ${fitting.length > 0 ? `these fit: ${fitting.map(([each]) => each).join(", ")}` : "no network that can be run fits"}`,
    );
  }
  if (fitting.length === 1) return fitting[0][1];
  const names = (list: readonly (readonly [string, unknown])[]) =>
    list.map(([each]) => each).join(", ");
  throw new OptionError(
    fitting.length === 0
      ? `${name}: no network that can be run has the tensors of this spec, expected those of ${names(known)}`
      : `${name}: the tensors of this spec are those of ${names(fitting)}; say which they are with the option "networks"`,
  );
}

/** Answers [n, probes, groups * width] as rows for the head: chances of scores, brought to a mean square from 1 / width to 1, values as they are. @consumes */
function readAnswers(answers: np.Array, { groups, width, scores }: Answers): np.Array {
  const [n, probes] = answers.shape;
  const flat = [n, probes * groups * width];
  const finite = np.where(np.isfinite(answers.ref), answers, 0);
  if (!scores) return np.reshape(finite, flat);
  const parted = np.reshape(finite, [n, probes * groups, width]);
  return np.reshape(np.multiply(nn.softmax(parted, -1), Math.sqrt(width)), flat);
}

/** Statistics of sign(w) log(1 + |w|), where w is a weight times the root of its inputs, or a bias times 10. @consumes */
function readStatistics(spec: SymmetrySpec, weights: WeightBatch): np.Array {
  const compressed = Object.keys(spec.tensors).map((name) => {
    const { shape } = spec.tensors[name];
    const scale = shape.length === 1 ? 10 : Math.sqrt(sizeOf(shape) / shape[0]);
    const scaled = np.multiply(weights[name], scale);
    return [name, np.multiply(np.sign(scaled.ref), np.log1p(np.abs(scaled)))] as const;
  });
  return weightStatistics(spec, Object.fromEntries(compressed));
}

/** The stage that runs the networks: weights in the order of `names` to answers, by the layers' own way back; what follows the weights stays. */
function runStage(names: readonly string[], network: RunnableNetwork): Stage {
  const count = names.length;
  const byName = (arrays: readonly np.Array[]): WeightBatch =>
    Object.fromEntries(names.map((name, i) => [name, arrays[i]]));
  const placesOf = (places: np.Array) => np.multiply(places, reach);
  return {
    scope: "probes",
    compile: () => ({
      forward({ places }, inputs) {
        const weights = inputs.slice(0, count);
        const answers = network.forward(byName(weights), placesOf(places));
        tree.dispose(weights);
        return [answers, ...inputs.slice(count)];
      },
      backward({ places }, inputs, [at, ...rest], wanted) {
        const gradients = network.backward(byName(inputs), placesOf(places), at);
        tree.dispose(inputs);
        const params = { places: np.multiply(gradients.inputs, reach) };
        if (wanted) return { params, inputs: [...names.map((n) => gradients.weights[n]), ...rest] };
        tree.dispose([gradients.weights, rest]);
        return { params, inputs: [] };
      },
      dispose: () => undefined,
    }),
  };
}

/**
 * A functional that runs a task's networks at learned inputs. Weights must come as they are, not normalised. Answers that overflow
 * count as 0.
 * @throws {OptionError} when the spec is not that of the networks named, or of one network that can be run, or an option is out of its
 * range
 */
export function networkProbes(
  spec: SymmetrySpec,
  {
    name = "network-probes",
    networks,
    probes: count = 64,
    head = [128, 128, 1],
    dropout = 0,
    statistics = false,
  }: NetworkProbesOptions = {},
): Model {
  checkValues(name, networkProbesOptions, { networks, probes: count, head, dropout, statistics });
  const network = chooseNetwork(name, spec, networks);
  const { inputs, range, answers } = network;
  const names = Object.keys(network.shapes);
  const read = count * answers.groups * answers.width;
  const more = statistics ? names.length * statisticsPerTensor : 0;
  const top = denseStack([read + more, ...head], { dropout });
  const predict = (params: Params, [seen, ...others]: np.Array[], key?: np.Array): np.Array =>
    top.apply(params, concatenateAll([readAnswers(seen, answers), ...others], 1), key);
  const statisticsOf = (weights: WeightBatch): np.Array[] =>
    statistics ? [readStatistics(spec, keepArrays(weights))] : [];
  return {
    name,
    spec,
    outputs: head[head.length - 1],
    parameterCount: count * inputs + top.parameterCount,
    init: (seed) => ({
      "probes.places": firstPlaces(seed, [count, inputs], range),
      ...prefixed("head", top.init(deriveSeed(seed, "head"))),
    }),
    apply(params, weights, { key } = {}) {
      checkBatch(spec, weights, 1);
      const { places } = scoped("probes", params);
      const others = statisticsOf(weights);
      const seen = network.apply(weights, np.multiply(places, reach));
      return predict(scoped("head", params), [seen, ...others], key);
    },
    staged: {
      toFeatures(weights) {
        checkBatch(spec, weights, 1);
        const others = statisticsOf(weights);
        return [...names.map((each) => weights[each]), ...others];
      },
      stages: [
        runStage(names, network),
        stage("head", (params, seen, { key }) => [predict(params, seen, key)]),
      ],
      fromFeatures: onlyOutput,
    },
  };
}

/** Probes to begin with, uniform in a range. */
function firstPlaces(
  seed: number,
  shape: readonly [count: number, inputs: number],
  [low, high]: RunnableNetwork["range"],
): np.Array {
  const random = randomStream(deriveSeed(seed, "probes"));
  const places = Float32Array.from(
    { length: sizeOf(shape) },
    () => (low + (high - low) * random.uniform()) / reach,
  );
  return np.array(places, { shape: [...shape] });
}
