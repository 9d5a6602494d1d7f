// start.safetensors: the learnt start of a zoo. It is kept while it is being learnt, so that a build that was stopped goes on, and its
// digest stands in the manifest, so that no network is trained from another one.

import { sha256 } from "../core/checksum.ts";
import { FormatError, OptionError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { ZooStore } from "../core/store.ts";
import type { Weights } from "../core/tensors.ts";
import { toFloat32 } from "../formats/safetensors/safetensors-dtypes.ts";
import { readSafetensors } from "../formats/safetensors/safetensors.ts";
import { sealHolds, writeSealed } from "../formats/safetensors/sealed.ts";
import type { Task } from "../tasks/task.ts";
import { backendOf, type ZooManifest } from "./manifest.ts";
import { originOf } from "./shard-parts.ts";
import { learnStart, type LearntStart } from "./training/learn-start.ts";

export const startName = "start.safetensors";
const startFormat = "weightspace/zoo-start@1";

/** Rounds after which an unfinished start is kept again. */
const keptRounds = 20;

export interface KeepStartOptions {
  readonly store: ZooStore;
  readonly manifest: ZooManifest;
  readonly task: () => Promise<Task>;
  readonly signal?: AbortSignal | undefined;
}

/** A start after some rounds of learning, and the bytes of its file. */
interface KeptStart extends LearntStart {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** How far the learning of a start is; the last one has its weights and the digest of its file. */
export interface StartEvent {
  readonly round: number;
  readonly rounds: number;
  readonly done?: { readonly weights: Weights; readonly digest: string };
}

/**
 * Learns the start of a zoo, or goes on learning it, or finds it finished.
 * @throws {OptionError} when it is not the one that the manifest names; {FormatError} when its file is damaged
 */
export async function* keepStart(
  options: KeepStartOptions,
): AsyncGenerator<StartEvent, void, undefined> {
  const { store, manifest, signal } = options;
  const { recipe, seed, spec } = manifest;
  const rounds = recipe.meta?.rounds ?? 0;
  const origin = await originOf({ ...manifest, start: undefined });
  let kept = await readStart(store, origin, spec);
  yield { round: kept?.rounds ?? 0, rounds };
  if (kept?.rounds !== rounds) {
    const task = await options.task();
    for await (const learnt of learnStart({
      task,
      recipe,
      seed,
      from: kept,
      backend: backendOf(manifest),
      signal,
    })) {
      if (learnt.rounds === rounds || learnt.rounds % keptRounds === 0) {
        // Another builder, who has come further, comes to the same start: its file stays.
        const there = await readStart(store, origin, spec);
        const isFurther = there !== undefined && there.rounds > learnt.rounds;
        if (!isFurther) kept = await writeStart(store, origin, learnt);
      }
      yield { round: learnt.rounds, rounds };
    }
  }
  if (kept === undefined) return;
  const digest = await sha256(kept.bytes);
  if (manifest.start !== undefined && manifest.start !== digest)
    throw new OptionError(
      `buildZoo: ${startName} in ${store.location} is not the start that the zoo's networks were trained from; build in another folder`,
    );
  yield { round: rounds, rounds, done: { weights: kept.weights, digest } };
}

/**
 * The learnt start that the manifest of a zoo names, from its store; undefined for a zoo whose networks start otherwise.
 * @throws {OptionError} when it is not learnt yet, or another one; {FormatError} when its file is damaged
 */
export async function namedStart(
  store: ZooStore,
  manifest: ZooManifest,
): Promise<Weights | undefined> {
  if (manifest.recipe.start !== "meta") return undefined;
  const origin = await originOf({ ...manifest, start: undefined });
  const kept = await readStart(store, origin, manifest.spec);
  if (kept !== undefined && (await sha256(kept.bytes)) === manifest.start) return kept.weights;
  const problem =
    kept === undefined || manifest.start === undefined
      ? "is not learnt yet; run the command that hands the work out"
      : "is not the one that zoo.json names; build in another folder";
  throw new OptionError(
    `buildZoo: the start of the networks, ${startName} in ${store.location}, ${problem}`,
  );
}

async function writeStart(
  store: ZooStore,
  origin: string,
  learnt: LearntStart,
): Promise<KeptStart> {
  const { weights, rounds } = learnt;
  const tensors = Object.entries(weights).map(
    ([name, { shape, data }]) => [name, { shape, data: Float32Array.from(data) }] as const,
  );
  const bytes = await writeSealed(Object.fromEntries(tensors), {
    format: startFormat,
    origin,
    rounds: String(rounds),
  });
  await store.write(startName, bytes as Uint8Array<ArrayBuffer>);
  return { ...learnt, bytes: bytes as Uint8Array<ArrayBuffer> };
}

/** The start of a store; undefined when there is none. @throws {FormatError} {OptionError} */
async function readStart(
  store: ZooStore,
  origin: string,
  spec: ZooManifest["spec"],
): Promise<KeptStart | undefined> {
  const bytes = await store.read(startName);
  if (bytes === undefined) return undefined;
  const fail = (problem: string) =>
    new FormatError(
      `buildZoo: ${startName} in ${store.location} ${problem}; remove it, and it is learnt again`,
    );
  const { tensors, metadata } = readFile(bytes, fail);
  if (metadata["format"] !== startFormat || !(await sealHolds(bytes, metadata)))
    throw fail("is damaged");
  if (metadata["origin"] !== origin) throw fail("was learnt for another recipe, seed or data");
  const weights = Object.entries(spec.tensors).map(([name, { shape }]) => {
    const tensor = tensors.get(name);
    if (tensor === undefined || !equalShapes(tensor.shape, shape))
      throw fail(`expected a tensor "${name}" of shape ${formatShape(shape)}`);
    return [name, { shape, data: Float32Array.from(toFloat32(tensor)) }] as const;
  });
  return {
    weights: Object.fromEntries(weights),
    rounds: Number(metadata["rounds"]),
    bytes: new Uint8Array(bytes),
  };
}

function readFile(bytes: Uint8Array, fail: (problem: string) => FormatError) {
  try {
    return readSafetensors(bytes);
  } catch (error) {
    throw error instanceof FormatError ? fail(`is damaged (${error.message})`) : error;
  }
}
