// compare, canonical and fingerprint as a person runs them: verdicts as exit codes, files that stay whole, clear errors.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { narrow } from "../../../src/formats/narrow.ts";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import type { Tensor, Weights } from "../../../src/core/tensors.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import {
  genericWeights,
  modelPath,
  modelSpec,
  modelWeights,
  withEntry,
  renamed,
} from "../../support/networks.ts";

const spec = modelSpec("mlp.onnx");
const weights = genericWeights(spec, 17);
const moved = actOn(spec, sampleElement(spec, 17), weights);

const times = ({ shape, data }: Tensor, factor: number): Tensor => ({
  shape,
  data: data.map((x) => x * factor),
});

/** Runs a body in a folder with a.safetensors, b.safetensors (moved), c.safetensors (changed) and spec.json. */
function withFiles<T>(body: (at: (name: string) => string) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    const save = (name: string, network: Weights) =>
      writeFile(at(name), writeSafetensors(new Map(Object.entries(network))));
    await save("a.safetensors", weights);
    await save("b.safetensors", moved);
    await save("c.safetensors", withEntry(weights, "f.0.bias", 0, 9));
    await save("nan.safetensors", withEntry(weights, "f.0.bias", 4, NaN));
    await save("other.safetensors", genericWeights(modelSpec("siren.onnx"), 1));
    await writeFile(at("spec.json"), JSON.stringify(specToJSON(spec)));
    return body(at);
  });
}

