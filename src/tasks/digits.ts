// Tasks on 8 x 8 digits: a 64-32-10 ReLU network (2,410 parameters), small CNNs with ReLU or tanh, and small Transformers
// on image patches with or without residuals.

import { digitClasses, digitPixels, parseDigits } from "../datasets/digits-data.ts";
import { digitsLayers } from "../populations/networks/task-networks.ts";
import { type ImageClassifier, type ImageTask, imageTask } from "./image-classifier.ts";

/** 1,200 images to learn from and 597 to test. */
const onDigits = (
  name: keyof typeof digitsLayers,
  options: Pick<ImageClassifier, "gain" | "batchSize">,
): ImageTask =>
  imageTask({
    ...options,
    name,
    layers: digitsLayers[name],
    features: digitPixels,
    classes: digitClasses,
    read: parseDigits,
  });

const batchSize = 128;

/** The tasks by their names in the registry. */
export const digitsTasks = {
  digits: onDigits("digits", { gain: 2 }),
  "digits-cnn": onDigits("digits-cnn", { gain: 2, batchSize }),
  "digits-cnn-tanh": onDigits("digits-cnn-tanh", { gain: 2, batchSize }),
  "digits-transformer": onDigits("digits-transformer", { gain: 1, batchSize }),
  "digits-transformer-plain": onDigits("digits-transformer-plain", { gain: 1, batchSize }),
} satisfies Record<string, ImageTask>;
