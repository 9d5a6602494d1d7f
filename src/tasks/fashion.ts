// Tasks on pictures of clothing of 8 x 8 pixels (FashionMNIST): the CNN and the Transformer of the tasks on digits.

import { randomStream } from "../core/random.ts";
import type { Dataset } from "../datasets/examples.ts";
import { fashionClasses, readFashionMnist } from "../datasets/fashion-mnist.ts";
import type { ImageSet } from "../datasets/image-set.ts";
import type { Layer } from "../populations/layers/layer.ts";
import { digitsLayers } from "../populations/networks/task-networks.ts";
import { type ImageClassifier, type ImageTask, imageTask } from "./image-classifier.ts";

const pixels = 64;
/** Images that runs see shares of; all 10,000 test images tell their accuracy. */
const trainingImages = 6000;
const choiceSeed = 2017;
const trainingSample = 400;
const batchSize = 128;

/** So many images of a set, the same ones every time. */
function someOf({ count, inputs, labels }: ImageSet, wanted: number): Dataset {
  const chosen = randomStream(choiceSeed).permutation(count).slice(0, wanted);
  const images = new Float32Array(chosen.length * pixels);
  for (const [i, image] of chosen.entries())
    images.set(inputs.subarray(image * pixels, (image + 1) * pixels), i * pixels);
  return {
    count: chosen.length,
    inputs: images,
    labels: Uint8Array.from(chosen, (image) => labels[image]),
  };
}

async function read(bytes: Uint8Array): Promise<{ train: Dataset; test: Dataset }> {
  const { train, test } = await readFashionMnist(bytes);
  return {
    train: someOf(train, trainingImages),
    test: { ...test, labels: Uint8Array.from(test.labels) },
  };
}

const onFashion = (name: string, layers: Layer, gain: ImageClassifier["gain"]): ImageTask =>
  imageTask({
    name,
    layers,
    gain,
    batchSize,
    trainingSample,
    features: pixels,
    classes: fashionClasses,
    read,
  });

/** The tasks by their names in the registry. */
export const fashionTasks = {
  "fashion-cnn": onFashion("fashion-cnn", digitsLayers["digits-cnn"], 2),
  "fashion-transformer": onFashion("fashion-transformer", digitsLayers["digits-transformer"], 1),
} satisfies Record<string, ImageTask>;
