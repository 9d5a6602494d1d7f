// A folder of checkpoints as the Small Transformer Zoo is published: what names say, the networks' symmetries held
// against the network itself, and every file that does not fit named.

import { describe, expect, test } from "vitest";
import type { Weights } from "../../../src/core/tensors.ts";
import { FormatError, UnsupportedError } from "../../../src/core/errors.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { defineSpec } from "../../../src/symmetry/spec.ts";
import { randomWeights } from "../../../src/testing/random.ts";
import { checkDataset, splitDataset } from "../../../src/train/dataset.ts";
import {
  isCheckpointFolder,
  readCheckpointFolder,
} from "../../../src/datasets/published/checkpoint-folder.ts";
import { findOriginals, groupRuns } from "../../../src/datasets/published/copies.ts";
import { transformerZooSpec } from "../../../src/datasets/published/transformer-zoo-spec.ts";
import { memoryStore } from "../../../src/core/store.ts";
import {
  checkpointFiles,
  stateDict,
  transformerShapes,
} from "../../support/files/published-zoos.ts";
import { transformerZooOutputs } from "../../support/files/transformer-zoo-network.ts";

const files = checkpointFiles();
const read = async (given: Readonly<Record<string, Uint8Array>> = files, options = {}) => {
  const store = memoryStore("zoo");
  for (const [name, bytes] of Object.entries(given)) await store.write(name, bytes);
  return readCheckpointFolder(store, options);
};
const named = (shapes: Readonly<Record<string, readonly number[]>>) =>
  Object.entries(shapes).map(([name, shape]) => ({ name, shape }));

