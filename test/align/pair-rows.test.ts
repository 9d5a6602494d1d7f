// Pairings that are proved from some of the columns are those that all columns give.

import { beforeAll, describe, expect, test } from "vitest";
import { bestPairing } from "../../src/align/matching/match-instance.ts";
import { pairRows } from "../../src/align/matching/pair-rows.ts";
import { randomStream } from "../../src/core/random.ts";
import { startEngine } from "../../src/engine/start.ts";
import type { RowPair } from "../../src/parts/row-pair.ts";

beforeAll(() => startEngine());

/** Rows of a network and of the same one in another order, with signs and noise; some rows alike or zero on request. */
function rowPairs(seed: number, size: number, rests: readonly number[], options: RowOptions) {
  const random = randomStream(seed);
  const order = random.permutation(size);
  const signs = order.map(() => (options.signed && random.uniform() < 0.5 ? -1 : 1));
  const lengths = order.map(() => 0.5 + random.uniform());
  return rests.map((rest, p): RowPair => {
    const a = Float32Array.from({ length: size * rest }, (_, at) => {
      const row = Math.floor(at / rest);
      return lengths[row] * random.normal();
    });
    if (options.alike) a.copyWithin(0, rest, 2 * rest);
    if (options.zero) a.fill(0, 2 * rest, 4 * rest);
    const b = new Float32Array(size * rest);
    for (let i = 0; i < size; i++)
      for (let k = 0; k < rest; k++)
        b[order[i] * rest + k] = signs[i] * a[i * rest + k] + options.noise * random.normal();
    return { a, b, rest, factor: 1 + p };
  });
}

interface RowOptions {
  readonly noise: number;
  readonly signed: boolean;
  readonly alike?: boolean;
  readonly zero?: boolean;
}

/** From all columns, in float64. */
function simply(pairs: readonly RowPair[], size: number, signed: boolean) {
  const gains = new Float64Array(size * size);
  for (const { a, b, rest, factor } of pairs)
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++)
        for (let k = 0; k < rest; k++)
          gains[i * size + j] += factor * a[i * rest + k] * b[j * rest + k];
  return bestPairing(gains, size, signed);
}

describe.each([false, true])("signs flip: %s", (signed) => {
  test.each([0, 0.05, 0.3, 1, 30])("noise %f", async (noise) => {
    for (let seed = 0; seed < 8; seed++) {
      const [size, rests] = [24 + seed, [200 + 13 * seed, 64]];
      const pairs = rowPairs(seed, size, rests, { noise, signed });
      const { share, ...pairing } = await pairRows(pairs, size, { signed, proofFrom: 0 });
      expect(pairing).toEqual(simply(pairs, size, signed));
      // Near networks are proved from some columns, strangers need all.
      if (noise < 0.1) expect(share).toBeLessThan(1);
      if (noise > 10) expect(share).toBe(1);
    }
  });
});

test("two rows that are alike or zero leave a choice, which no part of the columns settles", async () => {
  for (const open of [{ alike: true }, { zero: true }]) {
    const pairs = rowPairs(1, 20, [160], { noise: 0, signed: false, ...open });
    const { share, ...pairing } = await pairRows(pairs, 20, { signed: false, proofFrom: 0 });
    expect(share).toBe(1);
    expect(pairing).toEqual(simply(pairs, 20, false));
  }
});

test("what is told apart by the last columns only is not taken for proved", async () => {
  const size = 16;
  const rest = 160;
  const [pair] = rowPairs(2, size, [rest], { noise: 0, signed: false });
  // The first columns say one order, the others, ten times as large, another.
  const other = rowPairs(3, size, [rest], { noise: 0, signed: false })[0];
  const head = rest / 2;
  const mixed = { ...pair, a: pair.a.slice(), b: pair.b.slice() };
  for (let i = 0; i < size; i++)
    for (let k = head; k < rest; k++) {
      mixed.a[i * rest + k] = 10 * other.a[i * rest + k];
      mixed.b[i * rest + k] = 10 * other.b[i * rest + k];
    }
  const { share, ...pairing } = await pairRows([mixed], size, { signed: false, proofFrom: 0 });
  expect(pairing).toEqual(simply([mixed], size, false));
  expect(share).toBe(1);
  expect(pairing.permutation).not.toEqual(simply([pair], size, false).permutation);
});

test("products that the engine makes agree", async () => {
  const size = 300;
  const pairs = rowPairs(5, size, [640], { noise: 0.02, signed: true });
  const { share, ...pairing } = await pairRows(pairs, size, { signed: true, proofFrom: 0 });
  expect(share).toBeLessThan(1);
  expect(pairing).toEqual(simply(pairs, size, true));
});
