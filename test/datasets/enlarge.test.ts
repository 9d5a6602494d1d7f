import { describe, expect, test } from "vitest";
import { enlargeDigits, enlargeImages } from "../../src/datasets/enlarge.ts";
import type { ImageSet } from "../../src/datasets/image-set.ts";

const images = (shape: readonly number[], ...inputs: number[]): ImageSet => ({
  count: inputs.length / shape.reduce((product, n) => product * n, 1),
  shape,
  inputs: Float32Array.from(inputs),
  labels: Uint8Array.of(0),
});

describe("enlarged images", () => {
  test("a uniform edge of all brightness leaves values at the centres of pixels as they are, up to the stretch", () => {
    const small = images([2, 3], 0, 1, 0, 0.5, 0, 1);
    const { shape, inputs } = enlargeImages(small, { factor: 3, edge: [0, 1] });
    expect(shape).toEqual([6, 9]);
    const centres = [0, 1].flatMap((row) =>
      [0, 1, 2].map((column) => inputs[(3 * row + 1) * 9 + 3 * column + 1]),
    );
    expect(centres).toEqual([0, 1, 0, 0.5, 0, 1]); // 3 s^2 - 2 s^3 keeps 0, 1/2 and 1
  });

  test("between centres brightness is linear, before it is stretched; outside is black", () => {
    const { inputs } = enlargeImages(images([1, 1], 1), { factor: 3, border: 1, edge: [0, 1] });
    const row = inputs.slice(10, 15);
    const stretched = (s: number) => s * s * (3 - 2 * s);
    for (const [i, s] of [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3].entries())
      expect(row[i]).toBeCloseTo(stretched(s), 6);
    const wide = enlargeImages(images([1, 1], 1), { factor: 1, border: 3, edge: [0, 1] });
    expect(wide.inputs.filter((value) => value !== 0)).toEqual(Float32Array.of(1));
  });

  test("what is darker than the edge is black, what is brighter is white", () => {
    const { inputs } = enlargeImages(images([1, 3], 0.25, 0.45, 0.65), { factor: 1 });
    expect([...inputs].map((value) => Number(value.toFixed(6)))).toEqual([0, 0.5, 1]);
  });

  test("digits become 28 x 28; every image is enlarged by itself", () => {
    const one = Array.from({ length: 64 }, (_, i) => (i % 7) / 6);
    const two = one.toReversed();
    const both = enlargeDigits(images([8, 8], ...one, ...two));
    expect(both.shape).toEqual([28, 28]);
    const alone = enlargeDigits(images([8, 8], ...two));
    expect(both.inputs.slice(784)).toEqual(alone.inputs);
    expect(both.inputs.slice(0, 784)).not.toEqual(alone.inputs); // control
  });

  test("what cannot be enlarged is refused", () => {
    expect(() => enlargeImages(images([1, 1, 1], 1), { factor: 2 })).toThrow(/grey images/);
    expect(() => enlargeImages(images([1, 1], 1), { factor: 0.5 })).toThrow(/whole factor/);
    expect(() => enlargeImages(images([1, 1], 1), { factor: 2, border: -1 })).toThrow(/border/);
    expect(() => enlargeImages(images([1, 1], 1), { factor: 2, edge: [1, 1] })).toThrow(/darker/);
  });
});
