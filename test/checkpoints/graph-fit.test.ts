// A graph acts on a checkpoint only where its tensors are the checkpoint's, all of them; tables aside.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkBelongs, fitGraph } from "../../src/checkpoints/graph-fit.ts";
import { onnxModel } from "../../src/checkpoints/network.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { weightsSource } from "../../src/formats/tensor-source.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import {
  fixture,
  withFixtures,
  ones,
  modelOf,
  stored,
  without,
  network,
  turned,
  fit,
  mlp,
} from "../support/graphs/graph-fit.ts";
import { type OnnxBuilder, onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { batchNorm, conv, gemm, relu } from "../support/graphs/onnx-layers.ts";

describe("a graph whose norm was folded is refused with the checkpoint that has it", () => {
  const files = [
    "norm-a.safetensors",
    "norm-b.safetensors",
    "norm-folded.onnx",
    "norm-folded-renamed.onnx",
    "norm-kept.onnx",
  ];
  const left = /only in the checkpoint: "bn\.bias" \[12\], "bn\.running_mean".*"bn\.weight" \[12\]/;

  test.each([
    ["canonical", ["norm-a.safetensors", "-o", "out.safetensors"]],
    ["align", ["norm-a.safetensors", "norm-b.safetensors", "-o", "out.safetensors"]],
    ["merge", ["norm-a.safetensors", "norm-b.safetensors", "-o", "out.safetensors"]],
    ["compare", ["norm-a.safetensors", "norm-b.safetensors"]],
    ["fingerprint", ["norm-a.safetensors"]],
    ["sketch", ["norm-a.safetensors", "-o", "out.sketch.json"]],
    ["rank", ["norm-a.safetensors", "norm-b.safetensors"]],
  ])("%s", (command, args) =>
    withFixtures(files, async (run, folder) => {
      const { code, stderr } = await run(command, ...args, "--model", "norm-folded.onnx");
      expect([code, stderr]).toEqual([1, expect.stringMatching(left)]);
      expect(stderr).toContain("only in the graph: none");
      expect(stderr).toContain("do_constant_folding=False");
      expect((await readdir(folder)).toSorted()).toEqual(files.toSorted());
    }),
  );

  test("where the folded tensors got names of their own, both sides are named", () =>
    withFixtures(files, async (run) => {
      const args = ["norm-a.safetensors", "--model", "norm-folded-renamed.onnx"];
      const { code, stderr } = await run("fingerprint", ...args);
      expect([code, stderr]).toEqual([
        1,
        expect.stringMatching(/"stem\.weight" \[12, 1, 3, 3\]; only in the graph: "onnx::Conv_25"/),
      ]);
    }));

  test("the control: the graph that keeps the norm is taken, and what is written is run", () =>
    withFixtures(files, async (run) => {
      const told = ["--model", "norm-kept.onnx", "--json", "--force", "-o"];
      const form = JSON.parse(
        (await run("canonical", "norm-a.safetensors", ...told, "c.safetensors")).stdout,
      );
      expect(form.verified).toMatchObject({ tolerance: 1e-5, inputs: 8 });
      expect(form.verified.error).toBeLessThan(2e-6);
      expect(form.movedBack.copied).toBe(1);
      const pair = ["norm-a.safetensors", "norm-b.safetensors"];
      for (const command of ["align", "merge"]) {
        const done = await run(
          command,
          ...pair,
          "--model",
          "norm-kept.onnx",
          "--force",
          "-o",
          "o.safetensors",
        );
        expect(done.code).toBe(0);
        expect(done.stdout.trim().split("\n").at(-1)).toMatch(
          /^verified: outputs agree to \d+e-\d+ on 8 inputs$/,
        );
      }
    }));
});

describe("what is left over in a checkpoint", () => {
  const bytes = modelOf(mlp);
  const own = stored(bytes);
  const head = { shape: [4, 9], data: Float32Array.from({ length: 36 }, (_, i) => i) };

  test("another head is refused, by name and shape, unless --ignore leaves it out", async () => {
    const more = { ...own, "head.weight": head };
    await expect(fit(bytes, more)).rejects.toThrow(
      /only in the checkpoint: "head\.weight" \[4, 9\]/,
    );
    const { spec } = await fit(bytes, more, ["head.weight"]);
    expect(Object.keys(spec.tensors)).not.toContain("head.weight");
    expect(Object.keys((await fit(bytes, own)).spec.tensors)).toHaveLength(4);
  });

  test("a candidate of rank that has more is not judged", () =>
    inTemporaryFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      await writeFile(at("m.onnx"), bytes);
      await writeFile(at("a.safetensors"), writeSafetensors(own));
      await writeFile(at("b.safetensors"), writeSafetensors({ ...own, "head.weight": head }));
      const args = ["rank", "a.safetensors", "a.safetensors", "b.safetensors", "--model", "m.onnx"];
      const { ranked, refused } = JSON.parse(
        (await weightspace([...args, "--json"], folder)).stdout,
      );
      expect(ranked).toMatchObject([{ file: "a.safetensors", similarity: 1 }]);
      expect(refused).toMatchObject([
        { file: "b.safetensors", reason: expect.stringContaining('"head.weight" [4, 9]') },
      ]);
      const ignoring = await weightspace([...args, "--json", "--ignore", "head.*"], folder);
      expect(JSON.parse(ignoring.stdout).ranked).toHaveLength(2);
    }));

  test("a tensor that the graph stores and does not read counts as left over", async () => {
    const unread = modelOf((b, x) => {
      b.weight("bn.weight", [9]);
      return mlp(b, x);
    });
    await expect(fit(unread, stored(unread))).rejects.toThrow(
      /does not compute with them: bn\.wei/,
    );
  });

  test("whole numbers, such as counts of batches, are no reason", async () => {
    const conv2 = (norm: boolean) => {
      const b = onnxBuilder(3);
      const x = conv(b, b.input("x", [2, 2, 4, 4]), "c", 2, 6);
      b.output(b.node("GlobalAveragePool", [relu(b, norm ? batchNorm(b, x, "bn", 6) : x)]));
      return b.bytes();
    };
    const weights = stored(conv2(true));
    const source = weightsSource(weights);
    const entries = new Map([
      ...source.entries,
      ["bn.num_batches_tracked", { dtype: "I64" as const, shape: [], bytes: 8 }],
    ]);
    const checkpoint = { path: "a.safetensors", source: { ...source, entries } };
    const file = { path: "m.onnx", ignores: () => false };
    await fitGraph({ ...file, onnx: onnxModel(conv2(true)) }, checkpoint, []);
    await expect(
      fitGraph({ ...file, onnx: onnxModel(conv2(false)) }, checkpoint, []),
    ).rejects.toThrow(/only in the checkpoint: "bn\./);
  });

  test("but index tables that both have must be equal", async () => {
    const folded = await readFile(fixture("norm-folded.onnx"));
    const sizes = (last: number) => ({ shape: [2], data: Float64Array.of(4, last) });
    await fit(folded, { ...stored(folded), val_12: sizes(320) });
    await expect(fit(folded, { ...stored(folded), val_12: sizes(321) })).rejects.toThrow(
      /whole numbers of tensor "val_12" \[2\] are others in the graph/,
    );
  });

  test("a table that the graph holds in a constant is known by its numbers, and only by those", async () => {
    const angles = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
    const shifted = modelOf((b, x) =>
      gemm(
        b,
        relu(b, b.node("Add", [gemm(b, x, "f", 5, 9), b.constant(angles, "float")])),
        "g",
        9,
        3,
      ),
    );
    const table = { shape: [1, 9], data: Float32Array.from(angles) };
    await fit(shifted, { ...stored(shifted), table });
    const other = { shape: [1, 9], data: table.data.with(4, 7) };
    await expect(fit(shifted, { ...stored(shifted), table: other })).rejects.toThrow(
      /"table" \[1, 9\]/,
    );
  });
});

