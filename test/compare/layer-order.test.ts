// Layers under other names keep their order, or the files are not called identical; a new count, gaps and equal tensors are no
// other order.

import { describe, expect, test } from "vitest";
import { compareNetworks } from "../../src/checkpoints/compare-networks.ts";
import { openNetwork } from "../../src/checkpoints/network.ts";
import { layerOrderText, verdictSentence } from "../../src/compare/comparison-words.ts";
import type { Tensor } from "../../src/core/tensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { fuse, mapNames, stack, tensor } from "../support/conversions.ts";

type Weights = Record<string, Tensor>;
const opened = (weights: Weights, name: string) =>
  openNetwork(new File([new Uint8Array(writeSafetensors(weights))], `${name}.safetensors`));

/** How two networks compare: verdict, layer orders in words, the sentence. */
async function compared(a: Weights, b: Weights) {
  const found = await compareNetworks(await opened(a, "a"), await opened(b, "b"));
  const { comparison, conversions } = found;
  const orders = (comparison.layerOrders ?? []).map(layerOrderText);
  return { verdict: comparison.verdict, orders, line: verdictSentence(comparison, conversions) };
}

const filled = (value: number, size = 6): Tensor => ({
  shape: [size],
  data: new Float32Array(size).fill(value),
});
const chain = (count: number, made: (i: number) => Readonly<Weights>): Weights =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) =>
      Object.entries(made(i)).map(([name, one]) => [`layers.${i}.${name}`, one] as const),
    ).flat(),
  );
const linear = () => ({ weight: tensor(6, 6), bias: tensor(6) });
/** Other words, and another number for each layer. */
const moved = (numbers: readonly number[], pattern = /./) =>
  mapNames((name) =>
    name.replace(/layers\.(\d+)\./, (_, i: string) =>
      pattern.test(name) ? `net.blocks.${numbers[Number(i)]}.` : `net.blocks.${i}.`,
    ),
  );

describe("layers that stand elsewhere", () => {
  test.each([
    ["two exchanged", [1, 0, 2, 3], "layers in another order: 0 -> 1, 1 -> 0, 2 -> 2, 3 -> 3"],
    ["all one further", [1, 2, 3, 0], "layers in another order: 0 -> 1, 1 -> 2, 2 -> 3, 3 -> 0"],
    ["the last ones, with gaps", [0, 2, 9, 5], "layers in another order: 0 -> 0, 1 -> 2, 2 -> 9"],
    ["all reversed", [3, 2, 1, 0], "layers in reverse order: 0 -> 3, 1 -> 2, 2 -> 1, 3 -> 0"],
  ] as const)("%s: reordered", async (_, numbers, text) => {
    const weights = chain(4, linear);
    const other = moved(numbers)(weights);
    const { verdict, orders, line } = await compared(weights, other);
    expect([verdict, orders.length]).toEqual(["reordered", 1]);
    expect(orders[0]).toContain(text);
    expect(orders[0]).toContain("(layers.# as net.blocks.#)");
    expect(line).toMatch(/^reordered after 8 renamings: equal numbers, but layers in/);
    expect((await compared(other, weights)).verdict).toBe("reordered");
  });

  test.each([
    ["the same numbers", [0, 1, 2, 3]],
    ["counted from 1", [1, 2, 3, 4]],
    ["gaps, as among activations", [0, 2, 4, 6]],
    ["more digits", [9, 10, 99, 100]],
  ] as const)("%s: identical", async (_, numbers) => {
    const weights = chain(4, linear);
    const other = moved(numbers)(weights);
    for (const pair of [
      [weights, other],
      [other, weights],
    ] as const)
      expect(await compared(pair[0], pair[1])).toMatchObject({ verdict: "identical", orders: [] });
  });

  test("one kind of tensors alone, also where no other layer has it", async () => {
    const all = chain(3, () => ({ ...linear(), "k.weight": tensor(6, 6) }));
    const some = chain(3, (i) => ({ ...linear(), ...(i === 1 && { "k.weight": tensor(6, 6) }) }));
    for (const weights of [all, some]) {
      const wrong = await compared(weights, moved([0, 2, 1], /k\.weight/)(weights));
      expect(wrong.verdict).toBe("reordered");
      expect(wrong.orders.join()).toContain("1 -> 2");
      expect((await compared(weights, moved([0, 1, 2])(weights))).verdict).toBe("identical");
    }
  });

  test("under words that name everything otherwise", async () => {
    const weights = chain(3, () => ({
      "attn.q.weight": tensor(6, 6),
      "mlp.fc1.weight": tensor(5, 6),
    }));
    const words = mapNames((name) =>
      name.replace("attn.q.weight", "query/w").replace("mlp.fc1.weight", "up/w"),
    );
    const right = await compared(weights, words(moved([0, 1, 2])(weights)));
    expect(right).toMatchObject({ verdict: "identical", orders: [] });
    const wrong = await compared(weights, words(moved([2, 0, 1])(weights)));
    expect(wrong.verdict).toBe("reordered");
    expect(wrong.orders.join()).toContain("0 -> 2, 1 -> 0, 2 -> 1");
  });

  test("joined parts", async () => {
    const names = ["q_proj", "k_proj", "v_proj"];
    const weights = chain(3, () =>
      Object.fromEntries(names.map((name) => [`attn.${name}.weight`, tensor(4, 6)])),
    );
    const joined = fuse("all", names, stack)(weights);
    for (const [from, to] of [
      [weights, joined],
      [joined, weights],
    ] as const) {
      const right = await compared(from, moved([0, 1, 2])(to));
      expect(right).toMatchObject({ verdict: "identical", orders: [] });
      expect((await compared(from, moved([1, 0, 2])(to))).verdict).toBe("reordered");
    }
  });

  test("all layers in one tensor", async () => {
    const weights = chain(3, () => ({ weight: tensor(4, 6) }));
    const all = (...order: readonly number[]) => ({
      "stack.weight": stack(...order.map((i) => weights[`layers.${i}.weight`])),
    });
    expect((await compared(weights, all(0, 1, 2))).verdict).toBe("identical");
    expect((await compared(weights, all(0, 2, 1))).verdict).toBe("reordered");
    expect((await compared(all(0, 1, 2), weights)).verdict).toBe("identical");
    expect((await compared(all(0, 2, 1), weights)).verdict).toBe("reordered");
  });
});

