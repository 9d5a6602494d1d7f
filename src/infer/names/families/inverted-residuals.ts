// MobileNet V2 and V3 (Sandler et al. 2018, Howard et al. 2019), EfficientNet and EfficientNet V2 (Tan and Le 2019, 2021) in the
// names of torchvision: convolutions onto a wide inner axis, by channel, and back. A block whose input and output are equally
// wide adds its input, so that both have one axis; where a stride forbids the sum, one axis for both says less and stays true.

import { settleHeadless } from "../attention.ts";
import {
  countLayers,
  type SpecBuilder,
  type Place,
  prefixesOf,
  type Template,
} from "../template.ts";
import { readConv, readDepthwise } from "./convolutions.ts";

/** Prefixes of the blocks of a network in order, between its first and its last convolution. */
function blocksOf(builder: SpecBuilder, prefix: string): string[] {
  const count = countLayers(builder.names, `${prefix}features.`);
  const between = Array.from({ length: count }, (_, i) => `${prefix}features.${i}.`).slice(1, -1);
  return between.flatMap((at) => {
    const kind = ["conv.", "block."].find((part) =>
      builder.names.some((n) => n.startsWith(at + part)),
    );
    if (kind !== undefined) return [at + kind];
    const inside = countLayers(builder.names, at);
    return Array.from({ length: inside }, (_, i) => `${at}${i}.block.`);
  });
}

/** Names of the convolutions of a block with their normalisations, and of its gates, in order. */
function partsOf(builder: SpecBuilder, block: string) {
  const parts: ({ conv: readonly [string, string] } | { gate: string })[] = [];
  for (let i = 0; i < countLayers(builder.names, block); i++) {
    const at = `${block}${i}`;
    if (builder.has(`${at}.fc1.weight`)) parts.push({ gate: at });
    else if (builder.has(`${at}.0.weight`)) parts.push({ conv: [`${at}.0`, `${at}.1`] });
    else if (builder.peek(`${at}.weight`)?.length === 4)
      parts.push({ conv: [at, `${block}${i + 1}`] });
  }
  return parts;
}

/** Reads one block from its input axis; returns its output axis. */
function readBlock(builder: SpecBuilder, block: string, axis: string, input: string): string {
  const parts = partsOf(builder, block);
  const last = parts.findLastIndex((part) => "conv" in part);
  let current = input;
  for (const [i, part] of parts.entries()) {
    if ("gate" in part) {
      readGate(builder, part.gate, `${axis}.gate${i}`, current);
      continue;
    }
    const shape = builder.shape(`${part.conv[0]}.weight`, 4);
    if (shape === null) return current;
    const size = builder.sizeOf(current);
    if (shape[1] === 1 && shape[0] === size) {
      readDepthwise(builder, part.conv, current);
      continue;
    }
    const isSum = i === last && shape[0] === builder.sizeOf(input);
    const to = isSum
      ? input
      : builder.axis(`${axis}.${i === last ? "out" : `inner${i}`}`, shape[0]);
    readConv(builder, part.conv, current, to);
    current = to;
  }
  return current;
}

/** Two convolutions over the mean of all positions, which weigh channels. */
function readGate(builder: SpecBuilder, name: string, axis: string, channels: string): void {
  const shape = builder.shape(`${name}.fc1.weight`, 4);
  if (shape === null) return;
  const inner = builder.axis(axis, shape[0]);
  builder.assign(`${name}.fc1.weight`, [inner, channels, "1", "1"]);
  builder.assign(`${name}.fc1.bias`, [inner]);
  builder.assign(`${name}.fc2.weight`, [channels, inner, "1", "1"]);
  builder.assign(`${name}.fc2.bias`, [channels]);
}

function read(builder: SpecBuilder, { prefix }: Place): void {
  const stem = builder.shape(`${prefix}features.0.0.weight`, 4);
  if (stem === null) return;
  const image = builder.axis("channel", stem[1], { group: "fixed" });
  let current = builder.axis("stem", stem[0]);
  const pair = (at: string) => [`${at}.0`, `${at}.1`] as const;
  readConv(builder, [...pair(`${prefix}features.0`)], image, current);
  for (const block of blocksOf(builder, prefix)) {
    builder.layer(block);
    current = readBlock(builder, block, `block${block.match(/\d+/g)?.join(".") ?? ""}`, current);
  }
  const end = `${prefix}features.${countLayers(builder.names, `${prefix}features.`) - 1}`;
  const shape = builder.shape(`${end}.0.weight`, 4);
  if (shape === null) return;
  const features = builder.axis("features", shape[0]);
  readConv(builder, [...pair(end)], current, features);
  readHeads(builder, prefix, features);
}

/** A linear read-out, or two with an inner axis between them. */
function readHeads(builder: SpecBuilder, prefix: string, features: string): void {
  const names = [0, 1, 2, 3]
    .map((i) => `${prefix}classifier.${i}`)
    .filter((name) => builder.peek(`${name}.weight`)?.length === 2);
  if (names.length === 0 || names.length > 2) return settleHeadless(builder, features, false);
  let from = features;
  for (const [i, name] of names.entries()) {
    const [size] = builder.shape(`${name}.weight`, 2) ?? [1];
    const to =
      i === names.length - 1
        ? builder.axis("class", size, { group: "fixed" })
        : builder.axis("classifier.hidden", size);
    builder.assign(`${name}.weight`, [to, from]);
    builder.assignIf(`${name}.bias`, [to]);
    from = to;
  }
}

const placesIn = (names: ReadonlySet<string>): Place[] =>
  prefixesOf(names, ["features.0.0.weight", "features.0.1.running_mean"])
    .filter((prefix) =>
      [
        "features.1.conv.0.0.weight",
        "features.1.block.0.0.weight",
        "features.1.0.block.0.0.weight",
      ].some((name) => names.has(prefix + name)),
    )
    .map((prefix) => ({ prefix }));

export const invertedResiduals: Template = {
  family: "mobilenet",
  covers: "MobileNet V2 and V3, EfficientNet and EfficientNet V2: names of torchvision",
  optIn: false,
  modelTypes: [],
  places: placesIn,
  read,
};
