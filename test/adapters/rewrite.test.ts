// Adapters written anew: canonical forms, means and fingerprints are the same for all factors of one product, and what a
// functional reads is too.

import { beforeAll, describe, expect, test } from "vitest";
import type { Adapter } from "../../src/adapters/adapter.ts";
import { readAdapter } from "../../src/adapters/adapter.ts";
import { readAdapterConfig } from "../../src/adapters/adapter-config.ts";
import { canonicalAdapter } from "../../src/adapters/canonical-adapter.ts";
import { compareAdapters } from "../../src/adapters/compare-adapters.ts";
import { readFactors } from "../../src/adapters/factors.ts";
import { mergeAdapters } from "../../src/adapters/merge-adapters.ts";
import { normOfSum } from "../../src/adapters/product.ts";
import { projectAdapter } from "../../src/adapters/project-adapter.ts";
import { checkRefactored, type RefactoredAdapter } from "../../src/adapters/refactored.ts";
import { startEngine } from "../../src/engine/start.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { narrow } from "../../src/formats/narrow.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { adapterFingerprint } from "../../src/identity/adapter-fingerprint.ts";
import { unfProducts } from "../../src/models/unf-products.ts";
import { toBatch } from "../../src/testing/equivariance.ts";
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

/** The adapter that a file of these tensors would hold. */
async function written({ tensors, metadata, config }: RefactoredAdapter): Promise<Adapter> {
  const stored = [];
  for (const [name, { entry, read }] of tensors) {
    const tensor = await read();
    stored.push([name, "dtype" in tensor ? tensor : narrow(tensor, entry.dtype, name)] as const);
  }
  const source = await openTensorSource(writeSafetensors(stored, metadata));
  return readAdapter(source, config && readAdapterConfig(config, "written"));
}

const styles = [
  "unet-peft",
  "unet-kohya.safetensors",
  "unet-diffusers.safetensors",
  "unet-diffusers-old.safetensors",
];

/** The same adapter in three ways. */
async function alike(name: string): Promise<AdapterFile[]> {
  const file = await fixture(name);
  return [
    file,
    await withFactors(file, inOtherBasis),
    alphaForLargerRank(await withFactors(file, ofLargerRank), 3),
  ];
}

describe("canonical forms", () => {
  test.each(styles)("of equal adapters are equal, at the rank of the product: %s", async (name) => {
    const [plain, ...others] = await alike(name);
    const form = await written(await canonicalAdapter(await open(plain)));
    expect(new Set(form.layers.map(({ rank, scale }) => `${rank} ${scale}`))).toEqual(
      new Set(["3 1"]),
    );
    expect((await compareAdapters(await open(plain), form)).verdict).toBe("symmetric");
    for (const other of others) {
      const same = await written(await canonicalAdapter(await open(other)));
      for (const tensor of form.source.entries.keys()) {
        const [x, y] = [await form.source.read(tensor), await same.source.read(tensor)];
        const size = Math.hypot(...x.data);
        expect(Math.hypot(...x.data.map((value, i) => value - y.data[i]))).toBeLessThan(
          2e-4 * size,
        );
      }
    }
    const unlike = await written(
      await canonicalAdapter(await open(await withFactors(plain, unrelated))),
    );
    expect((await compareAdapters(form, unlike)).verdict).toBe("different");
  });

  test("keep ranks and alphas of PEFT's layers in the configuration", async () => {
    const adapter = await openFixture("llama");
    const form = await canonicalAdapter(adapter);
    const found = await written(form);
    expect(form.config).toMatchObject({ r: 4, lora_alpha: 4, use_rslora: false });
    expect(found.layers.map(({ rank }) => rank)).toEqual([4, 4, 4, 2, 4, 3, 2]);
    expect((await compareAdapters(adapter, found)).verdict).toBe("symmetric");
    // Without the new configuration it is another adapter, or none.
    await expect(
      readAdapter(found.source, readAdapterConfig(adapter.configs.get("")!.raw, "old")).then(
        (old) => compareAdapters(adapter, old),
      ),
    ).resolves.toMatchObject({ verdict: "different" });
  });

  test("of a convolution in three steps have two", async () => {
    const adapter = await openFixture("locon-tucker.safetensors");
    const form = await written(await canonicalAdapter(adapter));
    expect([...form.source.entries.keys()].some((name) => name.includes("lora_mid"))).toBe(false);
    expect((await compareAdapters(adapter, form)).verdict).toBe("symmetric");
  });

  test("of layers that add nothing are zeros of rank 1", async () => {
    const forms = await Promise.all(
      ["llama-untrained-3", "llama-untrained-4"].map(async (name) =>
        written(await canonicalAdapter(await openFixture(name))),
      ),
    );
    expect((await compareAdapters(forms[0], forms[1])).verdict).toBe("identical");
    expect(forms[0].layers.map(({ rank }) => rank)).toEqual([1, 1]);
  });

  test("that were not written as planned are found out", async () => {
    const form = await canonicalAdapter(await openFixture("unet-kohya.safetensors"));
    const { source } = await written(form);
    expect(await checkRefactored(form, source)).toBeLessThan(1e-6);
    const [{ like }] = form.plans;
    const broken = {
      ...source,
      read: async (name: string) => {
        const { shape, data } = await source.read(name);
        return { shape, data: name === like.names.up ? data.map((x) => 1.01 * x) : data };
      },
    };
    await expect(checkRefactored(form, broken)).rejects.toThrow(/is not what it should be/);
  });
});

