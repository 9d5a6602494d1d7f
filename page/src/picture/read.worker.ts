// Opens the trained readers, and has them read and edit networks that are pictures.

import type { Weights } from "weightspace";
import { startEngine } from "weightspace/engine";
import { serve } from "../work/serve.ts";
import { probabilities, reordered, shuffled, type State, states } from "./moves.ts";
import { openReaders, type ReadersFile, type ReadersNote, type Sample } from "./readers.ts";
import file from "./readers.safetensors?url&no-inline";
import { drawn } from "./siren.ts";

/** What the page needs before anything is drawn. */
export interface Opened {
  readonly note: ReadersNote;
  readonly start: Weights;
  readonly samples: readonly Sample[];
}

/** A network in one state: what it draws, its numbers, and what every reader says of it. */
export interface Seen {
  readonly picture: Float32Array;
  /** In the order of the file, in units of the root mean square of their tensor. */
  readonly numbers: readonly number[];
  /** By reader, a probability for every digit. */
  readonly said: readonly (readonly number[])[];
}

/** A network in every state. */
export type Reading = Readonly<Record<State, Seen>>;

export type ReadRequest =
  | { readonly kind: "open" }
  | { readonly kind: "read"; readonly weights: Weights }
  | { readonly kind: "edit"; readonly weights: Weights };
/** An edited network's picture, [28, 28], 0 to 1. */
export type Edited = Float32Array;

export interface ReadWork {
  readonly request: ReadRequest;
  readonly event: never;
  readonly result: Opened | Reading | Edited;
}

/** Fixes the order and the signs of the moved network, and the shuffle. */
const seed = 11;

let opening: Promise<ReadersFile> | undefined;

async function open(): Promise<ReadersFile> {
  const response = await fetch(file);
  if (!response.ok)
    throw new Error("The trained readers could not be fetched; load the page again.");
  return openReaders(new Uint8Array(await response.arrayBuffer()));
}

serve<ReadWork>(async (request) => {
  const readers = await (opening ??= open());
  if (request.kind === "open") {
    const { note, start, samples } = readers;
    return { note, start, samples };
  }
  await startEngine();
  return request.kind === "edit" ? readers.edit(request.weights) : read(readers, request.weights);
});

async function read({ spec, read: readAll }: ReadersFile, weights: Weights): Promise<Reading> {
  const networks: Readonly<Record<State, Weights>> = {
    fitted: weights,
    moved: reordered(spec, weights, seed),
    shuffled: shuffled(weights, seed),
  };
  const outputs = await readAll(states.map((state) => networks[state]));
  const seen = (state: State, at: number): Seen => ({
    picture: drawn(networks[state]),
    numbers: Object.values(networks[state]).flatMap(inUnits),
    said: outputs.map((all) => {
      const size = all.length / states.length;
      return probabilities(all.slice(at * size, (at + 1) * size));
    }),
  });
  return Object.fromEntries(states.map((state, at) => [state, seen(state, at)])) as Record<
    State,
    Seen
  >;
}

/** The numbers of a tensor in units of their root mean square. */
function inUnits({ data }: Weights[string]): number[] {
  const numbers = Array.from(data);
  const square = numbers.reduce((sum, value) => sum + value ** 2, 0) / numbers.length;
  return numbers.map((value) => value / (Math.sqrt(square) || 1));
}
