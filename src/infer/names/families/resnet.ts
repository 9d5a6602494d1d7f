// ResNet and ResNeXt (He et al. 2016, Xie et al. 2017): names of torchvision and timm, of Hugging Face, and of the small ones
// for CIFAR. The sum at the end of every block ties all blocks of a stage; the first block of a stage may start a new axis by
// its shortcut.

import type { ImageBlocks, ImageStream } from "../images/image-table.ts";
import { imageTemplate } from "../images/read-image-table.ts";

const blocks: ImageBlocks = {
  kind: "residual",
  at: "layer{i}.{j}.",
  from: [1, 0],
  scope: "stage{i-1}.block{j}",
  parts: { from: 1, least: 2, parts: [{ conv: "conv{k}", norm: "bn{k}", axis: ".inner{k}" }] },
  shortcut: { conv: "downsample.0", norm: "downsample.1" },
  out: ".out",
};

const torchvision: ImageStream = {
  layout: "torch",
  anchors: ["conv1.weight", "bn1.running_mean", "layer1.0.conv1.weight"],
  stem: [{ conv: "conv1", norm: "bn1", axis: "stem" }],
  blocks: [blocks],
  heads: ["fc"],
};

/** Known by one more name: its head, or the first of its shortcuts. */
const cifar = (sign: string): ImageStream => ({
  ...torchvision,
  anchors: [...torchvision.anchors, sign],
  blocks: [{ ...blocks, shortcut: { conv: "shortcut.0", norm: "shortcut.1" } }],
  heads: ["linear", "fc"],
});

const stem = "embedder.embedder";
const convolution = "layer.{k}.convolution";
const normalization = "layer.{k}.normalization";

const huggingFace: ImageStream = {
  layout: "torch",
  anchors: [
    `${stem}.convolution.weight`,
    `${stem}.normalization.running_mean`,
    "encoder.stages.0.layers.0.layer.0.convolution.weight",
  ],
  stem: [{ conv: `${stem}.convolution`, norm: `${stem}.normalization`, axis: "stem" }],
  blocks: [
    {
      ...blocks,
      at: "encoder.stages.{i}.layers.{j}.",
      from: [0, 0],
      scope: "stage{i}.block{j}",
      parts: {
        from: 0,
        least: 2,
        parts: [{ conv: convolution, norm: normalization, axis: ".inner{k+1}" }],
      },
      shortcut: { conv: "shortcut.convolution", norm: "shortcut.normalization" },
    },
  ],
  heads: ["classifier.1", "classifier"],
};

export const resnet = imageTemplate({
  family: "resnet",
  covers:
    "ResNet and ResNeXt with batch normalisation: names of torchvision, timm, Hugging Face, and of the small ones for CIFAR",
  modelTypes: ["resnet"],
  styles: [
    cifar("linear.weight"),
    cifar("layer1.0.shortcut.0.weight"),
    cifar("layer2.0.shortcut.0.weight"),
    torchvision,
    huggingFace,
  ],
});
