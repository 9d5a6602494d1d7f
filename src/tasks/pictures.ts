// Networks that are pictures: each SIREN (Sitzmann et al. 2020) learns the brightness of one grey image from the place of its
// pixels, and its weights are then the picture. How well it does is a signal-to-noise ratio; what it shows, a class.

import { numpy as np, tree } from "@jax-js/jax";
import { OptionError } from "../core/errors.ts";
import type { ByteImages, ImageSet } from "../datasets/image-set.ts";
import type { WeightBatch } from "../models/model.ts";
import { pixelPlaces } from "../models/picture-editor.ts";
import { squaredErrorGradient } from "../populations/layers/elementwise.ts";
import { runBackward, runForward } from "../populations/layers/layer.ts";
import { specOfLayer } from "../populations/networks/layer-spec.ts";
import { initSiren } from "../populations/networks/siren.ts";
import { pictureLayers, pictureShape } from "../populations/networks/task-networks.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { type PictureEvaluation, pictureMetrics } from "./picture-metrics.ts";
import type { Batch, RunData, RunDraw, SineFit, Task } from "./task.ts";

/** 1,185 numbers. */
const [shape, network] = [pictureShape, pictureLayers];

/** Grey images, [height, width] each. */
export interface Pictures extends Pick<ImageSet, "count" | "shape"> {
  /** Row-major [count, height, width], from 0 to `brightest`. */
  readonly inputs: Float32Array | Uint8Array;
  /** The value of white. @default 1 */
  readonly brightest?: number;
  readonly labels: Uint8Array;
}

/** What a run learns from: some pixels of one image. */
export interface PictureData extends RunData {
  /** Position of the image in its set. */
  readonly image: number;
  /** Positions of the pixels, row-major. */
  readonly pixels: readonly number[];
}

/** How the kernel of sine networks fits them. */
const sines: SineFit = {
  shape: { inputs: shape.inputs, hidden: shape.hidden, omega: shape.omega },
  tensors: {
    into: "sine1.weight",
    intoBias: "sine1.bias",
    across: "sine2.weight",
    acrossBias: "sine2.bias",
    out: "out.weight",
    outBias: "out.bias",
  },
};

let traced: Promise<SymmetrySpec> | undefined;

/** The network's symmetries, read off its own forward pass: units of both sine layers may be reordered and flipped. */
export function pictureSpec(): Promise<SymmetrySpec> {
  traced ??= specOfLayer(network, [3, shape.inputs]);
  return traced;
}

/** Brightness of a pixel as networks are taught it, from -1 for black to 1 for white. */
export const taughtBrightness = ({ inputs, brightest = 1 }: Pictures, at: number): number =>
  2 * Math.fround(inputs[at] / brightest) - 1;

/** Images by their positions in their set, brightness as networks are taught it: [pixels] each. */
export function originals(images: Pictures, positions: readonly number[]): Float32Array[] {
  const pixels = images.shape.reduce((product, size) => product * size, 1);
  return positions.map((image) =>
    Float32Array.from({ length: pixels }, (_, pixel) =>
      taughtBrightness(images, (image % images.count) * pixels + pixel),
    ),
  );
}

/** Pictures whose brightness is a byte a pixel. */
export const picturesOfBytes = ({ count, shape, pixels, labels }: ByteImages): Pictures => ({
  count,
  shape,
  inputs: pixels,
  brightest: 255,
  labels,
});

/** Pictures whose brightness runs from 0 to 1. */
type Pictured = Pick<Pictures, "count" | "shape" | "labels"> & Pick<ImageSet, "inputs">;

/** The pictures of two sets of one shape, those of the first before. */
export function joinImages(first: Pictured, second: Pictured): ImageSet {
  const inputs = new Float32Array(first.inputs.length + second.inputs.length);
  inputs.set(first.inputs);
  inputs.set(second.inputs, first.inputs.length);
  const labels = Uint8Array.from([...first.labels, ...second.labels]);
  return { count: first.count + second.count, shape: first.shape, inputs, labels };
}

