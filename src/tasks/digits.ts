// Tasks on 8 x 8 digits: a 64-32-10 ReLU network (2,410 parameters), small CNNs with ReLU or tanh, and small Transformers
// on image patches with or without residuals.

import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import type { Layer } from "../populations/layers/layer.ts";
import { classifierNetwork } from "../populations/networks/classifier-network.ts";
import { normalWeights } from "../populations/networks/initial-weights.ts";
import { digitsLayers } from "../populations/networks/task-networks.ts";
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
  readonly name: keyof typeof digitsLayers;
  /** Of the normal weights that networks begin with. */
  readonly gain: number;
}

function digitsNetwork({ gain, ...options }: DigitsOptions): DigitsTask {
  const layers: Layer = digitsLayers[options.name];
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

const batchSize = 128;

/** The tasks by their names in the registry. */
export const digitsTasks = {
  digits: digitsNetwork({ name: "digits", gain: 2 }),
  "digits-cnn": digitsNetwork({ name: "digits-cnn", gain: 2, batchSize }),
  "digits-cnn-tanh": digitsNetwork({ name: "digits-cnn-tanh", gain: 2, batchSize }),
  "digits-transformer": digitsNetwork({ name: "digits-transformer", gain: 1, batchSize }),
  "digits-transformer-plain": digitsNetwork({
    name: "digits-transformer-plain",
    gain: 1,
    batchSize,
  }),
} satisfies Record<string, DigitsTask>;
