// ResNet and ResNeXt (He et al. 2016, Xie et al. 2017): names of torchvision and timm, of Hugging Face, and of the small ones
// for CIFAR. The sum at the end of every block ties all blocks of a stage; the first block of a stage may start a new axis by
// its shortcut.

import { settleHeadless } from "../attention.ts";
import {
  countLayers,
  type Desk,
  type Place,
  prefixesAround,
  prefixesOf,
  type Template,
} from "../template.ts";
import { readConv, readNorm } from "./convolutions.ts";

interface Style {
  readonly stem: readonly [conv: string, norm: string];
  /** Prefix of the blocks of stage `i`, from 0. */
  readonly blocks: (stage: number) => string;
  readonly convs: (at: number) => readonly [conv: string, norm: string];
  readonly shortcut: readonly [conv: string, norm: string];
  readonly heads: readonly string[];
}

const torchvision: Style = {
  stem: ["conv1", "bn1"],
  blocks: (stage) => `layer${stage + 1}.`,
  convs: (at) => [`conv${at + 1}`, `bn${at + 1}`],
  shortcut: ["downsample.0", "downsample.1"],
  heads: ["fc"],
};

const cifar: Style = {
  ...torchvision,
  shortcut: ["shortcut.0", "shortcut.1"],
  heads: ["linear", "fc"],
};

const huggingFace: Style = {
  stem: ["embedder.embedder.convolution", "embedder.embedder.normalization"],
  blocks: (stage) => `encoder.stages.${stage}.layers.`,
  convs: (at) => [`layer.${at}.convolution`, `layer.${at}.normalization`],
  shortcut: ["shortcut.convolution", "shortcut.normalization"],
  heads: ["classifier.1", "classifier"],
};

const anchorsOf = ({ stem, blocks, convs }: Style): string[] => [
  `${stem[0]}.weight`,
  `${stem[1]}.running_mean`,
  `${blocks(0)}0.${convs(0)[0]}.weight`,
];

const placesIn = (names: ReadonlySet<string>): Place[] =>
  [torchvision, huggingFace].flatMap((style) =>
    prefixesOf(names, anchorsOf(style)).map((prefix) => ({ prefix })),
  );

/** The style of a network; the small ones differ from the others in their shortcuts and head only. */
function styleAt(names: readonly string[], prefix: string): Style {
  const own = new Set(names);
  const found = [torchvision, huggingFace].find((style) =>
    anchorsOf(style).every((name) => own.has(prefix + name)),
  );
  if (found !== torchvision) return found ?? torchvision;
  const isSmall = names.some((name) => name.startsWith(prefix) && /\.shortcut\.\d+\./.test(name));
  return isSmall || own.has(`${prefix}linear.weight`) ? cifar : torchvision;
}

/** All convolutions of one block, from the block's input axis to `to`. */
function readBlock(
  desk: Desk,
  style: Style,
  at: string,
  axis: string,
  from: string,
  to: string,
): void {
  const names = [0, 1, 2]
    .map((i) => style.convs(i).map((name) => `${at}.${name}`) as [string, string])
    .filter(([conv]) => desk.has(`${conv}.weight`));
  const isWhole =
    names.length >= 2 && names.every(([conv], i) => conv === `${at}.${style.convs(i)[0]}`);
  if (!isWhole) return desk.problem(`block "${at}" lacks one of its convolutions`);
  let current = from;
  for (const [i, name] of names.entries()) {
    const shape = desk.shape(`${name[0]}.weight`, 4);
    if (shape === null) return;
    const inside = names[i + 1] && desk.shape(`${names[i + 1][0]}.weight`, 4);
    if (i === 1 && names.length === 3 && !current.includes("*")) {
      const middle = desk.axis(`${axis}.inner2`, shape[0]);
      readConv(desk, name, current, middle);
      current = middle;
    } else if (i === 1 && names.length === 3) {
      current = readGrouped(desk, name, axis, shape);
    } else if (i === names.length - 1) readConv(desk, name, current, to);
    else {
      const groups = names.length === 3 && inside ? shape[0] / inside[1] : 1;
      if (!Number.isInteger(groups))
        return desk.problem(
          `tensor "${names[i + 1][0]}.weight": ${inside?.[1]} input channels do not divide ${shape[0]}`,
        );
      if (groups === 1) current = desk.axis(`${axis}.inner${i + 1}`, shape[0]);
      else {
        const group = desk.axis(`${axis}.group`, groups);
        current = `${group} * ${desk.axis(`${axis}.inner1`, shape[0] / groups, { within: group })}`;
      }
      readConv(desk, name, from, current);
    }
  }
}