describe("what a checkpoint lacks", () => {
  test("a table that acts on activations never moves, and pins the axes along which it varies", async () => {
    const files = ["gqa-ckpt-a.safetensors", "gqa-ckpt-b.safetensors", "gqa-unfolded.onnx"];
    await withFixtures(files, async (run) => {
      const told = [
        "gqa-ckpt-a.safetensors",
        "gqa-ckpt-b.safetensors",
        "--model",
        files[2],
        "--json",
      ];
      const { code, stdout } = await run("compare", ...told);
      expect([code, JSON.parse(stdout).symmetry.axes]).toMatchObject([
        10,
        [{ axis: "g[0]", moved: 8 }],
      ]);
    });
    const bytes = await readFile(fixture("gqa-unfolded.onnx"));
    const all = stored(bytes);
    const { spec } = await fit(bytes, without(all, "cos", "sin"));
    expect(spec.axes["q[2]"]).toBeUndefined(); // pairs of rotary rows
    expect(Object.keys(spec.tensors)).not.toContain("cos");
    expect((await fit(bytes, all)).spec.axes["q[2]"]).toMatchObject({ group: "permutation" });
  });

  test("a matrix of a product is no table", async () => {
    const bytes = modelOf(mlp);
    await expect(fit(bytes, without(stored(bytes), "f.weight"))).rejects.toThrow(
      /only in the checkpoint: none; only in the graph: "f\.weight" \[9, 5\]/,
    );
  });

  test("nor is a copy that the exporter made of a tied matrix, although nothing moves it", async () => {
    // x times the transposed first layer is a second output: both its axes are fixed.
    const tied = (isCopy: boolean) => {
      const b = onnxBuilder(1);
      const x = b.input("x", [2, 5]);
      b.output(mlp(b, x));
      const { data } = turned(stored(modelOf(mlp))["f.weight"]);
      const factor = isCopy ? 2 : 0;
      const second = Array.from(data, (entry, i) => factor * entry + (isCopy ? 0 : Math.sin(i)));
      b.output(b.node("MatMul", [x, b.tensor("onnx::MatMul_9", [5, 9], second)]));
      return b.bytes();
    };
    const weights = stored(modelOf(mlp));
    await expect(fit(tied(true), weights)).rejects.toThrow(/only in the graph: "onnx::MatMul_9"/);
    expect((await fit(tied(false), weights)).tables).toEqual(["onnx::MatMul_9"]);
  });
});

