// Trains the small network, and has it read by two readers: a functional that respects its group, and a plain network on its numbers in a row.

import type { Weights } from "weightspace";
import { arraysFromHost, startEngine } from "weightspace/engine";
import { flatMLP, type Model, unf } from "weightspace/models";
import { serve } from "../work/serve.ts";
import { fitMoons, moons } from "./fit.ts";
import { type Example, spec } from "./network.ts";

/** What each reader says of every network, in their order. */
export interface Readings {
  readonly functional: readonly number[];
  readonly plain: readonly number[];
}

/** Both are as their seed made them: standing still needs no training. */
const seed = 3;

/** A network with what it was trained on. */
export interface Trained {
  readonly examples: readonly Example[];
  readonly weights: Weights;
}

export type GroupRequest =
  | { readonly kind: "train"; readonly seed: number }
  | { readonly kind: "read"; readonly networks: readonly Weights[] };
export type GroupAnswer = Trained | Readings;

/** Trains first, then reads as often as it is asked to. */
export interface GroupWork {
  readonly request: GroupRequest;
  readonly event: never;
  readonly result: GroupAnswer;
}

serve<GroupWork>(async (request) => {
  if (request.kind === "read") return readAll(request.networks);
  const examples = moons(request.seed);
  return { examples, weights: fitMoons(examples, request.seed) };
});

async function readAll(networks: readonly Weights[]): Promise<Readings> {
  await startEngine();
  const read = async (model: Model): Promise<number[]> => [
    ...(await model.apply(model.init(seed), arraysFromHost(stacked(networks))).data()),
  ];
  return {
    functional: await read(unf(spec, { channels: [1, 8, 8], head: [16, 1] })),
    plain: await read(flatMLP(spec, { head: [32, 1] })),
  };
}

/** The networks as one batch: tensor name -> [networks, ...shape]. */
const stacked = (networks: readonly Weights[]): Weights =>
  Object.fromEntries(
    Object.entries(spec.tensors).map(([name, { shape }]) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const data = new Float32Array(networks.length * size);
      for (const [at, network] of networks.entries()) data.set(network[name].data, at * size);
      return [name, { shape: [networks.length, ...shape], data }];
    }),
  );
