// PyTorch checkpoints written by hand: tensors come out as stored, and nothing else is believed or run.

import { describe, expect, it } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { randomStream } from "../../src/core/random.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { checkpoint, type Pickled, tensor } from "../support/files/write-pytorch.ts";

const counting = Float32Array.from({ length: 24 }, (_, i) => i);
const plain = tensor({ shape: [2, 3, 4], strides: [12, 4, 1], key: "0", numbers: 24 });
const turned = tensor({ shape: [4, 3, 2], strides: [1, 4, 12], key: "0", numbers: 24 });
const slice = tensor({ shape: [3, 4], strides: [4, 1], offset: 12, key: "0", numbers: 24 });

const numbers = async (bytes: Uint8Array, name: string) => [
  ...(await (await openTensorSource(bytes)).read(name)).data,
];

describe("tensors", () => {
  const state = new Map<string, Pickled>([
    ["plain", plain],
    ["turned", turned],
    ["slice", slice],
    ["parameter", { call: "torch._utils._rebuild_parameter", args: [slice, true, []] }],
  ]);
  const file = checkpoint(state, { "0": counting });

  it("have the names, shapes and types of the file, in its order", async () => {
    const { entries } = await openTensorSource(file);
    expect([...entries].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
      ["plain", "F32", [2, 3, 4]],
      ["turned", "F32", [4, 3, 2]],
      ["slice", "F32", [3, 4]],
      ["parameter", "F32", [3, 4]],
    ]);
  });

  it("hold the numbers of their storage through any strides and offset", async () => {
    expect(await numbers(file, "plain")).toEqual([...counting]);
    expect(await numbers(file, "slice")).toEqual(Array.from(counting.subarray(12)));
    expect((await numbers(file, "turned")).slice(0, 6)).toEqual([0, 12, 4, 16, 8, 20]);
  });

  it("may be compressed, and lie one dict deeper beside other things", async () => {
    const outer = new Map<string, Pickled>([
      ["epoch", 3],
      ["rate", 0.1],
      ["notes", ["a", null, true]],
      ["state_dict", state],
    ]);
    const deflated = checkpoint(outer, { "0": counting }, { level: 6, root: "" });
    expect(await numbers(deflated, "plain")).toEqual([...counting]);
  });

  it("may be of any type that torch stores", async () => {
    const types = new Map<string, Pickled>([
      [
        "half",
        tensor({ shape: [2], strides: [1], key: "h", numbers: 2, type: "torch.HalfStorage" }),
      ],
      ["long", tensor({ shape: [], strides: [], key: "l", numbers: 1, type: "torch.LongStorage" })],
      [
        "bool",
        tensor({ shape: [2], strides: [1], key: "b", numbers: 2, type: "torch.BoolStorage" }),
      ],
    ]);
    const storages = {
      h: Uint16Array.of(0x3c00, 0xc000),
      l: BigInt64Array.of(-5n),
      b: Uint8Array.of(1, 0),
    };
    const mixed = checkpoint(types, storages);
    expect(await numbers(mixed, "half")).toEqual([1, -2]);
    expect(await numbers(mixed, "long")).toEqual([-5]);
    expect(await numbers(mixed, "bool")).toEqual([1, 0]);
  });
});

describe("what is refused", () => {
  const refuse = (value: Pickled, storages = { "0": counting }) =>
    expect(openTensorSource(checkpoint(value, storages))).rejects;

  it("dicts of objects alone, by the names of their classes; nothing is called", async () => {
    for (const name of [
      "os.system",
      "builtins.eval",
      "torch.nn.modules.linear.Linear",
      "numpy.core.multiarray.scalar",
    ]) {
      await refuse(new Map([["w", { call: name, args: ["echo"] }]])).toThrow(
        new RegExp(`class "${name.replaceAll(".", "\\.")}"`),
      );
    }
    await refuse(new Map([["w", { call: "torch.FloatStorage", args: [] }]])).toThrow(
      /class "torch\.FloatStorage", of which nothing is run/,
    );
  });

  it("old files that are cut short, and TorchScript, with what to do", async () => {
    const old = Uint8Array.of(0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46);
    await expect(openTensorSource(old)).rejects.toThrow(FormatError);
    await expect(openTensorSource(old)).rejects.toThrow(/ends inside a value/);
    const script = checkpoint(new Map(), {}, { root: "m/" });
    await expect(openTensorSource(script)).rejects.toThrow(
      /an empty dict, expected a dict from names/,
    );
  });

  it("views beyond their storage, storages of another size, missing storages", async () => {
    const view = (change: object) =>
      new Map([
        ["w", tensor({ shape: [2, 3, 4], strides: [12, 4, 1], key: "0", numbers: 24, ...change })],
      ]);
    await refuse(view({ offset: 1 })).toThrow(/beyond its storage/);
    await refuse(view({ strides: [13, 4, 1] })).toThrow(/beyond its storage/);
    await refuse(view({ strides: [12, 4] })).toThrow(/2 strides/);
    await refuse(view({ strides: [-12, 4, 1] })).toThrow(FormatError);
    await refuse(view({ shape: [2 ** 20, 2 ** 20, 2], strides: [0, 0, 0] })).toThrow(/more than/);
    await refuse(view({ numbers: 25 })).toThrow(/96 bytes, expected 100/);
    await refuse(view({ key: "1" })).toThrow(/missing/);
  });

  it("pickles that are cut short, unbalanced or use other instructions", async () => {
    await refuse({ raw: [0x28] }).toThrow(FormatError);
    await refuse({ raw: [0x68, 9] }).toThrow(/before it is made/);
    await refuse({ raw: [0x75] }).toThrow(FormatError);
    await refuse({ raw: [0x69] }).toThrow(/instruction 0x69.*not allowed/);
    await refuse({ raw: [0x58, 255, 255, 255, 255] }).toThrow(/ends inside/);
    await refuse(["no", "dict"]).toThrow(/holds a list of 2, expected a dict/);
    await expect(openTensorSource(new Uint8Array())).rejects.toThrow(/is empty/);
    await expect(openTensorSource(Uint8Array.of(0x50, 0x4b, 3, 4))).rejects.toThrow(FormatError);
  });

  it("2,000 mutated files: tensors or an error of ours, never anything else", async () => {
    const file = checkpoint(
      new Map([
        ["plain", plain],
        ["turned", turned],
      ]),
      { "0": counting },
    );
    const random = randomStream(17);
    let refused = 0;
    for (let round = 0; round < 2000; round++) {
      const bytes = file.slice(
        0,
        random.uniform() < 0.2 ? random.integer(file.length) : file.length,
      );
      for (let i = random.integer(6); i >= 0; i--)
        if (bytes.length > 0) bytes[random.integer(bytes.length)] = random.integer(256);
      try {
        const source = await openTensorSource(bytes);
        for (const name of source.entries.keys()) await source.read(name);
      } catch (error) {
        if (!(error instanceof FormatError || error instanceof UnsupportedError)) throw error;
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});
