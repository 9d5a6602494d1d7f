// The units of an evaluation: taken from where they are kept, measured here, or by workers of a queue.

import { dirname, join } from "node:path";
import { EnvironmentError } from "../../../core/errors.ts";
import type { ZooStore } from "../../../core/store.ts";
import {
  digestOfOptimizer,
  type Evaluation,
  entryOf,
  evaluationList,
  keepEvaluation,
  unitNames,
} from "../../../optimizers/evaluate/evaluation-list.ts";
import {
  type EvaluationRunner,
  type EvaluationUnit,
  evaluateOptimizers,
} from "../../../optimizers/evaluate/evaluate.ts";
import {
  checkArithmetic,
  keepArithmetic,
  keepUnit,
  parseUnit,
  readUnit,
} from "../../../optimizers/evaluate/kept-units.ts";
import { openInnerTask } from "../../../node/open-inner-task.ts";
import { openStore } from "../../../node/open-store.ts";
import { openParts, type UnitParts } from "../../../work/unit-parts.ts";
import type { HandOut } from "../../../work/work-list.ts";
import type { Cli } from "../../app/context.ts";
import { type MachineFlags, machinesOf, openSharedStore } from "../../machines/options.ts";
import { counted } from "../../app/output.ts";

interface Flags extends MachineFlags {
  readonly output: string;
  readonly parts?: string;
  readonly store?: string;
}

/** Where units are kept. */
interface Stores {
  readonly units: ZooStore;
  readonly parts: UnitParts<EvaluationUnit> | undefined;
  /** The file of every unit, by the name of its optimizer. */
  readonly names: ReadonlyMap<string, string>;
  /** What stands for every optimizer, by its name. */
  readonly origins: ReadonlyMap<string, string>;
}

/** All units in the order of the optimizers; undefined when only a part was asked for and others are missing. */
export async function measureAll(
  evaluation: Evaluation,
  flags: Flags,
  cli: Cli,
): Promise<readonly EvaluationUnit[] | undefined> {
  const { optimizers, task, data, ...settings } = evaluation;
  const stores = await openStores(evaluation, flags, cli);
  const { part, handOut } = await machinesOf(flags);
  const entries = await Promise.all(optimizers.map(entryOf));
  const opened = await openInnerTask({ task, ...(data !== undefined && { data }) });
  const warn = (message: string) => cli.output.note(`warning: ${message}`);
  const silent = await checkArithmetic(stores.units);
  if (silent !== undefined) warn(silent);
  const runner = handOut && (await runnerElsewhere(evaluation, stores, handOut, warn));
  const found = new Map<string, EvaluationUnit>();
  let bar: ReturnType<typeof cli.progress.task> | undefined;
  for await (const event of evaluateOptimizers({
    ...settings,
    task: opened,
    entries,
    part,
    runner,
    known: (name) => knownUnit(stores, name, warn),
    signal: cli.signal,
  })) {
    if (event.type === "unit") {
      found.set(event.unit.optimizer, event.unit);
      if (!event.wasKnown) await keep(stores, event.unit, handOut !== undefined);
    } else if (event.type === "warning") cli.output.note(`warning: ${event.message}`);
    else {
      bar ??= cli.progress.task("training networks", event.total, { unit: "points" });
      bar.update(event.done, event.note);
    }
  }
  const units = optimizers.flatMap(({ name }) => found.get(name) ?? []);
  if (units.length === optimizers.length) {
    bar?.finish();
    return units;
  }
  const [finished, runs] = [units.length, optimizers.length];
  cli.output.result(
    { finished, runs },
    () =>
      `${finished} of ${counted(runs, "optimizer")} are there; the same command without --shard ends with the figures when all are`,
  );
  return undefined;
}

async function openStores(evaluation: Evaluation, flags: Flags, cli: Cli): Promise<Stores> {
  const { optimizers, task, data, ...settings } = evaluation;
  const source = { task, ...(data !== undefined && { data }) };
  const partsOptions = {
    caller: "optimizer evaluate",
    settings: { ...source, ...settings },
    fromJson: parseUnit,
    warn: (message: string) => cli.output.note(`warning: ${message}`),
  };
  const place = flags.store ?? join(dirname(flags.output), "units");
  return {
    units: await openSharedStore(place, flags),
    parts:
      flags.parts === undefined
        ? undefined
        : await openParts(await openStore(flags.parts), partsOptions),
    names: await unitNames(evaluation),
    origins: new Map(
      await Promise.all(
        optimizers.map(async (one) => [one.name, await digestOfOptimizer(one)] as const),
      ),
    ),
  };
}

/** A kept unit; one that has no part yet becomes one. */
async function knownUnit(
  { units, parts, names, origins }: Stores,
  name: string,
  warn: (message: string) => void,
): Promise<EvaluationUnit | undefined> {
  const unit = { name, origin: origins.get(name) };
  const part = await parts?.read(unit);
  if (part !== undefined) return part;
  const kept = await readUnit(units, names.get(name) ?? name, warn);
  if (kept !== undefined) await parts?.keep(unit, kept);
  return kept;
}

/** Keeps a unit as a part, where parts are asked for and it is small enough; else in the store, unless its worker did. */
async function keep(
  { units, parts, names, origins }: Stores,
  unit: EvaluationUnit,
  isKept: boolean,
): Promise<void> {
  const name = unit.optimizer;
  const isPart = await parts?.keep({ name, origin: origins.get(name) }, unit);
  if (isPart === true || isKept) return;
  await keepArithmetic(units);
  await keepUnit(units, names.get(name) ?? name, unit);
}

/** Workers elsewhere measure, and leave units in the store. */
async function runnerElsewhere(
  evaluation: Evaluation,
  { units, names }: Stores,
  handOut: HandOut,
  warn: (message: string) => void,
): Promise<EvaluationRunner> {
  await keepArithmetic(units);
  await keepEvaluation(units, evaluation, warn);
  const list = await evaluationList(evaluation, units.location);
  const handed = await handOut(
    list,
    async ({ name }) => (await readUnit(units, name)) !== undefined,
  );
  return {
    width: handed.width,
    run: async ({ name }, signal, tell) => {
      const file = names.get(name) ?? "";
      const unit = list.units.find((each) => each.name === file);
      if (unit === undefined) throw new Error(`no unit of ${name}`);
      await handed.run(unit, signal, (note) => tell({ note }));
      const found = await readUnit(units, file);
      if (found !== undefined) return found;
      throw new EnvironmentError(
        `${file} was said to be done, and is not whole in ${units.location}`,
      );
    },
    close: () => handed.close(),
  };
}