describe("fingerprints", () => {
  const printOf = async (adapter: Adapter) => (await adapterFingerprint(adapter)).fingerprint;

  test("are equal in all styles, bases and ranks, and others for another adapter", async () => {
    const prints = new Set<string>();
    for (const name of styles)
      for (const file of await alike(name)) prints.add(await printOf(await open(file)));
    expect(prints.size).toBe(1);
    const file = await fixture(styles[0]);
    expect(prints.has(await printOf(await open(await withFactors(file, unrelated))))).toBe(false);
    const half = file.config!.replace('"lora_alpha": 6', '"lora_alpha": 3');
    expect(prints.has(await printOf(await open({ ...file, config: half })))).toBe(false);
  });

  test("tell exact factors by their own text", async () => {
    const [plain, based] = await alike("unet-kohya.safetensors");
    const exact = async (file: AdapterFile) => (await adapterFingerprint(await open(file))).exact;
    expect(await exact(plain)).toBe(await exact(await fixture("unet-peft")));
    expect(await exact(plain)).not.toBe(await exact(based));
  });

  test("of adapters that add nothing are equal", async () => {
    const [one, two] = [
      await openFixture("llama-untrained-3"),
      await openFixture("llama-untrained-4"),
    ];
    expect(await printOf(one)).toBe(await printOf(two));
    const bare = await fixture("llama");
    await expect(printOf(await open({ tensors: bare.tensors, metadata: {} }))).rejects.toThrow(
      /alpha of layer/,
    );
  });
});

