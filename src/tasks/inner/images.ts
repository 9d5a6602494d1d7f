// Inner tasks on images: small classifiers, MLPs of any widths and CNNs, on batches of 64.

import type { RandomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { ImageSet } from "../../datasets/image-set.ts";
import { conv } from "../../populations/layers/conv.ts";
import { type Layer, sequence } from "../../populations/layers/layer.ts";
import { scores } from "../../populations/layers/linear.ts";
import { meanOverPositions } from "../../populations/layers/mean-pool.ts";
import { normalWeights } from "../../populations/networks/initial-weights.ts";
import { mlp } from "../../populations/networks/mlp.ts";
import type { InnerTask } from "./inner-task.ts";
import { layerTask, batchesOf } from "./layer-task.ts";

/** Images of a batch. */
export const imageBatch = 64;

/** Test images scored at a time: bounds memory with many networks. */
const batchSize = 1000;

/** Part of the training images that networks see; the rest belongs to whoever tunes. */
const innerShare = 0.8;

/** Labelled images to train on and to test with. */
export interface ImageData {
  readonly train: ImageSet;
  readonly test: ImageSet;
}

function imageTask(
  name: string,
  layer: Layer,
  { train, test }: ImageData,
  classes: number,
): Promise<InnerTask> {
  const features = sizeOf(train.shape);
  const count = Math.floor(innerShare * train.count);
  return layerTask({
    name,
    layer,
    classes,
    inputShape: [imageBatch, features],
    labels: imageBatch,
    traceShape: [2, features],
    init: (random: RandomStream) => normalWeights(layer.shapes, random, { scale: 1, gain: 1 }),
    draw(inputs, labels, random) {
      for (let at = 0; at < imageBatch; at++) {
        const example = random.integer(count);
        inputs.set(
          train.inputs.subarray(example * features, (example + 1) * features),
          at * features,
        );
        labels[at] = train.labels[example];
      }
    },
    test: batchesOf(test, batchSize),
  });
}

/** Dense ReLU networks; the published task is 64-32-10. */
export const mlpTask = (
  name: string,
  data: ImageData,
  hidden: readonly number[],
  classes: number,
): Promise<InnerTask> =>
  imageTask(name, mlp([sizeOf(data.train.shape), ...hidden, classes]), data, classes);

const channels = [16, 32] as const;

/** Two 3 x 3 convolutions of 16 channels (stride 2) and 32, the mean over positions, one linear layer. */
export function cnnTask(name: string, data: ImageData, classes: number): Promise<InnerTask> {
  const side = data.train.shape[data.train.shape.length - 1];
  const [first, second] = channels;
  const layer = sequence(
    conv("conv1", { inputs: 1, outputs: first, side, stride: 2, activation: "relu" }),
    conv("conv2", {
      inputs: first,
      outputs: second,
      side: Math.ceil(side / 2),
      stride: 1,
      activation: "relu",
    }),
    meanOverPositions(second),
    scores("fc", { inputs: second, outputs: classes }),
  );
  return imageTask(name, layer, data, classes);
}
