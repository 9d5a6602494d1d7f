// A functional's equivariant layers as kernels read them.

import type {
  KernelLayer,
  KernelProducts,
  PositionTable,
  TensorActivation,
} from "../kernels/stack.ts";
import type { ActivationName } from "../layers/pointwise/activation.ts";
import type { BiasKind } from "../layers/equivariant-linear.ts";
import { encodedPlaces } from "../layers/position-encoding.ts";
import type { Aggregation } from "../layers/execute.ts";
import { membersOf } from "../plan/merge-tensors.ts";
import { isWritten } from "../symmetry/formula.ts";
import type { ExecutablePlan } from "../plan/plan-spec.ts";
import type { ScaleRule } from "../plan/patterns.ts";
import { shareCoefficients, type ShareOptions } from "../plan/sharing.ts";

export interface KernelLayersOptions {
  readonly channels: readonly number[];
  readonly pointwise: number;
  readonly activation: ActivationName;
  /** Whether the last layer has an activation too. */
  readonly activateLast: boolean;
  readonly bias: BiasKind;
  readonly aggregation: Aggregation;
  /** Whether positions are encoded after the first layer. */
  readonly positions: boolean;
  readonly scales: ScaleRule;
  readonly share?: ShareOptions;
}

/** The layers of a stack over a plan, with the parameters' paths that the stack gives them. */
export function kernelLayers(
  executable: ExecutablePlan,
  options: KernelLayersOptions,
): KernelLayer[] {
  const { channels, pointwise, activation, activateLast, bias, aggregation, scales, share } =
    options;
  const { lowered, plan } = executable;
  const shared = share === undefined ? undefined : shareCoefficients(lowered, plan, share);
  const tables = options.positions
    ? encodedPlaces(lowered, scales).map((place): PositionTable => {
        const { tensor, dim } = place;
        const members = membersOf(lowered, tensor);
        return {
          ...place,
          tables: members.map(({ id, fixedSize }) => ({
            path: `positions.table${id}.${dim}`,
            fixedSize,
          })),
        };
      })
    : [];
  return channels.slice(1).map((outputChannels, i): KernelLayer => {
    const isPointwise = i < pointwise;
    const last = i === channels.length - 2;
    return {
      kind: isPointwise ? "pointwise" : "equivariant",
      name: `layer${i}`,
      executable,
      inputChannels: channels[i],
      outputChannels,
      aggregation,
      bias: isPointwise ? (scales === "ignore" ? "full" : "none") : bias,
      ...(shared !== undefined && !isPointwise && { shared }),
      positions: i === 0 ? tables : [],
      activation: last && !activateLast ? "identity" : activation,
    };
  });
}

export interface ActivatedLayerOptions {
  /** Prefix of its parameters' paths. */
  readonly name: string;
  readonly channels: readonly [inputs: number, outputs: number];
  /** Of every tensor that is written, in order. */
  readonly activations: readonly ActivationName[];
  readonly products?: KernelProducts;
}

/** An equivariant layer of means with a full bias and no positions, and an activation of its own for every tensor it writes. */
export function activatedLayer(
  executable: ExecutablePlan,
  { name, channels: [inputChannels, outputChannels], activations, products }: ActivatedLayerOptions,
): KernelLayer {
  const { tensors } = executable.lowered;
  const written = tensors.filter(isWritten);
  const byTensor: TensorActivation[] = [];
  for (const { id } of tensors) byTensor[id] = { kind: "pointwise", name: "identity" };
  for (const [place, kind] of activations.entries())
    byTensor[written[place].id] = { kind: "pointwise", name: kind };
  return {
    kind: "equivariant",
    name,
    executable,
    inputChannels,
    outputChannels,
    aggregation: "mean",
    bias: "full",
    positions: [],
    activation: "identity",
    activations: byTensor,
    ...(products && { products }),
  };
}
