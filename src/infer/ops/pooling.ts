// Sliding pools, and what else reads a neighbourhood: positions are fixed, channels pass through.

import { newAtom, productOf, sumOf } from "../index-sets/atoms.ts";
import { fixedAtom, type NodeContext } from "../walk/context.ts";
import type { Value } from "../walk/value.ts";
import { readWindow, slide } from "./convolution.ts";
import type { Handlers, DimPair } from "./handler.ts";

/** A maximum passes positive scalings of whole channels: every entry it compares has the same channel. */
function pool(linear: boolean) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    if (x.dims.length < 3) context.fail("its input needs spatial dimensions");
    const kernel =
      context.numbers("kernel_shape") ?? context.fail('attribute "kernel_shape" is missing');
    const window = readWindow(context, x.dims.length - 2, kernel);
    const { dims, pairs } = slide(context, x, window, context.number("ceil_mode", 0) !== 0);
    const output = context.output(0, [x.dims[0], x.dims[1], ...dims]);
    const all: DimPair[] = [[0, 0], [1, 1], ...pairs];
    context.carry(x, output, all, { homogeneous: !linear });
    if (context.node.outputs.length > 1) context.output(1, output.dims);
  };
}

/** Col2Im: columns of channels and places of a block, summed where they lie in the image. */
function columnsToImage(context: NodeContext): void {
  const x = context.need(0);
  const [image, block] = [context.parameter(1), context.parameter(2)];
  if (image === null || block === null) context.decline("sizes that are computed from data");
  const places = block.reduce((product, size) => product * size, 1);
  const channels = (x.dims[1]?.size ?? 0) / places;
  if (x.dims.length !== 3 || !Number.isInteger(channels) || image.length !== block.length)
    context.fail(`its input does not consist of channels with ${places} places each`);
  const channel = newAtom(channels);
  const place = fixedAtom(places, context.label);
  context.tie(x.dims[1], productOf([channel, place]));
  context.fix(x.dims[2], "a window slides over it");
  const columns = context.regroup(x, [x.dims[0], channel, place, x.dims[2]]);
  const positions = image.map((size) => fixedAtom(size, context.label));
  context.carry(columns, context.output(0, [x.dims[0], channel, ...positions]), [
    [0, 0],
    [1, 1],
  ]);
}

/** Responses normalised over neighbouring channels. */
function localResponse(context: NodeContext): void {
  const x = context.need(0);
  if (x.dims.length < 2) context.fail("its input needs a channel dimension");
  context.fix(x.dims[1], "neighbouring channels are combined");
  context.mix(x, [1]);
  context.output(0, x.dims);
}

/** A list for some axes as one for all of them. */
function spreadOver(
  context: NodeContext,
  x: Value,
  list: readonly number[],
  rest: (size: number) => number,
): readonly number[] {
  const axes = context.numbers("axes")?.map((index) => context.axis(index, x.dims.length));
  if (axes === undefined) return list;
  if (axes.length !== list.length) context.fail(`${list.length} numbers for ${axes.length} axes`);
  return x.dims.map(({ size }, i) => (axes.includes(i) ? list[axes.indexOf(i)] : rest(size)));
}

/** The scales of Upsample in operator set 1. */
function upsampleOfOne(context: NodeContext, x: Value): readonly number[] | null {
  const [height, width] = ["height_scale", "width_scale"].map((name) => context.number(name, 0));
  return x.dims.length === 4 && height > 0 && width > 0 ? [1, 1, height, width] : null;
}

/** Resize and Upsample: an axis that keeps its size keeps its index set, any other is made of ordered positions. */
function resize(context: NodeContext): void {
  const x = context.need(0);
  const legacy = context.node.op === "Upsample" || context.opset < 11;
  const rank = x.dims.length;
  if (!legacy) context.parameter(1);
  const oneForAll = (list: readonly number[] | null, rest: (size: number) => number) =>
    list === null || list.length === 0 ? [] : spreadOver(context, x, list, rest);
  const given =
    context.parameter(legacy ? 1 : 2) ?? context.numbers("scales") ?? upsampleOfOne(context, x);
  const scales = oneForAll(given, () => 1);
  const sizes = oneForAll(context.parameter(3), (size) => size);
  if (scales.length !== rank && sizes.length !== rank)
    context.decline("sizes that are computed from data");
  const changed: number[] = [];
  const dims = x.dims.map((dim, at) => {
    const size = sizes.length === rank ? sizes[at] : Math.floor(dim.size * scales[at]);
    if (size === dim.size && (scales.length !== rank || scales[at] === 1)) return dim;
    if (!(Number.isSafeInteger(size) && size >= 1)) context.fail(`it would give ${size} entries`);
    changed.push(at);
    context.fix(dim, "positions are interpolated");
    return fixedAtom(size, context.label);
  });
  const output = context.output(0, dims);
  context.carry(
    x,
    output,
    x.dims.flatMap((_, i): DimPair[] => (changed.includes(i) ? [] : [[i, i]])),
  );
}

