// Image classifiers of keras.applications under the names of Keras: VGG, ResNet and ResNet V2, DenseNet, MobileNet and MobileNet V2,
// EfficientNet. Kernels lie as [height, width, in, out], those by channel as [height, width, channel, 1].

import { settleHeadless } from "../attention.ts";
import type { SpecBuilder, Place, Template } from "../template.ts";
import { readChain } from "./plain.ts";

/** A network and what stands before its layers, as in a model inside another one. */
interface Reader {
  readonly builder: SpecBuilder;
  readonly prefix: string;
}

const kernelOf = ({ builder, prefix }: Reader, name: string): readonly number[] | undefined =>
  builder.peek(`${prefix}${name}/kernel`);
const isLayer = (reader: Reader, name: string): boolean => kernelOf(reader, name) !== undefined;

/** Outputs of a layer; 1 where it is missing, which is a problem. */
function outputsOf({ builder, prefix }: Reader, name: string, rank = 4): number {
  return builder.shape(`${prefix}${name}/kernel`, rank)?.at(-1) ?? 1;
}

/** A convolution or a linear map from one axis to another, with its bias. */
function readLayer(reader: Reader, name: string, from: string, to: string): void {
  const { builder, prefix } = reader;
  const window = (kernelOf(reader, name) ?? []).slice(0, -2).map(String);
  builder.assign(`${prefix}${name}/kernel`, [...window, from, to]);
  builder.assignIf(`${prefix}${name}/bias`, [to]);
}

function readNorm({ builder, prefix }: Reader, name: string, axis: string): void {
  for (const part of ["gamma", "beta", "moving_mean", "moving_variance"])
    builder.assignIf(`${prefix}${name}/${part}`, [axis]);
}

/** A convolution by channel: its kernel has another name in files of Keras 2. */
function readDepthwise({ builder, prefix }: Reader, name: string, axis: string): void {
  const kernel = ["kernel", "depthwise_kernel"].map((part) => `${prefix}${name}/${part}`);
  const own = kernel.find((one) => builder.has(one)) ?? kernel[0];
  const [height = 1, width = 1] = builder.shape(own, 4) ?? [];
  builder.assign(own, [`${height}`, `${width}`, axis, "1"]);
  builder.assignIf(`${prefix}${name}/bias`, [axis]);
}

/** The axis that a layer leads to, which its first use declares. */
function leadTo(reader: Reader, name: string, from: string, axis = name): string {
  const to = reader.builder.axis(axis, outputsOf(reader, name));
  readLayer(reader, name, from, to);
  return to;
}

/** The first convolution of a network. */
function readStem(reader: Reader, name: string, norm?: string): string {
  const channels = kernelOf(reader, name)?.[2] ?? 1;
  const image = reader.builder.axis("channel", channels, { group: "fixed" });
  const stem = leadTo(reader, name, image, "stem");
  if (norm !== undefined) readNorm(reader, norm, stem);
  return stem;
}

/** The read-out, or none: then features are what the network gives out. */
function readHead(reader: Reader, features: string, name = "predictions"): void {
  const { builder } = reader;
  const kernel = kernelOf(reader, name);
  if (kernel === undefined) {
    for (const axis of features.split(" + ")) settleHeadless(builder, axis, false);
    return;
  }
  const classes = builder.axis("class", kernel.at(-1) ?? 1, { group: "fixed" });
  readLayer(reader, name, features, classes);
}

/** Numbers from 1 for which there is a layer. */
function numbersWith(isThere: (number: number) => boolean): number[] {
  const found: number[] = [];
  for (let number = 1; isThere(number); number++) found.push(number);
  return found;
}

function readVgg(reader: Reader): void {
  const { builder, prefix } = reader;
  const convolutions = numbersWith((i) => isLayer(reader, `block${i}_conv1`)).flatMap((i) =>
    numbersWith((j) => isLayer(reader, `block${i}_conv${j}`)).map((j) => `block${i}_conv${j}`),
  );
  const dense = ["fc1", "fc2", "predictions"].filter((name) => isLayer(reader, name));
  const layers = [...convolutions, ...dense].map((name) => ({
    name: prefix + name,
    shape: (kernelOf(reader, name) ?? []).toReversed(),
    norm: null,
    isKeras: true,
  }));
  readChain(builder, layers, true, "relu");
}

