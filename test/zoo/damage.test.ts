// Damaged zoos: what is wrong is named, the rest can be used, and building again repairs it.

import { beforeAll, describe, expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import { toFloat32 } from "../../src/formats/safetensors/safetensors-dtypes.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { readSafetensors } from "../../src/formats/safetensors/safetensors.ts";
import { zooDataset } from "../../src/zoo/zoo-dataset.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { memoryStore } from "../../src/core/store.ts";
import { build, digestsOf, filesOf, storeOf } from "./small-zoo.ts";

const third = "shard-00002.safetensors";
let wholeFiles: Map<string, Uint8Array>;
let wholeDigests: Record<string, string>;
beforeAll(async () => {
  const whole = memoryStore();
  await build(whole);
  wholeFiles = await filesOf(whole);
  wholeDigests = await digestsOf(whole);
});

const copy = () => storeOf(wholeFiles);

/** Metadata as older shards have it, so that what a test changes is not noticed by the checksum first. */
const unsealed = (metadata: Record<string, string>) => ({
  ...Object.fromEntries(
    Object.entries(metadata).filter(([key]) => key !== "checksum" && key !== "metrics"),
  ),
  format: "weightspace/zoo-shard@1",
});

const at = (bytes: Uint8Array, text: string) => Buffer.from(bytes).indexOf(text);
const flipBit = (bytes: Uint8Array, place: number) => {
  const changed = bytes.slice();
  changed[place] ^= 1;
  return changed;
};

describe("damage", () => {
  const cases: [string, (bytes: Uint8Array) => Uint8Array, RegExp][] = [
    ["truncated in the data", (b) => b.slice(0, -5), /has \d+ bytes, its header says/],
    ["truncated in the header", (b) => b.slice(0, 100), /claims/],
    [
      "with one bit of a weight flipped",
      (b) => flipBit(b, b.length - 3),
      /its checksum does not fit/,
    ],
    [
      "with one bit of a row flipped",
      (b) => flipBit(b, at(b, "testAccuracy") + 14),
      /its checksum/,
    ],
    [
      "with another checksum",
      (b) => flipBit(b, at(b, "checksum") + 12),
      /its checksum does not fit/,
    ],
    ["empty", () => new Uint8Array(0), /at least 8 bytes/],
    ["not safetensors", (b) => b.map((byte) => byte ^ 0x55), /limit/],
    ["another shard", () => wholeFiles.get("shard-00001.safetensors")!, /networks 16 to 23/],
    [
      "of another seed",
      (b) => {
        const { tensors, metadata } = readSafetensors(b);
        return writeSafetensors(tensors, { ...unsealed(metadata), seed: "12" });
      },
      /seed 12, the zoo has seed 11/,
    ],
    [
      "with rows of the wrong kind",
      (b) => {
        const { tensors, metadata } = readSafetensors(b);
        const runs = metadata["runs"].replace(/"steps":\d+/, '"steps":"many"');
        return writeSafetensors(tensors, { ...unsealed(metadata), runs });
      },
      /steps "many", expected a number/,
    ],
    [
      "without a tensor",
      (b) => {
        const { tensors, metadata } = readSafetensors(b);
        const left = [...tensors].filter(([name]) => name !== "fc1.bias");
        return writeSafetensors(left, unsealed(metadata));
      },
      /"fc1.bias" must be F32 \[8, 32\], got nothing/,
    ],
  ];
  test.each(cases)(
    "a shard that is %s is named; the rest can be used; building repairs it",
    async (_name, damage, message) => {
      const store = await copy();
      await store.write(third, damage(wholeFiles.get(third)!));
      const { rows, problems, readWeights } = await openZoo(store);
      expect(problems).toHaveLength(1);
      expect(problems[0]).toBeInstanceOf(FormatError);
      expect(problems[0].message).toContain(third);
      expect(problems[0].message).toMatch(message);
      expect(rows).toHaveLength(36);
      expect((await readWeights([0, 43]))["fc1.bias"].shape).toEqual([2, 32]);
      await expect(readWeights([16])).rejects.toThrow(third);
      const events = await build(store);
      expect(events[0]).toMatchObject({ type: "warning" });
      expect(await digestsOf(store)).toEqual(wholeDigests);
    },
  );

  test("a lost table or shard comes back", async () => {
    const store = await copy();
    await store.remove("runs.parquet");
    await store.remove(third);
    await build(store);
    expect(await digestsOf(store)).toEqual(wholeDigests);
  });

  test("a missing or damaged manifest is a clear error", async () => {
    await expect(openZoo(memoryStore("the shed"))).rejects.toThrow(/no zoo.json in the shed/);
    const store = await copy();
    await store.write("zoo.json", new TextEncoder().encode("{"));
    await expect(openZoo(store)).rejects.toThrow(/zoo.json in memory is not valid JSON/);
    await store.write("zoo.json", new TextEncoder().encode(`{"format":"weightspace/zoo@3"}`));
    await expect(openZoo(store)).rejects.toThrow(/not of format weightspace\/zoo@2/);
    await expect(openZoo(store)).rejects.toThrow(FormatError);
  });

  test("numbers of a manifest that cannot be are refused with their bounds; the largest is read", async () => {
    const text = new TextDecoder().decode(wholeFiles.get("zoo.json"));
    const open = async (change: Record<string, unknown>) => {
      const manifest = { ...(JSON.parse(text) as object), ...change };
      const store = await copy();
      await store.write("zoo.json", new TextEncoder().encode(JSON.stringify(manifest)));
      return openZoo(store);
    };
    expect((await open({ networks: 1e7 })).manifest.networks).toBe(1e7);
    for (const key of ["networks", "shardSize"]) {
      for (const value of [0, -1, 0.5, 1e7 + 1, 1e300, "8", null])
        await expect(open({ [key]: value })).rejects.toThrow(
          `${key}: expected a whole number from 1 to 10000000, got ${JSON.stringify(value)}`,
        );
    }
    await expect(open({ seed: 1e300 })).rejects.toThrow(FormatError);
  });

  test("a manifest of millions of shards is opened by one list of the files, not by a look at each", async () => {
    const store = await copy();
    const text = new TextDecoder().decode(wholeFiles.get("zoo.json"));
    const manifest = { ...(JSON.parse(text) as object), networks: 1e7 };
    await store.write("zoo.json", new TextEncoder().encode(JSON.stringify(manifest)));
    await store.write("shard-5.safetensors", new Uint8Array(1)); // no shard's name
    let lists = 0;
    const sizes: string[] = [];
    const watched = {
      ...store,
      list: () => (lists++, store.list()),
      size: (name: string) => (sizes.push(name), store.size(name)),
    };
    const { rows } = await openZoo(watched);
    expect([lists, rows.length, sizes.length]).toEqual([1, 44, 6]);
  });

  test("a dataset of a damaged zoo is refused with the remedy, or leaves its networks out and counts them", async () => {
    const store = await copy();
    expect((await zooDataset(await openZoo(store))).damaged).toEqual([]);
    await store.write(third, flipBit(wholeFiles.get(third)!, wholeFiles.get(third)!.length - 3));
    const zoo = await openZoo(store);
    await expect(zooDataset(zoo)).rejects.toThrow(
      /1 shard is damaged, so 8 of 44 networks cannot be read; build the zoo again .*--allow-damaged.*\(shard-00002/,
    );
    const { size, damaged, indices } = await zooDataset(zoo, { allowDamaged: true });
    expect([size, damaged]).toEqual([36, [16, 17, 18, 19, 20, 21, 22, 23]]);
    expect(indices).not.toContain(16);
  });

  test("a bit of the checksum's own name does not make a shard one without checksum", async () => {
    const store = await copy();
    const bytes = wholeFiles.get(third)!;
    await store.write(third, flipBit(bytes, at(bytes, "checksum")));
    expect((await openZoo(store)).problems[0].message).toMatch(/its metadata holds "bhecksum"/);
  });

  test("NaN weights come through with their flag", async () => {
    const { tensors, metadata } = readSafetensors(wholeFiles.get(third)!);
    const bias = tensors.get("fc1.bias")!;
    const values = toFloat32(bias);
    values[3] = NaN;
    const runs = JSON.parse(metadata["runs"]) as Record<string, unknown>[];
    runs[0]["finite"] = false;
    runs[0]["testLoss"] = NaN;
    const store = await copy();
    const changed = [...tensors].map(([name, tensor]) =>
      name === "fc1.bias"
        ? ([name, { shape: bias.shape, data: values }] as const)
        : ([name, tensor] as const),
    );
    await store.write(
      third,
      writeSafetensors(changed, { ...unsealed(metadata), runs: JSON.stringify(runs) }),
    );
    const { rows, readWeights } = await openZoo(store);
    expect(rows[16]).toMatchObject({ finite: false, metrics: { testLoss: NaN } });
    expect((await readWeights([16]))["fc1.bias"].data[3]).toBeNaN();
  });
});
