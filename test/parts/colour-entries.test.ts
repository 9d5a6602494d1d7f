// Mixing entries into colours four at a time gives the same whole numbers as one after another.

import { describe, expect, test } from "vitest";
import { randomStream } from "../../src/core/random.ts";
import {
  colourEntries,
  type ColouredDim,
  colourOneByOne,
  colourRows,
} from "../../src/parts/colours/colour-entries.ts";

type Random = ReturnType<typeof randomStream>;

const whole = (random: Random) => (random.uniform() * 2 ** 32) | 0;
const wholes = (random: Random, count: number) =>
  Int32Array.from({ length: count }, () => whole(random));

/** Dimensions as parts have them: fixed, moving, within another one, or on one axis with another one. */
function randomDims(random: Random, sizes: readonly number[], signed: boolean): ColouredDim[] {
  const made: ColouredDim[] = [];
  for (const [d, size] of sizes.entries()) {
    const parent = d > 0 && random.uniform() < 0.4 ? Math.floor(random.uniform() * d) : null;
    const later = d + 1 < sizes.length && random.uniform() < 0.2 ? d + 1 : null;
    const chain = [...(parent === null ? [] : [parent]), ...(later === null ? [] : [later])];
    const steps = sizes.map((_, at): number => (at === d ? 1 : 0));
    let count = size;
    for (const at of chain) {
      steps[at] = count;
      count *= sizes[at];
    }
    const flips = signed && random.uniform() < 0.6;
    const length = flips ? 2 * count : count;
    const again = made.find(
      ({ lo, target, signed: own }) =>
        target !== null && lo.length === length && own === flips && random.uniform() < 0.5,
    );
    made.push({
      size,
      lo: wholes(random, length),
      hi: wholes(random, length),
      steps,
      signed: flips,
      target:
        random.uniform() < 0.2
          ? null
          : (again?.target ?? { lo: wholes(random, length), hi: wholes(random, length) }),
    });
  }
  return made;
}

function entriesOf(random: Random, count: number, kind: "float32" | "float64") {
  const special = [0, -0, 1e-40, -1e-40, 3.4e38, Math.PI];
  const values = Array.from({ length: count }, () =>
    random.uniform() < 0.2
      ? special[Math.floor(random.uniform() * special.length)]
      : random.normal(),
  );
  return kind === "float32" ? Float32Array.from(values) : Float64Array.from(values);
}

/** Colours after a way of mixing, on targets of its own. */
function after(
  way: typeof colourEntries,
  dims: readonly ColouredDim[],
  data: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>,
  orientation: readonly number[],
  negative: boolean,
) {
  const copies = new Map(
    dims.flatMap(({ target }) =>
      target === null ? [] : [[target, { lo: target.lo.slice(), hi: target.hi.slice() }] as const],
    ),
  );
  const own = dims.map((dim) => ({
    ...dim,
    target: dim.target === null ? null : (copies.get(dim.target) ?? null),
  }));
  const total = { lo: 5, hi: 6 };
  way(own, data, { lo: 11, hi: 12 }, orientation, negative, total);
  return { total, targets: [...copies.values()] };
}

const shapes = [
  [1],
  [5],
  [64],
  [2_001],
  [3, 7],
  [6, 16],
  [5, 33],
  [3, 4, 18],
  [2, 3, 5, 21],
  [3, 40, 1],
  [17, 1, 1],
];

describe.each(["float32", "float64"] as const)("%s entries", (kind) => {
  test.each(shapes.map((sizes) => [sizes]))("of shape %j", (sizes) => {
    let controls = 0;
    for (let seed = 0; seed < 12; seed++) {
      const random = randomStream(100 * sizes.length + seed);
      const dims = randomDims(random, sizes, seed % 2 === 1);
      const data = entriesOf(
        random,
        sizes.reduce((product, size) => product * size, 1),
        kind,
      );
      const orientation = dims.map(({ signed }) => (signed && random.uniform() < 0.5 ? 1 : 0));
      const negative = seed % 3 === 0;
      const expected = after(colourOneByOne, dims, data, orientation, negative);
      expect(after(colourRows, dims, data, orientation, negative)).toEqual(expected);
      expect(after(colourEntries, dims, data, orientation, negative)).toEqual(expected);
      data[data.length - 1] = data[data.length - 1] === 7 ? 8 : 7;
      const changed = after(colourRows, dims, data, orientation, negative);
      if (changed.total.lo !== expected.total.lo) controls++;
    }
    expect(controls).toBeGreaterThan(10);
  });
});

test("rows of a part with more entries than one call takes", () => {
  const random = randomStream(3);
  const sizes = [20, 5_000];
  const dims = randomDims(random, sizes, true);
  const data = entriesOf(random, 100_000, "float64");
  const orientation = dims.map(() => 0);
  expect(after(colourRows, dims, data, orientation, true)).toEqual(
    after(colourOneByOne, dims, data, orientation, true),
  );
});
