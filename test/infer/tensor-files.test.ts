// `weightspace symmetries` on files without a graph: tables and JSON by tensor names, and plain words where a graph is needed.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../src/infer/names/template.ts";
import { specFromJSON } from "../../src/symmetry/json.ts";
import { specDifference } from "../../src/symmetry/same-spec.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { gpt2Tensors, resnetTensors } from "../support/files/model-tensors.ts";
import { checkpoint, type Pickled, tensor } from "../support/files/write-pytorch.ts";

const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

const safetensors = (tensors: readonly NamedShape[]) =>
  writeSafetensors(
    Object.fromEntries(
      tensors.map(({ name, shape }) => [name, { shape, data: new Float32Array(count(shape)) }]),
    ),
  );

function pytorch(tensors: readonly NamedShape[]): Uint8Array {
  const storages = tensors.map(
    ({ shape }, i) => [String(i), new Float32Array(count(shape))] as const,
  );
  const state = tensors.map(({ name, shape }, i): [string, Pickled] => {
    const strides = shape.map((_, at) => count(shape.slice(at + 1)));
    return [name, tensor({ shape, strides, key: String(i), numbers: count(shape) })];
  });
  return checkpoint(new Map(state), Object.fromEntries(storages));
}

describe("weightspace symmetries on tensors alone", () => {
  it("prints the spec of a safetensors file with the config beside it", () =>
    inTemporaryFolder(async (folder) => {
      const model = join(folder, "model.safetensors");
      const config = join(folder, "config.json");
      await writeFile(model, safetensors(gpt2Tensors()));
      await writeFile(config, JSON.stringify({ n_head: 3, tie_word_embeddings: true }));
      const { code, stdout, stderr } = await weightspace(
        ["symmetries", model, "--config", config, "--json"],
        folder,
      );
      expect(stderr).toMatch(/read as family "gpt2" by tensor names; not proved/);
      expect(code).toBe(0);
      const expected = inferSpecFromNames(gpt2Tensors(), { heads: 3, tied: true }).spec;
      expect(specDifference(specFromJSON(JSON.parse(stdout)), expected)).toBeNull();
    }));

  it("prints the table of a PyTorch file, and what it could not know", () =>
    inTemporaryFolder(async (folder) => {
      await writeFile(join(folder, "resnet.pth"), pytorch(resnetTensors()));
      const resnet = await weightspace(["symmetries", "resnet.pth"], folder);
      expect(resnet.stdout).toMatch(/stage0\.block0\.out +9 +S_9/);
      await writeFile(join(folder, "gpt2.pt"), pytorch(gpt2Tensors()));
      const gpt2 = await weightspace(["symmetries", "gpt2.pt"], folder);
      expect(gpt2.stdout).toMatch(/warning: .*--heads/);
      expect(gpt2.stdout).toMatch(/warning: .*--tied/);
      const told = await weightspace(["symmetries", "gpt2.pt", "--heads", "3", "--tied"], folder);
      expect(told.stdout).not.toMatch(/--heads|--tied/);
    }));

  it("says that a proof needs the graph and exits with 2; files that do not fit exit with 1", () =>
    inTemporaryFolder(async (folder) => {
      const model = join(folder, "model.safetensors");
      await writeFile(model, safetensors(gpt2Tensors()));
      for (const option of ["--verify", "--explain"]) {
        const { code, stdout, stderr } = await weightspace(["symmetries", model, option], folder);
        expect([code, stdout]).toEqual([2, ""]);
        expect(stderr).toMatch(/needs the graph.*export the model to ONNX/);
      }
      const wrong = await weightspace(["symmetries", model, "--heads", "5"], folder);
      expect([wrong.code, wrong.stdout]).toEqual([1, ""]);
      expect(wrong.stderr).toMatch(/5 heads/);
      const cut = join(folder, "cut.safetensors");
      await writeFile(cut, safetensors(gpt2Tensors()).subarray(0, 40));
      expect((await weightspace(["symmetries", cut], folder)).code).toBe(1);
      const graph = await weightspace(["symmetries", "model.onnx", "--heads", "3"], folder);
      expect([graph.code, graph.stderr]).toEqual([2, expect.stringMatching(/--heads is for/)]);
    }));
});
