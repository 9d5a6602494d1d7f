// What canonical, align and merge say is verified was run, and what cannot be told is said.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ownGraph } from "../../src/cli/graph-fit.ts";
import { modelMaker } from "../../src/cli/graph-networks.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { actOn } from "../../src/group/act.ts";
import { sampleElement } from "../../src/group/element.ts";
import { onnxRuntime } from "../../src/infer/onnx-runtime.ts";
import { proveMove } from "../../src/infer/prove-move.ts";
import { specToJSON } from "../../src/spec/json.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { fixture, withFixtures, modelOf, stored, fit, mlp } from "../support/graph-fit.ts";
import { gemm, layerNorm } from "../support/onnx-layers.ts";

describe("running a network before and after", () => {
  const bytes = modelOf((b, x) => gemm(b, layerNorm(b, mlp(b, x), "n", 3), "h", 3, 2), 5);
  const weights = stored(bytes);

  test("agrees for a symmetry, and shows a single number that is wrong", async () => {
    const fitted = await fit(bytes, weights);
    const make = modelMaker(fitted);
    const reader = (of: Weights) => async (name: string) => of[name];
    const run = async (after: Weights) =>
      proveMove(await onnxRuntime(), fitted.inference, {
        before: () => make(reader(weights)),
        after: () => make(reader(after)),
        jittered: () => make(reader(weights)),
      });
    const moved = actOn(fitted.spec, sampleElement(fitted.spec, 8), weights);
    expect(await run(moved)).toMatchObject({ tolerance: 1e-5, inputs: 8 });
    expect((await run(moved)) as { error: number }).toHaveProperty("error", expect.closeTo(0, 5));
    const { shape, data } = moved["g.weight"];
    const wrong = await run({
      ...moved,
      "g.weight": { shape, data: data.with(3, data[3] + 0.05) },
    });
    expect((wrong as { error: number }).error).toBeGreaterThan(1e-3);
  });

  test("a spec that does not hold writes nothing, leaves the old file and ends with exit 1", () =>
    inTemporaryFolder(async (folder) => {
      // The axis of the ReLU with signs, which pass no ReLU: told by a file, run on the model's own graph.
      const spec = {
        format: "weightspace/spec@1",
        axes: { h: { size: 9, group: "permutation", scale: "sign" } },
        tensors: {
          "f.weight": { shape: [9, 5], axes: ["h", "5"] },
          "f.bias": { shape: [9], axes: ["h"] },
          "g.weight": { shape: [3, 9], axes: ["3", "h^-1"] },
        },
      };
      await writeFile(join(folder, "false.json"), JSON.stringify(spec));
      await writeFile(join(folder, "a.onnx"), modelOf(mlp));
      await writeFile(join(folder, "b.onnx"), modelOf(mlp, 2));
      for (const args of [
        ["canonical", "a.onnx", "-o", "out.onnx"],
        ["align", "a.onnx", "b.onnx", "-o", "out.safetensors"],
        ["merge", "a.onnx", "b.onnx", "-o", "out.onnx"],
      ]) {
        const { code, stderr } = await weightspace([...args, "--spec", "false.json"], folder);
        expect([args[0], code, stderr]).toEqual([
          args[0],
          1,
          expect.stringMatching(/nothing was written.*outputs differ by .* on 8 random inputs/s),
        ]);
        expect((await readdir(folder)).toSorted()).toEqual(["a.onnx", "b.onnx", "false.json"]);
      }
      const unrun = [
        "canonical",
        "a.onnx",
        "-o",
        "out.onnx",
        "--spec",
        "false.json",
        "--no-verify",
      ];
      const { code, stdout } = await weightspace(unrun, folder);
      expect([code, stdout]).toEqual([
        0,
        expect.stringMatching(/\n\nnot verified: --no-verify was given\n$/),
      ]);
    }));
});

test("phases of sine layers: compare and fingerprint say that they are not looked at", () =>
  withFixtures(
    ["siren.onnx", "siren_a.safetensors", "siren_b.safetensors"],
    async (run, folder) => {
      const pair = ["siren_a.safetensors", "siren_b.safetensors"];
      const sine = await run("compare", ...pair, "--model", "siren.onnx");
      expect([sine.code, sine.stdout]).toEqual([
        12,
        expect.stringMatching(/^different\n.*\n\nphases are not looked at: .*pi\/omega/s),
      ]);
      const same = await run("compare", pair[0], pair[0], "--model", "siren.onnx");
      expect([same.code, same.stdout.includes("phases")]).toEqual([0, false]);
      expect((await run("fingerprint", ...pair, "--model", "siren.onnx")).stderr).toContain(
        "phases",
      );
      // A spec file does not say which function is odd.
      const { spec } = ownGraph({
        path: "siren.onnx",
        bytes: await readFile(fixture("siren.onnx")),
        ignores: () => false,
      });
      await writeFile(join(folder, "spec.json"), JSON.stringify(specToJSON(spec)));
      expect((await run("compare", ...pair, "--spec", "spec.json")).stdout).toMatch(
        /if axes with signs are sine layers .*, phases are not looked at/,
      );
    },
  ));

test("what onnxruntime refuses is a sentence of ours", async () => {
  const { code, stderr } = await weightspace([
    "symmetries",
    fixture("unknown-operator.onnx"),
    "--verify",
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: onnxRuntime: onnxruntime-web does not take the model \(No Op/);
  expect(stderr).not.toContain("unexpected");
});
