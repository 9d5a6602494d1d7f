// Timing in alternating rounds, so that what else the machine does falls on both sides of a ratio.

import { blockUntilReady, numpy as np } from "@jax-js/jax";
import { randomStream } from "../../dist/core/random.js";
import { median } from "./median.js";

/** Waits for many arrays: the first one brings all pending work with it, the others are then quick. */
export async function settle(arrays) {
  for (const array of arrays) await array.blockUntilReady();
}

/** Milliseconds of one run; `work` returns a list of arrays, which are disposed. */
export async function timeOnce(work) {
  const began = performance.now();
  const arrays = work();
  await settle(arrays);
  const elapsed = performance.now() - began;
  for (const array of arrays) array.dispose();
  return elapsed;
}

/** Median milliseconds of each piece of work, run in turns; the first turn is not counted. */
export async function timeInTurns(works, turns) {
  const names = Object.keys(works);
  const times = Object.fromEntries(names.map((name) => [name, []]));
  for (let turn = 0; turn <= turns; turn++) {
    for (const name of names) {
      const elapsed = await timeOnce(works[name]);
      if (turn > 0) times[name].push(elapsed);
    }
  }
  return Object.fromEntries(names.map((name) => [name, median(times[name])]));
}

/** Uniform values in [-1/2, 1/2), on the device. */
export async function randomArray(shape, seed) {
  const random = randomStream(seed);
  const size = shape.reduce((product, dim) => product * dim, 1);
  const data = Float32Array.from({ length: size }, () => random.uniform() - 0.5);
  const array = np.array(data).reshape(shape);
  await blockUntilReady(array);
  return array;
}

export const refAll = (arrays) => arrays.map((array) => array.ref);
export const refRecord = (record) =>
  Object.fromEntries(Object.entries(record).map(([name, array]) => [name, array.ref]));
