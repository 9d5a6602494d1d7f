// The digits task: a 64-32-10 ReLU network (2,410 parameters) on 8 x 8 digits.

import type { SymmetrySpec } from "../symmetry/types.ts";
import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import { classifierNetwork } from "../populations/networks/classifier-network.ts";
import { normalWeights } from "../populations/networks/initial-weights.ts";
import { mlp } from "../populations/networks/mlp.ts";
import { type ClassifierTask, classifierTask } from "./classifier.ts";

const hidden = 32;
const layers = mlp([digitPixels, hidden, digitClasses]);
const { spec, ...network } = classifierNetwork(layers, digitPixels);

/** The network's symmetries, read off its own forward pass: hidden units may be reordered and scaled. */
export const digitsSpec = (): Promise<SymmetrySpec> => spec();

/** The task from the bytes of data/uci-digits.csv.gz, 1,200 images to learn from and 597 to test. @throws {FormatError} */
export async function digitsTask(bytes: Uint8Array): Promise<ClassifierTask> {
  const { train, test } = await parseDigits(bytes);
  return classifierTask({
    ...network,
    name: "digits",
    features: digitPixels,
    classes: digitClasses,
    spec: await spec(),
    train,
    test,
    init: (random, scale) => normalWeights(layers.shapes, random, { scale, gain: 2 }),
  });
}
