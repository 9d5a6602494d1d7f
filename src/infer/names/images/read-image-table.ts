// Reads the tensors of a file by the table of a family of convolutional networks: a stream of channels is followed from the image
// to the head, and every dimension is checked. Which axis comes next follows from names and shapes together.

import { settleHeadless } from "../attention.ts";
import { readChain } from "./chain.ts";
import type {
  ImageBlocks,
  ImageChain,
  ImageList,
  ImagePart,
  ImageStream,
  ImageTable,
} from "./image-table.ts";
import { kernelName, kernelShape, type Layout, layouts, readLayer } from "./layouts.ts";
import { following, numbersIn } from "../name-numbers.ts";
import {
  filled,
  type Place,
  placesOfStyles,
  prefixesAround,
  type SpecBuilder,
  stylesAt,
  type Template,
} from "../template.ts";

/** The template that reads names by a table of convolutional networks. */
export function imageTemplate({ modelTypes = [], styles, ...named }: ImageTable): Template {
  return Object.freeze({
    ...named,
    optIn: false,
    modelTypes,
    places: (names: ReadonlySet<string>) =>
      placesOfStyles(styles, names, ({ layout }) => layouts[layout].separator),
    read(builder: SpecBuilder, { prefix }: Place) {
      const [style = styles[0]] = stylesAt(styles, new Set(builder.names), prefix);
      const layout = layouts[style.layout];
      const network: Scope = { builder, layout, at: prefix, local: "", numbers: {} };
      if ("chain" in style) readChainOf(network, style);
      else readStream(network, style);
    },
  });
}

/** Where reading stands: in the network, or in one of its blocks. */
interface Scope {
  readonly builder: SpecBuilder;
  readonly layout: Layout;
  /** What stands before names. */
  readonly at: string;
  /** What the axes of the block begin with; "" outside. */
  readonly local: string;
  readonly numbers: Readonly<Record<string, number>>;
}

const nameIn = ({ at, numbers }: Scope, name: string): string => at + filled(name, numbers);

function readChainOf({ builder, layout, at }: Scope, { chain }: ImageChain): void {
  const layers = chain.flatMap(({ layer, from, norm }) => {
    const all = numbersIn(builder.names, at, layer + layout.kernels[0], true);
    return (from === undefined ? all : following(all, from)).map((numbers) => {
      const name = at + filled(layer, numbers);
      const behind = norm === undefined ? null : at + filled(norm, numbers);
      return {
        name,
        shape: kernelShape(builder, layout, name),
        norm: behind !== null && builder.has(behind + layout.statistics[0]) ? behind : null,
        isKeras: layout === layouts.keras,
      };
    });
  });
  const isLayer = ({ shape }: { shape: readonly number[] }) => shape.length > 1;
  readChain(builder, layers.filter(isLayer), true, "relu");
}

/** The axis of the channels of an image. */
const image = "channel";

function readStream(network: Scope, style: ImageStream): void {
  const { builder, at } = network;
  let stream = walk(stepsOf(network, style.stem), image);
  if (stream === null) return;
  let n = 0;
  for (const blocks of style.blocks) {
    const found = following(numbersIn(builder.names, at, blocks.where ?? blocks.at), blocks.from);
    for (const [index, numbers] of found.entries()) {
      const here: Scope = { ...network, numbers };
      stream = readBlock(here, blocks, stream);
      n = numbers.i + 1;
      if (found[index + 1]?.i === n)
        stream = walk(stepsOf(here, blocks.between ?? []), stream) ?? stream;
    }
  }
  const features = walk(stepsOf({ ...network, numbers: { n } }, style.after ?? []), stream);
  if (features !== null) readHead(network, style, features);
  for (const name of style.ignore ?? []) builder.ignore(at + name);
}

/** Reads a block from the stream; returns the stream behind it. */
function readBlock(outside: Scope, block: ImageBlocks, stream: string): string {
  const { builder, numbers } = outside;
  const { kind, shortcut, parts } = block;
  const at = nameIn(outside, block.at);
  const scope: Scope = { ...outside, at, local: filled(block.scope, numbers) };
  if (block.at !== "") builder.layer(at);
  const newAxis = (size: number) => builder.axis(scope.local + filled(block.out, numbers), size);
  const hasShortcut = shortcut !== undefined && isThere(scope, shortcut);
  const to = (hasShortcut ? walk([{ scope, part: shortcut }], stream, newAxis) : null) ?? stream;
  const landsOnStream = (size: number) =>
    kind === "residual" || (kind === "inverted" && size === builder.sizeOf(to));
  const end = walk(stepsOf(scope, parts), stream, (size) =>
    landsOnStream(size) ? to : newAxis(size),
  );
  return kind === "dense" && end !== null ? `${stream} + ${end}` : (end ?? to);
}