/** Padding adds fixed entries; in the constant mode the axis itself stays as it was. */
function pad(context: NodeContext): void {
  const x = context.need(0);
  const rank = x.dims.length;
  const pads =
    context.numbers("pads") ??
    context.numbers("paddings") ??
    context.parameter(1) ??
    context.decline("pads that are computed from data");
  context.parameter(2);
  const listed =
    context.parameter(3)?.map((index) => context.axis(index, rank)) ?? x.dims.map((_, i) => i);
  if (pads.length !== 2 * listed.length || !pads.every(Number.isSafeInteger))
    context.fail(`${pads.length} pads for ${listed.length} axes`);
  const constant = context.text("mode", "constant") === "constant";
  const zero = (context.input(2)?.numbers?.data[0] ?? context.number("value", 0)) === 0;
  const dims = x.dims.map((dim, at) => {
    const which = listed.indexOf(at);
    const before = which === -1 ? 0 : pads[which];
    const after = which === -1 ? 0 : pads[which + listed.length];
    if (before === 0 && after === 0) return dim;
    if (constant && before >= 0 && after >= 0) {
      const ends = [before, after].map((size) => fixedAtom(size, context.label));
      return sumOf([ends[0], dim, ends[1]]);
    }
    context.fix(dim, "positions are padded");
    const size = dim.size + before + after;
    if (!(size >= 0)) context.fail(`it would leave ${size} entries`);
    return fixedAtom(size, context.label);
  });
  const output = context.output(0, dims);
  if (zero && constant)
    context.carry(
      x,
      output,
      x.dims.map((_, i): DimPair => [i, i]),
    );
}

/** Reads an image at points that are given: channels pass. */
function gridSample(context: NodeContext): void {
  const x = context.need(0);
  const grid = context.need(1);
  if (x.dims.length < 3 || grid.dims.length !== x.dims.length)
    context.fail("image and grid need the same 3 or more dimensions");
  context.tie(x.dims[0], grid.dims[0]);
  for (const dim of x.dims.slice(2)) context.fix(dim, "positions are looked up");
  for (const dim of grid.dims.slice(1)) context.fix(dim, "it holds positions");
  const output = context.output(0, [x.dims[0], x.dims[1], ...grid.dims.slice(1, -1)]);
  context.mix(
    x,
    x.dims.map((_, i) => i).filter((i) => i >= 2),
  );
  context.carry(x, output, [
    [0, 0],
    [1, 1],
  ]);
}

/** Windows of images, cut out and pooled to one size: the channels of an image pass to all of its windows. */
function regions(hasImages: boolean) {
  return (context: NodeContext): void => {
    const x = context.need(0);
    const windows = context.need(1);
    if (x.dims.length !== 4 || windows.dims.length !== 2)
      context.fail("it needs images of 4 dimensions and windows of 2");
    const height = context.number("output_height", 1);
    const width = context.number("output_width", 1);
    const sizes = hasImages ? [height, width] : context.numbers("pooled_shape");
    if (sizes?.length !== 2) return context.fail('attribute "pooled_shape" is missing');
    if (hasImages) context.tie(context.need(2).dims[0], windows.dims[0]);
    context.fix(x.dims[0], "images are looked up");
    for (const dim of x.dims.slice(2)) context.fix(dim, "positions are looked up");
    context.fix(windows.dims[1], "it holds positions");
    const output = context.output(0, [
      windows.dims[0],
      x.dims[1],
      ...sizes.map((size) => fixedAtom(size, context.label)),
    ]);
    context.mix(x, [0, 2, 3]);
    context.carry(x, output, [[1, 1]], { homogeneous: true });
  };
}

/** The middle of some axes, with zeros around it where the axis is too short: any axis that changes is made of positions. */
function centerCropPad(context: NodeContext): void {
  const x = context.need(0);
  const wanted = context.parameter(1) ?? context.decline("a size that is computed from data");
  const axes = (context.numbers("axes") ?? x.dims.map((_, i) => i)).map((index) =>
    context.axis(index, x.dims.length),
  );
  if (axes.length !== wanted.length) context.fail(`${wanted.length} sizes for ${axes.length} axes`);
  const changed = x.dims.map(({ size }, i) => axes.includes(i) && wanted[axes.indexOf(i)] !== size);
  const dims = x.dims.map((dim, i) => {
    if (!changed[i]) return dim;
    const size = wanted[axes.indexOf(i)];
    if (!(Number.isSafeInteger(size) && size >= 0)) context.fail(`it would give ${size} entries`);
    context.fix(dim, "positions are cut or padded");
    return fixedAtom(size, context.label);
  });
  context.carry(
    x,
    context.output(0, dims),
    x.dims.flatMap((_, i): DimPair[] => (changed[i] ? [] : [[i, i]])),
  );
}

export const pooling: Handlers = {
  MaxPool: pool(false),
  AveragePool: pool(true),
  LpPool: pool(false),
  LRN: localResponse,
  Resize: resize,
  Upsample: resize,
  Pad: pad,
  GridSample: gridSample,
  RoiAlign: regions(true),
  MaxRoiPool: regions(false),
  CenterCropPad: centerCropPad,
  Col2Im: columnsToImage,
};
