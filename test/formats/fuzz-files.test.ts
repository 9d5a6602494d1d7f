// Damaged files of every format: each is refused with an error of ours or read whole, never anything else. The script
// scripts/fuzz/fuzz-files.js does the same with more of them, and watches time and memory.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { openTensorSource } from "../../src/formats/open.ts";

interface Mutations {
  readonly fuzzedFiles: Readonly<Record<string, readonly string[]>>;
  readonly mutatedFile: (whole: Uint8Array, random: { integer(n: number): number }) => Uint8Array;
}
const script = "../../scripts/support/mutated-files.js";
const { fuzzedFiles, mutatedFile } = (await import(script)) as Mutations;

const fixture = (name: string) =>
  new Uint8Array(readFileSync(join(import.meta.dirname, "../fixtures/files", name)));

const isOurs = (error: unknown) =>
  error instanceof FormatError || error instanceof UnsupportedError;

/** How many tensors of a file are read; errors of ours make it undefined. */
async function tensorsRead(bytes: Uint8Array): Promise<number | undefined> {
  try {
    const source = await openTensorSource(bytes);
    let read = 0;
    for (const [name, { unreadable }] of source.entries) {
      if (unreadable !== undefined) continue;
      await source.read(name);
      read++;
    }
    return read;
  } catch (error) {
    if (isOurs(error)) return undefined;
    throw error;
  }
}

test.each(Object.entries(fuzzedFiles))("200 damaged files: %s", async (_, names) => {
  const random = randomStream(23);
  const wholes = names.map(fixture);
  // Control: the whole files are read.
  for (const whole of wholes) expect(await tensorsRead(whole)).toBeGreaterThan(0);
  let refused = 0;
  for (let i = 0; i < 200; i++)
    if ((await tensorsRead(mutatedFile(wholes[i % wholes.length], random))) === undefined)
      refused++;
  expect(refused).toBeGreaterThan(100);
});
