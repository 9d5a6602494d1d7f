// ResNet and ResNeXt (He et al. 2016, Xie et al. 2017): names of torchvision and timm, of Hugging Face, and of the small ones
// for CIFAR. The sum at the end of every block ties all blocks of a stage; the first block of a stage may start a new axis by
// its shortcut.

import { settleHeadless } from "../attention.ts";
import {
  countLayers,
  type SpecBuilder,
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
  const present = new Set(names);
  const found = [torchvision, huggingFace].find((style) =>
    anchorsOf(style).every((name) => present.has(prefix + name)),
  );
  if (found !== torchvision) return found ?? torchvision;
  const isSmall = names.some((name) => name.startsWith(prefix) && /\.shortcut\.\d+\./.test(name));
  return isSmall || present.has(`${prefix}linear.weight`) ? cifar : torchvision;
}

/** All convolutions of one block, from the block's input axis to `to`. */
function readBlock(
  builder: SpecBuilder,
  style: Style,
  at: string,
  axis: string,
  from: string,
  to: string,
): void {
  const names = [0, 1, 2]
    .map((i) => style.convs(i).map((name) => `${at}.${name}`) as [string, string])
    .filter(([conv]) => builder.has(`${conv}.weight`));
  const isWhole =
    names.length >= 2 && names.every(([conv], i) => conv === `${at}.${style.convs(i)[0]}`);
  if (!isWhole) return builder.problem(`block "${at}" lacks one of its convolutions`);
  let current = from;
  for (const [i, name] of names.entries()) {
    const shape = builder.shape(`${name[0]}.weight`, 4);
    if (shape === null) return;
    const inside = names[i + 1] && builder.shape(`${names[i + 1][0]}.weight`, 4);
    if (i === 1 && names.length === 3 && !current.includes("*")) {
      const middle = builder.axis(`${axis}.inner2`, shape[0]);
      readConv(builder, name, current, middle);
      current = middle;
    } else if (i === 1 && names.length === 3) {
      current = readGrouped(builder, name, axis, shape);
    } else if (i === names.length - 1) readConv(builder, name, current, to);
    else {
      const groups = names.length === 3 && inside ? shape[0] / inside[1] : 1;
      if (!Number.isInteger(groups))
        return builder.problem(
          `tensor "${names[i + 1][0]}.weight": ${inside?.[1]} input channels do not divide ${shape[0]}`,
        );
      if (groups === 1) current = builder.axis(`${axis}.inner${i + 1}`, shape[0]);
      else {
        const group = builder.axis(`${axis}.group`, groups);
        current = `${group} * ${builder.axis(`${axis}.inner1`, shape[0] / groups, { within: group })}`;
      }
      readConv(builder, name, from, current);
    }
  }
}

/** The convolution in groups of a ResNeXt block; gives the expression of its output channels. */
function readGrouped(
  builder: SpecBuilder,
  [conv, norm]: readonly [string, string],
  axis: string,
  shape: readonly number[],
): string {
  const group = `${axis}.group`;
  const groups = (builder.shape(`${norm}.weight`, 1)?.[0] ?? 0) / shape[1];
  const made = builder.axis(`${axis}.inner2`, shape[0] / Math.max(groups, 1), { within: group });
  const to = `${group} * ${made}`;
  builder.assign(`${conv}.weight`, [to, `${axis}.inner1`, `${shape[2]}`, `${shape[3]}`]);
  readNorm(builder, norm, to);
  return to;
}

function read(builder: SpecBuilder, { prefix }: Place): void {
  const style = styleAt(builder.names, prefix);
  const [stemConv, stemNorm] = style.stem;
  const stem = builder.shape(`${prefix}${stemConv}.weight`, 4);
  if (stem === null) return;
  let current = builder.axis("stem", stem[0]);
  const image = builder.axis("channel", stem[1], { group: "fixed" });
  readConv(builder, [prefix + stemConv, prefix + stemNorm], image, current);
  for (let stage = 0; ; stage++) {
    const blocks = prefix + style.blocks(stage);
    const count = countLayers(builder.names, blocks);
    if (count === 0) break;
    for (let i = 0; i < count; i++) {
      const at = `${blocks}${i}`;
      builder.layer(`${at}.`);
      const axis = `stage${stage}.block${i}`;
      const [conv, norm] = style.shortcut.map((name) => `${at}.${name}`);
      const shortcut = builder.has(`${conv}.weight`) ? builder.shape(`${conv}.weight`, 4) : null;
      const to = shortcut === null ? current : builder.axis(`${axis}.out`, shortcut[0]);
      if (shortcut !== null) readConv(builder, [conv, norm], current, to);
      readBlock(builder, style, at, axis, current, to);
      current = to;
    }
  }
  readHead(builder, style, prefix, current);
}

/** One linear read-out, or the first of several: what stands behind it reads classes. */
function readHead(builder: SpecBuilder, style: Style, prefix: string, features: string): void {
  const candidates = style.heads.flatMap((name) =>
    prefixesAround(prefix).flatMap((around) => [around + name, `${around}${name}.0`]),
  );
  const isMatrix = (name: string) => builder.peek(`${name}.weight`)?.length === 2;
  const head = candidates.find((name) => isMatrix(name));
  if (head === undefined) return settleHeadless(builder, features, false);
  const [size] = builder.shape(`${head}.weight`, 2) ?? [1];
  const classes = builder.axis("class", size, { group: "fixed" });
  builder.assign(`${head}.weight`, [classes, features]);
  builder.assignIf(`${head}.bias`, [classes]);
  if (!head.endsWith(".0")) return;
  const list = head.slice(0, -"0".length);
  for (const name of builder.names)
    if (name.startsWith(list) && !name.startsWith(`${head}.`)) builder.ignore(name);
}

export const resnet: Template = {
  family: "resnet",
  covers:
    "ResNet and ResNeXt with batch normalisation: names of torchvision, timm, Hugging Face, and of the small ones for CIFAR",
  optIn: false,
  modelTypes: ["resnet"],
  places: placesIn,
  read,
};
