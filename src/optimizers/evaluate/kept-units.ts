// Measured optimizers as files: a result whose bytes do not depend on who measured it, and the time beside it.

import { z } from "zod";
import { equalBytes } from "../../core/bytes.ts";
import { blankChecksum, checksumHolds, sha256, withChecksum } from "../../core/checksum.ts";
import { EnvironmentError, FormatError } from "../../core/errors.ts";
import { parseJson } from "../../core/json-limits.ts";
import type { ZooStore } from "../../core/store.ts";
import type { EvaluationUnit } from "./evaluate.ts";
import { unitFromJson } from "./rows.ts";

/** JSON has no Infinity; such a loss is written as null. */
const loss = z.number().nullable();

const schema = z.object({
  /** Absent from files that were written before there were checksums. */
  checksum: z.string().optional(),
  optimizer: z.string(),
  rate: z.number().nullable(),
  tried: z.array(z.object({ rate: z.number(), loss })),
  curves: z.object({
    steps: z.array(z.number()),
    test: z.array(z.array(loss)).min(1),
    train: z.array(z.array(loss)).min(1),
    /** In parts, and in older files; else in a file beside. */
    secondsPerStep: z.number().nullable().optional(),
  }),
});
const keptSeconds = z.object({ checksum: z.string(), secondsPerStep: z.number().nonnegative() });

const maxBytes = 2 ** 28;

async function sealed(value: object): Promise<Uint8Array> {
  const text = JSON.stringify({ checksum: blankChecksum, ...value });
  return withChecksum(new TextEncoder().encode(text));
}

/** A value of a file whose checksum holds, or that carries none; undefined for a damaged one. */
async function opened<T extends { checksum?: string | undefined }>(
  bytes: Uint8Array,
  schemaOf: z.ZodType<T>,
): Promise<T | undefined> {
  try {
    const fail = (problem: string) => new FormatError(problem);
    const parsed = schemaOf.safeParse(parseJson(bytes, { bytes: maxBytes, fail }));
    if (!parsed.success) return undefined;
    const { checksum } = parsed.data;
    return checksum === undefined || (await checksumHolds(bytes, checksum))
      ? parsed.data
      : undefined;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

const secondsName = (name: string): string => name.replace(/\.json$/, ".seconds.json");

/** The bytes of a result, without the time that it took. */
const resultBytes = ({ optimizer, rate, tried, curves }: EvaluationUnit): Promise<Uint8Array> => {
  const { steps, test, train } = curves;
  return sealed({ optimizer, rate, tried, curves: { steps, test, train } });
};

/** The checksum of a result, the same whoever made it. */
export const unitChecksum = async (unit: EvaluationUnit): Promise<string> =>
  sha256(new Uint8Array(await resultBytes(unit)));

/** A kept unit; undefined when there is none that can be believed. */
export async function readUnit(store: ZooStore, name: string): Promise<EvaluationUnit | undefined> {
  const bytes = await store.read(name);
  const value = bytes === undefined ? undefined : await opened(bytes, schema);
  if (value === undefined) return undefined;
  const { checksum: _checksum, curves, ...rest } = value;
  let secondsPerStep = curves.secondsPerStep ?? undefined;
  if (secondsPerStep === undefined) {
    const beside = await store.read(secondsName(name));
    const kept = beside === undefined ? undefined : await opened(beside, keptSeconds);
    secondsPerStep = kept?.secondsPerStep ?? Number.NaN;
  }
  return unitFromJson({ ...rest, curves: { ...curves, secondsPerStep } } as EvaluationUnit);
}

/**
 * Creates the file of a unit, the time it took beside it, or sees that the one that is there is the same; a damaged one is
 * replaced.
 * @throws {EnvironmentError} when another worker has come to another result from the same settings
 */
export async function keepUnit(store: ZooStore, name: string, unit: EvaluationUnit): Promise<void> {
  const bytes = await resultBytes(unit);
  const { secondsPerStep } = unit.curves;
  await store.write(secondsName(name), await sealed({ secondsPerStep }));
  if (await store.create(name, bytes)) return;
  const there = await readUnit(store, name);
  if (there === undefined) return store.write(name, bytes);
  if (equalBytes(await resultBytes(there), bytes)) return;
  throw new EnvironmentError(
    `${name} in ${store.location} is the result of another worker, which differs from the one here, from the same settings; workers must round alike: give all of them the same version of Node and the same kind of processor`,
  );
}

/** The bytes of a unit as a part: one small file with its time. */
export const partOfUnit = (unit: EvaluationUnit): Promise<Uint8Array> => sealed(unit);
