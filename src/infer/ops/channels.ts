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

/** One number per channel, beside the dimensions behind the channels. */
export const perChannel = (context: NodeContext, x: Value, vector: Value): Value =>
  context.regroup(vector, [vector.dims[0], ...x.dims.slice(2).map(() => unit)]);

/** A value of the handler's own, of the shape of another. */
export const inside = (x: Value): Value => ({
  ...x,
  origin: "computed",
  numbers: null,
  entry: null,
});

/** Gain and shift after something was normalised: what is normalised scales by nothing, the gain and the shift may. */
export function affine(
  context: NodeContext,
  normed: Value,
  gain: Value | null,
  shift: Value | null,
  output: Value,
): void {
  const gained = gain === null || shift === null ? output : inside(output);
  if (gain !== null) context.pointwise("product", [normed, gain], gained);
  if (shift !== null) context.pointwise("linear", [gain === null ? normed : gained, shift], output);
}

/** In evaluation mode an affine map per channel; its epsilon keeps scalings from passing through the variance. */
function batchNormalization(context: NodeContext): void {
  const x = context.need(0);
  tieChannels(context, x, [1, 2, 3, 4]);
  if (context.number("training_mode", 0) !== 0) context.decline("training mode");
  const [gain, shift, mean] = [1, 2, 3].map((i) => perChannel(context, x, context.need(i)));
  const output = context.output(0, x.dims);
  const centred = inside(output);
  context.pointwise("linear", [x, mean], centred);
  affine(context, centred, gain, shift, output);
  context.facts.push({ kind: "opaque", value: context.need(4) });
  for (let i = 1; i < context.node.outputs.length; i++) context.output(i, [x.dims[1]]);
}

function instanceNormalization(context: NodeContext): void {
  const x = context.need(0);
  tieChannels(context, x, [1, 2]);
  context.mix(
    x,
    x.dims.slice(2).map((_, i) => i + 2),
  );
  const [gain, shift] = [1, 2].map((i) => perChannel(context, x, context.need(i)));
  const output = context.output(0, x.dims);
  const normed = inside(output);
  for (const value of [x, normed]) context.facts.push({ kind: "opaque", value });
  affine(context, normed, gain, shift, output);
}

export const channels: Handlers = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
};
