// Gzip files: unpacked whole and within a bound, or refused.

import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { gunzip } from "../../src/formats/archives/gzip.ts";

const random = randomStream(1);
const noise = Uint8Array.from({ length: 300_000 }, () => random.integer(256));
const pack = (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes));

describe("gunzip", () => {
  test("gives back what was packed, of any size, and other bytes as they are", () => {
    for (const size of [0, 1, 18, 65_535, 65_536, 300_000]) {
      const bytes = noise.subarray(0, size);
      const packed = pack(bytes);
      expect(gunzip(packed, "a")).toEqual(bytes.slice());
      const beside = new Uint8Array(packed.length + 7);
      beside.set(packed, 3);
      expect(gunzip(beside.subarray(3, 3 + packed.length), "a")).toEqual(bytes.slice());
    }
    expect(gunzip(noise, "a")).toBe(noise);
  });

  test("a flipped bit is refused or changes nothing, and a file cut short is refused", () => {
    const bytes = noise.subarray(0, 400).map((x) => x % 7);
    const packed = pack(bytes);
    let refused = 0;
    for (let at = 10; at < packed.length; at++) {
      const bad = packed.slice();
      bad[at] ^= 1 << (at % 8);
      try {
        expect(gunzip(bad, "digits.gz"), `byte ${at}`).toEqual(bytes);
      } catch (error) {
        expect(error, `byte ${at}`).toBeInstanceOf(FormatError);
        expect((error as Error).message).toMatch(/^digits\.gz: .*; fetch the file again$/);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(packed.length - 30);
    for (const size of [2, 17, 18, 60, packed.length - 1])
      expect(() => gunzip(packed.subarray(0, size), "a")).toThrow(FormatError);
  });

  test("what unpacks to too much is refused, by what it claims and by what it holds", () => {
    const bomb = pack(new Uint8Array(200_000_000));
    expect(bomb.length).toBeLessThan(300_000);
    expect(() => gunzip(bomb, "a", 1_000_000)).toThrow(
      /claims 200000000 bytes, .* at most 1000000/,
    );
    const liar = bomb.slice();
    new DataView(liar.buffer).setUint32(liar.length - 4, 1000, true);
    expect(() => gunzip(liar, "a", 1_000_000)).toThrow(/more than the 1000 bytes/);
    expect(gunzip(pack(noise), "a", noise.length)).toHaveLength(noise.length);
  });

  test("files of several members are refused instead of read in part", () => {
    const [a, b] = [pack(noise.subarray(0, 500)), pack(noise.subarray(500, 1000))];
    const both = new Uint8Array([...a, ...b]);
    expect(() => gunzip(both, "a")).toThrow(/several gzip members/);
  });
});
