// DenseNet (Huang et al. 2017) in the names of torchvision: every layer of a block reads all channels made before it, one
// concatenated dimension that grows.

import { settleHeadless } from "../attention.ts";
import {
  type SpecBuilder,
  type Place,
  prefixesAround,
  prefixesOf,
  type Template,
} from "../template.ts";
import { readNorm } from "./convolutions.ts";

/** A convolution without a normalisation of its own behind it. */
function readPlain(builder: SpecBuilder, name: string, to: string, from: string): void {
  const shape = builder.shape(`${name}.weight`, 4);
  if (shape !== null) builder.assign(`${name}.weight`, [to, from, `${shape[2]}`, `${shape[3]}`]);
}

const rowsOf = (builder: SpecBuilder, name: string): number =>
  builder.shape(`${name}.weight`, 4)?.[0] ?? 1;

/** Layers `denselayer1`, `denselayer2`, ... of a block, or blocks `denseblock1`, ... of a network. */
function countFrom1(builder: SpecBuilder, start: string): number {
  let count = 0;
  while (builder.names.some((name) => name.startsWith(`${start}${count + 1}.`))) count++;
  return count;
}

function read(builder: SpecBuilder, { prefix }: Place): void {
  const at = `${prefix}features.`;
  const stem = builder.shape(`${at}conv0.weight`, 4);
  if (stem === null) return;
  const image = builder.axis("channel", stem[1], { group: "fixed" });
  let current = builder.axis("stem", stem[0]);
  readPlain(builder, `${at}conv0`, current, image);
  readNorm(builder, `${at}norm0`, current);
  const blocks = countFrom1(builder, `${at}denseblock`);
  for (let b = 1; b <= blocks; b++) {
    const layers = countFrom1(builder, `${at}denseblock${b}.denselayer`);
    for (let l = 1; l <= layers; l++) {
      const name = `${at}denseblock${b}.denselayer${l}`;
      builder.layer(`${name}.`);
      const axis = `block${b}.layer${l}`;
      const inner = builder.axis(`${axis}.inner`, rowsOf(builder, `${name}.conv1`));
      const made = builder.axis(axis, rowsOf(builder, `${name}.conv2`));
      readNorm(builder, `${name}.norm1`, current);
      readPlain(builder, `${name}.conv1`, inner, current);
      readNorm(builder, `${name}.norm2`, inner);
      readPlain(builder, `${name}.conv2`, made, inner);
      current = `${current} + ${made}`;
    }
    if (b === blocks) continue;
    const step = `${at}transition${b}`;
    const next = builder.axis(`transition${b}`, rowsOf(builder, `${step}.conv`));
    readNorm(builder, `${step}.norm`, current);
    readPlain(builder, `${step}.conv`, next, current);
    current = next;
  }
  readNorm(builder, `${at}norm5`, current);
  const head = prefixesAround(prefix).map((around) => `${around}classifier`);
  const found = head.find((name) => builder.peek(`${name}.weight`)?.length === 2);
  if (found === undefined) {
    for (const axis of current.split(" + ")) settleHeadless(builder, axis, false);
    return;
  }
  const classes = builder.axis("class", builder.peek(`${found}.weight`)?.[0] ?? 1, {
    group: "fixed",
  });
  builder.assign(`${found}.weight`, [classes, current]);
  builder.assignIf(`${found}.bias`, [classes]);
}

const placesIn = (names: ReadonlySet<string>): Place[] =>
  prefixesOf(names, [
    "features.conv0.weight",
    "features.denseblock1.denselayer1.norm1.running_mean",
  ]).map((prefix) => ({ prefix }));

export const densenet: Template = {
  family: "densenet",
  covers: "DenseNet: names of torchvision",
  optIn: false,
  modelTypes: [],
  places: placesIn,
  read,
};
