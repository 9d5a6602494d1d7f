// After convert the blocks of a are in the order of b's, where equal numbers show that order; else it is refused or said.

import { describe, expect, test } from "vitest";
import type { Tensor, Weights } from "../../src/core/tensors.ts";
import { compareCheckpoints } from "../../src/compare/compare-checkpoints.ts";
import {
  type BlockOrderOptions,
  findBlockOrders,
} from "../../src/compare/conversions/block-orders.ts";
import { permuted, takeRows } from "../../src/compare/conversions/make-tensor.ts";
import { planConversion } from "../../src/compare/conversions/plan-conversion.ts";
import { writableSource } from "../../src/compare/conversions/writable-source.ts";
import { readAll, type TensorSource, weightsSource } from "../../src/formats/tensor-source.ts";
import { narrow } from "../../src/formats/narrow.ts";
import { widen } from "../../src/formats/widen.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { decoder, mapTensors, tensor } from "../support/conversions.ts";

async function convert(a: Weights, b: Weights | TensorSource, options: BlockOrderOptions = {}) {
  const second = "entries" in b ? (b as TensorSource) : weightsSource(b as Weights);
  const plan = await planConversion(weightsSource(a), second);
  const orders = await findBlockOrders(plan, options);
  const { source } = writableSource(plan, second, { orders });
  const kinds = [...plan.conversions, ...orders.conversions].map(({ kind }) => kind);
  return { source, kinds, ...orders };
}

const range = (size: number): number[] => Array.from({ length: size }, (_, i) => i);
const blocks = (size: number, ...order: number[]): number[] =>
  order.flatMap((block) => range(size).map((i) => block * size + i));
/** Rows of the second file, by their number in the first. */
const orders: readonly (readonly [name: string, rows: readonly number[], said: RegExp])[] = [
  ["gates of an LSTM", blocks(6, 0, 2, 1, 3), /^4 blocks of 6 in the order 1, 3, 2, 4: gates/],
  [
    "gates of ONNX",
    blocks(6, 0, 3, 1, 2),
    /i f g o .* in the first file, i o f g .* in the second/,
  ],
  ["gates of a GRU", blocks(8, 1, 0, 2), /gates of a GRU/],
  [
    "rotary rows",
    range(24).map((i) => i - (i % 8) + ((i % 8) % 2) * 4 + Math.floor((i % 8) / 2)),
    /heads of 8: half-split .* in the first file, interleaved .* in the second/,
  ],
  [
    "parts by head",
    range(24).map((i) => (Math.floor(i / 4) % 3) * 8 + Math.floor(i / 12) * 4 + (i % 4)),
    /all queries, keys, values in turn in the first file, by head/,
  ],
];

describe.each(orders)("%s", (_name, rows, said) => {
  const first = { w: tensor(24, 5), u: tensor(6, 24), b: tensor(24), rest: tensor(7, 5) };
  const reordered = {
    ...first,
    w: takeRows(first.w, rows),
    u: permuted(takeRows(permuted(first.u, [1, 0]), rows), [1, 0]),
    b: takeRows(first.b, rows),
  };

  test("are brought to the second file's order, both ways", async () => {
    for (const [a, b] of [
      [first, reordered],
      [reordered, first],
    ]) {
      const second = weightsSource(b);
      // Before: the files are reordered, which is what makes the conversion.
      expect((await compareCheckpoints(weightsSource(a), second)).verdict).toBe("reordered");
      const { source, kinds } = await convert(a, b);
      expect(kinds).toEqual(["regroup", "regroup", "regroup"]);
      expect((await compareCheckpoints(source, second)).verdict).toBe("identical");
    }
    const { conversions } = await convert(first, reordered);
    expect(conversions[0]).toMatchObject({
      from: ["w"],
      to: ["w"],
      by: "numbers",
      detail: expect.stringMatching(said),
    });
  });

  test("are refused by name where other numbers do not show their order", async () => {
    const trained = { ...reordered, u: tensor(6, 24) };
    await expect(convert(first, trained)).rejects.toMatchObject({
      message: expect.stringMatching(/blocks in another order, and the numbers of other .*\(u\)/),
      problems: expect.arrayContaining([
        expect.objectContaining({
          tensor: "w",
          message: expect.stringMatching(said.source.slice(1)),
        }),
      ]),
    });
    const shuffled = { ...reordered, rest: takeRows(first.rest, [3, 1, 6, 0, 2, 5, 4]) };
    await expect(convert(first, shuffled)).rejects.toThrow(/something else is in another order/);
  });

  test("keep the first file's exact numbers where the second has fewer bits", async () => {
    const halves = weightsSource(
      mapTensors((name, one) => widen(narrowed(one, name), name))(reordered),
    );
    const entries = new Map(
      [...halves.entries].map(([name, entry]) => [name, { ...entry, dtype: "F16" as const }]),
    );
    const readStored = async (name: string) => narrowed(await halves.read(name), name);
    const { source } = await convert(first, { ...halves, entries, readStored });
    expect(await readAll(Object.keys(first), source.read)).toEqual(reordered);
  });
});

