// Measured optimizers as files: a result whose bytes do not depend on who measured it, and the time beside it.

import { z } from "zod";
import { equalBytes } from "../../core/bytes.ts";
import { sha256 } from "../../core/checksum.ts";
import { EnvironmentError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
import {
  type Arithmetic,
  hostArithmetic,
  otherArithmetic,
} from "../../kernels/wasm/fused-multiply-add.ts";
import { checkKeptSettings, keepSettings } from "../../work/kept-settings.ts";
import { fromSealedJson, sealedJson } from "../../work/unit-parts.ts";
import type { EvaluationUnit } from "./evaluate.ts";

/** JSON has no Infinity; such a loss is written as null. */
const loss = z.number().nullable();
const curveLoss = loss.transform((value) => value ?? Infinity);

const schema = z.object({
  optimizer: z.string(),
  rate: z.number().nullable(),
  tried: z.array(z.object({ rate: z.number(), loss })),
  curves: z.object({
    steps: z.array(z.number()),
    test: z.array(z.array(curveLoss)).min(1),
    train: z.array(z.array(curveLoss)).min(1),
    /** In parts; else in a file beside. */
    secondsPerStep: z.number().nullable().optional(),
  }),
});
const keptSeconds = z.object({ secondsPerStep: z.number().nonnegative() });

const settingsFile = {
  caller: "optimizer evaluate",
  name: "evaluation-settings.json",
  holds: "units",
  binds: (name: string) => /-[0-9a-f]{16}\.json$/.test(name),
  later: {
    arithmetic: (kept: unknown, here: unknown) =>
      `whose measuring ${otherArithmetic(kept as Arithmetic, here as Arithmetic)}, or choose another place (--store)`,
  },
};

const unitSettings = () => ({ arithmetic: hostArithmetic() });

/**
 * Looks whether units of a store round as this program does; units of any other settings may stand beside each other.
 * @returns what is not known of units of an earlier version, in a sentence
 * @throws {OptionError} when there are units that were measured with another arithmetic
 */
export async function checkArithmetic(store: ZooStore): Promise<string | undefined> {
  const settings = unitSettings();
  const silent = await checkKeptSettings(store, settingsFile, settings);
  return silent.length === 0
    ? undefined
    : `the units in ${store.location} were begun by a version that did not record how they round: their last digits may differ from those that are measured now, with "${settings.arithmetic}"`;
}

/** Keeps beside the units how they round, before the first of them. @throws {OptionError} as {@link checkArithmetic} */
export async function keepArithmetic(store: ZooStore): Promise<void> {
  const silent = await checkKeptSettings(store, settingsFile, unitSettings());
  if (silent.length === 0) await keepSettings(store, settingsFile, unitSettings(), true);
}

/** A unit from what JSON holds; undefined for anything else. */
export function parseUnit(value: unknown): EvaluationUnit | undefined {
  const parsed = schema.safeParse(value);
  if (!parsed.success) return undefined;
  const { curves, ...rest } = parsed.data;
  const secondsPerStep = curves.secondsPerStep ?? Number.NaN;
  return { ...rest, curves: { ...curves, secondsPerStep } };
}

const secondsName = (name: string): string => name.replace(/\.json$/, ".seconds.json");

/** The bytes of a result, without the time that it took. */
const resultBytes = ({ optimizer, rate, tried, curves }: EvaluationUnit): Promise<Uint8Array> => {
  const { steps, test, train } = curves;
  return sealedJson({ optimizer, rate, tried, curves: { steps, test, train } });
};

/** The checksum of a result, the same whoever made it. */
export const unitChecksum = async (unit: EvaluationUnit): Promise<string> =>
  sha256(new Uint8Array(await resultBytes(unit)));

/** A kept unit; undefined when there is none that can be believed. A damaged one is told of. */
export async function readUnit(
  store: ZooStore,
  name: string,
  warn: (message: string) => void = () => undefined,
): Promise<EvaluationUnit | undefined> {
  const bytes = await store.read(name);
  const unit = bytes === undefined ? undefined : parseUnit(await fromSealedJson(bytes));
  if (bytes !== undefined && unit === undefined)
    warn(`${name} in ${store.location} is damaged; it is measured anew`);
  if (unit === undefined) return undefined;
  const beside = await store.read(secondsName(name));
  const kept = beside && keptSeconds.safeParse(await fromSealedJson(beside)).data;
  const { curves } = unit;
  return { ...unit, curves: { ...curves, secondsPerStep: kept?.secondsPerStep ?? Number.NaN } };
}

/**
 * Creates the file of a unit, the time it took beside it, or sees that the one that is there is the same; a damaged one is
 * replaced.
 * @throws {EnvironmentError} when another worker has come to another result from the same settings
 */
export async function keepUnit(store: ZooStore, name: string, unit: EvaluationUnit): Promise<void> {
  const bytes = await resultBytes(unit);
  const { secondsPerStep } = unit.curves;
  await store.write(secondsName(name), await sealedJson({ secondsPerStep }));
  if (await store.create(name, bytes)) return;
  const there = await readUnit(store, name);
  if (there === undefined) return store.write(name, bytes);
  if (equalBytes(await resultBytes(there), bytes)) return;
  throw new EnvironmentError(
    `${name} in ${store.location} is the result of another worker, which differs from the one here, from the same settings; workers must round alike: give all of them the same version of Node and the same kind of processor`,
  );
}
