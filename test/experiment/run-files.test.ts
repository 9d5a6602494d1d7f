// The files of training runs: what was written is read, what has changed since is not believed.

import { expect, test } from "vitest";
import type { JobRequest } from "../../src/experiment/job.ts";
import { readResult, readSeconds } from "../../src/experiment/run-files.ts";
import { sealedJson } from "../../src/work/unit-parts.ts";

const job = {
  model: "linear",
  seed: 7,
  parameters: 3,
  bestEpoch: 1,
  history: [{ epoch: 1, trainLoss: 0.25, validLoss: Number.NaN, validMetric: 0.5 }],
  predicted: [0.125, 0.75],
  moved: [0.125, Number.NaN],
  seconds: 1.5,
};
const request = {
  name: "linear",
  seed: 7,
  target: { name: "accuracy" },
  test: { size: 2, targets: new Float32Array(2) },
} as unknown as JobRequest;

/** Bits that can be flipped so that `read` still gives a value. */
async function unnoticed(
  bytes: Uint8Array,
  read: (bytes: Uint8Array) => Promise<unknown>,
): Promise<number[]> {
  const bits: number[] = [];
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    if ((await read(bytes)) !== undefined) bits.push(bit);
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
  return bits;
}

test("a result is read back; with any one bit flipped it is not", async () => {
  const bytes = await sealedJson(job);
  expect(await readResult(bytes, request)).toEqual({ value: job, checked: true });
  expect(await unnoticed(bytes, (changed) => readResult(changed, request))).toEqual([]);
  expect(await readResult(bytes, { ...request, seed: 8 })).toBeUndefined();
});

test("a training that diverged is read back, too, though it predicted nothing", async () => {
  const lost = {
    ...job,
    bestEpoch: 0,
    history: [],
    predicted: [],
    moved: [],
    diverged: "the loss is NaN at step 1",
  };
  const moves = { ...request, moves: { signs: {} } } as unknown as JobRequest;
  for (const asked of [request, moves])
    expect(await readResult(await sealedJson(lost), asked)).toEqual({ value: lost, checked: true });
  const { diverged: _, ...silent } = lost; // control: none that ended predicts nothing
  expect(await readResult(await sealedJson(silent), request)).toBeUndefined();
});

test("the seconds of a run are read back; with any one bit flipped they are not", async () => {
  const bytes = await sealedJson({ seconds: 12.5 });
  expect(await readSeconds(bytes)).toBe(12.5);
  expect(await unnoticed(bytes, readSeconds)).toEqual([]);
  expect(await readSeconds(undefined)).toBe(0);
});

test("files from before there were checksums are read, and known to be unchecked", async () => {
  const old = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  expect(await readResult(old(job), request)).toEqual({ value: job, checked: false });
  expect(await readResult(old({ ...job, bhecksum: "0" }), request)).toBeUndefined();
  expect(await readSeconds(old(12.5))).toBe(12.5);
  expect(await readSeconds(old({ bhecksum: "0", seconds: 12.5 }))).toBeUndefined();
});