describe("a folder of checkpoints", () => {
  test("gives the last epoch of every run, with the accuracy of its name", async () => {
    const { dataset, names } = await read();
    checkDataset(dataset);
    expect(names).toEqual(Array.from({ length: 8 }, (_, i) => `17${i}_75_${4010 + 500 * i}.pt`));
    expect(dataset.targets[2]).toBeCloseTo(0.501, 6);
    expect(dataset.groups).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(Object.keys(dataset.tensors)).not.toContain("embedding.pos_embedding");
  });

  test("all checkpoints, the best ones too, stay with their run in a split", async () => {
    const { dataset, names } = await read(files, { checkpoints: "all" });
    expect(dataset.size).toBe(24);
    expect(names).toContain("170_best1_4020.pt");
    const parts = splitDataset(dataset, [0.5, 0.5], 1).map(({ groups }) => new Set(groups));
    expect([...parts[0]].filter((run) => parts[1].has(run))).toEqual([]);
    const early = await read(files, { where: { epoch: "50" } });
    expect(early.names).toHaveLength(8);
  });

  test("the numbers are those of the files", async () => {
    const { dataset } = await read();
    const other = await read({ "1_2_300.pt": files["173_75_5510.pt"] });
    for (const [name, { shape, data }] of Object.entries(other.dataset.tensors)) {
      const size = shape.reduce((a, b) => a * b);
      expect(dataset.tensors[name].data.slice(3 * size, 4 * size)).toEqual(data.slice());
    }
  });

  test("names of other styles are read alike", async () => {
    const bytes = files["170_50_4000.pt"];
    const { names, dataset } = await read(
      {
        "a_b_75_9000_best.pt": bytes,
        "a_b_75_8000.pt": bytes,
        "c_1_10000.pt": files["171_50_4500.pt"],
      },
      { checkpoints: "all" },
    );
    expect(names).toEqual(["a_b_75_8000.pt", "a_b_75_9000_best.pt", "c_1_10000.pt"]);
    expect(dataset.groups).toEqual([0, 0, 1]);
    expect([...dataset.targets]).toEqual([0.8, 0.9, 1].map(Math.fround));
    expect(isCheckpointFolder(["readme.txt", "a_1_20.pt"])).toBe(true);
    expect(isCheckpointFolder(["model.pt"])).toBe(false);
  });

  test("embedding.pt is no network; a file of another such name is refused (control)", async () => {
    const embedding = stateDict({ "embedding.weight": [7, 6] }, 5);
    const { names } = await read({ ...files, "embedding.pt": embedding });
    expect(names).toEqual((await read()).names);
    await expect(read({ ...files, "embeddings.pt": embedding })).rejects.toThrow(
      /embeddings.pt in zoo: expected a name/,
    );
  });

  describe("copies of one network", () => {
    const again = { ...files, "99_75_9999.pt": files["173_75_5510.pt"] };
    test("keep their runs on one side of a split, and are counted", async () => {
      const { dataset, copies, names } = await read(again, { checkpoints: "all" });
      expect(copies).toBe(1);
      const runOf = (name: string) => (dataset.groups ?? [])[names.indexOf(name)];
      expect(runOf("99_75_9999.pt")).toBe(runOf("173_50_5500.pt"));
      expect(runOf("99_75_9999.pt")).not.toBe(runOf("172_75_5010.pt"));
      expect(new Set(dataset.groups).size).toBe(8);
      for (let seed = 0; seed < 20; seed++) {
        const sides = splitDataset(dataset, [0.5, 0.5], seed).map(({ groups }) => new Set(groups));
        expect([...sides[0]].filter((run) => sides[1].has(run))).toEqual([]);
      }
    });
    test("one bit apart is another network (control)", async () => {
      const bytes = await read(again, { checkpoints: "all" });
      expect((await read(files, { checkpoints: "all" })).copies).toBe(0);
      const other = { ...files, "99_75_9999.pt": stateDict(transformerShapes(), 999) };
      const { dataset, copies } = await read(other, { checkpoints: "all" });
      expect(copies).toBe(0);
      expect(new Set(dataset.groups).size).toBe(9);
      expect(bytes.dataset.size).toBe(dataset.size);
    });
    test("runs that are joined through a third stay together; hashes alone join nothing", () => {
      expect(groupRuns(["a", "b", "b", "c", "d"], [0, 0, 2, 2, 4])).toEqual([0, 0, 0, 0, 1]);
      const stack = (values: number[]) => [
        { name: "w", shape: [1], data: Float32Array.from(values) },
      ];
      expect(findOriginals(4, stack([1, 2, 1, -1]))).toEqual([0, 1, 0, 3]);
      expect(findOriginals(2, stack([0, -0]))).toEqual([0, 1]); // other bits
    });
  });

  describe("tables in metadata/", () => {
    const header = "ckpt_epoch,checkpoint_path,optimizer";
    const rows = Object.keys(files).map(
      (name, i) => `${name.split("_")[1]},/data/mnist/${name},${i % 2 === 0 ? "adam" : "sgd"}`,
    );
    const table = { name: "metadata/mnist.csv", text: [header, ...rows].join("\n") };
    const foreign = { name: "metadata/ag_news.csv", text: `${header}\n75,/data/7_75_100.pt,adam` };

    test("give columns to choose by, matched by file name", async () => {
      const all = Object.keys(files);
      const chosen = await read(files, {
        metadata: [table],
        checkpoints: "all",
        where: { optimizer: "adam" },
      });
      expect(chosen.names).toEqual(all.filter((_, i) => i % 2 === 0).toSorted());
      expect(chosen.notes).toEqual([]);
      await expect(read(files, { where: { optimizer: "adam" } })).rejects.toThrow(
        /no column "optimizer"/,
      );
    });
    test("about other files are left out, and that is said", async () => {
      const { notes, dataset } = await read(files, { metadata: [foreign, table] });
      expect(notes).toEqual(["metadata/ag_news.csv names none of these files, left out"]);
      expect(dataset.size).toBe(8);
    });
    test("a file without a row has empty cells, and that is said", async () => {
      const short = { ...table, text: [header, ...rows.slice(1)].join("\n") };
      const { notes, names } = await read(files, {
        metadata: [short],
        checkpoints: "all",
        where: { optimizer: "" },
      });
      expect(notes).toEqual(["metadata/mnist.csv has no row for 1 of 24 files"]);
      expect(names).toEqual([Object.keys(files)[0]]);
    });
    test("two rows for one file, and damaged tables, are refused by name and line", async () => {
      const twice = { ...table, text: [header, ...rows, rows[0]].join("\n") };
      await expect(read(files, { metadata: [twice] })).rejects.toThrow(
        /metadata\/mnist.csv line 26: "170_50_4000.pt" expected one row, got another in line 2/,
      );
      const damaged = { ...table, text: `${header}\n1,2` };
      await expect(read(files, { metadata: [damaged] })).rejects.toThrow(
        /metadata\/mnist.csv line 2: expected 3 cells/,
      );
    });
  });

  test("files that do not fit are named", async () => {
    const bad = async (
      name: string,
      bytes: Uint8Array,
      kind: typeof FormatError,
      message: RegExp,
    ) => {
      const reading = read({ ...files, [name]: bytes });
      await expect(reading).rejects.toThrow(kind);
      await expect(read({ ...files, [name]: bytes })).rejects.toThrow(message);
    };
    const good = files["170_50_4000.pt"];
    await bad("model.pt", good, FormatError, /model.pt in zoo: expected a name <run>_<epoch>_/);
    await bad("9_75_12000.pt", good, FormatError, /an accuracy of at most 10000, got 12000/);
    await bad("9_75_100.pt", good.subarray(0, 200), FormatError, /9_75_100.pt in zoo: /);
    const other = stateDict(transformerShapes(2, 4), 0);
    await bad(
      "9_75_100.pt",
      other,
      FormatError,
      /9_75_100.pt in zoo: tensor "classifier.fc2.weight" expected shape \[3, 6\] as in the other networks, got \[4, 6\]/,
    );
  });

  test("symmetries can be given; without them other names are refused", async () => {
    const shapes = { "mystery.weight": [3, 2], "mystery.bias": [3] };
    const one = { "1_2_300.pt": stateDict(shapes, 0) };
    await expect(read(one)).rejects.toThrow(UnsupportedError);
    await expect(read(one)).rejects.toThrow(/give them with --spec/);
    const axes = { a: { size: 3, group: "permutation" }, b: { size: 2, group: "fixed" } } as const;
    const tensors = { "mystery.weight": ["a", "b"], "mystery.bias": ["a"] };
    const spec = defineSpec({ axes, tensors });
    expect((await read(one, { spec })).dataset.spec).toBe(spec);
  });
});

