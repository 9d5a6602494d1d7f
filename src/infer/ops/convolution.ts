// Convolutions and transposed convolutions in any number of dimensions, with groups (depthwise is one channel a group):
// channels are group * channel-in-group on either side, kernels and images keep their order.

import { newAtom, productOf, type Atom } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";
import { addChannelBias } from "./channels.ts";
import type { Handlers, DimPair } from "./handler.ts";

interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
}

/** Window attributes checked against the number of spatial dimensions. */
export function readWindow(context: NodeContext, rank: number, kernel: readonly number[]): Window {
  const list = (name: string, length: number, fallback: number) => {
    const found = context.numbers(name) ?? Array.from({ length }, () => fallback);
    if (found.length !== length || !found.every(Number.isInteger))
      context.fail(`attribute "${name}" must hold ${length} whole numbers`);
    return found;
  };
  const strides = list("strides", rank, 1);
  const dilations = list("dilations", rank, 1);
  const pads = list("pads", 2 * rank, 0);
  if (kernel.length !== rank)
    context.fail(`the kernel has ${kernel.length} dimensions, the image ${rank}`);
  if ([...strides, ...dilations].some((step) => step < 1))
    context.fail("strides and dilations start at 1");
  return { kernel, strides, dilations, pads };
}

/** Size of one output dimension of a sliding window. */
function windowSize(
  context: NodeContext,
  size: number,
  at: number,
  window: Window,
  ceil = false,
): number {
  const mode = context.text("auto_pad", "NOTSET");
  const { kernel, strides, dilations, pads } = window;
  if (mode === "SAME_UPPER" || mode === "SAME_LOWER") return Math.ceil(size / strides[at]);
  const padded = mode === "VALID" ? size : size + pads[at] + pads[at + kernel.length];
  const steps = (padded - dilations[at] * (kernel[at] - 1) - 1) / strides[at];
  let out = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  if (ceil && (out - 1) * strides[at] >= size + pads[at]) out--;
  if (!(out >= 1)) context.fail(`its window of ${kernel[at]} does not fit into ${size} entries`);
  return out;
}

/** The spatial dimensions after a window slid over them; a window of one entry changes nothing. */
export function slide(
  context: NodeContext,
  x: Value,
  window: Window,
  ceil = false,
): { dims: Atom[]; pairs: DimPair[] } {
  const spatial = x.dims.slice(2);
  const single =
    window.kernel.every((size) => size === 1) &&
    window.strides.every((step) => step === 1) &&
    window.pads.every((pad) => pad === 0);
  if (single) return { dims: spatial, pairs: spatial.map((_, i) => [i + 2, i + 2] as const) };
  const dims = spatial.map((dim, at) => {
    context.fix(dim, "a window slides over it");
    return fixedAtom(windowSize(context, dim.size, at, window, ceil), context.label);
  });
  return { dims, pairs: [] };
}

interface ConvolutionInputs {
  readonly x: Value;
  readonly weight: Value;
  readonly bias: Value | null;
}

/** Channels on either side of a kernel, and how many of them a group has. */
function channelsOf(
  context: NodeContext,
  transposed: boolean,
  { x, weight }: Pick<ConvolutionInputs, "x" | "weight">,
) {
  const groups = context.number("group", 1);
  const [inChannels, outChannels] = transposed
    ? [weight.dims[0], weight.dims[1]]
    : [weight.dims[1], weight.dims[0]];
  const perGroup = transposed ? inChannels.size / groups : inChannels.size;
  const made = transposed ? outChannels.size : outChannels.size / groups;
  if (
    !(groups >= 1) ||
    ![groups, perGroup, made].every(Number.isInteger) ||
    x.dims[1].size !== groups * perGroup
  )
    context.fail(`${x.dims[1].size} input channels do not fit its kernel in ${groups} groups`);
  return { groups, inChannels, outChannels, perGroup, made };
}

/** The window of a kernel, whose positions stay in place. */
function windowOf(context: NodeContext, weight: Value): Window {
  const positions = weight.dims.slice(2);
  for (const dim of positions) context.fix(dim, "position in the kernel");
  const kernel = positions.map(({ size }) => size);
  return readWindow(context, kernel.length, kernel);
}