describe("names that are told by numbers", () => {
  const matmul = (b: OnnxBuilder, x: string) => {
    const h = b.node("Add", [
      b.node("MatMul", [x, b.weight("onnx::MatMul_7", [5, 9])]),
      b.weight("f.bias", [9]),
    ]);
    return b.node("MatMul", [relu(b, h), b.weight("onnx::MatMul_8", [9, 3])]);
  };
  const bytes = modelOf(matmul);
  const { "onnx::MatMul_7": first, "onnx::MatMul_8": second, ...rest } = stored(bytes);
  const trained = { ...rest, "f.weight": turned(first), "g.weight": turned(second) };

  test("transposed weights are found, and another training by the same names", async () => {
    const fitted = await fit(bytes, trained);
    expect(fitted.spec.tensors["f.weight"].shape).toEqual([9, 5]);
    expect(fitted.places.get("onnx::MatMul_8")).toEqual({ name: "g.weight", transposed: true });
    const element = sampleElement(fitted.spec, 4);
    await checkBelongs(fitted, network(actOn(fitted.spec, element, trained)));
  });

  test("what is then left over is refused all the same", async () => {
    const more = { ...trained, "norm.weight": { shape: [9], data: Float32Array.from(ones(9)) } };
    await expect(fit(bytes, more)).rejects.toThrow(
      /only in the checkpoint: "norm\.weight" \[9\]; only in the graph: none/,
    );
    const fitted = await fit(bytes, trained);
    await expect(checkBelongs(fitted, network(more, "b.safetensors"))).rejects.toThrow(/^b\.safet/);
  });

  test("equal candidates tell nothing", async () => {
    const twice = { ...trained, "h.weight": trained["g.weight"] };
    await expect(fit(bytes, twice)).rejects.toThrow(
      /"h\.weight" \[3, 9\]; only in the graph: "onnx::MatMul_8"/,
    );
  });
});

describe("tensors of a fresh model that an exporter merged because they were equal", () => {
  const width = 6;
  const norms = (b: OnnxBuilder, x: string, second: string) => {
    const at = (value: string, gain: string) =>
      b.node("Mul", [
        b.node("LayerNormalization", [value, b.constant(ones(width), "float")]),
        gain,
      ]);
    const gain = b.tensor("n1.weight", [width], ones(width));
    const other = second === "n1.weight" ? gain : b.tensor(second, [width], ones(width));
    const first = gemm(b, at(gemm(b, x, "e", 5, width), gain), "f", width, width);
    return gemm(b, at(relu(b, first), other), "g", width, 3);
  };
  const merged = modelOf((b, x) => norms(b, x, "n1.weight"));
  const apart = modelOf((b, x) => norms(b, x, "n2.weight"));
  const trained = Object.fromEntries(
    Object.entries(stored(apart)).map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((x, i) => x + 0.1 * i) },
    ]),
  );

  test("make the graph of no checkpoint with both", async () => {
    await expect(fit(merged, trained)).rejects.toThrow(
      /only in the checkpoint: "n2\.weight" \[6\]/,
    );
    expect(Object.keys((await fit(apart, trained)).spec.tensors)).toContain("n2.weight");
  });

  test("one that is read twice in truth moves where the checkpoint's numbers vary", async () => {
    const { spec } = await fit(merged, without(trained, "n2.weight"));
    expect(Object.keys(spec.tensors)).toContain("n1.weight");
    const fresh = await fit(merged, stored(merged));
    expect(Object.keys(fresh.spec.tensors)).not.toContain("n1.weight"); // one number everywhere
    await expect(
      checkBelongs(fresh, network(without(trained, "n2.weight"), "b.safetensors")),
    ).rejects.toThrow(/n1\.weight hold other numbers/);
  });
});
