// Lists of work as a worker opens them: made anew from their store, whatever the queue says, with what does their units.

import { taskEntry } from "../../tasks/registry.ts";
import { equalBytes } from "../../core/bytes.ts";
import { pluginDifferences } from "../../core/plugins.ts";
import { OptionError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import { visibleName } from "../../core/visible.ts";
import {
  type RoundKind,
  roundKinds,
  type RunListKind,
} from "../../experiment/search/round-kinds.ts";
import { hostArithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import type { WorkList } from "../../work/work-list.ts";
import { keepShard, wholeShard } from "../../zoo/keep-shard.ts";
import { namedStart } from "../../zoo/keep-start.ts";
import {
  backendOf,
  isSameZoo,
  manifestName,
  readManifest,
  type ZooManifest,
} from "../../zoo/manifest.ts";
import { zooList } from "../../zoo/units.ts";
import { readPackageData } from "../package-data.ts";
import type { ListKind } from "./description.ts";
import { watchWork } from "./same-work.ts";
import type { AllPools } from "./work-pools.ts";

/** A list that can be worked on. */
export interface OpenedList {
  readonly list: WorkList;
  /** What is wrong when the store holds other work now. */
  readonly changed: () => Promise<string | undefined>;
  /** Does the unit at a place of the list, unless its result is there already; gives the result's checksum. */
  readonly run: (at: number, signal: AbortSignal) => Promise<string>;
}

/** What a worker has at hand. */
export interface WorkerMeans {
  readonly pools: AllPools;
  /** Data that its user gave, by their SHA-256. */
  readonly given: ReadonlyMap<string, Uint8Array>;
}

type OpenList = (store: ZooStore, means: WorkerMeans) => Promise<OpenedList>;

/** The data that the networks of a zoo learn. @throws {OptionError} when this worker was not given them */
async function dataOf(
  { recipe, data }: ZooManifest,
  location: string,
  given: WorkerMeans["given"],
): Promise<Uint8Array> {
  const { dataFile, givenData } = taskEntry(recipe.task);
  if (givenData === undefined)
    return dataFile === undefined ? new Uint8Array(0) : readPackageData(dataFile);
  const found = given.get(data ?? "");
  if (found !== undefined) return found;
  throw new OptionError(
    given.size === 0
      ? `queue: networks of ${visibleName(location)} learn images that do not come with the package; start the worker with --data, ${givenData}`
      : `queue: networks of ${visibleName(location)} learn other images than those that this worker was given (SHA-256 ${data}, given ${[...given.keys()].join(", ")}); start it with the --data of the build`,
  );
}

const openZooList: OpenList = async (plain, { pools, given }) => {
  const { location } = plain;
  const manifest = await readManifest(plain);
  if (manifest === undefined)
    throw new OptionError(
      `queue: there is no zoo.json in ${visibleName(location)} as seen from here; give all workers the same store`,
    );
  const [difference] = pluginDifferences(manifest.plugins);
  if (difference !== undefined)
    throw new OptionError(`queue: ${visibleName(location)} holds a zoo ${difference}`);
  const { shards } = pools.rounding(manifest.arithmetic ?? hostArithmetic(), location);
  const { recipe, seed } = manifest;
  const data = await dataOf(manifest, location, given);
  const start = await namedStart(plain, manifest);
  const list = await zooList(manifest, location);
  const { store, changed } = watchWork(plain, manifestName, async () =>
    isSameZoo(manifest, await readManifest(plain)),
  );
  return {
    list,
    changed,
    run: async (at, signal) => {
      const { name, from, count } = list.units[at];
      const plan = { name, from, count };
      let info = await wholeShard(store, manifest, plan);
      if (info === undefined) {
        const progress = new Int32Array(new SharedArrayBuffer(4));
        const backend = backendOf(manifest);
        const request = { recipe, seed, from, count, data, start, backend, progress, slot: 0 };
        const bytes = await shards().run(request, signal, () => undefined);
        info = await keepShard(store, manifest, plan, bytes);
      }
      return info.header.metadata["checksum"] ?? "";
    },
  };
};

/** The lists of an experiment. */
const openRuns =
  (kind: RunListKind): OpenList =>
  async (plain, { pools }) => {
    const { openRunList } = await import("../../experiment/lists/run-lists.ts");
    const { trainRun } = await import("../../experiment/train-runs.ts");
    const { finishedIn, resultChecksum } = await import("../../experiment/run-files.ts");
    const { workNames } = await import("../../experiment/settings.ts");
    const about = await plain.read(workNames.about);
    const { list, runs, arithmetic } = await openRunList(plain, kind);
    const { jobs } = pools.rounding(arithmetic, plain.location);
    const { store, changed } = watchWork(
      plain,
      workNames.about,
      (bytes) => about !== undefined && equalBytes(bytes, about),
    );
    return {
      list,
      changed,
      run: async (at, signal) => {
        const { key, request } = runs[at];
        const known = await finishedIn(store, key, request);
        if (typeof known === "object") return resultChecksum(known.value);
        const run = { key, request, share: 0 };
        const finished = await trainRun(run, store, jobs(), signal, () => undefined);
        signal.throwIfAborted();
        if (finished === undefined) throw new Error(`${key} ended without a result`);
        return resultChecksum(finished);
      },
    };
  };

const openOptimizers: OpenList = async (store, { pools }) => {
  const { evaluationList, readEvaluation } =
    await import("../../optimizers/evaluate/evaluation-list.ts");
  const { keepUnit, readUnit, unitChecksum } =
    await import("../../optimizers/evaluate/kept-units.ts");
  const { optimizers, arithmetic, ...evaluation } = await readEvaluation(store);
  const { evaluations } = pools.rounding(arithmetic, store.location);
  const list = await evaluationList({ ...evaluation, optimizers }, store.location, arithmetic);
  return {
    list,
    changed: async () => undefined, // names of units are digests of all that decides them
    run: async (at, signal) => {
      const { name } = list.units[at];
      const known = await readUnit(store, name);
      if (known !== undefined) return unitChecksum(known);
      const request = { ...evaluation, optimizer: optimizers[at] };
      const unit = await evaluations().run(request, signal, () => undefined);
      await keepUnit(store, name, unit);
      return unitChecksum(unit);
    },
  };
};

/** What opens a list of every kind. @throws {OptionError} {FormatError} for what cannot be worked on here */
export const openers: Readonly<Record<ListKind, OpenList>> = {
  zoo: openZooList,
  ...(Object.fromEntries(roundKinds.map((kind) => [kind, openRuns(kind)])) as Record<
    RoundKind,
    OpenList
  >),
  runs: openRuns("runs"),
  optimizers: openOptimizers,
};