describe("means", () => {
  test("are of what adapters add, in any basis of each, and not of their factors", async () => {
    const file = await fixture("unet-kohya.safetensors");
    const other = await withFactors(file, unrelated, 3);
    const merge = async (a: AdapterFile, b: AdapterFile, share: number) =>
      written(
        await mergeAdapters([
          { adapter: await open(a), share: 1 - share },
          { adapter: await open(b), share },
        ]),
      );
    const mean = await merge(file, other, 0.25);
    expect(new Set(mean.layers.map(({ rank }) => rank))).toEqual(new Set([4, 6]));
    const based = await merge(
      await withFactors(file, inOtherBasis),
      await withFactors(other, inOtherBasis),
      0.25,
    );
    expect((await compareAdapters(mean, based)).verdict).toBe("symmetric");
    const [a, b] = [await open(file), await open(other)];
    for (const [i, layer] of mean.layers.entries()) {
      const all = [
        { factors: await readFactors(mean.source, layer), weight: 1 },
        { factors: await readFactors(a.source, a.layers[i]), weight: -0.75 },
        { factors: await readFactors(b.source, b.layers[i]), weight: -0.25 },
      ];
      expect(normOfSum(all)).toBeLessThan(1e-6 * normOfSum(all.slice(0, 1)));
    }
    // The control: the mean of factors is another adapter.
    const factors = Object.fromEntries(
      Object.entries(file.tensors).map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((x, k) => 0.75 * x + 0.25 * other.tensors[name].data[k]) },
      ]),
    );
    expect((await compareAdapters(mean, await open({ ...file, tensors: factors }))).verdict).toBe(
      "different",
    );
  });

  test("of one adapter with itself in another style and rank is that adapter", async () => {
    const [peft] = await alike("unet-peft");
    const [, , kohya] = await alike("unet-kohya.safetensors");
    const merged = await mergeAdapters([
      { adapter: await open(peft), share: 0.5 },
      { adapter: await open(kohya), share: 0.5 },
    ]);
    const found = await written(merged);
    expect(found.layers.every(({ rank }) => rank === 3)).toBe(true);
    expect((await compareAdapters(await open(peft), found)).verdict).toBe("symmetric");
  });

  test("may be cut to a rank; what that leaves out is known", async () => {
    const [a, b] = [await openFixture("llama"), await openFixture("llama-rslora")];
    const shares = [
      { adapter: a, share: 0.5 },
      { adapter: b, share: 0.5 },
    ];
    const [whole, cut] = [await mergeAdapters(shares), await mergeAdapters(shares, { maxRank: 2 })];
    expect(whole.plans.every(({ lost }) => lost === 0)).toBe(true);
    expect(Math.max(...cut.plans.map(({ rank }) => rank))).toBe(2);
    const { layers } = await compareAdapters(await written(whole), await written(cut));
    for (const [i, { lost }] of cut.plans.entries())
      expect(layers[i].difference).toBeCloseTo(lost, 4);
    expect(Math.max(...cut.plans.map(({ lost }) => lost))).toBeGreaterThan(0.1);
  });

  test("are refused where they would mean nothing", async () => {
    const dora = await openFixture("llama-dora");
    const share = 0.5;
    await expect(
      mergeAdapters([
        { adapter: dora, share },
        { adapter: dora, share },
      ]),
    ).rejects.toThrow(/DoRA/);
    const [llama, unet] = [await openFixture("llama"), await openFixture("unet-kohya.safetensors")];
    await expect(
      mergeAdapters([
        { adapter: llama, share },
        { adapter: unet, share },
      ]),
    ).rejects.toThrow(/another style/);
    const file = await fixture("llama");
    const { "base_model.model.score.weight": _, ...rest } = file.tensors;
    const headless = await open({ ...file, tensors: rest });
    await expect(
      mergeAdapters([
        { adapter: llama, share },
        { adapter: headless, share },
      ]),
    ).rejects.toThrow(/score\.weight" replaces or changes a weight/);
    const invoked = file.config!.replace(
      '"alora_invocation_tokens": null',
      '"alora_invocation_tokens": [5]',
    );
    await expect(
      mergeAdapters([
        { adapter: llama, share },
        { adapter: await open({ ...file, config: invoked }), share },
      ]),
    ).rejects.toThrow(/alora_invocation_tokens is off and \[5\]/);
  });
});

describe("a functional", () => {
  beforeAll(() => startEngine());

  test("reads products: equal in all bases, ranks and styles, other for another adapter", async () => {
    const vectorOf = async (adapter: Adapter) => {
      const { spec, weights } = await projectAdapter(adapter, { size: 2 });
      const model = unfProducts(spec, { channels: [1, 4, 4], head: [3] });
      const output = model.apply(model.init(0), toBatch(weights));
      return Array.from((await output.data()) as Float32Array);
    };
    const far = (a: readonly number[], b: readonly number[]) =>
      Math.hypot(...a.map((x, i) => x - b[i])) / Math.hypot(...a);
    const file = await fixture("unet-peft");
    const layers = (await factorNames(file)).slice(0, 4).flatMap(({ up, down }) => [up, down]);
    const few = (one: AdapterFile) => ({
      ...one,
      tensors: Object.fromEntries(layers.map((name) => [name, one.tensors[name]])),
    });
    const plain = await vectorOf(await open(few(file)));
    expect(
      far(plain, await vectorOf(await open(few(await withFactors(file, inOtherBasis))))),
    ).toBeLessThan(1e-4);
    const ranked = alphaForLargerRank(await withFactors(file, ofLargerRank), 3);
    expect(far(plain, await vectorOf(await open(few(ranked))))).toBeLessThan(1e-4);
    const form = await written(await canonicalAdapter(await open(few(file))));
    expect(far(plain, await vectorOf(form))).toBeLessThan(1e-4);
    expect(
      far(plain, await vectorOf(await open(few(await withFactors(file, unrelated))))),
    ).toBeGreaterThan(0.1);
    const zero = await vectorOf(await open(few(await withFactors(file, untrained))));
    expect(zero.every((x) => Number.isFinite(x))).toBe(true);
    await expect(projectAdapter(await openFixture("llama-dora"))).rejects.toThrow(/magnitudes/);
  });
});
