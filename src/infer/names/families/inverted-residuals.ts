// MobileNet V2 and V3 (Sandler et al. 2018, Howard et al. 2019), EfficientNet and EfficientNet V2 (Tan and Le 2019, 2021) in the
// names of torchvision: convolutions onto a wide inner axis, by channel, and back. A block whose input and output are equally
// wide adds its input, so that both have one axis; where a stride forbids the sum, one axis for both says less and stays true.

import { settleHeadless } from "../attention.ts";
import { countLayers, type Desk, type Place, prefixesOf, type Template } from "../template.ts";
import { readConv, readDepthwise } from "./convolutions.ts";

/** Prefixes of the blocks of a network in order, between its first and its last convolution. */
function blocksOf(desk: Desk, prefix: string): string[] {
  const count = countLayers(desk.names, `${prefix}features.`);
  const between = Array.from({ length: count }, (_, i) => `${prefix}features.${i}.`).slice(1, -1);
  return between.flatMap((at) => {
    const kind = ["conv.", "block."].find((part) =>
      desk.names.some((n) => n.startsWith(at + part)),
    );
    if (kind !== undefined) return [at + kind];
    const inside = countLayers(desk.names, at);
    return Array.from({ length: inside }, (_, i) => `${at}${i}.block.`);
  });
}

/** Names of the convolutions of a block with their normalisations, and of its gates, in order. */
function partsOf(desk: Desk, block: string) {
  const parts: ({ conv: readonly [string, string] } | { gate: string })[] = [];
  for (let i = 0; i < countLayers(desk.names, block); i++) {
    const at = `${block}${i}`;
    if (desk.has(`${at}.fc1.weight`)) parts.push({ gate: at });
    else if (desk.has(`${at}.0.weight`)) parts.push({ conv: [`${at}.0`, `${at}.1`] });
    else if (desk.peek(`${at}.weight`)?.length === 4)
      parts.push({ conv: [at, `${block}${i + 1}`] });
  }
  return parts;
}

/** Reads one block from its input axis; returns its output axis. */
function readBlock(desk: Desk, block: string, axis: string, input: string): string {
  const parts = partsOf(desk, block);
  const last = parts.findLastIndex((part) => "conv" in part);
  let current = input;
  for (const [i, part] of parts.entries()) {
    if ("gate" in part) {
      readGate(desk, part.gate, `${axis}.gate${i}`, current);
      continue;
    }
    const shape = desk.shape(`${part.conv[0]}.weight`, 4);
    if (shape === null) return current;
    const size = desk.sizeOf(current);
    if (shape[1] === 1 && shape[0] === size) {
      readDepthwise(desk, part.conv, current);
      continue;
    }
    const isSum = i === last && shape[0] === desk.sizeOf(input);
    const to = isSum ? input : desk.axis(`${axis}.${i === last ? "out" : `inner${i}`}`, shape[0]);
    readConv(desk, part.conv, current, to);
    current = to;
  }
  return current;
}

/** Two convolutions over the mean of all positions, which weigh channels. */
function readGate(desk: Desk, name: string, axis: string, channels: string): void {
  const shape = desk.shape(`${name}.fc1.weight`, 4);
  if (shape === null) return;
  const inner = desk.axis(axis, shape[0]);
  desk.claim(`${name}.fc1.weight`, [inner, channels, "1", "1"]);
  desk.claim(`${name}.fc1.bias`, [inner]);
  desk.claim(`${name}.fc2.weight`, [channels, inner, "1", "1"]);
  desk.claim(`${name}.fc2.bias`, [channels]);
}

function read(desk: Desk, { prefix }: Place): void {
  const stem = desk.shape(`${prefix}features.0.0.weight`, 4);
  if (stem === null) return;
  const image = desk.axis("channel", stem[1], { group: "fixed" });
  let current = desk.axis("stem", stem[0]);
  const pair = (at: string) => [`${at}.0`, `${at}.1`] as const;
  readConv(desk, [...pair(`${prefix}features.0`)], image, current);
  for (const block of blocksOf(desk, prefix)) {
    desk.layer(block);
    current = readBlock(desk, block, `block${block.match(/\d+/g)?.join(".") ?? ""}`, current);
  }
  const end = `${prefix}features.${countLayers(desk.names, `${prefix}features.`) - 1}`;
  const shape = desk.shape(`${end}.0.weight`, 4);
  if (shape === null) return;
  const features = desk.axis("features", shape[0]);
  readConv(desk, [...pair(end)], current, features);
  readHeads(desk, prefix, features);
}

/** A linear read-out, or two with an inner axis between them. */
function readHeads(desk: Desk, prefix: string, features: string): void {
  const names = [0, 1, 2, 3]
    .map((i) => `${prefix}classifier.${i}`)
    .filter((name) => desk.peek(`${name}.weight`)?.length === 2);
  if (names.length === 0 || names.length > 2) return settleHeadless(desk, features, false);
  let from = features;
  for (const [i, name] of names.entries()) {
    const [size] = desk.shape(`${name}.weight`, 2) ?? [1];
    const to =
      i === names.length - 1
        ? desk.axis("class", size, { group: "fixed" })
        : desk.axis("classifier.hidden", size);
    desk.claim(`${name}.weight`, [to, from]);
    desk.claimIf(`${name}.bias`, [to]);
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
  matches: (names) => placesIn(names).length > 0,
  places: placesIn,
  read,
};
