// Low-rank adapters are one adapter when they add the same to every layer: in another basis, of another rank, under the names of
// other libraries, or as long as they add nothing. An unrelated adapter of the same base is another one.

import { describe, expect, test } from "vitest";
import { type AdapterComparison, compareAdapters } from "../../src/adapters/compare-adapters.ts";
import type { SafeDtype } from "../../src/formats/safetensors/safetensors-dtypes.ts";
import {
  type AdapterFile,
  alphaForLargerRank,
  factorNames,
  fixture,
  inOtherBasis,
  ofLargerRank,
  open,
  openFixture,
  unrelated,
  untrained,
  withFactors,
} from "../support/adapters/adapters.ts";

const styles = {
  PEFT: "unet-peft",
  kohya: "unet-kohya.safetensors",
  diffusers: "unet-diffusers.safetensors",
  "attention processors of diffusers": "unet-diffusers-old.safetensors",
} as const;
const names = Object.keys(styles) as (keyof typeof styles)[];
const rank = 3;

const verdictsOf = ({ layers }: AdapterComparison) => [...new Set(layers.map((l) => l.verdict))];

const compare = async (
  a: AdapterFile,
  b: AdapterFile,
  dtypes: readonly SafeDtype[] = ["F32", "F32"],
) => compareAdapters(await open(a, dtypes[0]), await open(b, dtypes[1]));

describe.each(names)("an adapter saved in the style of %s", (style) => {
  test.each(names)("is the same adapter in the style of %s", async (other) => {
    const [a, b] = [await fixture(styles[style]), await fixture(styles[other])];
    const plain = await compare(a, b);
    expect(plain.layers).toHaveLength(40);
    expect(["identical", "symmetric"]).toContain(plain.verdict);
    expect(plain.largest).toBeLessThan(1e-6);

    const based = await compare(a, await withFactors(b, inOtherBasis));
    expect([based.verdict, ...verdictsOf(based)]).toEqual(["symmetric", "product"]);
    expect(based.largest).toBeGreaterThan(0);
    expect(based.largest).toBeLessThan(2e-6);

    const larger = alphaForLargerRank(await withFactors(b, ofLargerRank), rank);
    const ranked = await compare(a, larger);
    expect([ranked.verdict, ...verdictsOf(ranked)]).toEqual(["symmetric", "product"]);
    expect(ranked.layers[0].ranks).toEqual([rank, rank + 2]);

    const [left, right] = [await withFactors(a, untrained, 1), await withFactors(b, untrained, 2)];
    const zero = await compare(left, right);
    expect([zero.verdict, ...verdictsOf(zero)]).toEqual(["symmetric", "zero"]);

    // The controls: another adapter, one that was trained, and one rank without its alpha.
    const unlike = await compare(a, await withFactors(b, unrelated));
    expect([unlike.verdict, ...verdictsOf(unlike)]).toEqual(["different", "different"]);
    expect(unlike.relative).toBeGreaterThan(0.5);
    expect((await compare(a, right)).verdict).toBe("different");
  });
});

describe("the scale", () => {
  test("is told by patterns of adapter_config.json: another alpha is another adapter", async () => {
    const file = await fixture("llama");
    const changed = { ...file, config: file.config!.replace('"lora_alpha": 6', '"lora_alpha": 7') };
    const { verdict, layers } = await compare(file, changed);
    expect(verdict).toBe("different");
    const same = layers
      .filter((layer) => layer.verdict === "equal")
      .map((layer) => layer.layers[0]);
    // Only this layer has an alpha of its own.
    expect(same).toEqual(["base_model.model.model.layers.0.mlp.down_proj"]);
    expect((await compare(file, file)).verdict).toBe("identical");
  });

  test("may lie in alpha or in B", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const halved = Object.entries(file.tensors).map(([name, { shape, data }]) => {
      if (name.endsWith(".alpha")) return [name, { shape, data: data.map((x) => x / 2) }];
      return [name, { shape, data: name.includes("lora_up") ? data.map((x) => 2 * x) : data }];
    });
    const found = await compare(file, { ...file, tensors: Object.fromEntries(halved) });
    expect([found.verdict, ...verdictsOf(found)]).toEqual(["symmetric", "product"]);
  });

  test("is needed: without adapter_config.json only equal factors and zeros can be judged", async () => {
    const { tensors, metadata } = await fixture("llama");
    const bare = { tensors, metadata };
    const other = await withFactors(bare, inOtherBasis);
    await expect(compare(bare, other)).rejects.toThrow(/alpha of layer .* adapter_config\.json/);
    expect((await compare(bare, bare)).verdict).toBe("identical");
    const zeros = await compare(
      await withFactors(bare, untrained, 1),
      await withFactors(bare, untrained, 2),
    );
    expect(zeros.verdict).toBe("symmetric");
  });
});

