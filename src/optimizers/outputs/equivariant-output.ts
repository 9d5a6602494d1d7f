// One equivariant layer of one output channel for n networks with coefficients of their own: the last layer of the UNF and NFN
// optimizers (Zhou, Finn and Harrison 2024). Coefficients belong to the terms of a spec, as published, or to kinds of terms.

import { jit, numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../../core/random.ts";
import type { ArrayRecord } from "../../engine/arrays.ts";
import { placeProducts, readFeatures } from "../../layers/execute.ts";
import { concatenateAll } from "../../layers/pointwise/concatenate.ts";
import { mergeAtoms, pack, separateAtoms, unpack } from "../../layers/pack.ts";
import { mergeTensors } from "../../plan/merge-tensors.ts";
import { planLowered } from "../../plan/plan-spec.ts";
import { matmul } from "../../populations/layers/matmul.ts";
import { lowerSpec } from "../../symmetry/lower.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { hostNormal, hostZeros } from "../host-theta.ts";
import { blocksAsAxes } from "../permuted-spec.ts";
import type { TensorLayout } from "../tensor-layout.ts";
import type { OutputLayer } from "./output-layer.ts";
import { kindPlaces, maxRank, termKinds } from "./term-kinds.ts";

export interface EquivariantOutputOptions {
  readonly channels: number;
  /** One coefficient a term of this spec, or one a kind of terms of any spec. */
  readonly coefficients: "terms" | "kinds";
  /** One number a tensor (or a rank, with kinds), added to all its entries. @default true */
  readonly bias?: boolean;
}

/** Compiled ways into and out of the products of a plan. */
function passes(
  given: SymmetrySpec,
  layout: TensorLayout,
  { channels, coefficients }: EquivariantOutputOptions,
) {
  // One table for all specs sees vocabularies as axes, and positions of kernels as places of one entry.
  const spec = coefficients === "kinds" ? blocksAsAxes(given, 2) : given;
  const lowered = lowerSpec(spec, { fixedAxes: "permute", dropFactors: true });
  const merged = mergeTensors(lowered);
  const executable = planLowered(merged);
  const read = jit((hidden: np.Array): np.Array[] => {
    const [n] = hidden.shape;
    const atoms = unpack(lowered, layout.split(hidden), channels);
    return readFeatures(executable, mergeAtoms(merged, atoms), "mean").map((list) => {
      const joined = concatenateAll(list, list[0].ndim - 1);
      const columns = joined.shape[joined.ndim - 1];
      return np.reshape(joined, [n, -1, columns]);
    });
  });
  const enter = jit((features: np.Array): np.Array[] => {
    const [, , inputs] = features.shape;
    const atoms = unpack(lowered, layout.split(features), inputs);
    return mergeAtoms(merged, atoms).map((atom) => np.add(atom, 0));
  });
  const gather = (placed: readonly np.Array[], biases: np.Array[]): np.Array => {
    const [n] = placed[0].shape;
    const named = pack(lowered, separateAtoms(merged, placed, 1), 1);
    const parts = layout.tensors.map(({ name, size }, t) => {
      const part = np.reshape(named[name], [n, size]);
      if (biases.length === 0) return part;
      const own = biases[0].ref.slice([], [t, t + 1]); // [n, 1]
      return np.add(part, own);
    });
    for (const bias of biases) bias.dispose();
    return concatenateAll(parts, 1);
  };
  const place = jit((products: np.Array[], biases: np.Array[]): np.Array => {
    const [n] = products[0].shape;
    const flat = products.map((x) => np.reshape(x, [n * x.shape[1], x.shape[2]]));
    return gather(placeProducts(executable, flat, n, 1), biases);
  });
  const leave = jit(gather);
  return { executable, lowered, read, place, enter, leave };
}

/**
 * The layer over a spec whose axes are all permuted; kernel positions are folded into channels.
 * Theta: `out.mix<p>` [features * channels, targets] a product of the plan, and `out.bias` [tensors]; or `out.kinds` [kinds, channels]
 * and `out.bias` [4] by the tensor's rank.
 */
export function equivariantOutput(
  spec: SymmetrySpec,
  layout: TensorLayout,
  options: EquivariantOutputOptions,
): OutputLayer {
  const { channels, coefficients, bias = true } = options;
  const { executable, lowered, read, place, enter, leave } = passes(spec, layout, options);
  const coefficientLayer =
    coefficients === "terms"
      ? ownCoefficients(executable, channels)
      : kindCoefficients(executable, channels);
  const ranks = layout.tensors.map(({ name }) => {
    const part = lowered.tensors.find(({ source }) => source === name);
    return Math.min(part?.dims.length ?? 0, maxRank);
  });
  const biasesOf = (prepared: ArrayRecord) => (bias ? [prepared["out.bias"].ref] : []);
  const biasSize = coefficients === "terms" ? layout.tensors.length : maxRank + 1;
  const broadcast = jit((own: np.Array) =>
    concatenateAll(
      ranks.map((rank) => own.ref.slice([], [rank, rank + 1])),
      1,
    ),
  );
  return {
    thetaShapes: {
      ...coefficientLayer.thetaShapes,
      ...(bias && { "out.bias": [biasSize] }),
    },
    initialTheta: (seed) => ({
      ...coefficientLayer.initialTheta(seed),
      ...(bias && { "out.bias": hostZeros([biasSize]) }),
    }),
    prepare(theta) {
      const { "out.bias": own, ...rest } = theta;
      const prepared = coefficientLayer.prepare(rest);
      if (!bias) return prepared;
      return { ...prepared, "out.bias": coefficients === "terms" ? own : broadcast(own) };
    },
    apply(prepared, hidden) {
      const products = read(hidden).map((x, p) => matmul(x, prepared[`out.mix${p}`].ref));
      return place(products, biasesOf(prepared));
    },
    kernels: {
      layer: { kind: "equivariant", bias: "none" },
      tensors: {
        executable,
        enter,
        leave: (prepared, tensors) => leave([...tensors], biasesOf(prepared)),
      },
    },
  };
}

type CoefficientLayer = Pick<OutputLayer, "thetaShapes" | "initialTheta" | "prepare">;
type Executable = ReturnType<typeof planLowered>;

/** One coefficient a term and channel; every feature starts with the same variance, as published. */
function ownCoefficients(
  { plan, schedule, lowered }: Executable,
  channels: number,
): CoefficientLayer {
  const shapes = schedule.widths.map(({ input, output }) => [input * channels, output]);
  /** Per product and output place: the standard deviation of its coefficients. */
  const deviations = plan.products.map(({ targets }) =>
    targets.flatMap(({ tensor }) => {
      const features = schedule.targets[tensor].reduce(
        (sum, use) => sum + schedule.widths[use.product].input * channels,
        0,
      );
      return Array.from({ length: lowered.tensors[tensor].fixedSize }, () =>
        Math.sqrt(1 / features),
      );
    }),
  );
  return {
    thetaShapes: Object.fromEntries(shapes.map((shape, p) => [`out.mix${p}`, shape])),
    initialTheta: (seed) =>
      Object.fromEntries(
        shapes.map((shape, p) => {
          const { data } = hostNormal(deriveSeed(seed, "mix", p), shape, 1);
          const columns = deviations[p];
          return [
            `out.mix${p}`,
            { shape, data: Float32Array.from(data, (x, i) => x * columns[i % columns.length]) },
          ];
        }),
      ),
    prepare: (theta) => theta,
  };
}

/** About how many kinds feed an entry: their coefficients start with this part of the variance. */
const usualKinds = 8;

/** One coefficient a kind of terms and channel. */
function kindCoefficients(executable: Executable, channels: number): CoefficientLayer {
  const { indices, shares } = kindPlaces(executable);
  const { widths } = executable.schedule;
  const shape = [termKinds.length, channels];
  const matrices = jit((table: np.Array): ArrayRecord => {
    const [n] = table.shape;
    const entries = widths.map(({ input, output }, p) => {
      const taken = np.take(table.ref, np.array(indices[p]), 1); // [n, input * output, channels]
      const weighed = np.multiply(taken, np.reshape(np.array(shares[p]), [1, -1, 1]));
      const blocks = np.reshape(weighed, [n, input, output, channels]);
      const ordered = np.transpose(blocks, [0, 1, 3, 2]);
      return [`out.mix${p}`, np.reshape(ordered, [n, input * channels, output])];
    });
    table.dispose();
    return Object.fromEntries(entries) as ArrayRecord;
  });
  return {
    thetaShapes: { "out.kinds": shape },
    initialTheta: (seed) => ({
      "out.kinds": hostNormal(seed, shape, Math.sqrt(1 / (usualKinds * channels))),
    }),
    prepare: (theta) => matrices(theta["out.kinds"]),
  };
}
