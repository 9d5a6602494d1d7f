// Random inputs of a graph: what is looked up with is drawn as indices, whatever its type.

import { expect, test } from "vitest";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { randomInputs } from "../../../src/infer/proof/random-inputs.ts";
import { onnxBuilder } from "../../support/graphs/onnx-builder.ts";

const drawn = (op: string, behind: readonly string[]) => {
  const b = onnxBuilder(1);
  const table = b.tensor("table", [3, 3], [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const indices = b.node("Cast", [b.input("x", [40, 3])], { to: 7 });
  b.output(b.node(op, [table, indices, ...behind.map((name) => b.input(name, [40, 3]))]));
  return randomInputs(readOnnx(b.bytes()))([[40, 3], ...behind.map(() => [40, 3])], 5);
};

const isIndex = (x: number | bigint) => [0, 1, 2].includes(Number(x));

test("inputs that every lookup reads as indices are whole numbers below the table's size", () => {
  for (const [op, behind] of [
    ["Gather", []],
    ["GatherElements", []],
    ["GatherND", []],
    ["Scatter", ["updates"]],
    ["ScatterElements", ["updates"]],
    ["ScatterND", ["updates"]],
  ] as const) {
    const { x, updates } = drawn(op, behind);
    expect([...x.data].every(isIndex), op).toBe(true);
    expect(updates === undefined || ![...updates.data].some(isIndex), op).toBe(true);
  }
  expect([...drawn("Add", []).x.data].some(isIndex)).toBe(false);
});

test("draws of one seed are the same numbers, whatever was drawn before", () => {
  const b = onnxBuilder(1);
  b.output(b.node("Gather", [b.tensor("table", [9, 1], [...Array(9).keys()]), b.input("x", [40])]));
  const graph = readOnnx(b.bytes());
  const draw = randomInputs(graph);
  const few = draw([[40]], 3, { indices: 2 });
  expect(Math.max(...[...few.x.data].map(Number))).toBe(1);
  expect(draw([[40]], 3)).toEqual(randomInputs(graph)([[40]], 3));
  expect(draw([[40]], 4)).not.toEqual(draw([[40]], 3));
});
