// Equivariant features: a few numbers for every index of every axis that move with the index and do not depend on the
// order of any other axis. Messages are contractions of a part with the features of its other dimensions (a random
// universal neural functional, in effect). They start matchings, order canonical forms and make sketches.
// Scale parts must have been fixed before (normalize-scales.ts): signs are followed, general-linear axes up to rotations.

import { deriveSeed, randomStream } from "../../core/random.ts";
import { instanceCount } from "../../symmetry/element.ts";
import type { Axis } from "../../symmetry/types.ts";
import { type AxisFeatures, featureChannels, isMoving, messageTo } from "./messages.ts";
import type { MatchProblem, PartReader } from "../problem.ts";

/** Features start at 1 where reorderings are the whole group, at 0 where no non-zero vector is left alone by it. */
const startsAt = ({ group, scale }: Axis) => (group === "permutation" && scale !== "sign" ? 1 : 0);

interface FeatureOptions {
  /** Passes over all parts. @default 3, more when signs or rotations lie far from fixed axes */
  readonly rounds?: number;
}

/** Features of one network whose scales are fixed; reads every part once a round. */
export async function axisFeatures(
  problem: MatchProblem,
  read: PartReader,
  options: FeatureOptions = {},
): Promise<AxisFeatures> {
  const { axes, parts } = problem;
  const rounds = options.rounds ?? roundsFor(problem);
  const moving = Object.keys(axes).filter((name) => isMoving(axes[name]));
  const length = (name: string) => instanceCount(problem, name) * axes[name].size * featureChannels;
  let features: Record<string, Float64Array> = Object.fromEntries(
    moving.map((name) => [name, new Float64Array(length(name)).fill(startsAt(axes[name]))]),
  );
  for (let round = 0; round < rounds; round++) {
    const sums = Object.fromEntries(moving.map((name) => [name, new Float64Array(length(name))]));
    for (const [index, part] of parts.entries()) {
      if (!part.dims.some(({ axis }) => axis !== null && isMoving(axes[axis]))) continue;
      const dense = await read(index);
      for (const [dim, { axis }] of part.dims.entries()) {
        if (axis === null || !isMoving(axes[axis])) continue;
        const message = messageTo(problem, part, dense, dim, features);
        addNormalized(sums[axis], message, deriveSeed(round, "message", part.name, dim));
      }
    }
    features = Object.fromEntries(
      moving.map((name) => [name, settle(features[name], sums[name], axes[name])]),
    );
  }
  return features;
}

/** Enough rounds for every axis that starts at 0 to hear from one that does not. */
function roundsFor({ axes, parts }: MatchProblem): number {
  const heard = new Set(
    Object.keys(axes).filter((name) => startsAt(axes[name]) === 1 || !isMoving(axes[name])),
  );
  const waiting = () => Object.keys(axes).filter((name) => !heard.has(name));
  let hops = 0;
  while (waiting().length > 0 && hops < 32) {
    const next = waiting().filter((name) =>
      parts.some(
        ({ dims }) =>
          dims.some(({ axis }) => axis === name) &&
          dims.every(({ axis }) => axis === null || axis === name || heard.has(axis)),
      ),
    );
    if (next.length === 0) break;
    for (const name of next) heard.add(name);
    hops++;
  }
  return 3 + hops;
}

/** Adds a message in units of its root mean square, times a random sign and size of its own per channel. */
function addNormalized(sums: Float64Array, message: Float64Array, seed: number): void {
  const random = randomStream(seed);
  const channels = featureChannels;
  for (let r = 0; r < channels; r++) {
    let squares = 0;
    for (let i = r; i < message.length; i += channels) squares += message[i] * message[i];
    const rms = Math.sqrt(squares / (message.length / channels));
    const factor = (0.5 + random.uniform()) * (random.uniform() < 0.5 ? -1 : 1);
    if (rms === 0) continue;
    for (let i = r; i < message.length; i += channels) sums[i] += (factor / rms) * message[i];
  }
}

/** New features: half the old ones and the messages, squashed by an odd function where the group allows it. */
function settle(old: Float64Array, sums: Float64Array, { group }: Axis): Float64Array {
  if (group === "general-linear") return sums;
  return Float64Array.from(sums, (x, i) => {
    const sum = x + old[i] / 2;
    return sum / (1 + Math.abs(sum) / 4);
  });
}
