// Files that align and merge take although they are not alike, and examples that they refuse.

import { lstat, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Weights } from "../../../src/core/tensors.ts";
import { modelWriter } from "../../../src/formats/onnx/onnx-write.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { genericWeights, modelPath, modelSpec } from "../../support/networks.ts";

const spec = modelSpec("mlp.onnx");
const weights = genericWeights(spec, 31);
const moved = actOn(spec, sampleElement(spec, 31), weights);
const step = { dtype: "I64" as const, shape: [1], data: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) };

/** Runs a body in a folder with two networks, as safetensors and as ONNX files, and their spec. */
function withFiles<T>(body: (at: (name: string) => string) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    await writeFile(at("a.safetensors"), writeSafetensors(weights));
    await writeFile(at("spec.json"), JSON.stringify(specToJSON(spec)));
    const write = modelWriter(await readFile(modelPath("mlp.onnx")));
    await writeFile(at("a.onnx"), write(weights));
    await writeFile(at("b.onnx"), write(moved));
    return body(at);
  });
}

const json = ({ code, stdout, stderr }: Awaited<ReturnType<typeof weightspace>>) => {
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout);
};

describe("tensors outside the spec that one file lacks", () => {
  test("align keeps those of b, merge takes those of a, and both say so", () =>
    withFiles(async (at) => {
      const average = { shape: [], data: Float32Array.of(0.5) };
      await writeFile(at("plain.safetensors"), writeSafetensors(weights));
      await writeFile(at("more.safetensors"), writeSafetensors({ ...moved, step, average }));
      const told = ["--spec", at("spec.json"), "--force", "-o", at("o.safetensors"), "--json"];
      const names = async () => [
        ...readSafetensors(new Uint8Array(await readFile(at("o.safetensors")))).tensors.keys(),
      ];
      const run = async (command: string, a: string, b: string) => {
        const { unmatched: apart } = json(await weightspace([command, at(a), at(b), ...told]));
        expect(apart.toSorted()).toEqual(
          ["average", "step"].map((name) => `"${name}" is only in ${at("more.safetensors")}`),
        );
      };
      await run("align", "plain.safetensors", "more.safetensors");
      expect(await names()).toContain("average");
      await run("merge", "more.safetensors", "plain.safetensors");
      expect(await names()).toContain("average");
      await run("merge", "plain.safetensors", "more.safetensors");
      expect(await names()).not.toContain("average");
      const { "f.2.bias": _, ...less } = weights;
      await writeFile(at("less.safetensors"), writeSafetensors(less));
      const args = ["merge", at("a.safetensors"), at("less.safetensors"), ...told];
      expect((await weightspace(args)).stderr).toMatch(/different arch.*"f\.2\.bias" is only in/s);
    }));

  test("without a spec an array that only one file has is a difference", () =>
    withFiles(async (at) => {
      const more = { shape: [2], data: Float32Array.of(1, 2) };
      await writeFile(at("plain.safetensors"), writeSafetensors(weights));
      await writeFile(at("more.safetensors"), writeSafetensors({ ...moved, more }));
      const files = [at("plain.safetensors"), at("more.safetensors")];
      const args = ["merge", ...files, "--no-align", "-o", at("o.safetensors")];
      const { code, stderr } = await weightspace(args);
      expect([code, stderr]).toEqual([1, expect.stringMatching(/"more" is only in/)]);
    }));
});

