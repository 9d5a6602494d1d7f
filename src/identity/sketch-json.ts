// Sketches from JSON, format "weightspace/sketch@1". To JSON they need nothing: a sketch is plain data.

import { z } from "zod";
import { FormatError } from "../core/errors.ts";
import { specFromJSON, type SpecJSON } from "../symmetry/json.ts";
import { type Sketch, sketchFormat } from "./sketch.ts";

const maxBlocks = 1e5;
const maxValues = 1e6;

const schema = z.strictObject({
  format: z.literal(sketchFormat),
  spec: z.unknown(),
  size: z.int().positive(),
  blocks: z
    .array(
      z.strictObject({
        place: z.string(),
        entries: z.int().nonnegative(),
        values: z.array(z.number()).max(maxValues),
      }),
    )
    .max(maxBlocks),
  open: z.array(z.string()).max(maxBlocks),
});

/**
 * Reads a sketch from parsed JSON.
 * @throws {FormatError} when the value is not of the format; {SpecError} when its spec contradicts itself.
 */
export function sketchFromJSON(value: unknown): Sketch {
  const result = schema.safeParse(value);
  if (!result.success) {
    const { path, message } = result.error.issues[0];
    throw new FormatError(
      `sketchFromJSON: not a sketch of format "${sketchFormat}": ${path.join(".") || "value"}: ${message}; make it again with \`weightspace sketch\``,
    );
  }
  specFromJSON(result.data.spec);
  return { ...result.data, spec: result.data.spec as SpecJSON };
}
