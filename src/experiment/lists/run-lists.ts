// The runs of an experiment as lists of work: the trials of its search, round by round, then its whole runs. Whoever has settings and networks makes
// the same lists.

import { OptionError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { digestOf, type WorkList, workList } from "../../work/work-list.ts";
import { planEntries, prepareData } from "../plan-runs.ts";
import { runFiles } from "../run-files.ts";
import { roundKinds, type RunListKind } from "../search/round-kinds.ts";
import { nextRound, type Round } from "../search/rounds.ts";
import { type ExperimentRun, findFinished } from "../train-runs.ts";
import { type ExperimentWork, readWork } from "./work-files.ts";

/** What decides the results of runs besides their models: networks, split and moves, plug-ins, arithmetic; as a digest. */
export function originOf({
  data,
  settings,
  arithmetic,
  plugins,
}: Pick<ExperimentWork, "data" | "settings" | "arithmetic" | "plugins">): Promise<string> {
  const { seed, split, trainShare = 1, resplit, moves = [], moveTraining } = settings;
  const digests = plugins.map(({ digest }) => digest);
  const drawn = { seed, split, trainShare, resplit };
  return digestOf({ data, ...drawn, moves, moveTraining, arithmetic, digests });
}

/** Runs as a list: a unit for each, in their order. */
export async function runList(
  kind: RunListKind,
  location: string,
  origin: string,
  runs: readonly ExperimentRun[],
): Promise<WorkList> {
  const units = await Promise.all(
    runs.map(async ({ key, request }) => {
      const { name, model, options, seed, budget, notes } = request;
      const canonical = notes["canonical"] === true;
      const id = await digestOf({ origin, key, name, model, options, seed, budget, canonical });
      return Object.freeze({ id, name: runFiles(key).result });
    }),
  );
  return workList(kind, location, units);
}

/** A list with what its units are. */
export interface OpenedRuns {
  readonly list: WorkList;
  /** In the order of the units. */
  readonly runs: readonly ExperimentRun[];
  /** How whoever does them must round. */
  readonly arithmetic: Arithmetic;
}

/**
 * The list of an experiment, made from the store of its runs alone.
 * @throws {OptionError} when there is no experiment, or one of other plug-ins, or when its search is not over;
 * {FormatError} when its files are damaged
 */
export async function openRunList(store: ZooStore, kind: RunListKind): Promise<OpenedRuns> {
  const work = await readWork(store);
  const { dataset, settings, arithmetic } = work;
  const { dataOf, ofTraining } = await prepareData(dataset, settings);
  const origin = await originOf(work);
  const opened = async (runs: readonly ExperimentRun[]): Promise<OpenedRuns> => ({
    list: await runList(kind, store.location, origin, runs),
    runs,
    arithmetic,
  });
  const rounds: Round[] = [];
  for (;;) {
    const round = nextRound(settings, dataOf, rounds);
    if (round.length === 0) break;
    const searched = round.map(({ run }) => run);
    if (kind === roundKinds[rounds.length]) return opened(searched);
    await findSearched(store, searched);
    rounds.push(round);
  }
  if (kind !== "runs")
    throw new OptionError(
      `experiment: the search in ${store.location} has ${rounds.length} rounds, not this one; run the experiment once more`,
    );
  return opened(planEntries(settings, ofTraining, rounds).flatMap((entry) => entry.runs));
}

/** Finds the results of a round. @throws {OptionError} when one is missing */
async function findSearched(store: ZooStore, searched: readonly ExperimentRun[]): Promise<void> {
  for await (const _ of findFinished(store, searched)) continue; // damaged ones are gone, and missing below
  const missing = searched.find(({ finished }) => finished === undefined);
  if (missing !== undefined)
    throw new OptionError(
      `experiment: ${runFiles(missing.key).result} of the search is not in ${store.location}; run the experiment once more`,
    );
}
