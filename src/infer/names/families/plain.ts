// Plain chains whose names say nothing about what lies between the layers: perceptrons and convolutional classifiers in
// the manner of torch.nn.Sequential. Only used when asked for: whoever asks says that nothing else connects the layers.

import type { Axis } from "../../../symmetry/types.ts";
import { isKerasNames, kerasLayers } from "../keras-layers.ts";
import { type ChainLayer, numberedLayers } from "../numbered-layers.ts";
import {
  type SpecBuilder,
  type ModelFacts,
  type Place,
  prefixesOf,
  type Template,
} from "../template.ts";

/** The scale part an activation gives to hidden axes; max pools between convolutions pass positive factors only. */
function scaleOf(activation: ModelFacts["activation"], convolutional: boolean): Partial<Axis> {
  if (activation === "relu") return { scale: "positive" };
  return activation === undefined || convolutional ? {} : { scale: "sign" };
}

/** What stands behind the name of a layer, and of its normalisation. */
const torchNames = {
  weight: ".weight",
  bias: ".bias",
  affine: [".weight", ".bias"],
  statistics: [".running_mean", ".running_var"],
} as const;

const kerasNames = {
  weight: "/kernel",
  bias: "/bias",
  affine: ["/gamma", "/beta"],
  statistics: ["/moving_mean", "/moving_variance"],
} as const;

/** Claims a chain of layers; normalisations after convolutions take the scale part away. */
export function readChain(
  builder: SpecBuilder,
  layers: readonly ChainLayer[],
  convolutional: boolean,
  activation = builder.facts.activation,
): void {
  if (layers.length === 0) return builder.problem("no chain of layers is among the tensors");
  let size = layers[0].shape[1];
  let below = builder.axis("in", size, { group: "fixed" });
  let spatial = layers[0].shape.length > 2;
  for (const [i, { name, shape, norm, isKeras = false }] of layers.entries()) {
    const last = i === layers.length - 1;
    const extra: Partial<Axis> = last
      ? { group: "fixed" }
      : norm === null
        ? scaleOf(activation, convolutional)
        : {};
    const to = builder.axis(last ? "out" : `h${i + 1}`, shape[0], extra);
    const names = isKeras ? kerasNames : torchNames;
    const positions = shape[1] / size;
    const flattened = spatial && shape.length === 2 && positions > 1 && Number.isInteger(positions);
    if (shape[1] !== size && !flattened)
      builder.problem(
        `tensor "${name}${names.weight}": ${shape[1]} inputs do not follow the ${size} outputs of the layer before; only plain chains are read from names`,
        `${name}${names.weight}`,
      );
    else {
      const blocks = isKeras ? `${positions} * ${below}` : `${below} * ${positions}`;
      const axes = [to, flattened ? blocks : below, ...shape.slice(2).map(String)];
      builder.assign(`${name}${names.weight}`, isKeras ? axes.toReversed() : axes);
    }
    builder.assignIf(`${name}${names.bias}`, [to]);
    if (norm !== null) {
      for (const part of names.affine) builder.assignIf(`${norm}${part}`, [to]);
      for (const part of names.statistics) builder.assign(`${norm}${part}`, [to]);
      builder.ignore(`${norm}.num_batches_tracked`);
    }
    below = extra.scale === undefined ? to : `${to}^-1`;
    spatial = shape.length > 2;
    size = shape[0];
  }
}

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

/** Layers `features.0`, `features.3`, ... and `classifier.0`, ... of a network, in order. */
function readVgg(builder: SpecBuilder, { prefix }: Place): void {
  const part = (list: string): SpecBuilder => {
    const listNames = builder.names.filter((name) => name.startsWith(`${prefix}${list}.`));
    return { ...builder, names: listNames };
  };
  const convolutions = numberedLayers(part("features"), (rank) => rank === 4);
  const linear = numberedLayers(part("classifier"), (rank) => rank === 2);
  readChain(builder, [...convolutions, ...linear], true, "relu");
}

const placesOfVgg = (names: ReadonlySet<string>): Place[] =>
  prefixesOf(names, ["features.0.weight", "classifier.6.weight"]).map((prefix) => ({ prefix }));

export const vgg: Template = {
  family: "vgg",
  covers: "VGG and AlexNet, with batch normalisation or without: names of torchvision",
  optIn: false,
  modelTypes: [],
  places: placesOfVgg,
  read: readVgg,
};
