// The digits task for small CNNs, with ReLU or tanh.

import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import type { ActivationName } from "../populations/layers/pointwise.ts";
import { classifierNetwork } from "../populations/networks/classifier-network.ts";
import { cnn } from "../populations/networks/cnn.ts";
import { normalWeights } from "../populations/networks/initial-weights.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type ClassifierTask, classifierTask } from "./classifier.ts";

const networkOf = (activation: ActivationName) => {
  const layers = cnn(Math.sqrt(digitPixels), digitClasses, activation);
  return { layers, ...classifierNetwork(layers, digitPixels) };
};
const networks = { relu: networkOf("relu"), tanh: networkOf("tanh") };

/** The network's symmetries, read off its own forward pass: channels may be reordered, and scaled or flipped. */
export const digitsCnnSpec = (activation: ActivationName): Promise<SymmetrySpec> =>
  networks[activation].spec();

/** The task from the bytes of data/uci-digits.csv.gz. @throws {FormatError} */
export async function digitsCnnTask(
  bytes: Uint8Array,
  activation: ActivationName,
): Promise<ClassifierTask> {
  const { train, test } = await parseDigits(bytes);
  const { layers, spec, ...network } = networks[activation];
  return classifierTask({
    ...network,
    name: `digits-cnn-${activation}`,
    features: digitPixels,
    classes: digitClasses,
    spec: await spec(),
    train,
    test,
    init: (random, scale) => normalWeights(layers.shapes, random, { scale, gain: 2 }),
    portion: 128,
  });
}