describe("the symmetries of the Small Transformer Zoo", () => {
  const shapes = transformerShapes();
  const spec = transformerZooSpec(named(shapes));
  const positions = Object.fromEntries(
    Object.entries(
      randomWeights(
        defineSpec({
          axes: { t: { size: 4, group: "fixed" }, d: { size: 6, group: "fixed" } },
          tensors: { "embedding.pos_embedding": ["t", "d"] },
        }),
        3,
      ),
    ),
  );
  const outputs = (weights: Weights) => transformerZooOutputs({ ...weights, ...positions }, 2);
  const difference = (a: readonly number[], b: readonly number[]) =>
    Math.max(...a.map((value, i) => Math.abs(value - b[i])));

  test("leave the network's outputs unchanged, axis by axis", () => {
    const weights = randomWeights(spec, 1);
    const before = outputs(weights);
    for (let seed = 0; seed < 5; seed++) {
      expect(
        difference(outputs(actOn(spec, sampleElement(spec, seed), weights)), before),
      ).toBeLessThan(1e-4);
    }
    for (const axis of ["o0", "d1", "ff1", "c", "head0", "qk1", "v0"]) {
      const changed = (moved: Weights) =>
        Object.keys(weights).filter((name) =>
          moved[name].data.some((value, i) => value !== weights[name].data[i]),
        );
      const moved = Array.from({ length: 20 }, (_, seed) =>
        actOn(spec, sampleElement(spec, seed, { axes: [axis] }), weights),
      ).find((each) => changed(each).length > 0); // two heads often stay where they are
      if (moved === undefined) throw new Error(`nothing moved along ${axis}`);
      expect(difference(outputs(moved), before), axis).toBeLessThan(1e-4);
      // Control: the same on one of its tensors alone.
      const [name] = changed(moved);
      expect(
        difference(outputs({ ...weights, [name]: moved[name] }), before),
        axis,
      ).toBeGreaterThan(1e-4);
    }
  });

  test("tensors that are missing, unknown or of another shape are named", () => {
    const { "encoder.1.fc2.bias": _, ...fewer } = shapes;
    const refused = (changed: Readonly<Record<string, readonly number[]>>, message: RegExp) =>
      expect(() => transformerZooSpec(named(changed))).toThrow(message);
    refused(fewer, /there is no tensor "encoder.1.fc2.bias"; .* --spec/);
    refused(
      { ...shapes, "encoder.0.norm.weight": [6] },
      /tensor "encoder.0.norm.weight" is not known/,
    );
    refused(
      { ...shapes, "encoder.1.fc1.weight": [8, 5] },
      /"encoder.1.fc1.weight" expected shape \[8, 6\], got \[8, 5\]/,
    );
    expect(() => transformerZooSpec(named(shapes), 4)).toThrow(
      /6 query and 6 value rows of block 0 are no multiple of 4/,
    );
  });
});
