// The equivariant linear layer over a lowered spec: all maps that commute with the spec's group (UNF, Zhou, Finn and
// Harrison 2024), as one coefficient matrix per product of the plan. Folding fixed axes makes NP, HNP and NFN's
// convolution layers special cases.

import { numpy as np } from "@jax-js/jax";
import { concatenateAll } from "./pointwise/concatenate.ts";
import { type Aggregation, executePlan } from "./execute.ts";
import { membersOf } from "../plan/merge-tensors.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import { sliceAlong } from "./pack.ts";
import { isWritten } from "../symmetry/formula.ts";
import { shareCoefficients, type SharedCoefficients, type ShareOptions } from "../plan/sharing.ts";
import { type Coefficients, equivariantStages } from "./equivariant-stages.ts";
import { initialCoefficients, initialShared, type InitKind } from "./initial-coefficients.ts";
import type { Layer, LayerParams } from "./layer.ts";
import type { Stage } from "./stage.ts";

/**
 * Additive bias: `full`, every equivariant constant (diagonals and fixed positions apart); `tensor`, one number per
 * tensor and output channel as in the published code; or `none`.
 */
export type BiasKind = "full" | "tensor" | "none";

/** The shape of an equivariant linear layer. */
export interface EquivariantLinearOptions {
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** @default "full" */
  readonly bias?: BiasKind;
  /** @default "mean" */
  readonly aggregation?: Aggregation;
  /** Share coefficients between structurally equal pairs of tensors. @default none */
  readonly share?: ShareOptions;
  /** Variance gain of the initial coefficients: 2 before ReLU (He), 1 otherwise (LeCun). @default 2 */
  readonly gain?: number;
  /** @default "balanced" */
  readonly init?: InitKind;
}

interface BiasPlan {
  readonly size: number;
  /** The bias as columns of the scalar product. @consumes */
  expand(bias: np.Array): np.Array;
}

/**
 * Layer from features [batch, ...dims, fixed * inputChannels] to [batch, ...dims, fixed * outputChannels], one array per
 * atomic tensor. Coefficients start normal, biases at 0: outputs keep the scale of the inputs at any width because
 * aggregation is by mean.
 */
export function equivariantLinear(
  executable: ExecutablePlan,
  {
    inputChannels,
    outputChannels,
    bias = "full",
    aggregation = "mean",
    share,
    gain = 2,
    init = "balanced",
  }: EquivariantLinearOptions,
): Layer<np.Array[]> & { stages(scope: string): Stage[] } {
  const { lowered, plan, schedule } = executable;
  const shared = share === undefined ? undefined : shareCoefficients(lowered, plan, share);
  const biasPlan = planBias(executable, bias, outputChannels);
  const blocks =
    shared?.count ?? schedule.widths.reduce((n, { input, output }) => n + input * output, 0);
  const coefficientCount = blocks * inputChannels * outputChannels;
  const starting = { inputChannels, outputChannels, gain, init };
  const initParams = (seed: number): LayerParams => ({
    ...(shared
      ? { shared: initialShared(executable, shared, starting, seed) }
      : initialCoefficients(executable, starting, seed)),
    ...(biasPlan !== null && { bias: np.zeros([biasPlan.size]) }),
  });

  const coefficients = (params: LayerParams): Coefficients => ({
    matrices: shared
      ? sharedMatrices(executable, shared, params["shared"], [inputChannels, outputChannels])
      : plan.products.map((_, p) => params[`mix${p}`]),
    bias: biasPlan === null ? null : biasPlan.expand(params["bias"]),
  });

  return {
    parameterCount: coefficientCount + (biasPlan?.size ?? 0),
    init: initParams,
    apply: (params, inputs) => {
      const { matrices, bias: added } = coefficients(params);
      return executePlan(executable, matrices, added, inputs, { outputChannels, aggregation });
    },
    stages: (scope) =>
      equivariantStages({
        executable,
        scope,
        inputChannels,
        outputChannels,
        aggregation,
        coefficients,
      }),
  };
}

/** The matrix of every product from the table of shared coefficients [count, inputs, outputs]. @consumes table */
function sharedMatrices(
  { schedule }: ExecutablePlan,
  { indices }: SharedCoefficients,
  table: np.Array,
  [inputs, outputs]: readonly [number, number],
): np.Array[] {
  const matrices = schedule.widths.map(({ input, output }, p) => {
    // The two signs cancel; they keep the gradient's scatter from reading a view, which the compiler cannot.
    const taken = np.take(np.negative(table.ref), np.array(indices[p]), 0);
    const blocks = np.reshape(np.negative(taken), [input, output, inputs, outputs]);
    return np.reshape(np.transpose(blocks, [0, 2, 1, 3]), [input * inputs, output * outputs]);
  });
  table.dispose();
  return matrices;
}

/** The bias of a layer; null where there is none. */
function planBias(
  { lowered, plan, schedule }: ExecutablePlan,
  kind: BiasKind,
  channels: number,
): BiasPlan | null {
  const scalar = plan.products.findIndex(({ slots }) => slots.length === 0);
  if (kind === "none" || scalar === -1) return null;
  const columns = schedule.widths[scalar].output * channels;
  if (kind === "full") return { size: columns, expand: (bias) => bias };
  // One number per tensor and channel: it reaches the column that broadcasts everywhere; other columns get zeros.
  const members = lowered.tensors.filter(isWritten).flatMap(({ id }) => membersOf(lowered, id));
  const ids = members.map(({ id }) => id).toSorted((a, b) => a - b);
  const places = new Map(ids.map((id, place) => [id, place]));
  const expand = (bias: np.Array): np.Array => {
    const pieces = plan.products[scalar].targets.map(({ tensor, blocks }) => {
      if (blocks.some(({ dims }) => dims.length > 1)) {
        return np.zeros([lowered.tensors[tensor].fixedSize * channels]);
      }
      const tables = membersOf(lowered, tensor).map(({ id, fixedSize }) => {
        const numbers = sliceAlong(bias.ref, 0, (places.get(id) ?? 0) * channels, channels);
        return fixedSize === 1 ? numbers : np.tile(numbers, fixedSize);
      });
      return concatenateAll(tables, 0);
    });
    bias.dispose();
    return concatenateAll(pieces, 0);
  };
  return { size: members.length * channels, expand };
}