/** A part and where its names stand. */
interface Step {
  readonly scope: Scope;
  readonly part: ImagePart;
}

/** Parts one behind another, or the entries of a list that are there; a problem where they are too few. */
function stepsOf(scope: Scope, parts: readonly ImagePart[] | ImageList): Step[] {
  if (!("from" in parts)) return parts.map((part) => ({ scope, part }));
  const found: Step[] = [];
  for (let k = parts.from; ; k++) {
    const here: Scope = { ...scope, numbers: { ...scope.numbers, k } };
    const part = parts.parts.find((one) => isThere(here, one));
    if (part === undefined) break;
    found.push({ scope: here, part });
  }
  if (found.length < (parts.least ?? 1))
    scope.builder.problem(`block "${scope.at.slice(0, -1)}" lacks one of its convolutions`);
  return found;
}

function isThere(scope: Scope, part: ImagePart): boolean {
  const { builder, layout } = scope;
  const name = "conv" in part ? part.conv : "gate" in part ? part.gate[0] : part.norm;
  return kernelShape(builder, layout, nameIn(scope, name)).length > 1;
}

/**
 * Follows parts from an axis; returns the one to which they lead. `landing` is where the last convolution leads, by its size.
 * Null, and a problem, where a convolution is missing: that is the problem, not what follows from it.
 */
function walk(
  path: readonly Step[],
  from: string,
  landing?: (size: number) => string,
): string | null {
  const last = path.findLastIndex(({ part }) => "conv" in part);
  let current = from;
  for (const [n, { scope, part }] of path.entries()) {
    if ("gate" in part) readGate(scope, part, current);
    else if (!("conv" in part)) readNorm(scope, part.norm, current);
    else if (part.optional !== true || isThere(scope, part)) {
      const onto = landing ?? ((size: number) => axisOf(scope, part, size));
      const next = n + 1 < last ? path[n + 1] : undefined;
      const to = readConv(scope, part, current, n === last ? onto : next);
      if (to === null) return null;
      current = to;
    }
  }
  return current;
}

type Convolution = Extract<ImagePart, { readonly conv: string }>;

/** The axis that a convolution declares. */
const axisOf = (
  { builder, local, numbers }: Scope,
  { conv, axis = conv }: Convolution,
  size: number,
  extra: { readonly within?: string } = {},
): string => builder.axis(local + filled(axis, numbers), size, extra);

/** The shape of a kernel as [out, in, height, width]; null, and a problem, where there is none. */
function shapeOf(scope: Scope, name: string): readonly number[] | null {
  const { builder, layout } = scope;
  const isWhole = builder.shape(kernelName(builder, layout, nameIn(scope, name)), 4) !== null;
  return isWhole ? kernelShape(builder, layout, nameIn(scope, name)) : null;
}

/** Claims a convolution with these axes out and in and its normalisation, along `to`. */
function claim(
  scope: Scope,
  { conv, norm }: Convolution,
  axes: readonly [out: string, input: string],
  to = axes[0],
): string {
  readLayer(scope.builder, scope.layout, nameIn(scope, conv), axes, { to });
  if (norm !== undefined) readNorm(scope, norm, to);
  return to;
}

/**
 * Reads a convolution; returns where it leads. The last one reads all channels and leads where it is told. Of one between others the
 * shape and what stands behind it tell whether it is dense, by channel or in groups.
 */
function readConv(
  scope: Scope,
  part: Convolution,
  from: string,
  behind: ((size: number) => string) | Step | undefined,
): string | null {
  const { builder, layout, local } = scope;
  const shape = shapeOf(scope, part.conv);
  if (shape === null) return null;
  const [size, inputs] = shape;
  if (from === image) builder.axis(image, inputs, { group: "fixed" });
  if (typeof behind === "function") return claim(scope, part, [behind(size), from]);
  if (isByChannel(layout, shape, builder.sizeOf(from)))
    return claim(scope, part, layout.isReversed ? ["1", from] : [from, "1"], from);
  const [known, inner] = from.split(" * ");
  const groups = inner === undefined ? groupsOf(behind, size) : builder.sizeOf(known);
  if (groups === undefined) return null;
  if (groups === 1) return claim(scope, part, [axisOf(scope, part, size), from]);
  const within = inner === undefined ? builder.axis(`${local}.group`, groups) : known;
  const to = axisOf(scope, part, size / groups, { within });
  return claim(scope, part, [`${within} * ${to}`, inner ?? from]);
}

