// Plain chains of layers: VGG and AlexNet, a table, and perceptrons and convolutional classifiers in the manner of
// torch.nn.Sequential, whose names say nothing about what lies between the layers. Those two are only used when asked for: whoever
// asks says that nothing else connects the layers, and any names with numbers will do, so that there is nothing to put in a table.

import { readChain } from "../images/chain.ts";
import { isKerasNames, kerasLayers } from "../keras-layers.ts";
import { type ChainLayer, numberedLayers } from "../numbered-layers.ts";
import { imageTemplate } from "../images/read-image-table.ts";
import type { SpecBuilder, Template } from "../template.ts";

/** Layers of matrices, in the names of PyTorch or Keras. */
function dense(builder: SpecBuilder): ChainLayer[] {
  const isMatrix = (rank: number) => rank === 2;
  return isKerasNames(builder.names)
    ? kerasLayers(builder, isMatrix, false)
    : numberedLayers(builder, isMatrix);
}

export const mlp: Template = {
  family: "mlp",
  covers:
    "perceptrons: numbered weights [out, in] with biases, or layers of Keras; nothing else between them",
  optIn: true,
  modelTypes: [],
  read: (builder) => readChain(builder, dense(builder), false),
};

export const cnn: Template = {
  family: "cnn",
  covers:
    "numbered dense convolutions, batch normalisations, then linear layers, or those of Keras; no shortcuts, no groups",
  optIn: true,
  modelTypes: [],
  read(builder) {
    const isConvolution = (rank: number) => rank > 2;
    const convolutions = isKerasNames(builder.names)
      ? kerasLayers(builder, isConvolution, true)
      : numberedLayers(builder, isConvolution);
    readChain(builder, [...convolutions, ...dense(builder)], true);
  },
};

export const vgg: Template = imageTemplate({
  family: "vgg",
  covers: "VGG and AlexNet, with batch normalisation or without: names of torchvision",
  styles: [
    {
      layout: "torch",
      anchors: ["features.0.weight", "classifier.6.weight"],
      chain: [{ layer: "features.{i}", norm: "features.{i+1}" }, { layer: "classifier.{i}" }],
    },
  ],
});