describe("merge", () => {
  test("needs no symmetries with --no-align, and leaves masks of infinities alone", () =>
    withFiles(async (at) => {
      const mask = { shape: [2], data: Float32Array.of(0, -Infinity) };
      for (const [name, network] of Object.entries({ m1: weights, m2: moved }))
        await writeFile(at(`${name}.safetensors`), writeSafetensors({ ...network, mask }));
      const args = ["merge", at("m1.safetensors"), at("m2.safetensors"), "-o", at("o.safetensors")];
      expect((await weightspace(args)).stderr).toMatch(/symmetries of the model are not known/);
      expect(json(await weightspace([...args, "--no-align", "--json"])).aligned).toBe(false);
      const { tensors } = readSafetensors(new Uint8Array(await readFile(at("o.safetensors"))));
      expect(tensors.get("mask")?.data).toEqual(new Uint8Array(mask.data.buffer));
    }));

  test("the page does not replace an input", () =>
    withFiles(async (at) => {
      await symlink(at("a.onnx"), at("a.html"));
      const told = ["--inputs", at("spec.json"), "--report", at("a.html")];
      const { code, stderr } = await weightspace(["merge", at("a.onnx"), at("b.onnx"), ...told]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(/would replace .*a\.onnx/)]);
    }));

  test("refuses examples that are not finite, none, or of no class, before anything is written", () =>
    withFiles(async (at) => {
      const inputs = (...data: number[]) => ({
        shape: [data.length / 7, 7],
        data: Float32Array.from(data),
      });
      const good = inputs(...Array.from({ length: 28 }, (_, i) => i / 9));
      const label = (value: number) => ({ shape: [4], data: Float32Array.of(1, 2, 3, value) });
      for (const [arrays, message] of [
        [{ inputs: inputs(1, 2, 3, NaN, 5, 6, 7), labels: label(0) }, /"\w+" holds NaN at entry 3/],
        [{ inputs: inputs(), labels: label(0) }, /\[0, 7\], which is no example/],
        [{ inputs: good, labels: label(0.5) }, /label 3 is 0\.5/],
        [{ inputs: good, labels: label(5) }, /label 3 is 5, expected .* from 0 to 4/],
        [{ inputs: good }, /no array "labels"/],
      ] as const) {
        await writeFile(at("in.safetensors"), writeSafetensors(arrays as Weights));
        const told = ["--inputs", at("in.safetensors"), "--report", at("p.html")];
        const args = ["merge", at("a.onnx"), at("b.onnx"), ...told, "-o", at("m.onnx")];
        const { code, stderr } = await weightspace(args);
        expect([code, stderr]).toEqual([1, expect.stringMatching(message)]);
        await expect(readFile(at("m.onnx"))).rejects.toThrow("ENOENT");
      }
    }));
});

test("a bad file among several is named, the others are fingerprinted, with exit code 1, and ranked", () =>
  withFiles(async (at) => {
    await writeFile(at("broken.npz"), "PK");
    const files = [at("none.pt"), at("a.safetensors"), at("broken.npz")];
    const told = ["--spec", at("spec.json"), "--json"];
    const printed = await weightspace(["fingerprint", ...files, ...told]);
    expect(JSON.parse(printed.stdout)).toMatchObject([{ path: at("a.safetensors") }]);
    const ranked = await weightspace(["rank", at("a.safetensors"), ...files, ...told]);
    expect(JSON.parse(ranked.stdout).ranked).toMatchObject([{ file: at("a.safetensors") }]);
    expect([printed.code, printed.stderr]).toEqual([
      1,
      expect.stringMatching(/none\.pt.*broken\.npz/s),
    ]);
    expect([ranked.code, JSON.parse(ranked.stdout).refused]).toMatchObject([
      0,
      [{ file: at("none.pt") }, { file: at("broken.npz") }],
    ]);
    const alone = await weightspace(["fingerprint", "/dev/null", ...told]);
    expect([alone.code, alone.stderr]).toEqual([1, expect.stringMatching(/null: it is a device/)]);
  }));

test("a graph with folded weights says how to export one without", () =>
  withFiles(async (at) => {
    const folded = Object.entries(specToJSON(spec).tensors).map(([name, tensor]) => [
      name === "f.0.weight" ? "onnx::MatMul_9" : name,
      tensor,
    ]);
    const told = { ...specToJSON(spec), tensors: Object.fromEntries(folded) };
    await writeFile(at("folded.json"), JSON.stringify(told));
    const args = ["fingerprint", at("a.safetensors"), "--spec", at("folded.json")];
    expect((await weightspace(args)).stderr).toContain("do_constant_folding=False");
  }));

test("writing follows links and keeps the permissions of the old file", () =>
  withFiles(async (at) => {
    await writeFile(at("kept.safetensors"), "old", { mode: 0o640 });
    await symlink("kept.safetensors", at("link.safetensors"));
    await symlink("new.safetensors", at("dangling.safetensors"));
    for (const [link, target] of [
      ["link", "kept"],
      ["dangling", "new"],
    ] as const) {
      const args = ["canonical", at("a.safetensors"), "--spec", at("spec.json")];
      const { code } = await weightspace([...args, "--force", "-o", at(`${link}.safetensors`)]);
      expect(code).toBe(0);
      expect((await lstat(at(`${link}.safetensors`))).isSymbolicLink()).toBe(true);
      expect((await lstat(at(`${target}.safetensors`))).isFile()).toBe(true);
    }
    expect((await lstat(at("kept.safetensors"))).mode & 0o777).toBe(0o640);
  }));
