// The networks of the package's tasks by name, as functionals run them: tasks that train them take their layers from here.

import { openRegistry } from "../../core/registry.ts";
import { type Layer, sequence } from "../layers/layer.ts";
import { cnn } from "./cnn.ts";
import { encoderDecoder } from "./encoder-decoder.ts";
import { mlp } from "./mlp.ts";
import { columnsAsRows, type RunnableNetwork, runnableLayers } from "./runnable.ts";
import { runnableSequences } from "./sequence-answers.ts";
import { siren } from "./siren.ts";
import { visionTransformer } from "./vision-transformer.ts";

/** Images of digits: 8 x 8 pixels in a row, ten classes. */
const side = 8;
const pixels = side * side;
const classes = 10;

/** Layers from images [batch, 64] to class scores [classes, batch], by the names of their tasks. */
export const digitsLayers = {
  digits: mlp([pixels, 32, classes]),
  "digits-cnn": cnn(side, classes, "relu"),
  "digits-cnn-tanh": cnn(side, classes, "tanh"),
  "digits-transformer": visionTransformer(classes, true),
  "digits-transformer-plain": visionTransformer(classes, false),
} satisfies Record<string, Layer>;

/** The published shape of networks that are pictures: two coordinates, two sine layers of 32 units, one brightness. */
export const pictureShape = { inputs: 2, hidden: 32, outputs: 1, depth: 2, omega: 30 } as const;
export const pictureLayers: Layer = siren(pictureShape);

/** The GRU adder: 14 symbols, 48 units; it reads 5 symbols and writes 3. */
export const adderShape = { queries: 5, answers: 3, symbols: 14, width: 16, hidden: 48 } as const;
/** The same for sums of three digits. */
export const longAdderShape = { ...adderShape, answers: 4 } as const;
export const adder = encoderDecoder({
  inputs: adderShape.symbols,
  hidden: adderShape.hidden,
  width: adderShape.width,
});

const classifier = (layer: Layer): RunnableNetwork =>
  runnableLayers(sequence(layer, columnsAsRows), {
    inputs: pixels,
    range: [0, 1],
    answers: { groups: 1, width: classes, scores: true },
  });

const registry = openRegistry<RunnableNetwork>("network", {
  ...Object.fromEntries(
    Object.entries(digitsLayers).map(([name, layer]) => [name, classifier(layer)]),
  ),
  pictures: runnableLayers(pictureLayers, {
    inputs: pictureShape.inputs,
    range: [-1, 1],
    answers: { groups: 1, width: pictureShape.outputs, scores: false },
  }),
  adder: runnableSequences(adder, adderShape),
  "adder-99": runnableSequences(adder, longAdderShape),
});

/** Names of the networks that functionals can run. */
export const networkNames = (): readonly string[] => registry.names();

/** The network of a name, if there is one. */
export const networkOf = (name: string): RunnableNetwork | undefined => registry.get(name);
