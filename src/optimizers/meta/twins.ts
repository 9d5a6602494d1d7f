// What twins begin with and what they see: fresh networks and batches [2 P, ...], the same for both twins of a pair.

import { numpy as np } from "@jax-js/jax";
import { deriveSeed, type RandomStream, randomStream } from "../../core/random.ts";
import { sizeOf } from "../../core/shapes.ts";
import type { Params } from "../../models/model.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import type { Batch } from "../../tasks/task.ts";
import type { EpisodeTime } from "./estimator.ts";
import type { MetaSettings } from "./settings.ts";

type Needed = Pick<MetaSettings, "seed" | "rescale">;

/** The factor between parameters and weights in an episode. */
export function scaleOf({ seed, rescale }: Needed, { pair, episode }: EpisodeTime): number {
  const random = randomStream(deriveSeed(seed, "rescale", pair, episode));
  return rescale[0] * (rescale[1] / rescale[0]) ** random.uniform();
}

/** Fresh parameters [2 P, ...] where an episode begins, zeros elsewhere. */
export function freshParams(
  settings: Needed,
  task: InnerTask,
  times: readonly EpisodeTime[],
): Params {
  const pairs = times.length;
  const data = Object.entries(task.spec.tensors).map(([name, { shape }]) => ({
    name,
    shape: [2 * pairs, ...shape],
    size: sizeOf(shape),
    values: new Float32Array(2 * pairs * sizeOf(shape)),
  }));
  for (const [at, time] of times.entries()) {
    if (time.began !== time.step) continue;
    const seed = deriveSeed(settings.seed, "initial weights", time.pair, time.episode);
    const weights = task.init(randomStream(seed));
    const scale = scaleOf(settings, time);
    for (const { name, size, values } of data) {
      const own = Float32Array.from(weights[name].data, (w) => w / scale);
      values.set(own, at * size);
      values.set(own, (pairs + at) * size);
    }
  }
  return Object.fromEntries(
    data.map(({ name, shape, values }) => [name, np.array(values, { shape })]),
  );
}

/** A maker of the batches [2 P, ...] of one step, from one stream a pair. */
export function twinBatches(task: InnerTask): (streams: readonly RandomStream[]) => Batch {
  const sizes = Object.entries(task.batchShapes).map(([name, shape]) => ({
    name,
    shape,
    size: sizeOf(shape),
  }));
  return (streams) => {
    const pairs = streams.length;
    const arrays = sizes.map(({ size }) => new Float32Array(2 * pairs * size));
    for (const [at, random] of streams.entries()) {
      const own = sizes.map(({ name, size }, i): [string, Float32Array] => [
        name,
        arrays[i].subarray(at * size, (at + 1) * size),
      ]);
      task.writeBatch(Object.fromEntries(own), random);
    }
    return Object.fromEntries(
      sizes.map(({ name, shape, size }, i) => {
        arrays[i].copyWithin(pairs * size, 0, pairs * size);
        return [name, np.array(arrays[i], { shape: [2 * pairs, ...shape] })];
      }),
    );
  };
}