describe("rounding", () => {
  test.each([
    ["F32", 5e-6],
    ["F16", 2e-3],
    ["BF16", 2e-2],
  ] as const)("of factors in %s is followed", async (dtype, most) => {
    const file = await fixture("unet-kohya.safetensors");
    const based = await compare(file, await withFactors(file, inOtherBasis), [dtype, dtype]);
    expect(based.verdict).toBe("symmetric");
    expect(based.largest).toBeLessThan(most);
    const tolerance = Math.max(...based.layers.map((layer) => layer.tolerance));
    // Three times what rounding explains is another adapter: one of the layers gets a little of something else.
    const [{ up }] = await factorNames(file);
    const scaled = await withFactors(file, inOtherBasis);
    const grown = scaled.tensors[up].data.map((x) => x * (1 + 4 * tolerance));
    const changed = {
      ...scaled,
      tensors: { ...scaled.tensors, [up]: { ...scaled.tensors[up], data: grown } },
    };
    const found = await compare(file, changed, [dtype, dtype]);
    expect(found.verdict).toBe("different");
    expect(found.layers.filter((layer) => layer.verdict === "different")).toHaveLength(1);
  });

  test("a cast to half precision is no change, a changed number is one", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const cast = await compare(file, file, ["F32", "BF16"]);
    expect([cast.verdict, cast.rounded]).toEqual(["identical", true]);
    // One number of one factor moves by two units in the last place of BF16: nearer than rounding, and no other basis.
    const [{ down }] = await factorNames(file);
    const tensor = file.tensors[down];
    const data = tensor.data.map((x, i) => (i === 0 ? x * (1 + 2 ** -6) : x));
    const changed = { ...file, tensors: { ...file.tensors, [down]: { ...tensor, data } } };
    const found = await compare(file, changed, ["BF16", "BF16"]);
    expect(found.verdict).toBe("different");
    const [differing] = found.layers.filter((layer) => layer.verdict === "different");
    expect(differing.relative).toBeLessThan(differing.tolerance);
  });

  test("never explains more than a tenth, however ill the basis", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const ill = (up: Float64Array | Float32Array, by: number) =>
      up.map((x, i) => (i % rank === 0 ? x * by : x));
    // Both factors large, and a product that is a small difference: rounding would explain anything.
    const make = (by: number) =>
      withFactors(file, (up, down) => {
        const width = down.data.length / rank;
        const rows = Float64Array.from(down.data);
        for (let j = 0; j < width; j++) rows[width + j] = 1e4 * rows[j] + rows[width + j];
        const columns = ill(up.data, by);
        return [
          { ...up, data: columns },
          { ...down, data: rows },
        ];
      });
    expect((await compare(await make(1e4), await make(-2e4), ["BF16", "BF16"])).verdict).toBe(
      "different",
    );
  });
});