/** Blocks of a ResNet: normalised behind convolutions, or before (version 2). */
function readResnet(reader: Reader, isSecond: boolean): void {
  const { builder, prefix } = reader;
  let stream = readStem(reader, "conv1_conv", isSecond ? undefined : "conv1_bn");
  for (let stage = 2; isLayer(reader, `conv${stage}_block1_1_conv`); stage++)
    for (const block of numbersWith((i) => isLayer(reader, `conv${stage}_block${i}_1_conv`))) {
      const at = `conv${stage}_block${block}`;
      builder.layer(`${prefix}${at}_`);
      if (isSecond) readNorm(reader, `${at}_preact_bn`, stream);
      const isNew = isLayer(reader, `${at}_0_conv`);
      const out = isNew ? leadTo(reader, `${at}_0_conv`, stream, `${at}_out`) : stream;
      if (isNew && !isSecond) readNorm(reader, `${at}_0_bn`, out);
      let inner = stream;
      for (const part of [1, 2]) {
        inner = leadTo(reader, `${at}_${part}_conv`, inner);
        readNorm(reader, `${at}_${part}_bn`, inner);
      }
      readLayer(reader, `${at}_3_conv`, inner, out);
      if (!isSecond) readNorm(reader, `${at}_3_bn`, out);
      stream = out;
    }
  if (isSecond) readNorm(reader, "post_bn", stream);
  readHead(reader, stream);
}

/** Every layer of a block reads all channels before it; `stem` is how the version of Keras writes the first ones. */
function readDensenet(reader: Reader): void {
  const { builder, prefix } = reader;
  const stem = isLayer(reader, "conv1_conv") ? "conv1_" : "conv1/";
  let channels = readStem(reader, `${stem}conv`, `${stem}bn`);
  for (let stage = 2; isLayer(reader, `conv${stage}_block1_1_conv`); stage++) {
    for (const block of numbersWith((i) => isLayer(reader, `conv${stage}_block${i}_1_conv`))) {
      const at = `conv${stage}_block${block}`;
      builder.layer(`${prefix}${at}_`);
      readNorm(reader, `${at}_0_bn`, channels);
      const inner = leadTo(reader, `${at}_1_conv`, channels);
      readNorm(reader, `${at}_1_bn`, inner);
      channels = `${channels} + ${leadTo(reader, `${at}_2_conv`, inner)}`;
    }
    if (!isLayer(reader, `pool${stage}_conv`)) break;
    readNorm(reader, `pool${stage}_bn`, channels);
    channels = leadTo(reader, `pool${stage}_conv`, channels);
  }
  readNorm(reader, "bn", channels);
  readHead(reader, channels);
}

function readMobile(reader: Reader): void {
  let channels = readStem(reader, "conv1", "conv1_bn");
  for (const i of numbersWith((n) => isLayer(reader, `conv_pw_${n}`))) {
    readDepthwise(reader, `conv_dw_${i}`, channels);
    readNorm(reader, `conv_dw_${i}_bn`, channels);
    channels = leadTo(reader, `conv_pw_${i}`, channels);
    readNorm(reader, `conv_pw_${i}_bn`, channels);
  }
  readHead(reader, channels, "conv_preds");
}

/** Names of the layers of a block that leads onto a wide axis and back. */
interface Inverted {
  readonly at: string;
  readonly expand: readonly [string, string];
  readonly depthwise: readonly [string, string];
  readonly gate?: readonly [string, string];
  readonly project: readonly [string, string];
}

/** Equally wide blocks have one axis: where their input is not added to their output, that says less and stays true. */
function readInverted(reader: Reader, block: Inverted, input: string): string {
  const { builder, prefix } = reader;
  const { at, expand, depthwise, gate, project } = block;
  builder.layer(`${prefix}${at}`);
  let wide = input;
  if (isLayer(reader, expand[0])) {
    wide = leadTo(reader, expand[0], input, `${at}wide`);
    readNorm(reader, expand[1], wide);
  }
  readDepthwise(reader, depthwise[0], wide);
  readNorm(reader, depthwise[1], wide);
  if (gate !== undefined && isLayer(reader, gate[0]))
    readLayer(reader, gate[1], leadTo(reader, gate[0], wide, `${at}gate`), wide);
  const size = outputsOf(reader, project[0]);
  const to = size === builder.sizeOf(input) ? input : builder.axis(`${at}out`, size);
  readLayer(reader, project[0], wide, to);
  readNorm(reader, project[1], to);
  return to;
}