/** A convolution of these inputs, by default those of Conv; the attributes are those of the node. */
export function convolve(
  context: NodeContext,
  transposed: boolean,
  inputs: ConvolutionInputs = {
    x: context.need(0),
    weight: context.need(1),
    bias: context.input(2),
  },
): Value {
  const { x, weight, bias } = inputs;
  const rank = x.dims.length - 2;
  if (rank < 1 || weight.dims.length !== rank + 2)
    context.fail("input and kernel need the same 3 or more dimensions");
  const { groups, inChannels, outChannels, perGroup, made } = channelsOf(
    context,
    transposed,
    inputs,
  );
  const window = windowOf(context, weight);
  const slid = transposed ? transposedWindow(context, x, window) : slide(context, x, window);

  const group = newAtom(groups);
  const cin = transposed ? newAtom(perGroup) : inChannels;
  const cout = transposed ? outChannels : newAtom(made);
  context.tie(x.dims[1], productOf([group, cin]));
  if (transposed) context.tie(inChannels, productOf([group, cin]));
  else context.tie(outChannels, productOf([group, cout]));
  if (!transposed && groups === 1 && isPlain(x) && isPlain(weight))
    return convolveWhole(context, { x, weight, bias }, slid);

  // Inside: x [n, group, cin, ...], kernel [group, cout, cin, ...] -> [n, group, cout, ...].
  const split = context.regroup(x, [x.dims[0], group, cin, ...x.dims.slice(2)]);
  const rest = weight.dims.slice(2);
  const grouped = context.regroup(
    weight,
    transposed ? [group, cin, cout, ...rest] : [group, cout, cin, ...rest],
  );
  const [at, from] = transposed ? [2, 1] : [1, 2];
  const result: Value = {
    ...split,
    dims: [x.dims[0], group, cout, ...slid.dims],
    origin: "computed",
  };
  context.contract({
    left: split,
    right: grouped,
    output: result,
    contracted: [[2, from]],
    leftOut: [[0, 0], [1, 1], ...slid.pairs.map(([i, o]): DimPair => [i + 1, o + 1])],
    rightOut: [
      [0, 1],
      [at, 2],
    ],
  });
  const output = context.output(0, [x.dims[0], productOf([group, cout]), ...slid.dims]);
  context.facts.push({ kind: "regroup", from: result, to: output });
  addChannelBias(context, bias, output);
  return output;
}

const isPlain = ({ origin, stack, picked, joined }: Value): boolean =>
  origin !== "constant" && stack === null && picked === null && joined === null;

/** Without groups: x [n, cin, ...], kernel [cout, cin, ...] -> [n, cout, ...]. */
function convolveWhole(
  context: NodeContext,
  { x, weight, bias }: ConvolutionInputs,
  { dims, pairs }: ReturnType<typeof slide>,
): Value {
  const output = context.output(0, [x.dims[0], weight.dims[0], ...dims]);
  context.contract({
    left: x,
    right: weight,
    output,
    contracted: [[1, 1]],
    leftOut: [[0, 0], ...pairs],
    rightOut: [[0, 1]],
  });
  addChannelBias(context, bias, output);
  return output;
}

/** Spatial dimensions of a transposed convolution. */
function transposedWindow(
  context: NodeContext,
  x: Value,
  window: Window,
): { dims: Atom[]; pairs: DimPair[] } {
  const extra = context.numbers("output_padding") ?? [];
  const wanted = context.numbers("output_shape");
  const { kernel, strides, dilations, pads } = window;
  const dims = x.dims.slice(2).map((dim, at) => {
    context.fix(dim, "a window slides over it");
    const same = context.text("auto_pad", "NOTSET").startsWith("SAME");
    const full =
      strides[at] * (dim.size - 1) + (extra[at] ?? 0) + dilations[at] * (kernel[at] - 1) + 1;
    const size =
      wanted?.at(at - kernel.length) ??
      (same ? dim.size * strides[at] : full - pads[at] - pads[at + kernel.length]);
    if (!(Number.isSafeInteger(size) && size >= 1)) context.fail(`it would give ${size} entries`);
    return fixedAtom(size, context.label);
  });
  return { dims, pairs: [] };
}

/** DeformConv: the window reads where its offsets say, and is linear in the image all the same. */
function deformed(context: NodeContext): void {
  const [x, weight] = [context.need(0), context.need(1)];
  if (context.number("offset_group", 1) !== 1)
    context.fix(x.dims[1], "channels have offsets of their own");
  for (const dim of [...x.dims.slice(2), ...weight.dims.slice(2)])
    context.fix(dim, "offsets say where a window reads");
  for (const position of [2, 4])
    for (const dim of context.input(position)?.dims ?? []) context.fix(dim, "offsets of a window");
  convolve(context, false, { x, weight, bias: context.input(3) });
}

export const convolution: Handlers = {
  Conv: (context) => void convolve(context, false),
  ConvTranspose: (context) => void convolve(context, true),
  DeformConv: deformed,
};