/** The convolution in groups of a ResNeXt block; gives the expression of its output channels. */
function readGrouped(
  desk: Desk,
  [conv, norm]: readonly [string, string],
  axis: string,
  shape: readonly number[],
): string {
  const group = `${axis}.group`;
  const groups = (desk.shape(`${norm}.weight`, 1)?.[0] ?? 0) / shape[1];
  const made = desk.axis(`${axis}.inner2`, shape[0] / Math.max(groups, 1), { within: group });
  const to = `${group} * ${made}`;
  desk.claim(`${conv}.weight`, [to, `${axis}.inner1`, `${shape[2]}`, `${shape[3]}`]);
  readNorm(desk, norm, to);
  return to;
}

function read(desk: Desk, { prefix }: Place): void {
  const style = styleAt(desk.names, prefix);
  const [stemConv, stemNorm] = style.stem;
  const stem = desk.shape(`${prefix}${stemConv}.weight`, 4);
  if (stem === null) return;
  let current = desk.axis("stem", stem[0]);
  const image = desk.axis("channel", stem[1], { group: "fixed" });
  readConv(desk, [prefix + stemConv, prefix + stemNorm], image, current);
  for (let stage = 0; ; stage++) {
    const blocks = prefix + style.blocks(stage);
    const count = countLayers(desk.names, blocks);
    if (count === 0) break;
    for (let i = 0; i < count; i++) {
      const at = `${blocks}${i}`;
      desk.layer(`${at}.`);
      const axis = `stage${stage}.block${i}`;
      const [conv, norm] = style.shortcut.map((name) => `${at}.${name}`);
      const shortcut = desk.has(`${conv}.weight`) ? desk.shape(`${conv}.weight`, 4) : null;
      const to = shortcut === null ? current : desk.axis(`${axis}.out`, shortcut[0]);
      if (shortcut !== null) readConv(desk, [conv, norm], current, to);
      readBlock(desk, style, at, axis, current, to);
      current = to;
    }
  }
  readHead(desk, style, prefix, current);
}

/** One linear read-out, or the first of several: what stands behind it reads classes. */
function readHead(desk: Desk, style: Style, prefix: string, features: string): void {
  const candidates = style.heads.flatMap((name) =>
    prefixesAround(prefix).flatMap((around) => [around + name, `${around}${name}.0`]),
  );
  const isMatrix = (name: string) => desk.peek(`${name}.weight`)?.length === 2;
  const head = candidates.find((name) => isMatrix(name));
  if (head === undefined) return settleHeadless(desk, features, false);
  const [size] = desk.shape(`${head}.weight`, 2) ?? [1];
  const classes = desk.axis("class", size, { group: "fixed" });
  desk.claim(`${head}.weight`, [classes, features]);
  desk.claimIf(`${head}.bias`, [classes]);
  if (!head.endsWith(".0")) return;
  const list = head.slice(0, -"0".length);
  for (const name of desk.names)
    if (name.startsWith(list) && !name.startsWith(`${head}.`)) desk.ignore(name);
}

export const resnet: Template = {
  family: "resnet",
  covers:
    "ResNet and ResNeXt with batch normalisation: names of torchvision, timm, Hugging Face, and of the small ones for CIFAR",
  optIn: false,
  modelTypes: ["resnet"],
  matches: (names) => placesIn(names).length > 0,
  places: placesIn,
  read,
};