/** Whether a kernel [out, in, ...] reads every one of so many channels by itself. */
const isByChannel = ({ isReversed }: Layout, [to, from]: readonly number[], channels?: number) =>
  isReversed ? to === 1 && from === channels : from === 1 && to === channels;

/** In how many groups a convolution reads so many channels; undefined, and a problem, where they cannot be so many. */
function groupsOf(step: Step | undefined, channels: number): number | undefined {
  if (step === undefined || !("conv" in step.part)) return 1;
  const { builder, layout } = step.scope;
  const name = nameIn(step.scope, step.part.conv);
  const shape = kernelShape(builder, layout, name);
  if (shape.length < 2 || isByChannel(layout, shape, channels)) return 1;
  if (channels % shape[1] === 0) return channels / shape[1];
  const kernel = kernelName(builder, layout, name);
  builder.problem(`tensor "${kernel}": ${shape[1]} input channels do not divide ${channels}`);
  return undefined;
}

/** Claims a batch normalisation. */
function readNorm(scope: Scope, norm: string, axis: string): void {
  const { builder, layout } = scope;
  const name = nameIn(scope, norm);
  for (const part of [...layout.affine, ...layout.statistics])
    if (layout.isWhole || builder.has(name + part)) builder.assign(name + part, [axis]);
  builder.ignore(`${name}.num_batches_tracked`);
}

/** Two convolutions over the mean of all positions, which weigh channels. */
function readGate(
  scope: Scope,
  part: Extract<ImagePart, { readonly gate: unknown }>,
  channels: string,
): void {
  const { builder, layout } = scope;
  const [conv, expand] = part.gate;
  const shape = isThere(scope, part) ? shapeOf(scope, conv) : null;
  if (shape === null) return;
  const inner = axisOf(scope, { conv, axis: part.axis }, shape[0]);
  const window = ["1", "1"];
  readLayer(builder, layout, nameIn(scope, conv), [inner, channels], { window });
  readLayer(builder, layout, nameIn(scope, expand), [channels, inner], { window });
  if (layout.isWhole)
    for (const name of part.gate) builder.shape(nameIn(scope, name) + layout.bias, 1);
}

/** Linear maps of a list of a head that are looked for. */
const mostMaps = 10;

/** The linear maps of a head in order; none where it is not there. */
function mapsOf({ builder, layout, at }: Scope, head: string): string[] {
  const isMap = (name: string) =>
    layout.headRanks.includes(kernelShape(builder, layout, name).length);
  if (head.includes("{k}")) {
    const list = Array.from({ length: mostMaps }, (_, k) => at + filled(head, { k }));
    const maps = list.filter((name) => isMap(name));
    return maps.length > 2 ? [] : maps;
  }
  const around = layout === layouts.torch ? prefixesAround(at) : [at];
  const candidates = around.flatMap((before) => [before + head, `${before}${head}.0`]);
  return candidates.filter((name) => isMap(name)).slice(0, 1);
}

/** The head that is there: maps onto the classes. Without one the features are what the network gives out. */
function readHead(network: Scope, { heads }: ImageStream, features: string): void {
  const { builder, layout } = network;
  const maps = heads.map((head) => mapsOf(network, head)).find(({ length }) => length > 0) ?? [];
  if (maps.length === 0)
    for (const axis of features.split(" + ")) settleHeadless(builder, axis, false);
  let from = features;
  for (const [n, name] of maps.entries()) {
    const [size] = kernelShape(builder, layout, name);
    const isLast = n === maps.length - 1;
    const to = isLast
      ? builder.axis("class", size, { group: "fixed" })
      : builder.axis("classifier.hidden", size);
    readLayer(builder, layout, name, [to, from]);
    from = to;
  }
  // The only map, first in a list, gives the classes: what stands behind it reads them.
  const list = maps.length === 1 ? /^(.*\.)0$/.exec(maps[0])?.[1] : undefined;
  if (list === undefined) return;
  for (const name of builder.names)
    if (name.startsWith(list) && !name.startsWith(`${list}0.`)) builder.ignore(name);
}
