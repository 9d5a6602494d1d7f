// Measured optimizers as files: a result whose bytes do not depend on who measured it, and the time beside it.

import { z } from "zod";
import { equalBytes } from "../../core/bytes.ts";
import { sha256 } from "../../core/checksum.ts";
import { EnvironmentError } from "../../core/errors.ts";
import type { ZooStore } from "../../core/store.ts";
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

/** A kept unit; undefined when there is none that can be believed. */
export async function readUnit(store: ZooStore, name: string): Promise<EvaluationUnit | undefined> {
  const bytes = await store.read(name);
  const unit = bytes === undefined ? undefined : parseUnit(await fromSealedJson(bytes));
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