describe("what stands beside the factors", () => {
  test("a layer that adds nothing may be missing, another may not", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const [{ up, down, alpha }] = await factorNames(file);
    const without = Object.fromEntries(
      Object.entries(file.tensors).filter(([name]) => ![up, down, alpha].includes(name)),
    );
    const missing = await compare(file, { ...file, tensors: without });
    expect(missing.verdict).toBe("different");
    expect(missing.onlyFirst).toHaveLength(1);
    const zeros = { ...file.tensors[up], data: file.tensors[up].data.map(() => 0) };
    const silent = { ...file, tensors: { ...file.tensors, [up]: zeros } };
    expect((await compare(silent, { ...file, tensors: without })).verdict).toBe("symmetric");
  });

  test("heads that were saved with it are compared number by number", async () => {
    const file = await fixture("llama");
    const head = "base_model.model.score.weight";
    const other = file.tensors[head].data.map((x) => x + 1);
    const changed = {
      ...file,
      tensors: { ...file.tensors, [head]: { ...file.tensors[head], data: other } },
    };
    const { verdict, beside, layers } = await compare(file, changed);
    expect(verdict).toBe("different");
    expect(beside).toEqual([expect.stringContaining(head)]);
    expect(layers.every((layer) => layer.verdict === "equal")).toBe(true);
  });

  test("magnitudes of DoRA belong to it", async () => {
    const file = await fixture("llama-dora");
    const based = await compare(file, await withFactors(file, inOtherBasis));
    expect(based.verdict).toBe("symmetric");
    const name = Object.keys(file.tensors).find((one) => one.endsWith("lora_magnitude_vector"))!;
    const data = file.tensors[name].data.map((x, i) => (i === 3 ? 2 * x : x));
    const changed = {
      ...file,
      tensors: { ...file.tensors, [name]: { ...file.tensors[name], data } },
    };
    const found = await compare(file, changed);
    expect(found.verdict).toBe("different");
    expect(found.layers.map((layer) => layer.beside)).toContain(
      "magnitudes (DoRA) or biases of the layer differ",
    );
  });

  test("other methods are equal byte by byte, or cannot be judged", async () => {
    const file = await fixture("llama-loha");
    const loha = { tensors: file.tensors, metadata: {} };
    expect((await compare(loha, loha)).verdict).toBe("identical");
    const name = Object.keys(file.tensors).find((one) => one.endsWith("hada_w1_a"))!;
    const data = file.tensors[name].data.map((x) => -x);
    const changed = {
      ...loha,
      tensors: { ...file.tensors, [name]: { ...file.tensors[name], data } },
    };
    await expect(compare(loha, changed)).rejects.toThrow(/LoHa \(an entry-wise product/);
    await expect(compareAdapters(await openFixture("llama"), await open(loha))).rejects.toThrow(
      /LoHa/,
    );
  });
});

describe("names that no table has", () => {
  const renamed = async (file: AdapterFile, to: (name: string) => string) => ({
    ...file,
    tensors: Object.fromEntries(Object.entries(file.tensors).map(([name, t]) => [to(name), t])),
  });

  test("are paired by equal products, all of them or none", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const blocks = (name: string) => name.replace("lora_unet_", "lora_unet_input_blocks_");
    const other = await renamed(await withFactors(file, inOtherBasis), blocks);
    const found = await compare(file, other);
    expect(found.verdict).toBe("symmetric");
    expect(new Set(found.layers.map(({ by }) => by))).toEqual(new Set(["numbers"]));
    const unlike = await renamed(await withFactors(file, unrelated), blocks);
    const none = await compare(file, unlike);
    expect([none.verdict, none.layers.length, none.onlyFirst.length]).toEqual(["different", 0, 40]);
  });

  test("two layers that changed places are another adapter", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const [first, second] = ["attn1_to_k", "attn1_to_v"];
    const swapped = await renamed(file, (name) =>
      name.includes(first) ? name.replace(first, second) : name.replace(second, first),
    );
    expect((await compare(file, swapped)).verdict).toBe("different");
  });
});

test("two parts of a pipeline are read in both styles, with an alpha for each", async () => {
  const [diffusers, kohya] = [
    await openFixture("both-diffusers.safetensors"),
    await open(await fixture("both-kohya-f16.safetensors"), "F16"),
  ];
  expect(new Set(diffusers.layers.map(({ scale }) => scale))).toEqual(new Set([2, 3]));
  const found = await compareAdapters(diffusers, kohya);
  expect([found.verdict, found.rounded]).toEqual(["identical", true]);
  const alphas = Object.entries((await fixture("both-kohya-f16.safetensors")).tensors).map(
    ([name, tensor]) =>
      [
        name,
        name.startsWith("lora_te1") && name.endsWith(".alpha")
          ? { ...tensor, data: Float32Array.of(2) }
          : tensor,
      ] as const,
  );
  const other = await open({ tensors: Object.fromEntries(alphas), metadata: {} }, "F16");
  expect((await compareAdapters(diffusers, other)).verdict).toBe("different");
});
