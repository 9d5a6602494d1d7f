// Builds a zoo in Node: worker threads train its shards, and the task's data file comes from the package.

import { checkCount } from "../zoo/agree-manifest.ts";
import { type BuildEvent, type BuildOptions, buildZoo as build } from "../zoo/build.ts";
import { trainInPlace } from "../zoo/training/train-shard.ts";
import { taskEntry } from "../tasks/registry.ts";
import { readPackageData } from "./package-data.ts";
import { defaultWorkers, workerPool } from "./threads/zoo-worker-pool.ts";

export type { BuildEvent } from "../zoo/build.ts";

/** What {@link buildZoo} builds, and on how many threads. */
export interface NodeBuildOptions extends Omit<BuildOptions, "trainer"> {
  /** Worker threads; 0 trains in the calling thread. @default the cores there are */
  readonly workers?: number;
  /** The compiled worker, where a bundler has moved it. */
  readonly workerEntry?: URL;
}

/**
 * Trains the networks a zoo still lacks, telling how far it is. An unfinished or smaller zoo of the same recipe and
 * seed is completed. The files are the same whatever the number of workers and however often the build was interrupted.
 * @throws {OptionError} when the store holds another zoo; {EnvironmentError} when it fails, another builder is at work or a
 * worker dies (finished shards stay); the signal's reason after an abort.
 */
export async function* buildZoo(options: NodeBuildOptions): AsyncGenerator<BuildEvent, void> {
  const { workers = defaultWorkers(), workerEntry, ...rest } = options;
  rest.signal?.throwIfAborted();
  checkCount("workers", workers, 0);
  const { dataFile } = taskEntry(rest.recipe.task);
  const data = rest.data ?? (dataFile === undefined ? undefined : await readPackageData(dataFile));
  yield* build({
    ...rest,
    ...(data && { data }),
    trainer: (shards) =>
      workers === 0
        ? trainInPlace()
        : workerPool(Math.max(1, Math.min(workers, shards)), workerEntry),
  });
}
