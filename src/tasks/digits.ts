// Tasks on 8 x 8 digits: a 64-32-10 ReLU network (2,410 parameters), small CNNs with ReLU or tanh, and small Transformers
// on image patches with or without residuals.

import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import type { Layer } from "../populations/layers/layer.ts";
import { classifierNetwork } from "../populations/networks/classifier-network.ts";
import { cnn } from "../populations/networks/cnn.ts";
import { normalWeights } from "../populations/networks/initial-weights.ts";
import { mlp } from "../populations/networks/mlp.ts";
import { visionTransformer } from "../populations/networks/vision-transformer.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type Classifier, type ClassifierTask, classifierTask } from "./classifier.ts";

/** A task on digits before its data are read. */
interface DigitsTask {
  /** The network's symmetries, read off its own forward pass. */
  spec(): Promise<SymmetrySpec>;
  /** The task from the bytes of data/uci-digits.csv.gz, 1,200 images to learn from and 597 to test. @throws {FormatError} */
  create(bytes: Uint8Array): Promise<ClassifierTask>;
}

/** What tasks differ in besides their network. */
interface DigitsOptions extends Pick<Classifier, "batchSize"> {
  readonly name: string;
  /** Of the normal weights that networks begin with. */
  readonly gain: number;
}

function digitsNetwork(layers: Layer, { gain, ...options }: DigitsOptions): DigitsTask {
  const { spec, ...network } = classifierNetwork(layers, digitPixels);
  return {
    spec,
    create: async (bytes) => {
      const { train, test } = await parseDigits(bytes);
      return classifierTask({
        ...network,
        ...options,
        features: digitPixels,
        classes: digitClasses,
        spec: await spec(),
        train,
        test,
        init: (random, scale) => normalWeights(layers.shapes, random, { scale, gain }),
      });
    },
  };
}

const side = Math.sqrt(digitPixels);
const batchSize = 128;

/** The tasks by their names in the registry. */
export const digitsTasks = {
  digits: digitsNetwork(mlp([digitPixels, 32, digitClasses]), { name: "digits", gain: 2 }),
  "digits-cnn": digitsNetwork(cnn(side, digitClasses, "relu"), {
    name: "digits-cnn",
    gain: 2,
    batchSize,
  }),
  "digits-cnn-tanh": digitsNetwork(cnn(side, digitClasses, "tanh"), {
    name: "digits-cnn-tanh",
    gain: 2,
    batchSize,
  }),
  "digits-transformer": digitsNetwork(visionTransformer(digitClasses, true), {
    name: "digits-transformer",
    gain: 1,
    batchSize,
  }),
  "digits-transformer-plain": digitsNetwork(visionTransformer(digitClasses, false), {
    name: "digits-transformer-plain",
    gain: 1,
    batchSize,
  }),
} satisfies Record<string, DigitsTask>;