const narrowed = (one: Tensor, name: string) => narrow(one, "F16", name);

describe("what is no order of blocks is kept", () => {
  const own = decoder();
  const shapes = Object.entries(own).map(([name, { shape }]) => ({ name, shape }));
  const { spec } = inferSpecFromNames(shapes, { heads: 4, keyValueHeads: 2 });
  const specOf = async () => spec;

  test("another training: the numbers show nothing, and the tensors are named", async () => {
    const a = { w: tensor(24, 5), b: tensor(24) };
    const { source, kinds, untold } = await convert(a, { w: tensor(24, 5), b: tensor(24) });
    expect([kinds, untold]).toEqual([[], ["w", "b"]]);
    expect(await readAll(["w", "b"], source.read)).toEqual(a);
    expect((await convert(a, a)).untold).toEqual([]);
  });

  test("units in another order, which is a symmetry", async () => {
    const moved = actOn(spec, sampleElement(spec, 4, { scales: false }), own);
    const { source, kinds } = await convert(moved, own, { specOf });
    expect(kinds).toEqual([]);
    expect(await readAll(Object.keys(own), source.read)).toEqual(moved);
  });
});

test("rotary rows beside units in another order: a symmetric copy of the second file is left", async () => {
  const heads = 2;
  const d = 8;
  const shapeOf = (name: string, { shape }: Tensor) =>
    /[qk]_proj\.weight/.test(name) ? tensor(heads * d, shape[1]) : undefined;
  const base = decoder();
  const own: Weights = Object.fromEntries(
    Object.entries(base).flatMap(([name, one]) => {
      if (/_proj\.bias/.test(name)) return [];
      if (/v_proj/.test(name)) return [[name, tensor(heads * d, 8)]];
      if (/o_proj/.test(name)) return [[name, tensor(8, heads * d)]];
      return [[name, shapeOf(name, one) ?? one]];
    }),
  );
  const shapes = Object.entries(own).map(([name, { shape }]) => ({ name, shape }));
  const { spec } = inferSpecFromNames(shapes, { heads });
  const moved = actOn(spec, sampleElement(spec, 6, { scales: false }), own);
  const rows = range(heads * d).map(
    (i) => i - (i % d) + ((i % d) % 2) * 4 + Math.floor((i % d) / 2),
  );
  const a = mapTensors((name, one) => (/[qk]_proj/.test(name) ? takeRows(one, rows) : one))(moved);
  const second = weightsSource(own);
  expect((await compareCheckpoints(weightsSource(a), second, { spec })).verdict).toBe("reordered");
  const { source, conversions } = await convert(a, own, { specOf: async () => spec });
  expect(conversions.length).toBe(4);
  expect(conversions[0].detail).toMatch(
    /interleaved .* in the first file, half-split .* in the second/,
  );
  expect((await compareCheckpoints(source, second, { spec })).verdict).toBe("symmetric");
  expect(await readAll(Object.keys(own), source.read)).toEqual(moved);
});
