// Image classifiers of keras.applications under the names of Keras: VGG, ResNet and ResNet V2, DenseNet, MobileNet and MobileNet V2,
// EfficientNet. Kernels lie as [height, width, in, out], those by channel as [height, width, channel, 1].

import type { ImageBlocks, ImagePart, ImageStream } from "../images/image-table.ts";
import { imageTemplate } from "../images/read-image-table.ts";

type Stream = Omit<ImageStream, "layout" | "heads"> & Partial<Pick<ImageStream, "heads">>;

const table = (family: string, covers: string, ...streams: readonly Stream[]) =>
  imageTemplate({
    family,
    covers,
    styles: streams.map((stream) => ({ layout: "keras", heads: ["predictions"], ...stream })),
  });

const vgg = imageTemplate({
  family: "keras-vgg",
  covers: "VGG 16 and 19 of keras.applications",
  styles: [
    {
      layout: "keras",
      anchors: ["block1_conv1/kernel", "block5_conv3/kernel"],
      chain: [
        { layer: "block{i}_conv{j}", from: [1, 1] },
        { layer: "fc{i}", from: [1] },
        { layer: "predictions" },
      ],
    },
  ],
});

const blocks = { at: "conv{i}_block{j}_", from: [2, 1], scope: "conv{i}_block{j}_" } as const;

const resnet = table("keras-resnet", "ResNet 50, 101 and 152 of keras.applications, version 1", {
  anchors: ["conv1_conv/kernel", "conv2_block1_3_bn/gamma"],
  stem: [{ conv: "conv1_conv", norm: "conv1_bn", axis: "stem" }],
  blocks: [
    {
      ...blocks,
      kind: "residual",
      shortcut: { conv: "0_conv", norm: "0_bn" },
      parts: ["1", "2", "3"].map((k) => ({ conv: `${k}_conv`, norm: `${k}_bn` })),
      out: "out",
    },
  ],
});

const resnetV2 = table(
  "keras-resnet-v2",
  "ResNet 50, 101 and 152 of keras.applications, version 2",
  {
    anchors: ["conv1_conv/kernel", "conv2_block1_preact_bn/gamma"],
    stem: [{ conv: "conv1_conv", axis: "stem" }],
    blocks: [
      {
        ...blocks,
        kind: "residual",
        shortcut: { conv: "0_conv" },
        parts: [
          { norm: "preact_bn" },
          { conv: "1_conv", norm: "1_bn" },
          { conv: "2_conv", norm: "2_bn" },
          { conv: "3_conv" },
        ],
        out: "out",
      },
    ],
    after: [{ norm: "post_bn" }],
  },
);

/** Versions of Keras write the first layers with a line or a stroke. */
const dense = (stem: string): Stream => ({
  anchors: [
    "conv2_block1_0_bn/gamma",
    "conv2_block1_2_conv/kernel",
    "pool2_conv/kernel",
    `${stem}conv/kernel`,
  ],
  stem: [{ conv: `${stem}conv`, norm: `${stem}bn`, axis: "stem" }],
  blocks: [
    {
      ...blocks,
      kind: "dense",
      parts: [{ norm: "0_bn" }, { conv: "1_conv", norm: "1_bn" }, { conv: "2_conv" }],
      out: "2_conv",
      between: [{ norm: "pool{i}_bn" }, { conv: "pool{i}_conv" }],
    },
  ],
  after: [{ norm: "bn" }],
});

const densenet = table(
  "keras-densenet",
  "DenseNet 121, 169 and 201 of keras.applications",
  dense("conv1_"),
  dense("conv1/"),
);

const mobilenet = table("keras-mobilenet", "MobileNet of keras.applications", {
  anchors: ["conv_pw_1/kernel", "conv_dw_1_bn/gamma"],
  stem: [{ conv: "conv1", norm: "conv1_bn", axis: "stem" }],
  blocks: [
    {
      kind: "plain",
      at: "",
      where: "conv_pw_{i}/",
      from: [1],
      scope: "conv_pw_{i}",
      parts: [
        { conv: "conv_dw_{i}", norm: "conv_dw_{i}_bn" },
        { conv: "conv_pw_{i}", norm: "conv_pw_{i}_bn" },
      ],
      out: "",
    },
  ],
  heads: ["conv_preds"],
});

const inverted = (
  at: string,
  from: readonly number[],
  parts: readonly ImagePart[],
): ImageBlocks => ({ kind: "inverted", at, from, scope: at, parts, out: "out" });

const mobilenetParts: readonly ImagePart[] = [
  { conv: "expand", norm: "expand_BN", axis: "wide", optional: true },
  { conv: "depthwise", norm: "depthwise_BN" },
  { conv: "project", norm: "project_BN" },
];

const mobilenetV2 = table("keras-mobilenet-v2", "MobileNet V2 of keras.applications", {
  anchors: ["Conv1/kernel", "expanded_conv_project/kernel"],
  stem: [{ conv: "Conv1", norm: "bn_Conv1", axis: "stem" }],
  blocks: [
    inverted("expanded_conv_", [], mobilenetParts),
    inverted("block_{i}_", [1], mobilenetParts),
  ],
  after: [{ conv: "Conv_1", norm: "Conv_1_bn" }],
});

const efficientnet = table("keras-efficientnet", "EfficientNet B0 to B7 of keras.applications", {
  anchors: ["stem_conv/kernel", "block1a_project_conv/kernel", "block1a_se_reduce/kernel"],
  stem: [{ conv: "stem_conv", norm: "stem_bn", axis: "stem" }],
  blocks: [
    inverted(
      "block{i}{a}_",
      [1, 0],
      [
        { conv: "expand_conv", norm: "expand_bn", axis: "wide", optional: true },
        { conv: "dwconv", norm: "bn" },
        { gate: ["se_reduce", "se_expand"], axis: "gate" },
        { conv: "project_conv", norm: "project_bn" },
      ],
    ),
  ],
  after: [{ conv: "top_conv", norm: "top_bn" }],
  ignore: ["normalization/mean", "normalization/variance", "normalization/count"],
});

/** One family for every kind. */
export const kerasTables = [vgg, resnet, resnetV2, densenet, mobilenet, mobilenetV2, efficientnet];
