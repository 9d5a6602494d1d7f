// What canonical, align and merge say is verified was run, and what cannot be told is said.

import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { narrow } from "../../../src/formats/narrow.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { widen } from "../../../src/formats/widen.ts";
import { ownGraph } from "../../../src/checkpoints/graph-fit.ts";
import { onnxModel } from "../../../src/checkpoints/network.ts";
import { modelMaker } from "../../../src/checkpoints/model-maker.ts";
import { verifiedJson, verifyAsAsked, worstOf } from "../../../src/cli/match/verify-option.ts";
import type { Weights } from "../../../src/core/tensors.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { onnxRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { type MoveProof, proveMove } from "../../../src/infer/proof/prove-move.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { signsOfPhases } from "../../../src/symmetry/phases.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import { onnxBuilder } from "../../support/graphs/onnx-builder.ts";
import {
  fixture,
  withFixtures,
  modelOf,
  stored,
  fit,
  mlp,
  network,
} from "../../support/graphs/graph-fit.ts";
import { gemm, layerNorm } from "../../support/graphs/onnx-layers.ts";

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

  test.each([
    ["F32", 0, 1e-5],
    ["F16", 1e-5, 0.01],
    ["BF16", 1e-3, 0.1],
  ] as const)(
    "in %s differences up to its rounding are taken for it",
    async (dtype, above, below) => {
      const round = (of: Weights): Weights =>
        Object.fromEntries(
          Object.entries(of).map(([name, tensor]) => [
            name,
            { ...tensor, data: widen(narrow(tensor, dtype, name), name).data },
          ]),
        );
      const held = round(weights);
      const { source } = network(held);
      const entries = new Map(
        [...source.entries].map(([name, entry]) => [name, { ...entry, dtype }]),
      );
      const fitted = await fit(bytes, held);
      const run = (after: Weights, rounded: boolean) =>
        verifyAsAsked(
          { signal: new AbortController().signal },
          { graph: fitted, origin: "a graph" },
          { verify: true },
          {
            path: "a.safetensors",
            source: { ...source, entries },
            rounded,
            before: async (name) => held[name],
            after: async (name) => after[name],
          },
        );
      const scaled = round(actOn(fitted.spec, sampleElement(fitted.spec, 8), held));
      const { tolerance } = (await run(scaled, true)) as MoveProof;
      expect(tolerance).toBeGreaterThan(above);
      expect(tolerance).toBeLessThanOrEqual(below);
      // Numbers that only changed places leave no room, whatever their format.
      const placed = actOn(fitted.spec, sampleElement(fitted.spec, 8, { scales: false }), held);
      expect(await run(placed, false)).toMatchObject({ tolerance: 1e-5 });
      const bias = held["f.bias"].data;
      const wrong = { ...placed, "f.bias": { shape: [9], data: bias.with(0, bias[0] + 0.4) } };
      await expect(run(wrong, true)).rejects.toThrow(/outputs differ by/);
    },
  );

  test("free sizes are tried, and what was not run is said", async () => {
    const b = onnxBuilder(1);
    b.output(mlp(b, b.input("x", ["batch", 5])));
    const free = b.bytes();
    await inTemporaryFolder(async (folder) => {
      const at = (name: string) => join(folder, name);
      await writeFile(at("m.onnx"), free);
      await writeFile(at("a.safetensors"), writeSafetensors(stored(free)));
      const { spec } = ownGraph({ path: "m.onnx", onnx: onnxModel(free), ignores: () => false });
      await writeFile(at("spec.json"), JSON.stringify(specToJSON(spec)));
      const lastLine = async (...told: string[]) => {
        const args = ["canonical", "a.safetensors", "--force", "-o", "o.safetensors", ...told];
        const { code, stdout } = await weightspace(args, folder);
        expect(code).toBe(0);
        return stdout.trimEnd().split("\n").at(-1);
      };
      expect(await lastLine("--model", "m.onnx")).toMatch(/^verified: outputs agree to/);
      expect(await lastLine("--spec", "spec.json")).toMatch(
        /^not verified: there is no graph to run/,
      );
    });
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
          "g.bias": { shape: [3], axes: ["3"] },
        },
      };
      await writeFile(join(folder, "false.json"), JSON.stringify(spec));
      await writeFile(join(folder, "a.onnx"), modelOf(mlp));
      await writeFile(join(folder, "b.onnx"), modelOf(mlp, 2));
      for (const args of [
        ["canonical", "a.onnx", "--force", "-o", "out.onnx"],
        ["align", "a.onnx", "b.onnx", "--force", "-o", "out.safetensors"],
        ["merge", "a.onnx", "b.onnx", "--force", "-o", "out.onnx"],
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
        "--force",
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

describe("what --ignore leaves out is not verified", () => {
  const files = ["norm-a.safetensors", "norm-b.safetensors", "norm-folded.onnx", "norm-kept.onnx"];

  test.each(["canonical", "align", "merge"])("%s", (command) =>
    withFixtures(files, async (run) => {
      const pair = files.slice(0, command === "canonical" ? 1 : 2);
      const lastLine = async (model: string) => {
        const told = ["--model", model, "--ignore", "bn.*", "--force", "-o", "o.safetensors"];
        const { code, stdout } = await run(command, ...pair, ...told);
        expect(code).toBe(0);
        return stdout.trimEnd().split("\n").at(-1);
      };
      expect(await lastLine("norm-folded.onnx")).toMatch(
        /^not verified: the graph was run without 4 ignored tensors \(bn\.bias, .*bn\.weight\); without them outputs agree to \de-\d+ on 8 inputs$/,
      );
      // The control: the graph that keeps the norm runs it, whatever is ignored.
      expect(await lastLine("norm-kept.onnx")).toMatch(/^verified: outputs agree to /);
    }),
  );

  test("nor is a tensor of the graph that the checkpoint lacks", async () => {
    const bytes = modelOf(mlp);
    const { "g.weight": lacking, ...held } = stored(bytes);
    const run = async (weights: Weights) => {
      const { source } = network(weights);
      const read = (name: string) => source.read(name);
      const moved = { path: "a.safetensors", source, rounded: false, before: read, after: read };
      const found = { graph: await fit(bytes, weights, ["g.weight"]), origin: "a graph" };
      return verifyAsAsked(
        { signal: new AbortController().signal },
        found,
        { verify: true },
        moved,
      );
    };
    const [partial, full] = [await run(held), await run({ ...held, "g.weight": lacking })];
    expect(verifiedJson(partial)).toMatchObject({
      verified: null,
      notVerified: "the graph was run without 1 ignored tensor (g.weight)",
      verifiedWithout: { error: 0, inputs: 8, without: ["g.weight"] },
    });
    expect(verifiedJson(full)).toEqual({ verified: full });
    expect(worstOf([full, partial])).toBe(partial);
    const reason = "there is no onnxruntime-web";
    expect(worstOf([partial, { reason }])).toEqual({ reason });
  });
});

test("phases of sine layers: a copy with moved phases is symmetric, its fingerprint equal", () =>
  withFixtures(
    ["siren.onnx", "siren_a.safetensors", "siren_b.safetensors"],
    async (run, folder) => {
      const pair = ["siren_a.safetensors", "siren_b.safetensors"];
      const sine = await run("compare", ...pair, "--model", "siren.onnx");
      expect([sine.code, sine.stdout]).toEqual([
        10,
        expect.stringMatching(/^symmetric: .*\na +in place +2 phases shifted\n/s),
      ]);
      const printed = await run("fingerprint", ...pair, "--model", "siren.onnx", "--json");
      const [first, second] = JSON.parse(printed.stdout) as {
        fingerprint: string;
        exact: string;
      }[];
      expect(second.fingerprint).toBe(first.fingerprint);
      expect(second.exact).not.toBe(first.exact);
      const canonical = async (path: string) => {
        const given = [path, "--model", "siren.onnx", "-o", `canonical_${path}`];
        const { code, stdout } = await run("canonical", ...given);
        expect([code, stdout]).toEqual([0, expect.stringContaining("verified")]);
        return `canonical_${path}`;
      };
      const [a, b] = [await canonical(pair[0]), await canonical(pair[1])];
      expect((await run("compare", a, pair[1], "--model", "siren.onnx")).code).toBe(10);
      expect((await run("compare", a, b)).stdout).toMatch(/^identical|^different by rounding only/);
      // The graph of a spec tells phases as well.
      const { spec } = ownGraph({
        path: "siren.onnx",
        onnx: onnxModel(await readFile(fixture("siren.onnx"))),
        ignores: () => false,
      });
      await writeFile(join(folder, "spec.json"), JSON.stringify(specToJSON(spec)));
      expect((await run("compare", ...pair, "--spec", "spec.json")).code).toBe(10);
      // The control: signs alone do not explain the copy, and a line says what was not looked at.
      await writeFile(join(folder, "signs.json"), JSON.stringify(specToJSON(signsOfPhases(spec))));
      const signs = await run("compare", ...pair, "--spec", "signs.json");
      expect([signs.code, signs.stdout]).toEqual([
        12,
        expect.stringMatching(/if axes with signs are sine layers .*, phases are not looked at/),
      ]);
    },
  ));

test("what onnxruntime refuses is a sentence of ours", async () => {
  const { code, stderr } = await weightspace([
    "symmetries",
    fixture("unknown-operator.onnx"),
    "--verify",
  ]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^error: onnxruntime-web does not take the model \(No Op/);
  expect(stderr).not.toContain("unexpected");
});
