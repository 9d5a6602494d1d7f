// An evaluation as a list of work: a unit for each optimizer. Workers elsewhere make the same list from what is kept in the store of
// the units, thetas among it, checked before they are believed.

import { z } from "zod";
import { blankChecksum, checksumHolds, sha256, withChecksum } from "../../core/checksum.ts";
import { FormatError, OptionError } from "../../core/errors.ts";
import { parseJson } from "../../core/json-limits.ts";
import { loadedPlugins, pluginDifferences } from "../../core/plugins.ts";
import type { ZooStore } from "../../core/store.ts";
import { visibleName } from "../../core/visible.ts";
import { type Arithmetic, hostArithmetic } from "../../kernels/wasm/fused-multiply-add.ts";
import { digestOf, type WorkList, workList } from "../../work/work-list.ts";
import { openTheta } from "../load-optimizer.ts";
import { handMadeEntry, learnedEntry, type OptimizerEntry } from "./entries.ts";
import { checkEvaluation } from "./evaluate.ts";

/** An optimizer as plain data: a hand-made one by its name, or a learned one with the bytes of its theta. */
export interface NamedOptimizer {
  readonly name: string;
  readonly theta?: Uint8Array | undefined;
  /** The length of a learned optimizer's steps is chosen, too. */
  readonly tuned?: boolean | undefined;
}

/** The optimizer of a name and a theta. @throws {OptionError} {FormatError} as {@link handMadeEntry} and {@link openTheta} */
export const entryOf = async ({ name, theta, tuned }: NamedOptimizer): Promise<OptimizerEntry> =>
  theta === undefined
    ? handMadeEntry(name)
    : learnedEntry(name, await openTheta(theta), { tuned: tuned === true });

/** What is measured, and how. */
export interface Evaluation {
  readonly task: string;
  /** A folder of images in place of the package's own, known on this machine alone. */
  readonly data?: string | undefined;
  readonly optimizers: readonly NamedOptimizer[];
  readonly seeds: number;
  readonly steps: number;
  readonly every: number;
  readonly seed: number;
}

const aboutName = "evaluation-work.json";
const workFormat = "weightspace/evaluation-work@1";
const maxBytes = 2 ** 24;

const thetaName = (digest: string): string => `theta-${digest}.safetensors`;

/** What stands for a theta, or for a hand-made optimizer, in names of files. */
export const digestOfOptimizer = async ({
  name,
  theta,
  tuned = false,
}: NamedOptimizer): Promise<string> =>
  theta === undefined
    ? name
    : `${await sha256(new Uint8Array(theta))}${tuned ? " with steps of a chosen length" : ""}`;

/** What losses and steps run on: figures of versions that measured otherwise are not joined with these. */
const measuredOn = "kernels";

/** The file of every unit, by the name of its optimizer. */
export async function unitNames({
  task,
  data,
  optimizers,
  seeds,
  steps,
  every,
  seed,
}: Evaluation): Promise<ReadonlyMap<string, string>> {
  const source = { task, ...(data !== undefined && { data }) };
  const names = optimizers.map(async (optimizer) => {
    const own = await digestOfOptimizer(optimizer);
    const key = JSON.stringify([own, source, steps, every, seeds, seed, measuredOn]);
    const digest = (await sha256(new TextEncoder().encode(key))).slice(0, 16);
    const { name } = optimizer;
    return [name, `${name.replaceAll(/[^\w.-]/g, "-")}-${digest}.json`] as const;
  });
  return new Map(await Promise.all(names));
}

/** The units of an evaluation, in the order of its optimizers. */
export async function evaluationList(
  evaluation: Evaluation,
  location: string,
  arithmetic: Arithmetic = hostArithmetic(),
): Promise<WorkList> {
  const { optimizers, task, seeds, steps, every, seed } = evaluation;
  const names = await unitNames(evaluation);
  const plugins = loadedPlugins().map(({ digest }) => digest);
  const units = optimizers.map(async (optimizer) => {
    const own = await digestOfOptimizer(optimizer);
    const { name } = optimizer;
    const decides = { name, own, task, seeds, steps, every, seed, arithmetic, plugins };
    return Object.freeze({ id: await digestOf(decides), name: names.get(name) ?? "" });
  });
  return workList("optimizers", location, await Promise.all(units));
}

