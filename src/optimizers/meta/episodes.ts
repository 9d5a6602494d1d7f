// Episodes of the pairs: how long each is, when the next begins. Plain data that a checkpoint holds; everything follows from the seed.

import { deriveSeed, randomStream } from "../../core/random.ts";
import type { EpisodeTime } from "./estimator.ts";
import type { MetaSettings } from "./settings.ts";

/** The episode under way of one pair. */
export interface Episode {
  readonly pair: number;
  /** How many came before. */
  readonly episode: number;
  /** Outer step at which it began. */
  readonly began: number;
  /** Truncations it has. */
  readonly truncations: number;
}

type Needed = Pick<MetaSettings, "seed" | "horizon" | "truncation">;

/** Truncations of an episode: log-uniform between the two horizons, rounded to whole truncations. */
export function episodeLength(
  { seed, horizon, truncation }: Needed,
  pair: number,
  episode: number,
): number {
  const random = randomStream(deriveSeed(seed, "horizon", pair, episode));
  const [shortest, longest] = horizon;
  const steps = shortest * (longest / shortest) ** random.uniform();
  return Math.max(1, Math.round(steps / truncation));
}

/** The first episodes: each is cut to a part of its length drawn at random, so that pairs do not restart together. */
export function firstEpisodes(settings: Needed & Pick<MetaSettings, "pairs">): Episode[] {
  return Array.from({ length: settings.pairs }, (_, pair) => {
    const length = episodeLength(settings, pair, 0);
    const random = randomStream(deriveSeed(settings.seed, "offset", pair));
    return { pair, episode: 0, began: 0, truncations: 1 + random.integer(length) };
  });
}

/** The episode after a truncation of outer step `step`: the same, or the next one where it has ended or has to. */
export function episodeAfter(
  settings: Needed,
  episode: Episode,
  step: number,
  mustEnd: boolean,
): Episode {
  if (!mustEnd && !endsWith(episode, step)) return episode;
  const next = episode.episode + 1;
  return {
    pair: episode.pair,
    episode: next,
    began: step + 1,
    truncations: episodeLength(settings, episode.pair, next),
  };
}

/** Whether the episode ends with the truncation of an outer step. */
export const endsWith = ({ began, truncations }: Episode, step: number): boolean =>
  step - began + 1 >= truncations;

/** The time that noise depends on. */
export const timeOf = ({ pair, episode, began }: Episode, step: number): EpisodeTime => ({
  pair,
  episode,
  began,
  step,
});