describe("compare", () => {
  test("its exit code says the verdict, and --json prints it", () =>
    withFiles(async (at) => {
      const run = (b: string, ...more: string[]) =>
        weightspace(["compare", at("a.safetensors"), at(b), "--spec", at("spec.json"), ...more]);
      const same = await run("a.safetensors", "--json");
      expect([same.code, JSON.parse(same.stdout).verdict]).toEqual([0, "identical"]);
      const symmetric = await run("b.safetensors", "--json");
      expect([symmetric.code, JSON.parse(symmetric.stdout).verdict]).toEqual([10, "symmetric"]);
      const different = await run("c.safetensors");
      expect(different.code).toBe(12);
      expect(different.stdout).toMatch(/^different\n\n.*\nf\.0\.bias .* 1\/11/s);
      const unknown = await run("other.safetensors");
      expect(unknown.code).toBe(12);
      expect(unknown.stdout).toContain("only in the first file: f.0.bias, f.0.weight");
    }));

  test("finds tensors that the exporter renamed and transposed by their numbers", () =>
    inTemporaryFolder(async (folder) => {
      const model = modelPath("llama_block.onnx");
      const [a, b] = [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
      const own = modelSpec("llama_block.onnx");
      const exported = modelWeights("llama_block.onnx");
      const asTrained = (network: Weights) => renamed(network, /^onnx::MatMul_/, "linear.");
      const save = (path: string, network: Weights) =>
        writeFile(path, writeSafetensors(new Map(Object.entries(asTrained(network)))));
      await save(a, exported);
      await save(b, actOn(own, sampleElement(own, 5, { scales: false }), exported));
      for (const pair of [
        [a, b],
        [b, a],
      ]) {
        const { code, stdout } = await weightspace(["compare", ...pair, "--model", model]);
        expect([code, stdout]).toEqual([10, expect.stringContaining("found by their numbers")]);
      }
      const { code, stderr } = await weightspace(["fingerprint", b, "--model", model]);
      expect(code).toBe(1); // only moved numbers: nothing tells the names
      expect(stderr).toMatch(/only in the checkpoint: "linear.*only in the graph: "onnx::MatMul_/s);
    }));

  test("reads the graph of ONNX files themselves", async () => {
    const path = modelPath("llama_block.onnx");
    const { code, stdout } = await weightspace(["compare", path, path]);
    expect(code).toBe(0);
    expect(stdout).toContain("symmetries: the graph of");
  });
});

test("canonical forms of copies agree, and fingerprints before and after", () =>
  withFiles(async (at) => {
    const told = ["--spec", at("spec.json")];
    for (const name of ["a", "b"]) {
      const { code, stdout } = await weightspace([
        "canonical",
        at(`${name}.safetensors`),
        ...told,
        "--force",
        "-o",
        at(`${name}-canonical.safetensors`),
      ]);
      expect([code, stdout]).toEqual([0, expect.stringContaining("wrote ")]);
    }
    const files = ["a", "b", "a-canonical", "b-canonical", "c"].map((n) => at(`${n}.safetensors`));
    const { stdout } = await weightspace(["fingerprint", ...files, ...told, "--json"]);
    const prints = (JSON.parse(stdout) as { fingerprint: string }[]).map((f) => f.fingerprint);
    expect(new Set(prints.slice(0, 4)).size).toBe(1);
    expect(prints[4]).not.toBe(prints[0]);
  }));

test("canonical keeps the graph of a model, refuses other endings and files of its input", () =>
  withFiles(async (at) => {
    const told = ["--spec", at("spec.json"), "--force", "-o"];
    const model = ["canonical", modelPath("mlp.onnx"), "--force", "-o", at("canonical.onnx")];
    expect((await weightspace(model)).code).toBe(0);
    const compared = ["compare", modelPath("mlp.onnx"), at("canonical.onnx"), "--json"];
    expect(JSON.parse((await weightspace(compared)).stdout).verdict).toBe("symmetric");
    const network = readSafetensors(new Uint8Array(await readFile(at("a.safetensors"))));
    await writeFile(at("part-1.safetensors"), await readFile(at("a.safetensors")));
    const map = [...network.tensors.keys()].map((name) => [name, "part-1.safetensors"]);
    await writeFile(
      at("whole.index.json"),
      JSON.stringify({ weight_map: Object.fromEntries(map) }),
    );
    for (const [input, out, message] of [
      ["a.safetensors", "out.pt", /out\.pt; choose a name ending in \.safetensors/],
      ["a.safetensors", "out.onnx", /out\.onnx; choose a name ending in \.safetensors/],
      ["whole.index.json", "part-1.safetensors", /one of the files of .*whole\.index\.json/],
    ] as const) {
      const { code, stderr } = await weightspace(["canonical", at(input), ...told, at(out)]);
      expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
    }
    expect(
      (await weightspace(["canonical", at("whole.index.json"), ...told, at("o.safetensors")])).code,
    ).toBe(0);
  }));

test("canonical says so when the file's number format cannot hold the form", () =>
  withFiles(async (at) => {
    // The second bias stays near 1 while its weights shrink: undoing this in F16 takes it beyond 65504.
    const shrunk = {
      ...weights,
      "f.2.weight": times(weights["f.2.weight"], 1e-6),
      "f.2.bias": times(weights["f.2.bias"], 1e4),
    };
    for (const [dtype, code, message] of [
      ["F16", 1, /error: .*F16.*(convert .* to F32|do not use)/],
      ["F32", 0, /^(?!error)/],
    ] as const) {
      const tensors = Object.entries(shrunk).map(
        ([name, tensor]) => [name, narrow(tensor, dtype, name)] as const,
      );
      await writeFile(at("far.safetensors"), writeSafetensors(tensors));
      const args = [
        at("far.safetensors"),
        "--spec",
        at("spec.json"),
        "--force",
        "-o",
        at("o.safetensors"),
      ];
      const found = await weightspace(["canonical", ...args]);
      expect([found.code, found.stderr]).toEqual([code, expect.stringMatching(message)]);
    }
  }));

describe("one clear error each", () => {
  test.each([
    [
      "a spec that does not fit",
      "other.safetensors",
      /tensor "f\.0\.weight" is missing, expected \[11, 7\]/,
    ],
    ["a NaN", "nan.safetensors", /tensor "f\.0\.bias" holds NaN at entry 4/],
    ["no such file", "none.safetensors", /none\.safetensors/],
  ])("%s", (_, name, message) =>
    withFiles(async (at) => {
      await writeFile(at("out.safetensors"), "old");
      const { code, stderr } = await weightspace([
        "canonical",
        at(name),
        "--spec",
        at("spec.json"),
        "--force",
        "-o",
        at("out.safetensors"),
      ]);
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
      expect(await readFile(at("out.safetensors"), "utf8")).toBe("old");
    }),
  );

  test("no symmetries known: fingerprint takes every order for fixed, and says what gives them", () =>
    withFiles(async (at) => {
      const { code, stderr } = await weightspace(["fingerprint", at("a.safetensors")]);
      expect(code).toBe(0);
      expect(stderr).toContain("--model graph.onnx, --spec spec.json or --family");
    }));
});

test("fingerprints of split and fused copies differ, a line says so, and converting one makes them agree", () =>
  inTemporaryFolder(async (folder) => {
    const [split, fused] = ["phi3-split", "phi3-fused"].map((name) =>
      fileURLToPath(new URL(`../../fixtures/names/${name}.safetensors`, import.meta.url)),
    );
    const out = join(folder, "out.safetensors");
    expect((await weightspace(["convert", fused, split, "-o", out])).code).toBe(0);
    const { stdout } = await weightspace(["fingerprint", split, fused, out, "--json"]);
    const prints: { fingerprint: string; notes: string[] }[] = JSON.parse(stdout);
    const [a, b, c] = prints.map(({ fingerprint }) => fingerprint);
    expect([a === b, a === c]).toEqual([false, true]);
    const told = /qkv_proj, gate_up_proj as one tensor.*weightspace convert/;
    expect(prints.map(({ notes }) => told.test(notes.join()))).toEqual([false, true, false]);
    const { stderr } = await weightspace(["fingerprint", fused]);
    expect(stderr).toMatch(told);
  }));