const count = z.int().min(1).max(1e9);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({
  checksum: z.string(),
  format: z.literal(workFormat),
  arithmetic: z.enum(["fma", "plain"]),
  plugins: z.array(
    z.strictObject({ path: z.string(), version: z.string().nullable(), digest: z.string() }),
  ),
  task: z.string().max(100),
  seeds: count.max(1000),
  steps: count,
  every: count,
  seed: z.int().min(0),
  optimizers: z
    .array(
      z.strictObject({
        name: z.string().min(1).max(100),
        theta: digest.optional(),
        tuned: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(1000),
});

/** Tells of a damaged file of work that is about to be replaced. @throws {OptionError} when another version wrote it */
async function checkReplaced(store: ZooStore, warn: (message: string) => void): Promise<void> {
  const bytes = await store.read(aboutName);
  if (bytes === undefined) return;
  const where = `${aboutName} in ${store.location}`;
  const damaged = `${where} is damaged; it is written anew`;
  let value: unknown;
  try {
    value = parseJson(bytes, { bytes: maxBytes, fail: (problem) => new FormatError(problem) });
  } catch (error) {
    if (!(error instanceof FormatError)) throw error;
    warn(damaged);
    return;
  }
  const { format, checksum } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof format === "string" && format !== workFormat && format.startsWith("weightspace/"))
    throw new OptionError(
      `optimizer evaluate: ${where} is of format ${visibleName(format.slice(0, 60))}, this version writes ${workFormat}; use the version that began it, or choose another place (--store)`,
    );
  if (typeof checksum !== "string" || !(await checksumHolds(bytes, checksum))) warn(damaged);
}

/**
 * Keeps an evaluation in the store of its units, for workers elsewhere; a damaged file is replaced, which is told.
 * @throws {OptionError} for images of one's own, which workers elsewhere do not have, and where another version has kept one
 */
export async function keepEvaluation(
  store: ZooStore,
  evaluation: Evaluation,
  warn: (message: string) => void = () => undefined,
): Promise<void> {
  const { optimizers, data, ...settings } = evaluation;
  if (data !== undefined)
    throw new OptionError(
      "optimizer evaluate: images of a folder (--data) are on this machine alone; leave out --queue, or take a task whose images come with the package",
    );
  await checkReplaced(store, warn);
  const named = optimizers.map(async ({ name, theta, tuned }) => {
    if (theta === undefined) return { name };
    const own = await sha256(new Uint8Array(theta));
    await store.create(thetaName(own), theta);
    return { name, theta: own, ...(tuned === true && { tuned }) };
  });
  const about = {
    checksum: blankChecksum,
    format: workFormat,
    arithmetic: hostArithmetic(),
    plugins: loadedPlugins(),
    ...settings,
    optimizers: await Promise.all(named),
  };
  const text = new TextEncoder().encode(JSON.stringify(about));
  await store.write(aboutName, await withChecksum(text));
}

/**
 * The evaluation of a store, and how whoever does it must round.
 * @throws {OptionError} when there is none, or one of other plug-ins; {FormatError} when its files are damaged
 */
export async function readEvaluation(
  store: ZooStore,
): Promise<Evaluation & { readonly arithmetic: Arithmetic }> {
  const bytes = await store.read(aboutName);
  if (bytes === undefined)
    throw new OptionError(
      `optimizer evaluate: there is no ${aboutName} in ${store.location} as seen from here; give all workers the same store`,
    );
  const fail = (problem: string, file = aboutName) =>
    new FormatError(
      `optimizer evaluate: ${file} in ${store.location} ${problem}; run the evaluation once more`,
    );
  const parsed = schema.safeParse(
    parseJson(bytes, { bytes: maxBytes, fail: (problem) => fail(problem) }),
  );
  if (!parsed.success) throw fail(`is not of format ${workFormat}`);
  const { checksum, format: _format, arithmetic, plugins, optimizers, ...settings } = parsed.data;
  if (!(await checksumHolds(bytes, checksum))) throw fail("has changed since it was written");
  const [difference] = pluginDifferences(plugins);
  if (difference !== undefined)
    throw new OptionError(`optimizer evaluate: the work in ${store.location} was ${difference}`);
  checkEvaluation(
    optimizers.map(({ name }) => name),
    settings,
  );
  const opened: NamedOptimizer[] = [];
  for (const { name, theta, tuned } of optimizers) {
    if (theta === undefined) {
      opened.push({ name });
      continue;
    }
    const found = await store.read(thetaName(theta));
    if (found === undefined || (await sha256(new Uint8Array(found))) !== theta)
      throw fail("is not the theta that it was", thetaName(theta));
    opened.push({ name, theta: found, ...(tuned === true && { tuned }) });
  }
  return { ...settings, optimizers: opened, arithmetic };
}
