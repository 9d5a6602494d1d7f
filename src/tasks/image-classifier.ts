// Tasks of classifiers of images: a network's layers, and where its images come from.

import type { Dataset } from "../datasets/examples.ts";
import type { Layer } from "../populations/layers/layer.ts";
import { classifierNetwork } from "../populations/networks/classifier-network.ts";
import { normalWeights } from "../populations/networks/initial-weights.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type Classifier, type ClassifierTask, classifierTask } from "./classifier.ts";

/** A task on images before they are read. */
export interface ImageTask {
  /** The network's symmetries, read off its own forward pass. */
  spec(): Promise<SymmetrySpec>;
  /** The task from the bytes of its data file. @throws {FormatError} */
  create(bytes: Uint8Array): Promise<ClassifierTask>;
}

/** What such tasks differ in. */
export interface ImageClassifier extends Pick<
  Classifier,
  "name" | "features" | "classes" | "batchSize" | "trainingSample"
> {
  /** From images [batch, features] to scores [classes, batch]. */
  readonly layers: Layer;
  /** Of the normal weights that networks begin with. */
  readonly gain: number;
  readonly read: (
    bytes: Uint8Array,
  ) => Promise<{ readonly train: Dataset; readonly test: Dataset }>;
}

export function imageTask({ layers, gain, read, ...options }: ImageClassifier): ImageTask {
  const { spec, ...network } = classifierNetwork(layers, options.features);
  return {
    spec,
    create: async (bytes) => {
      const { train, test } = await read(bytes);
      return classifierTask({
        ...network,
        ...options,
        spec: await spec(),
        train,
        test,
        init: (random, scale) => normalWeights(layers.shapes, random, { scale, gain }),
      });
    },
  };
}
