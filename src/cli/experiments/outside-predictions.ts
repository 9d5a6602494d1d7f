// Predictions that were made elsewhere, from JSON files.

import { z } from "zod";
import type { OutsidePredictions } from "../../experiment/outside.ts";
import { readJson } from "../../node/files.ts";
import { UsageError } from "../app/usage-error.ts";

const maxBytes = 2 ** 26;
const number = z.number();

const schema = z.strictObject({
  model: z
    .string()
    .min(1)
    .max(60)
    .regex(/^[\w .:-]+$/),
  parameters: z.int().nonnegative().optional(),
  trainings: z
    .array(
      z.strictObject({
        seed: z.int().nonnegative(),
        predicted: z.array(number).min(1),
        moved: z.array(number).min(1),
        seconds: number.nonnegative().optional(),
      }),
    )
    .min(1)
    .max(1000),
});

/** The predictions of every file. @throws {UsageError} naming the file and what is wrong */
export async function readOutside(paths: readonly string[]): Promise<OutsidePredictions[]> {
  const all: OutsidePredictions[] = [];
  for (const path of paths) {
    const parsed = schema.safeParse(await readJson(path, { bytes: maxBytes }));
    if (!parsed.success) {
      const [{ path: at, message }] = parsed.error.issues;
      throw new UsageError(
        `experiment: ${path} expected {"model": name, "trainings": [{"seed", "predicted", "moved"}, ...]}; ${at.length > 0 ? `${at.join(".")}: ` : ""}${message}`,
      );
    }
    if (all.some(({ model }) => model === parsed.data.model))
      throw new UsageError(
        `experiment: two files of predictions are called "${parsed.data.model}"; give them different names`,
      );
    all.push(parsed.data);
  }
  return all;
}
