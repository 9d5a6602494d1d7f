// Checkpoints in several files: what index and shards say must agree, and every disagreement is one clear FormatError.

import { describe, expect, test } from "vitest";
import { FormatError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { countingSource, type CountingSource } from "../support/files/counting-source.ts";
import { npz } from "../support/files/write-npz.ts";
import { checkpoint, tensor } from "../support/files/write-pytorch.ts";

const one = (...numbers: number[]) => ({
  shape: [numbers.length],
  data: Float32Array.from(numbers),
});
const first = "model-00001-of-00002.safetensors";
const second = "model-00002-of-00002.safetensors";
const shards: Record<string, Uint8Array> = {
  [first]: writeSafetensors({ a: one(1, 2), b: one(3) }, { format: "pt", part: "1" }),
  [second]: writeSafetensors({ c: one(4) }, { format: "pt", part: "2" }),
};
const map = { c: second, a: first, b: first };

function open(weightMap: unknown, files: Record<string, Uint8Array> = shards, metadata?: unknown) {
  const opened: CountingSource[] = [];
  const index = new TextEncoder().encode(
    JSON.stringify({ metadata: metadata ?? { total_size: 16 }, weight_map: weightMap }, null, 2),
  );
  const asked: string[] = [];
  const file = (bytes: Uint8Array, name: string) => {
    const source = countingSource(bytes, name);
    opened.push(source);
    return source;
  };
  const source = openTensorSource(file(index, "model.safetensors.index.json"), {
    openBeside: (name) => {
      asked.push(name);
      return Promise.resolve(Object.hasOwn(files, name) ? file(files[name], name) : undefined);
    },
  });
  return { source, opened, asked };
}

test("tensors come from their shards in the index's order, with what all shards say", async () => {
  const { source, opened } = open(map);
  const weights = await source;
  expect(weights.format).toBe("sharded safetensors");
  expect([...weights.entries.keys()]).toEqual(["c", "a", "b"]);
  expect(weights.metadata).toEqual({ total_size: "16", format: "pt" });
  expect([...(await weights.read("a")).data]).toEqual([1, 2]);
  expect([...(await weights.read("c")).data]).toEqual([4]);
  await weights.close();
  expect(opened).toHaveLength(3);
  expect(opened.every((file) => file.isClosed())).toBe(true);
});

test("PyTorch shards have the same index", async () => {
  const state = new Map([["w", tensor({ shape: [2], strides: [1], key: "0", numbers: 2 })]]);
  const bytes = checkpoint(state, { "0": Float32Array.of(5, 6) });
  const weights = await open({ w: "p.bin" }, { "p.bin": bytes }).source;
  expect(weights.format).toBe("sharded pytorch");
  expect([...(await weights.read("w")).data]).toEqual([5, 6]);
});

describe("what disagrees is refused with tensor and shard, and every file is closed", () => {
  const array = npz({ w: { descr: "<f4", shape: [1], data: Float32Array.of(1) } });
  const cases: [string, unknown, Record<string, Uint8Array>, RegExp][] = [
    ["a missing shard", map, { [first]: shards[first] }, /the shard "model-00002.*" is missing/],
    [
      "a tensor that its shard lacks",
      { ...map, d: second },
      shards,
      /"model-00002.*" does not hold tensor "d"/,
    ],
    [
      "a tensor that another shard has",
      { ...map, b: second },
      shards,
      /"model-00002.*" does not hold tensor "b" as the index says; "model-00001.*" does/,
    ],
    [
      "a tensor in two shards",
      map,
      { ...shards, [second]: writeSafetensors({ c: one(4), a: one(1, 2) }) },
      /tensor "a" is in two shards, "model-00002.*" and "model-00001/,
    ],
    [
      "a tensor that the index lacks",
      { c: second, a: first },
      shards,
      /"model-00001.*" holds tensor "b", which is not in the index/,
    ],
    ["no map", undefined, shards, /no "weight_map"/],
    ["an empty map", {}, shards, /weight_map is empty/],
    ["a place that is no text", { a: 3 }, shards, /"a" is mapped to no file name/],
    ["a damaged shard", map, { ...shards, [first]: shards[first].subarray(0, 40) }, /readSafe/],
    ["a shard of another kind", { w: "w.npz" }, { "w.npz": array }, /its shards are npz/],
    [
      "an index as a shard",
      { w: "i.json" },
      { "i.json": new TextEncoder().encode('{"weight_map": {}}') },
      /a JSON text/,
    ],
  ];
  test.each(cases)("%s", async (_, weightMap, files, message) => {
    const { source, opened } = open(weightMap, files);
    await expect(source).rejects.toThrow(FormatError);
    await expect(source).rejects.toThrow(message);
    expect(opened.every((file) => file.isClosed())).toBe(true);
  });

  test.each(["../x", "/etc/passwd", "a/b", "..\\x", "C:x", "..", ".", "", "x\0y"])(
    "a place outside the folder: %j is never opened",
    async (place) => {
      const { source, asked } = open({ a: place }, { [place]: shards[first] });
      await expect(source).rejects.toThrow(/expected a file in the same folder/);
      expect(asked).toEqual([]);
    },
  );

  test("a tensor that the index names twice", async () => {
    const text = `{"weight_map": {"a": "${first}", "a": "${second}"}}`;
    const opened = openTensorSource(new TextEncoder().encode(text), {
      openBeside: () => Promise.resolve(undefined),
    });
    await expect(opened).rejects.toThrow(/the key "a" twice inside "weight_map"/);
  });
});
