// Which dictionary of a PyTorch file is read: the only one that holds weights, the one that a key names, or none.

import { describe, expect, test } from "vitest";
import { OptionError, UnsupportedError, FormatError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { checkpoint, type Pickled, tensor } from "../support/files/write-pytorch.ts";

const storages = { "0": Float32Array.from({ length: 24 }, (_, i) => i), i: Int8Array.of(1, 2) };
const floats = (...shape: number[]) =>
  tensor({ shape, strides: shape.map(() => 1), key: "0", numbers: 24 });
const bytes8 = tensor({
  shape: [2],
  strides: [1],
  key: "i",
  numbers: 2,
  type: "torch.CharStorage",
});
const dict = (entries: Record<string, Pickled>) => new Map(Object.entries(entries));
const net = dict({ "fc.weight": floats(3, 2), "fc.bias": floats(3), steps: floats() });
const other = dict({ "fc.weight": floats(2, 2) });
const adam = (...keys: Pickled[]) => {
  const one = dict({ step: floats(), exp_avg: floats(3, 2), exp_avg_sq: floats(3, 2) });
  // Keys of an optimizer are whole numbers, which a Map of texts cannot say.
  const state = { raw: [0x7d, ...keys.flatMap((_, i) => [0x4b, i, ...rawOf(one), 0x73])] };
  return dict({ state, param_groups: [dict({ lr: 0.1, params: keys })] });
};
const rawOf = (value: Pickled): number[] => {
  const file = checkpoint(value, {}, { root: "" });
  const start = "data.pkl".length + 30;
  const size = new DataView(file.buffer, file.byteOffset).getUint32(22, true) || file.length;
  return [...file.subarray(start + 2, start + size - 1)];
};

const open = (value: Pickled, key?: string) =>
  openTensorSource(checkpoint(value, storages), key === undefined ? {} : { key });
const taken = async (value: Pickled, key?: string) => (await open(value, key)).taken;
const names = async (value: Pickled, key?: string) => [...(await open(value, key)).entries.keys()];
const netNames = ["fc.weight", "fc.bias", "steps"];

describe("without a key, the only dictionary with weights is read", () => {
  test("a plain dict of tensors at the top: all of it, and nothing was chosen", async () => {
    expect(await names(net)).toEqual(netNames);
    expect(await taken(net)).toBeUndefined();
    // The control: one dict deeper, something was chosen.
    expect(await taken(dict({ model: net }))).toEqual({
      path: ["model"],
      key: "model",
      tensors: 3,
      parameters: 10,
      unread: [],
    });
  });

  test.each([
    ["a single number", { best_acc1: floats() }],
    ["a tensor of one number", { loss: floats(1) }],
    ["whole numbers", { rng: bytes8, step: bytes8 }],
    ["dicts of single numbers", { scaler: dict({ scale: floats() }) }],
    ["an optimizer", { optimizer: adam(0, 1) }],
    ["optimizers in a list", { optimizer_states: [adam(0), adam(0, 1)] }],
    ["an optimizer in a dict", { optimizer: dict({ inner: adam(0) }) }],
    ["a list of tensors", { shadow: [floats(3, 2), floats(3)] }],
    ["settings and text", { epoch: 3, args: dict({ lr: 0.1 }), arch: "resnet18", none: null }],
  ])("beside it may lie %s", async (_, beside) => {
    for (const value of [dict({ model: net, ...beside }), dict({ ...beside, model: net })]) {
      expect(await names(value)).toEqual(netNames);
      expect(await taken(value)).toMatchObject({ key: "model" });
    }
    const deep = dict({ a: dict({ b: [dict({ c: net, ...beside })] }) });
    expect(await taken(deep)).toMatchObject({ path: ["a", "b", "0", "c"], key: "a.b.0.c" });
  });

  test("one dict under two names is one dict", async () => {
    const shared = { raw: [0x7d, 0x71, 9, ...text("w"), ...rawOf(floats(3, 2)), 0x73] };
    const value = dict({ model: shared, ema: { raw: [0x68, 9] } });
    expect(await taken(value)).toMatchObject({ key: "model", tensors: 1 });
  });

  test("where no dictionary has weights, the one that holds all tensors", async () => {
    expect(await names(dict({ q: bytes8, scale: floats() }))).toEqual(["q", "scale"]);
    expect(await names(dict({ model: dict({ q: bytes8 }), epoch: 1 }))).toEqual(["q"]);
  });
});

const text = (value: string) => [0x58, value.length, 0, 0, 0, ...new TextEncoder().encode(value)];

describe("where two could be meant, they are listed and none is read", () => {
  test.each([
    ["averaged weights", dict({ state_dict: net, state_dict_ema: other }), ["state_dict_ema"]],
    ["networks in a dict", dict({ models: dict({ G: net, D: other }) }), ["models.G", "models.D"]],
    ["networks in a list", [net, other], ['"0"', '"1"']],
    ["mean and spread", dict({ model: net, stats: dict({ mean: floats(3) }) }), ["stats"]],
    ["tensors at the top", dict({ state_dict: net, mean: floats(3) }), ['"." (the top level)']],
    ["dicts without weights", dict({ a: dict({ q: bytes8 }), b: dict({ q: bytes8 }) }), ['"a"']],
  ])("%s", async (_, value, listed) => {
    const opened = open(value);
    await expect(opened).rejects.toThrow(UnsupportedError);
    for (const one of [...listed, "name one: --key"]) await expect(opened).rejects.toThrow(one);
  });

  test("each with its tensors and parameters, the largest first; a long list is cut", async () => {
    const value = dict({ small: other, large: net });
    await expect(open(value)).rejects.toThrow(
      /2 dictionaries.*\n {2}- "large": 3 tensors, 10 parameters\n {2}- "small": 1 tensor, 4 parameters\n/,
    );
    const many = Array.from({ length: 50 }, () => other);
    await expect(open(many)).rejects.toThrow(/50 dictionaries[\s\S]*- "19"[\s\S]*- and 30 more/);
  });

  test("names cannot steer a terminal", async () => {
    const value = dict({ "\u001B[2J\n\u202Eidentical": net, other });
    const error: unknown = await open(value).catch((thrown: unknown) => thrown);
    expect((error as Error).message).toContain('"\\u{1b}[2J\\u{a}\\u{202e}identical"');
    expect((error as Error).message.replaceAll("\n", "")).not.toMatch(/\p{C}/u);
  });
});

describe("tensors in lists and tuples of the dictionary that is read", () => {
  const packed: Pickled = { tuple: [floats(3, 2), [floats(3), null]] };

  test("are named by their places, as quantised layers pack them", async () => {
    const mixed = dict({ "norm.weight": floats(4), "fc.packed": packed, scale: floats() });
    expect(await names(mixed)).toEqual(["norm.weight", "fc.packed.0", "fc.packed.1.0", "scale"]);
    expect(await names(dict({ scale: floats(), packed }))).toEqual([
      "scale",
      "packed.0",
      "packed.1.0",
    ]);
  });

  test("single numbers in lists are no weights, and a dictionary with weights of its own comes first", async () => {
    expect(await names(dict({ w: floats(2), losses: [floats(), floats()] }))).toEqual(["w"]);
    expect(await taken(dict({ model: net, state: packed, loss: floats() }))).toMatchObject({
      key: "model",
    });
  });

  test("tensors elsewhere below it are counted as unread; optimizers and single numbers are not", async () => {
    const beside = { w: floats(2), optimizer: adam(0), loss: [floats()] };
    const unread = [{ class: "torch.Tensor", count: 1 }];
    for (const value of [dict({ q: bytes8 }), [bytes8], [dict({ q: bytes8 })]])
      expect(await taken(dict({ ...beside, value }))).toMatchObject({ tensors: 1, unread });
    expect(await taken(dict(beside))).toBeUndefined();
  });

  test("two names that are one are refused, and lists without end", async () => {
    await expect(open(dict({ "w.0": floats(2), w: [floats(2)] }))).rejects.toThrow(
      /the name "w\.0" of another one/,
    );
    // A list that holds a tensor and itself: marked 9, filled afterwards.
    const endless = { raw: [0x5d, 0x71, 9, 0x28, ...rawOf(floats(2)), 0x68, 9, 0x65] };
    await expect(open(dict({ w: floats(2), endless }))).rejects.toThrow(/without end/);
    const two = (inner: number[]) => [0x5d, 0x28, ...inner, ...inner, 0x65];
    let deep = [0x5d, 0x28, ...rawOf(floats(2)), 0x65];
    for (let depth = 0; depth < 5; depth++) deep = two(deep);
    expect(await names(dict({ w: floats(2), deep: { raw: deep } }))).toHaveLength(33);
  });
});

describe("single numbers never stand for a network that is not read", () => {
  const object = (...args: Pickled[]): Pickled => ({ call: "my.Net", args });
  test.each([
    ["an optimizer", { optimizer: adam(0) }],
    ["an object", { model: object("x") }],
    ["an object with tensors", { model: object([dict({ w: floats(3, 2) })]) }],
    ["an array of NumPy", { w: { call: "numpy.core.multiarray._reconstruct", args: [] } }],
  ])("beside %s", async (_, beside) => {
    await expect(open(dict({ loss: floats(), ...beside }))).rejects.toThrow(UnsupportedError);
    expect(await names(dict({ loss: floats(), epoch: 1 }))).toEqual(["loss"]); // the control
  });

  test("an object with tensors beside a state dict could be meant; one without is counted", async () => {
    const value = (beside: Pickled) => dict({ ema: net, model: beside });
    await expect(open(value(object(dict({ w: floats(3, 2) }))))).rejects.toThrow(/2 dictionaries/);
    expect(await taken(value(object(dict({ w: floats(3, 2) }))), "ema")).toMatchObject({
      tensors: 3,
    });
    expect(await taken(dict({ ema: net, args: object(1), more: [object(2)] }))).toMatchObject({
      key: "ema",
      unread: [{ class: "my.Net", count: 2 }],
    });
  });
});

describe("a key is a path of keys", () => {
  const value = dict({
    "a.b": net,
    a: dict({ b: other, "c.d": dict({ e: other }) }),
    optimizer: adam(0),
    mean: floats(3),
  });
  test.each([
    ["a.b", netNames], // the key with a dot comes before the path
    ["a.c.d.e", ["fc.weight"]],
    ["a.c.d", ["fc.weight"]], // the only dictionary below
    ["optimizer.state.0", ["step", "exp_avg", "exp_avg_sq"]],
    [".", ["mean"]],
    ["", ["mean"]],
  ])("%s", async (key, expected) => {
    expect(await names(value, key)).toEqual(expected);
    expect(await taken(value, key)).toBeDefined();
  });

  test("what is told leads back to the same tensors", async () => {
    for (const key of ["a.b", "a.c.d.e", "optimizer.state.0", "."])
      expect(await taken(value, key)).toMatchObject({ key });
  });

  test("one that leads nowhere, or to several, or to no tensors is refused", async () => {
    await expect(open(value, "a.x")).rejects.toThrow(OptionError);
    await expect(open(value, "a.x")).rejects.toThrow(/"a\.x" leads to nothing.*"a\.b", "a"/);
    await expect(open(value, "toString")).rejects.toThrow(OptionError);
    await expect(open(value, "a")).rejects.toThrow(/2 dictionaries[\s\S]*"a\.c\.d\.e"/);
    await expect(open(value, "optimizer")).rejects.toThrow(/only the state of an optimizer/);
    await expect(open(value, "mean")).rejects.toThrow(/key "mean" holds a single tensor/);
  });

  test("formats without dictionaries refuse it", async () => {
    const file = writeSafetensors({ a: { shape: [1], data: Float32Array.of(1) } });
    await expect(openTensorSource(file, { key: "a" })).rejects.toThrow(OptionError);
    await expect(openTensorSource(file, { key: "a" })).rejects.toThrow(/safetensors.*dictionaries/);
    const index = new TextEncoder().encode('{"weight_map": {"a": "s"}}');
    await expect(openTensorSource(index, { key: "a" })).rejects.toThrow(OptionError);
    expect((await openTensorSource(file)).entries.size).toBe(1);
  });
});

describe("a tensor has one name", () => {
  test("keys that are no names, and two keys of one text, are refused; whole numbers are names", async () => {
    const keyed = (...keys: number[][]) => ({
      raw: [0x7d, ...keys.flatMap((key) => [...key, ...rawOf(floats(3)), 0x73])],
    });
    await expect(open(keyed([0x29]))).rejects.toThrow(FormatError);
    await expect(open(keyed([0x4e]))).rejects.toThrow(/no name/);
    await expect(open(keyed([0x4b, 1], text("1")))).rejects.toThrow(/name "1" of another/);
    expect(await names(keyed([0x4b, 1], [0x4b, 2]))).toEqual(["1", "2"]);
  });

  test("paths too deep or too long to be told are refused", async () => {
    const nest = (depth: number, key: string) => {
      let value: Pickled = net;
      for (let i = 0; i < depth; i++) value = dict({ [key]: value });
      return value;
    };
    expect(await taken(nest(64, "k"))).toMatchObject({ tensors: 3 });
    await expect(open(nest(65, "k"))).rejects.toThrow(/below 65 dictionaries, at most 64/);
    await expect(open(nest(11, "k".repeat(1000)))).rejects.toThrow(/keys of 11011 characters/);
  });
});
