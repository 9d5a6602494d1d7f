// The small CNN zoo's files: every number in its place, only the rows wanted, and every damage named.

import { gunzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { FormatError, OptionError, UnsupportedError } from "../../../src/core/errors.ts";
import { isCnnZoo, readCnnZoo } from "../../../src/datasets/published/cnn-zoo.ts";
import { parseCsv } from "../../../src/datasets/published/csv.ts";
import { memoryStore } from "../../../src/core/store.ts";
import { checkDataset } from "../../../src/train/dataset.ts";
import { cnnSpec } from "../../../src/symmetry/presets/cnn.ts";
import { npy } from "../../support/files/write-npz.ts";
import { cnnWidth, cnnZooFiles } from "../../support/files/published-zoos.ts";

const files = cnnZooFiles();
async function storeOf(given: Readonly<Record<string, Uint8Array>>) {
  const store = memoryStore("zoo");
  for (const [name, bytes] of Object.entries(given)) await store.write(name, bytes);
  return store;
}
const read = async (change: Readonly<Record<string, Uint8Array>> = {}, options = {}) =>
  readCnnZoo(await storeOf({ ...files, ...change }), options);
const text = (value: string) => new TextEncoder().encode(value);
const metrics = new TextDecoder().decode(gunzipSync(files["metrics.csv.gz"]));
const layout = new TextDecoder().decode(files["layout.csv"]);

describe("the small CNN zoo", () => {
  test("the last checkpoint of every run, with its accuracy and its run", async () => {
    const { dataset, names, skipped } = await read();
    checkDataset(dataset);
    expect(dataset.size).toBe(10);
    expect(names[3]).toBe("row 7");
    expect(dataset.targets[3]).toBeCloseTo(0.1 + 0.12 + 0.02, 6);
    expect(dataset.groups).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(skipped).toEqual([]);
  });

  test("all checkpoints share the run of their folder", async () => {
    const { dataset } = await read({}, { checkpoints: "all" });
    expect(dataset.groups?.slice(0, 6)).toEqual([0, 0, 1, 1, 2, 2]);
    expect(dataset.size).toBe(20);
  });

  test("kernels (height, width, in, out) become [out, in, height, width], dense (in, out) becomes [out, in]", async () => {
    const { dataset } = await read();
    const value = (tensor: string, network: number, ...index: readonly number[]) => {
      const { shape, data } = dataset.tensors[tensor];
      const at = index.reduce((sum, i, dim) => sum * shape[dim] + i, 0);
      return data[network * shape.reduce((a, b) => a * b) + at];
    };
    // Entry of the row: start of the variable, then its place in the order of the file.
    const conv1 = 4 + 3 * 2 * 4 + 5;
    const stored = ([h, w, i, o]: readonly number[]) => ((h * 2 + w) * 4 + i) * 5 + o;
    expect(dataset.tensors["sequential/conv2d_1/kernel"].shape).toEqual([5, 4, 3, 2]);
    for (const [h, w, i, o] of [
      [0, 0, 0, 0],
      [2, 1, 3, 4],
      [1, 0, 2, 3],
      [0, 1, 3, 0],
    ]) {
      expect(value("sequential/conv2d_1/kernel", 2, o, i, h, w)).toBeCloseTo(
        5 + (conv1 + stored([h, w, i, o])) / 1000,
        5,
      );
    }
    const dense = cnnWidth - 15;
    expect(value("sequential/dense/kernel", 0, 2, 4)).toBeCloseTo(
      1 + (dense + 4 * 3 + 2) / 1000,
      5,
    );
    expect(value("sequential/conv2d/bias", 0, 3)).toBeCloseTo(1.003, 5);
  });

  test("its symmetries are those of the preset, kernel by kernel", async () => {
    const { spec } = (await read()).dataset;
    const preset = cnnSpec({ channels: [1, 4, 5], classes: 3, kernel: [3, 2] });
    const byShape = (each: typeof spec) =>
      Object.values(each.tensors)
        .map(({ shape, axes }) => JSON.stringify([shape, axes]))
        .toSorted();
    expect(byShape(spec)).toEqual(byShape(preset));
  });

  test("columns choose networks; one that there is not is named", async () => {
    const { names } = await read({}, { where: { "config.activation": "tanh", step: "0" } });
    expect(names).toEqual(["row 2", "row 6", "row 10", "row 14", "row 18"]);
    await expect(read({}, { where: { epoch: "1" } })).rejects.toThrow(/no column "epoch".* step, /);
    await expect(read({}, { where: { step: "3" } })).rejects.toThrow(
      /none of 20 networks is left where step=3/,
    );
    await expect(read({}, { where: { step: "3" } })).rejects.toThrow(OptionError);
  });

  test("of the weights, only ranges around wanted rows are read", async () => {
    const rows = 4000;
    const data = new Float32Array(rows * cnnWidth);
    const table = Array.from({ length: rows }, (_, i) => `${i === 3000 ? 86 : 0},0.5,relu,x,/${i}`);
    const store = await storeOf({
      ...files,
      "weights.npy": npy({ descr: "<f4", shape: [rows, cnnWidth], data }),
      "metrics.csv.gz": text(
        `step,test_accuracy,config.activation,config.note,modeldir\n${table.join("\n")}`,
      ),
    });
    let most = 0;
    const watched = {
      ...store,
      read: async (name: string, start?: number, end?: number) => {
        const bytes = await store.read(name, start, end);
        if (name === "weights.npy") most = Math.max(most, bytes?.length ?? 0);
        return bytes;
      },
    };
    const { dataset } = await readCnnZoo(watched, { where: { step: "86" } });
    expect(dataset.size).toBe(1);
    expect(most).toBeLessThanOrEqual(4 * cnnWidth);
    await readCnnZoo(watched, {});
    expect(most).toBeGreaterThan(4 * cnnWidth); // control: neighbours come in one read
  });

  test("networks with weights that are not finite are left out by name", async () => {
    const data = new Float32Array(20 * cnnWidth).fill(0.5);
    data[7 * cnnWidth + 11] = Number.NaN;
    const weights = npy({ descr: "<f4", shape: [20, cnnWidth], data });
    const { dataset, skipped } = await read({ "weights.npy": weights });
    expect(skipped).toEqual(["row 7"]);
    expect(dataset.size).toBe(9);
    checkDataset(dataset);
  });

  test("half precision is widened", async () => {
    const data = new Uint16Array(20 * cnnWidth).fill(0x3e00);
    const weights = npy({ descr: "<f2", shape: [20, cnnWidth], data });
    const { dataset } = await read({ "weights.npy": weights });
    expect(dataset.tensors["sequential/dense/bias"].data[0]).toBe(1.5);
  });

  const matrix = (rows: number, columns: number, more = {}) =>
    npy({ descr: "<f4", shape: [rows, columns], data: new Float32Array(rows * columns), ...more });
  test.each<[string, Uint8Array, RegExp]>([
    [
      "weights.npy",
      files["weights.npy"].subarray(0, 5000),
      /weights.npy in zoo: its header says \d+ bytes .*, the file has 5000/,
    ],
    [
      "weights.npy",
      matrix(19, cnnWidth),
      /expected 20 rows as in the metrics and 171 columns .*, got 19 and 171/,
    ],
    ["weights.npy", matrix(20, 170), /expected 20 rows .* got 20 and 170/],
    ["weights.npy", text("no numbers"), /weights.npy in zoo: it does not begin as .npy files do/],
    [
      "layout.csv",
      text(layout.replace("0,4,", "0,5,")),
      /layout.csv in zoo line 2: entries 0 to 5 expected 4 numbers/,
    ],
    [
      "layout.csv",
      text(layout.replace("varname", "name")),
      /layout.csv in zoo line 2: expected a column varname/,
    ],
    [
      "layout.csv",
      text(layout.replace("(3, 2, 1, 4)", "3 by 3")),
      /line 3: shape expected sizes such as/,
    ],
    [
      "metrics.csv.gz",
      files["metrics.csv.gz"].subarray(0, 60),
      /metrics.csv.gz in zoo: .*; fetch the file again/,
    ],
    [
      "metrics.csv.gz",
      text(metrics.replace("0.100", "high")),
      /line 2: test_accuracy expected a number, got "high"/,
    ],
    [
      "metrics.csv.gz",
      text(metrics.replace("0.100", "1.5")),
      /line 2: test_accuracy expected a number from 0 to 1, got 1.5/,
    ],
    [
      "metrics.csv.gz",
      text(metrics.replace("step,", "steps,")),
      /step expected a number, got no such column/,
    ],
    [
      "metrics.csv.gz",
      text(metrics.replace(",/runs/3", "")),
      /line 8: expected 5 cells as in its header, got 4/,
    ],
  ])("damage in %s is named (%#)", async (name, bytes, message) => {
    await expect(read({ [name]: bytes })).rejects.toThrow(FormatError);
    await expect(read({ [name]: bytes })).rejects.toThrow(message);
  });

  test("other arrays and other networks are refused by name", async () => {
    const fortran = matrix(20, cnnWidth, { fortran: true });
    await expect(read({ "weights.npy": fortran })).rejects.toThrow(UnsupportedError);
    const flattened = layout.replace("(5, 3)", "(3, 5)");
    await expect(read({ "layout.csv": text(flattened) })).rejects.toThrow(
      /"sequential\/dense\/kernel" expected 5 inputs as the layer before it gives, got 3/,
    );
  });

  test("is known by its files", () => {
    expect(isCnnZoo(Object.keys(files))).toBe(true);
    expect(isCnnZoo(["weights.npy", "layout.csv"])).toBe(false);
  });
});

test("cells in quotes keep commas and quotes; an empty last cell counts", () => {
  expect(parseCsv('a,b\n"1, ""2""",\n', "t").map(({ cells }) => cells)).toEqual([
    { a: '1, "2"', b: "" },
  ]);
  expect(() => parseCsv("0\n1\n", "split.csv")).toThrow(/split.csv line 1: expected a header/);
});
