// The digits task for small Transformers on image patches, with or without residuals.

import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import { classifierNetwork } from "../populations/networks/classifier-network.ts";
import { normalWeights } from "../populations/networks/initial-weights.ts";
import { visionTransformer } from "../populations/networks/vision-transformer.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type ClassifierTask, classifierTask } from "./classifier.ts";

const networkOf = (residuals: boolean) => {
  const layers = visionTransformer(digitClasses, residuals);
  return { layers, ...classifierNetwork(layers, digitPixels) };
};
const networks = { residual: networkOf(true), plain: networkOf(false) };
const networkNamed = (residuals: boolean) => networks[residuals ? "residual" : "plain"];

/** The network's symmetries, read off its own forward pass: heads, positions within them, feed-forward units, widths. */
export const digitsTransformerSpec = (residuals: boolean): Promise<SymmetrySpec> =>
  networkNamed(residuals).spec();

/** The task from the bytes of data/uci-digits.csv.gz. @throws {FormatError} */
export async function digitsTransformerTask(
  bytes: Uint8Array,
  residuals: boolean,
): Promise<ClassifierTask> {
  const { train, test } = await parseDigits(bytes);
  const { layers, spec, ...network } = networkNamed(residuals);
  return classifierTask({
    ...network,
    name: residuals ? "digits-transformer" : "digits-transformer-plain",
    features: digitPixels,
    classes: digitClasses,
    spec: await spec(),
    train,
    test,
    init: (random, scale) => normalWeights(layers.shapes, random, { scale, gain: 1 }),
    portion: 128,
  });
}
