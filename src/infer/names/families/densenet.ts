// DenseNet (Huang et al. 2017) in the names of torchvision: every layer of a block reads all channels made before it, one
// concatenated dimension that grows.

import { settleHeadless } from "../attention.ts";
import { type Desk, type Place, prefixesAround, prefixesOf, type Template } from "../template.ts";
import { readNorm } from "./convolutions.ts";

/** A convolution without a normalisation of its own behind it. */
function readPlain(desk: Desk, name: string, to: string, from: string): void {
  const shape = desk.shape(`${name}.weight`, 4);
  if (shape !== null) desk.claim(`${name}.weight`, [to, from, `${shape[2]}`, `${shape[3]}`]);
}

const rowsOf = (desk: Desk, name: string): number => desk.shape(`${name}.weight`, 4)?.[0] ?? 1;

/** Layers `denselayer1`, `denselayer2`, ... of a block, or blocks `denseblock1`, ... of a network. */
function countFrom1(desk: Desk, start: string): number {
  let count = 0;
  while (desk.names.some((name) => name.startsWith(`${start}${count + 1}.`))) count++;
  return count;
}

function read(desk: Desk, { prefix }: Place): void {
  const at = `${prefix}features.`;
  const stem = desk.shape(`${at}conv0.weight`, 4);
  if (stem === null) return;
  const image = desk.axis("channel", stem[1], { group: "fixed" });
  let current = desk.axis("stem", stem[0]);
  readPlain(desk, `${at}conv0`, current, image);
  readNorm(desk, `${at}norm0`, current);
  const blocks = countFrom1(desk, `${at}denseblock`);
  for (let b = 1; b <= blocks; b++) {
    const layers = countFrom1(desk, `${at}denseblock${b}.denselayer`);
    for (let l = 1; l <= layers; l++) {
      const name = `${at}denseblock${b}.denselayer${l}`;
      desk.layer(`${name}.`);
      const axis = `block${b}.layer${l}`;
      const inner = desk.axis(`${axis}.inner`, rowsOf(desk, `${name}.conv1`));
      const made = desk.axis(axis, rowsOf(desk, `${name}.conv2`));
      readNorm(desk, `${name}.norm1`, current);
      readPlain(desk, `${name}.conv1`, inner, current);
      readNorm(desk, `${name}.norm2`, inner);
      readPlain(desk, `${name}.conv2`, made, inner);
      current = `${current} + ${made}`;
    }
    if (b === blocks) continue;
    const step = `${at}transition${b}`;
    const next = desk.axis(`transition${b}`, rowsOf(desk, `${step}.conv`));
    readNorm(desk, `${step}.norm`, current);
    readPlain(desk, `${step}.conv`, next, current);
    current = next;
  }
  readNorm(desk, `${at}norm5`, current);
  const head = prefixesAround(prefix).map((around) => `${around}classifier`);
  const found = head.find((name) => desk.peek(`${name}.weight`)?.length === 2);
  if (found === undefined) {
    for (const axis of current.split(" + ")) settleHeadless(desk, axis, false);
    return;
  }
  const classes = desk.axis("class", desk.peek(`${found}.weight`)?.[0] ?? 1, { group: "fixed" });
  desk.claim(`${found}.weight`, [classes, current]);
  desk.claimIf(`${found}.bias`, [classes]);
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
  matches: (names) => placesIn(names).length > 0,
  places: placesIn,
  read,
};
