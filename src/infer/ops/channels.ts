// Operations that hold one number per channel (dimension 1): biases of convolutions, batch and instance normalisation.

import { unit } from "../index-sets/atoms.ts";
import type { NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";
import type { Handlers } from "./handler.ts";

/** Ties vectors of one entry per channel to dimension 1. */
function tieChannels(context: NodeContext, x: Value, positions: readonly number[]): void {
  if (x.dims.length < 2) context.fail("its input needs a channel dimension");
  for (const position of positions) {
    const vector = context.need(position);
    if (vector.dims.length !== 1) context.fail(`input ${position} must have one dimension`);
    context.tie(x.dims[1], vector.dims[0]);
  }
}

export function addChannelBias(context: NodeContext, bias: Value | null, output: Value): void {
  if (bias === null) return;
  if (bias.dims.length !== 1) context.fail("the bias must have one dimension");
  context.tie(output.dims[1], bias.dims[0]);
  const view = context.regroup(bias, [bias.dims[0], ...output.dims.slice(2).map(() => unit)]);
  context.pointwise("linear", [output, view], output);
}

/** In evaluation mode an affine map per channel; its epsilon keeps scalings from passing through the variance. */
function batchNormalization(context: NodeContext): void {
  const x = context.need(0);
  tieChannels(context, x, [1, 2, 3, 4]);
  if (context.number("training_mode", 0) !== 0) context.decline("training mode");
  context.output(0, x.dims);
  for (let i = 1; i < context.node.outputs.length; i++) context.output(i, [x.dims[1]]);
}

function instanceNormalization(context: NodeContext): void {
  const x = context.need(0);
  tieChannels(context, x, [1, 2]);
  context.mix(
    x,
    x.dims.slice(2).map((_, i) => i + 2),
  );
  context.output(0, x.dims);
}

export const channels: Handlers = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
};
