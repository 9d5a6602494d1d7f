// Plain chains whose names say nothing about what lies between the layers: perceptrons and convolutional classifiers in
// the manner of torch.nn.Sequential. Only used when asked for: whoever asks says that nothing else connects the layers.

import type { Axis } from "../../../symmetry/types.ts";
import { type ChainLayer, chainOrder } from "./chain-order.ts";
import { type Desk, type ModelFacts, type Place, prefixesOf, type Template } from "../template.ts";

/** The scale part an activation gives to hidden axes; max pools between convolutions pass positive factors only. */
function scaleOf(activation: ModelFacts["activation"], convolutional: boolean): Partial<Axis> {
  if (activation === "relu") return { scale: "positive" };
  return activation === undefined || convolutional ? {} : { scale: "sign" };
}

/** Claims a chain of layers; normalisations after convolutions take the scale part away. */
function readChain(
  desk: Desk,
  layers: readonly ChainLayer[],
  convolutional: boolean,
  activation = desk.facts.activation,
): void {
  if (layers.length === 0) return desk.problem("no chain of layers is among the tensors");
  let size = layers[0].shape[1];
  let below = desk.axis("in", size, { group: "fixed" });
  let spatial = layers[0].shape.length > 2;
  for (const [i, { name, shape, norm }] of layers.entries()) {
    const last = i === layers.length - 1;
    const extra: Partial<Axis> = last
      ? { group: "fixed" }
      : norm === null
        ? scaleOf(activation, convolutional)
        : {};
    const to = desk.axis(last ? "out" : `h${i + 1}`, shape[0], extra);
    const positions = shape[1] / size;
    const flattened = spatial && shape.length === 2 && positions > 1 && Number.isInteger(positions);
    if (shape[1] !== size && !flattened)
      desk.problem(
        `tensor "${name}.weight": ${shape[1]} inputs do not follow the ${size} outputs of the layer before; only plain chains are read from names`,
        `${name}.weight`,
      );
    else {
      const from = flattened ? `${below} * ${positions}` : below;
      desk.claim(`${name}.weight`, [to, from, ...shape.slice(2).map(String)]);
    }
    desk.claimIf(`${name}.bias`, [to]);
    if (norm !== null) {
      for (const part of ["weight", "bias"]) desk.claimIf(`${norm}.${part}`, [to]);
      for (const part of ["running_mean", "running_var"]) desk.claim(`${norm}.${part}`, [to]);
      desk.ignore(`${norm}.num_batches_tracked`);
    }
    below = extra.scale === undefined ? to : `${to}^-1`;
    spatial = shape.length > 2;
    size = shape[0];
  }
}

export const mlp: Template = {
  family: "mlp",
  covers: "perceptrons: numbered weights [out, in] with biases, nothing else between them",
  optIn: true,
  modelTypes: [],
  matches: () => false,
  read: (desk) =>
    readChain(
      desk,
      chainOrder(desk, (rank) => rank === 2),
      false,
    ),
};

export const cnn: Template = {
  family: "cnn",
  covers:
    "numbered dense convolutions, batch normalisations, then linear layers; no shortcuts, no groups",
  optIn: true,
  modelTypes: [],
  matches: () => false,
  read(desk) {
    const convolutions = chainOrder(desk, (rank) => rank > 2);
    readChain(desk, [...convolutions, ...chainOrder(desk, (rank) => rank === 2)], true);
  },
};

/** Layers `features.0`, `features.3`, ... and `classifier.0`, ... of a network, in order. */
function readVgg(desk: Desk, { prefix }: Place): void {
  const part = (list: string): Desk => {
    const own = desk.names.filter((name) => name.startsWith(`${prefix}${list}.`));
    return { ...desk, names: own };
  };
  const convolutions = chainOrder(part("features"), (rank) => rank === 4);
  const linear = chainOrder(part("classifier"), (rank) => rank === 2);
  readChain(desk, [...convolutions, ...linear], true, "relu");
}

const placesOfVgg = (names: ReadonlySet<string>): Place[] =>
  prefixesOf(names, ["features.0.weight", "classifier.6.weight"]).map((prefix) => ({ prefix }));

export const vgg: Template = {
  family: "vgg",
  covers: "VGG and AlexNet, with batch normalisation or without: names of torchvision",
  optIn: false,
  modelTypes: [],
  matches: (names) => placesOfVgg(names).length > 0,
  places: placesOfVgg,
  read: readVgg,
};
