// What twins begin with: fresh networks [2 P, ...], the same for both twins of a pair.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { type HostStack, hostStack, stackToArrays } from "../../engine/host-stack.ts";
import type { Params } from "../../models/model.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { tensorList } from "../theta-file.ts";
import type { EpisodeTime } from "./estimator.ts";
import type { MetaSettings } from "./settings.ts";

type Needed = Pick<MetaSettings, "seed" | "rescale">;

/** The factor between parameters and weights in an episode. */
export function scaleOf({ seed, rescale }: Needed, { pair, episode }: EpisodeTime): number {
  const random = randomStream(deriveSeed(seed, "rescale", pair, episode));
  return rescale[0] * (rescale[1] / rescale[0]) ** random.uniform();
}

/** Fresh parameters [2 P, ...] on the host where an episode begins, zeros elsewhere. */
export function freshStack(
  settings: Needed,
  task: InnerTask,
  times: readonly EpisodeTime[],
): HostStack {
  const pairs = times.length;
  const stack = hostStack(tensorList(task.spec), 2 * pairs);
  for (const [at, time] of times.entries()) {
    if (time.began !== time.step) continue;
    const seed = deriveSeed(settings.seed, "initial weights", time.pair, time.episode);
    const weights = task.init(randomStream(seed));
    const scale = scaleOf(settings, time);
    for (const [name, part] of Object.entries(stack.parts[at])) {
      part.set(Float32Array.from(weights[name].data, (w) => w / scale));
      stack.parts[pairs + at][name].set(part);
    }
  }
  return stack;
}

/** The same on the engine. */
export const freshParams = (
  settings: Needed,
  task: InnerTask,
  times: readonly EpisodeTime[],
): Params => stackToArrays(freshStack(settings, task, times));
