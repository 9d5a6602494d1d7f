// A functional's equivariant layers as kernels read them.

import type { KernelLayer, PositionTable } from "../kernels/stack.ts";
import type { ActivationName } from "../layers/pointwise/activation.ts";
import type { BiasKind } from "../layers/equivariant-linear.ts";
import { encodedPlaces } from "../layers/position-encoding.ts";
import type { Aggregation } from "../layers/execute.ts";
import { membersOf } from "../plan/merge-tensors.ts";
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