function readMobile2(reader: Reader): void {
  let channels = readStem(reader, "Conv1", "bn_Conv1");
  const blocks = numbersWith((i) => isLayer(reader, `block_${i}_project`));
  for (const at of ["expanded_conv_", ...blocks.map((i) => `block_${i}_`)]) {
    const pair = (part: string) => [`${at}${part}`, `${at}${part}_BN`] as const;
    const [expand, depthwise, project] = ["expand", "depthwise", "project"].map(pair);
    channels = readInverted(reader, { at, expand, depthwise, project }, channels);
  }
  const features = leadTo(reader, "Conv_1", channels);
  readNorm(reader, "Conv_1_bn", features);
  readHead(reader, features);
}

function readEfficient(reader: Reader): void {
  let channels = readStem(reader, "stem_conv", "stem_bn");
  for (const stage of numbersWith((i) => isLayer(reader, `block${i}a_project_conv`)))
    for (const letter of "abcdefghijklmnopqrstuvwxyz") {
      const at = `block${stage}${letter}_`;
      if (!isLayer(reader, `${at}project_conv`)) break;
      const named = (a: string, b: string) => [at + a, at + b] as const;
      channels = readInverted(
        reader,
        {
          at,
          expand: named("expand_conv", "expand_bn"),
          depthwise: named("dwconv", "bn"),
          gate: named("se_reduce", "se_expand"),
          project: named("project_conv", "project_bn"),
        },
        channels,
      );
    }
  const features = leadTo(reader, "top_conv", channels);
  readNorm(reader, "top_bn", features);
  for (const part of ["mean", "variance", "count"])
    reader.builder.ignore(`${reader.prefix}normalization/${part}`);
  readHead(reader, features);
}

interface Kind {
  readonly family: string;
  readonly covers: string;
  /** Arrays by which it is known, and such that another one has. */
  readonly anchors: readonly string[];
  readonly without?: readonly string[];
  readonly read: (reader: Reader) => void;
}

/** What stands before all of these names, where a model is inside another one. */
function placesOf(names: ReadonlySet<string>, { anchors, without = [] }: Kind): Place[] {
  const [first] = anchors;
  return [...names]
    .filter((name) => name === first || name.endsWith(`/${first}`))
    .map((name) => name.slice(0, -first.length))
    .filter((prefix) => anchors.every((name) => names.has(prefix + name)))
    .filter((prefix) => !without.some((name) => names.has(prefix + name)))
    .map((prefix) => ({ prefix }));
}

const kinds: readonly Kind[] = [
  {
    family: "keras-vgg",
    covers: "VGG 16 and 19 of keras.applications",
    anchors: ["block1_conv1/kernel", "block5_conv3/kernel"],
    read: readVgg,
  },
  {
    family: "keras-resnet",
    covers: "ResNet 50, 101 and 152 of keras.applications, version 1",
    anchors: ["conv1_conv/kernel", "conv2_block1_3_bn/gamma"],
    read: (reader) => readResnet(reader, false),
  },
  {
    family: "keras-resnet-v2",
    covers: "ResNet 50, 101 and 152 of keras.applications, version 2",
    anchors: ["conv1_conv/kernel", "conv2_block1_preact_bn/gamma"],
    read: (reader) => readResnet(reader, true),
  },
  {
    family: "keras-densenet",
    covers: "DenseNet 121, 169 and 201 of keras.applications",
    anchors: ["conv2_block1_0_bn/gamma", "conv2_block1_2_conv/kernel", "pool2_conv/kernel"],
    read: readDensenet,
  },
  {
    family: "keras-mobilenet",
    covers: "MobileNet of keras.applications",
    anchors: ["conv_pw_1/kernel", "conv_dw_1_bn/gamma"],
    read: readMobile,
  },
  {
    family: "keras-mobilenet-v2",
    covers: "MobileNet V2 of keras.applications",
    anchors: ["Conv1/kernel", "expanded_conv_project/kernel"],
    read: readMobile2,
  },
  {
    family: "keras-efficientnet",
    covers: "EfficientNet B0 to B7 of keras.applications",
    anchors: ["stem_conv/kernel", "block1a_project_conv/kernel", "block1a_se_reduce/kernel"],
    read: readEfficient,
  },
];

/** One family for every kind. */
export const kerasApplications: readonly Template[] = kinds.map((kind) => ({
  family: kind.family,
  covers: kind.covers,
  optIn: false,
  modelTypes: [],
  places: (names) => placesOf(names, kind),
  read: (builder, { prefix }) => kind.read({ builder, prefix }),
}));
