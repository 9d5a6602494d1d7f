// Stacks on the host: what is written into a network's part is that network's row on the engine.

import { beforeAll, expect, test } from "vitest";
import { arraysToHost } from "../../src/engine/arrays.ts";
import { hostStack, stackToArrays } from "../../src/engine/host-stack.ts";
import { startEngine } from "../../src/engine/start.ts";

beforeAll(() => startEngine());

test("parts are views of the arrays, one a network; a scalar has one number each", async () => {
  const stack = hostStack({ w: [2, 2], b: [] }, 3);
  stack.parts[1]["w"].set([1, 2, 3, 4]);
  stack.parts[2]["b"].set([5]);
  const host = await arraysToHost(stackToArrays(stack));
  expect(host["w"].shape).toEqual([3, 2, 2]);
  expect([...host["w"].data]).toEqual([0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0]);
  expect(host["b"].shape).toEqual([3]);
  expect([...host["b"].data]).toEqual([0, 0, 5]);
  expect(() => stack.parts[0]["b"].set([1, 2])).toThrow(RangeError); // control: no part reaches into the next
});