describe("numbers in several places of a name", () => {
  const experts = (name: (layer: number, expert: number) => string) =>
    mapNames((given) => {
      const [layer, expert] = (given.match(/\d+/g) ?? []).map(Number);
      return name(layer, expert);
    });
  const weights = chain(3, () => ({
    "experts.0.w": tensor(4, 4),
    "experts.1.w": tensor(4, 4),
    "experts.2.w": tensor(4, 4),
  }));
  test("nested otherwise, counted through, split into stages: identical", async () => {
    const names: readonly ((layer: number, expert: number) => string)[] = [
      (i, e) => `experts.${e}.layers.${i}.w`,
      (i, e) => `ffn.${3 * i + e}.kernel`,
      (i, e) => `stage${i + 1}.${e}.kernel`,
    ];
    for (const name of names)
      expect((await compared(weights, experts(name)(weights))).verdict).toBe("identical");
  });

  test("experts of one layer exchanged: reordered", async () => {
    const other = [1, 0, 2];
    const names: readonly ((layer: number, expert: number) => string)[] = [
      (i, e) => `experts.${i === 1 ? other[e] : e}.layers.${i}.w`,
      (i, e) => `ffn.${3 * i + (i === 1 ? other[e] : e)}.kernel`,
      (i, e) => `stage${i + 1}.${i === 1 ? other[e] : e}.kernel`,
    ];
    for (const name of names)
      expect((await compared(weights, experts(name)(weights))).verdict).toBe("reordered");
  });
});

describe("tensors that hold alike", () => {
  const fresh = (i: number) => ({
    ...linear(),
    "ln_1.weight": filled(1),
    "ln_1.bias": filled(0),
    "ln_2.weight": filled(1),
    // One that training changed.
    "ln_2.bias": i === 1 ? tensor(6) : filled(0),
  });
  /** Words whose order is another one, so that names in order are of other kinds. */
  const otherwise = mapNames((name) =>
    name.replace("ln_1", "z_norm").replace("ln_2", "a_norm").replace("layers", "h"),
  );
  test("are not taken for exchanged layers; layers that are exchanged are", async () => {
    const weights = { ...chain(12, fresh), "ln_f.weight": filled(1), "ln_f.bias": filled(0) };
    const other = otherwise(weights);
    const turned = Object.fromEntries(Object.entries(other).toReversed());
    for (const file of [other, turned]) {
      expect(await compared(weights, file)).toMatchObject({ verdict: "identical", orders: [] });
      expect(await compared(file, weights)).toMatchObject({ verdict: "identical", orders: [] });
    }
    const swapped = mapNames((name) =>
      name.replace(/h\.(3|7)\./, (_, i: string) => `h.${10 - Number(i)}.`),
    )(other);
    const { verdict, orders } = await compared(weights, swapped);
    expect(verdict).toBe("reordered");
    expect(orders.join()).toContain("3 -> 7");
  });

  test("experts that start as copies", async () => {
    const names = Array.from({ length: 11 }, (_, e) => `experts.${e}`);
    const weights = chain(2, () => {
      const [up, down] = [tensor(4, 6), tensor(6, 4)];
      return Object.fromEntries([
        ["gate.weight", tensor(11, 6)],
        ...names.flatMap((name) => [
          [`${name}.up.weight`, up],
          [`${name}.down.weight`, down],
        ]),
      ]);
    });
    const joined = fuse(
      "experts.up",
      names.map((name) => `${name}.up`),
      stack,
    )(weights);
    for (const other of [moved([0, 1])(weights), moved([0, 1])(joined)])
      for (const pair of [
        [weights, other],
        [other, weights],
      ] as const)
        expect(await compared(pair[0], pair[1])).toMatchObject({
          verdict: "identical",
          orders: [],
        });
    expect((await compared(weights, moved([1, 0])(weights))).verdict).toBe("reordered");
  });
});
