// A network that is a picture: two coordinates, two layers of 32 sine units, one brightness. Drawn, and taught by Adam as the
// populations of the recipes `pictures-digits-28` are, written out so that every step can be shown.

import { randomStream, type Weights } from "weightspace";
import { side } from "./drawing.ts";

/** Frequency of the sine layers. */
const omega = 30;
/** How the networks of the population were taught, too. */
export const steps = 60;
const rate = 0.003;
const pixelsOfStep = 392;
const [firstDecay, secondDecay, epsilon] = [0.9, 0.999, 1e-8];

/** The network's numbers under the names of the population, and sizes of its layers. */
const names = ["sine1", "sine2", "out"] as const;
export const tensorNames: readonly string[] = names.flatMap((name) => [
  `${name}.weight`,
  `${name}.bias`,
]);

/** Units of the sine layers. */
const unitsOf = (weights: Weights): number => weights["sine1.bias"].shape[0];

/** Place of a pixel along a side, from -1 to 1 at the outer edges. */
const place = (i: number): number => (2 * i + 1) / side - 1;

/** What one pixel needs on its way through the network and back. */
interface Pass {
  readonly first: Float64Array;
  readonly firstSlope: Float64Array;
  readonly second: Float64Array;
  readonly secondSlope: Float64Array;
}

const newPass = (units: number): Pass => ({
  first: new Float64Array(units),
  firstSlope: new Float64Array(units),
  second: new Float64Array(units),
  secondSlope: new Float64Array(units),
});

/** Brightness at a pixel, -1 to 1, and on the way every unit with its slope. */
function run(weights: Weights, pass: Pass, pixel: number): number {
  const [y, x] = [place(Math.floor(pixel / side)), place(pixel % side)];
  const units = pass.first.length;
  const { data: into } = weights["sine1.weight"];
  const { data: across } = weights["sine2.weight"];
  const { data: out } = weights["out.weight"];
  const [b1, b2] = [weights["sine1.bias"].data, weights["sine2.bias"].data];
  for (let i = 0; i < units; i++) {
    const sum = omega * (into[2 * i] * y + into[2 * i + 1] * x + b1[i]);
    pass.first[i] = Math.sin(sum);
    pass.firstSlope[i] = omega * Math.cos(sum);
  }
  let brightness = weights["out.bias"].data[0];
  for (let i = 0, at = 0; i < units; i++) {
    let sum = b2[i];
    for (let j = 0; j < units; j++) sum += across[at++] * pass.first[j];
    pass.second[i] = Math.sin(omega * sum);
    pass.secondSlope[i] = omega * Math.cos(omega * sum);
    brightness += out[i] * pass.second[i];
  }
  return brightness;
}

/** What a network draws: [28, 28], 0 to 1 where it is neither darker than black nor brighter than white. */
export function drawn(weights: Weights): Float32Array {
  const pass = newPass(unitsOf(weights));
  return Float32Array.from(
    { length: side * side },
    (_, pixel) => (run(weights, pass, pixel) + 1) / 2,
  );
}

/** Peak signal-to-noise ratio of a picture in dB. */
export function psnrOf(picture: Float32Array, wanted: Float32Array): number {
  const squares = picture.reduce((sum, value, i) => sum + (value - wanted[i]) ** 2, 0);
  return 10 * Math.log10(picture.length / squares);
}

/** Adds the gradient of (error)^2 / count at a pixel. */
function addGradient(
  weights: Weights,
  pass: Pass,
  pixel: number,
  slope: number,
  sums: Readonly<Record<string, Float64Array>>,
): void {
  const [y, x] = [place(Math.floor(pixel / side)), place(pixel % side)];
  const units = pass.first.length;
  const { data: across } = weights["sine2.weight"];
  const { data: out } = weights["out.weight"];
  const [toOut, toAcross] = [sums["out.weight"], sums["sine2.weight"]];
  const back = new Float64Array(units);
  sums["out.bias"][0] += slope;
  for (let i = 0; i < units; i++) {
    toOut[i] += slope * pass.second[i];
    const here = slope * out[i] * pass.secondSlope[i];
    sums["sine2.bias"][i] += here;
    const row = i * units;
    for (let j = 0; j < units; j++) {
      toAcross[row + j] += here * pass.first[j];
      back[j] += here * across[row + j];
    }
  }
  for (let j = 0; j < units; j++) {
    const here = back[j] * pass.firstSlope[j];
    sums["sine1.bias"][j] += here;
    sums["sine1.weight"][2 * j] += here * y;
    sums["sine1.weight"][2 * j + 1] += here * x;
  }
}

/** A network after some steps. */
export interface Taught {
  readonly weights: Weights;
  /** Steps taken. */
  readonly step: number;
  /** Mean squared error over the pixels of this step before it was taken, brightness from -1 to 1. */
  readonly loss: number;
}

/** Teaches a network a picture [28, 28], 0 to 1, from a start; it is told after every step. */
export function* teach(
  start: Weights,
  picture: Float32Array,
  seed: number,
): Generator<Taught, void, undefined> {
  const random = randomStream(seed);
  const weights = Object.fromEntries(
    tensorNames.map((name) => [
      name,
      { shape: start[name].shape, data: Float32Array.from(start[name].data) },
    ]),
  );
  const pass = newPass(unitsOf(weights));
  const zeros = () =>
    Object.fromEntries(
      tensorNames.map((name) => [name, new Float64Array(weights[name].data.length)]),
    );
  const [means, squares] = [zeros(), zeros()];
  for (let step = 0; step < steps; step++) {
    const sums = zeros();
    let loss = 0;
    for (let b = 0; b < pixelsOfStep; b++) {
      const pixel = random.integer(side * side);
      const error = run(weights, pass, pixel) - (2 * picture[pixel] - 1);
      loss += error ** 2 / pixelsOfStep;
      addGradient(weights, pass, pixel, (2 * error) / pixelsOfStep, sums);
    }
    const falling = (rate * (1 + Math.cos((Math.PI * step) / steps))) / 2;
    const size =
      (falling * Math.sqrt(1 - secondDecay ** (step + 1))) / (1 - firstDecay ** (step + 1));
    for (const name of tensorNames) {
      const [now, mean, square] = [weights[name].data, means[name], squares[name]];
      for (const [i, gradient] of sums[name].entries()) {
        mean[i] = firstDecay * mean[i] + (1 - firstDecay) * gradient;
        square[i] = secondDecay * square[i] + (1 - secondDecay) * gradient ** 2;
        now[i] -= (size * mean[i]) / (Math.sqrt(square[i]) + epsilon);
      }
    }
    yield { weights, step: step + 1, loss };
  }
}
