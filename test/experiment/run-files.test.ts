// The files of training runs: what was written is read, what has changed since is not believed.

import { expect, test } from "vitest";
import type { JobRequest } from "../../src/experiment/job.ts";
import {
  effortBytes,
  readEffort,
  readResult,
  resultChecksum,
} from "../../src/experiment/run-files.ts";
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

test("what a run has taken is read back; with any one bit flipped it is not", async () => {
  for (const effort of [{ seconds: 12.5 }, { seconds: 12.5, machine: "one of ours, 2 cores" }]) {
    const bytes = await effortBytes(effort);
    expect(await readEffort(bytes)).toEqual(effort);
    expect(await unnoticed(bytes, readEffort)).toEqual([]);
  }
  expect(await readEffort(undefined)).toEqual({ seconds: 0 });
});

test("a result has the same checksum whoever made it, and however long that took", async () => {
  const here = { ...job, seconds: 3, machine: "one of ours, 2 cores" };
  const there = { ...job, seconds: 5, machine: "another, 16 cores" };
  expect(await resultChecksum(here)).toBe(await resultChecksum(there));
  const other = { ...here, bestEpoch: here.bestEpoch + 1 }; // control
  expect(await resultChecksum(other)).not.toBe(await resultChecksum(here));
});

test("files from before there were checksums are read, and known to be unchecked", async () => {
  const old = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  expect(await readResult(old(job), request)).toEqual({ value: job, checked: false });
  expect(await readResult(old({ ...job, bhecksum: "0" }), request)).toBeUndefined();
  expect(await readEffort(old(12.5))).toEqual({ seconds: 12.5 });
  expect(await readEffort(old({ bhecksum: "0", seconds: 12.5 }))).toBeUndefined();
});