/** The image of a run and its pixels. @throws {OptionError} for wrong labels, which images do not have */
function drawPixels(images: Pictures, pixels: number, run: RunDraw): PictureData {
  if (run.labelNoise > 0)
    throw new OptionError(
      `pictures: ${100 * run.labelNoise} % of labels are to be wrong, but networks that learn an image see no label; set the recipe's label noise to 0`,
    );
  const count = Math.min(pixels, Math.max(1, Math.round(run.dataFraction * pixels)));
  const chosen = run.random("pixels").permutation(pixels).slice(0, count);
  const image = ((run.index % images.count) + images.count) % images.count;
  return { count, image, pixels: chosen };
}

/**
 * Rendered pixels [n, pixels, 1] at places [n or 1, pixels, 2], by the definition, for n networks at once: the engine's derivatives of one
 * network's definition under `vmap` are wrong here. Pure. @consumes
 */
function render(weights: WeightBatch, places: np.Array): np.Array {
  const sums = (name: string, x: np.Array) =>
    np.add(
      np.matmul(x, np.transpose(weights[`${name}.weight`], [0, 2, 1])),
      np.expandDims(weights[`${name}.bias`], 1),
    );
  const wave = (name: string, x: np.Array) => np.sin(np.multiply(sums(name, x), shape.omega));
  return sums("out", wave("sine2", wave("sine1", places)));
}

/**
 * The task of fitting the images of a set: run i fits image i, and begins again with the first after the last; run -1 fits the
 * last one.
 */
export async function picturesTask(name: string, images: Pictures): Promise<Task<PictureData>> {
  const [height, width] = images.shape;
  if (images.shape.length !== 2 || images.count === 0)
    throw new OptionError(
      `pictures: images of shape [${images.shape.join(", ")}], expected grey ones, [height, width], at least one`,
    );
  const pixels = height * width;
  const places = pixelPlaces(height, width);
  return Object.freeze({
    name,
    spec: await pictureSpec(),
    metrics: pictureMetrics,
    target: "psnr",
    dataFor: (run: RunDraw) => drawPixels(images, pixels, run),
    init: (random, scale) => initSiren(shape, random, scale),
    batchShapes: (size) => ({ places: [size, 2], values: [size, 1] }),
    writeExample: (arrays, at, _size, data, example) => {
      const pixel = data.pixels[example];
      arrays["places"].set(places.subarray(2 * pixel, 2 * pixel + 2), 2 * at);
      arrays["values"][at] = taughtBrightness(images, data.image * pixels + pixel);
    },
    loss: (weights: WeightBatch, batch: Batch) => {
      const errors = np.subtract(render(weights, batch["places"]), batch["values"]);
      return np.mean(np.square(errors), [1, 2]); // [n]
    },
    gradients: (weights: WeightBatch, batch: Batch) => {
      const result = runBackward(network, weights, batch["places"], (outputs) =>
        squaredErrorGradient(outputs, batch["values"]),
      );
      tree.dispose(weights);
      return result;
    },
    sines,
    evaluate: (weights, data) => evaluate(images, places, weights, data),
  } satisfies Task<PictureData>);
}

/** What networks draw, brightness as they were taught, -1 to 1: [n, pixels]. @keeps weights */
export async function renderPictures(
  weights: WeightBatch,
  places: Float32Array<ArrayBuffer>,
): Promise<Float32Array> {
  const outputs = runForward(
    network,
    weights,
    np.array(places, { shape: [1, places.length / 2, 2] }),
  );
  return (await outputs.data()) as Float32Array;
}

async function evaluate(
  images: Pictures,
  places: Float32Array<ArrayBuffer>,
  weights: WeightBatch,
  data: readonly PictureData[],
): Promise<PictureEvaluation[]> {
  const drawn = await renderPictures(weights, places);
  tree.dispose(weights);
  const pixels = places.length / 2;
  return data.map(({ image }, network) => {
    let squares = 0;
    for (let pixel = 0; pixel < pixels; pixel++) {
      const wanted = taughtBrightness(images, image * pixels + pixel);
      squares += (drawn[network * pixels + pixel] - wanted) ** 2 / pixels;
    }
    return { psnr: 10 * Math.log10(4 / squares), label: images.labels[image] };
  });
}
