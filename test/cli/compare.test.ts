// compare, canonical and fingerprint as a person runs them: verdicts as exit codes, files that stay whole, clear errors.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors-write.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { specToJSON } from "../../src/spec/json.ts";
import { actOn } from "../../src/group/act.ts";
import { sampleElement } from "../../src/group/element.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { genericWeights, modelPath, modelSpec, withEntry } from "../support/networks.ts";

const spec = modelSpec("mlp.onnx");
const weights = genericWeights(spec, 17);
const moved = actOn(spec, sampleElement(spec, 17), weights);

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
        "-o",
        at("out.safetensors"),
      ]);
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
      expect(await readFile(at("out.safetensors"), "utf8")).toBe("old");
    }),
  );

  test("no symmetries known: fingerprint says which options give them", () =>
    withFiles(async (at) => {
      const { code, stderr } = await weightspace(["fingerprint", at("a.safetensors")]);
      expect(code).toBe(1);
      expect(stderr).toContain("--model graph.onnx or --spec spec.json");
    }));
});
