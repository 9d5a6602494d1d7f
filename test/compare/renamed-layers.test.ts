// Layers under other names: each as it was and where it was, or the files are not called identical.

import { describe, expect, test } from "vitest";
import type { Tensor } from "../../src/core/tensors.ts";
import { permuted } from "../../src/compare/conversions/make-tensor.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import {
  type Change,
  converted,
  mapNames,
  mapTensors,
  stack,
  tensor,
} from "../support/conversions.ts";

const layers = [0, 1, 2];

/** Three layers, all of one width unless told otherwise, with what a name may hold behind the number. */
const chain = (made: (i: number) => Readonly<Record<string, Tensor>>): Record<string, Tensor> =>
  Object.fromEntries(
    layers.flatMap((i) =>
      Object.entries(made(i)).map(([name, one]) => [`layers.${i}.${name}`, one]),
    ),
  );
const square = () => chain(() => ({ weight: tensor(6, 6), bias: tensor(6) }));
const renamed = mapNames((name) => name.replace("layers", "net.blocks").replace("in.", "stem."));
const turn = (one: Tensor): Tensor => permuted(one, one.shape.map((_, dim) => dim).toReversed());
/** Turns the tensors whose names match, before they are renamed. */
const turning = (pattern: RegExp): Change =>
  mapTensors((name, one) => (pattern.test(name) && one.shape.length > 1 ? turn(one) : one));

/** The verdict in both directions, and what was refused. */
async function both(a: Record<string, Tensor>, b: Record<string, Tensor>) {
  const [there, back] = [
    await converted(weightsSource(a), weightsSource(b)),
    await converted(weightsSource(b), weightsSource(a)),
  ];
  expect(back.verdict).toBe(there.verdict);
  expect(back.plan.refused.length).toBe(there.plan.refused.length);
  return there;
}

describe("square matrices of one kind are all transposed or none", () => {
  const symmetric = { shape: [2, 2], data: Float32Array.of(1, 2, 2, 5) };
  interface Case {
    readonly name: string;
    readonly weights: Record<string, Tensor>;
    readonly odd: RegExp;
    /** Which are turned in the control. */
    readonly alike: RegExp;
  }
  const cases: readonly Case[] = [
    { name: "one of three", weights: square(), odd: /1\.weight/, alike: /weight/ },
    { name: "two of three", weights: square(), odd: /[12]\.weight/, alike: /weight/ },
    {
      name: "against what a shape says",
      weights: chain((i) => ({ weight: i === 0 ? tensor(6, 4) : tensor(6, 6) })),
      odd: /[12]\.weight/,
      alike: /weight/,
    },
    {
      name: "one kind of two",
      weights: chain(() => ({ "q.weight": tensor(6, 6), "o.weight": tensor(6, 6) })),
      odd: /0\.q/,
      alike: /\.q/,
    },
    {
      name: "kernels of equal sizes",
      weights: chain(() => ({ weight: tensor(3, 3, 3, 3) })),
      odd: /2\.weight/,
      alike: /weight/,
    },
    {
      name: "one kernel beside a matrix with a dimension more",
      weights: chain(() => ({ weight: tensor(5, 5, 1) })),
      odd: /0\.weight/,
      alike: /weight/,
    },
  ];
  test.each(cases)("$name", async ({ weights, odd, alike }) => {
    const other = await both(weights, renamed(turning(odd)(weights)));
    expect(other.verdict).toBe("different");
    expect(other.plan.refused.join()).toMatch(/others of its kind|those of its kind/);
    const control = await both(weights, renamed(turning(alike)(weights)));
    expect([control.verdict, control.plan.refused]).toEqual(["identical", []]);
  });

  test("one of a kind may be, and one that is its own transpose fits both", async () => {
    const weights = {
      ...chain((i) => ({ weight: i === 1 ? symmetric : tensor(2, 2) })),
      "in.weight": tensor(2, 2),
    };
    const all = await both(weights, renamed(turning(/./)(weights)));
    const none = await both(weights, renamed(weights));
    const one = await both(weights, renamed(turning(/in\./)(weights)));
    for (const { verdict, plan } of [all, none, one])
      expect([verdict, plan.refused]).toEqual(["identical", []]);
    const wrong = await both(weights, renamed(turning(/0\.weight/)(weights)));
    expect(wrong.verdict).toBe("different");
  });

  test("parts that are joined", async () => {
    const weights = chain(() => ({ "a.weight": tensor(6, 6), "b.weight": tensor(6, 6) }));
    const joined = (change: (one: Tensor) => Tensor) =>
      Object.fromEntries(
        layers.map((i) => [
          `net.${i}.all.weight`,
          stack(weights[`layers.${i}.a.weight`], change(weights[`layers.${i}.b.weight`])),
        ]),
      );
    const right = await converted(weightsSource(weights), weightsSource(joined((one) => one)));
    expect([right.verdict, right.plan.refused]).toEqual(["identical", []]);
    const wrong = await converted(weightsSource(weights), weightsSource(joined(turn)));
    expect(wrong.verdict).toBe("different");
    expect(wrong.plan.refused.join()).toContain("some of which would be transposed");
  });
});
