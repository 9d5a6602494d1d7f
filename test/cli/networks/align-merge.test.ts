// align and merge as a person runs them: files, reports, errors.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { inputBatches } from "../../../src/align/activations/graph-inputs.ts";
import { randomStream } from "../../../src/core/random.ts";
import type { Tensor, Weights } from "../../../src/core/tensors.ts";
import { narrow } from "../../../src/formats/narrow.ts";
import { modelWriter } from "../../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { writeSafetensors } from "../../../src/formats/safetensors/safetensors-write.ts";
import { readSafetensors } from "../../../src/formats/safetensors/safetensors.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { onnxRuntime } from "../../../src/runtime/onnx-runtime.ts";
import { specToJSON } from "../../../src/symmetry/json.ts";
import { mlpSpec } from "../../../src/symmetry/presets/mlp.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";
import {
  genericWeights,
  modelPath,
  modelSpec,
  modelWeights,
  renamed,
  withEntry,
} from "../../support/networks.ts";

const spec = modelSpec("mlp.onnx");
const weights = genericWeights(spec, 29);
const moved = actOn(spec, sampleElement(spec, 29), weights);
const step = { dtype: "I64" as const, shape: [1], data: Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0) };

/** The class that a model gives each of these inputs. */
async function classesOf(model: Uint8Array, inputs: Tensor): Promise<Float32Array> {
  const batches = inputBatches(readOnnx(model), { inputs }).map((batch) => batch.inputs);
  const classes: number[] = [];
  for await (const { output } of (await onnxRuntime()).runEach(model, batches)) {
    const scores = Array.from(output.data as Float32Array);
    for (let i = 0; i < scores.length; i += 5) {
      const row = scores.slice(i, i + 5);
      classes.push(row.indexOf(Math.max(...row)));
    }
  }
  return Float32Array.from(classes);
}

/** Runs a body in a folder with networks as safetensors and ONNX files, inputs and labels. */
function withFiles<T>(body: (at: (name: string) => string) => Promise<T>): Promise<T> {
  return inTemporaryFolder(async (folder) => {
    const at = (name: string) => join(folder, name);
    const halves = (network: Weights) =>
      Object.entries(network).map(([name, t]) => [name, narrow(t, "F16", name)] as const);
    await writeFile(at("a.safetensors"), writeSafetensors({ ...weights, step }));
    await writeFile(at("b.safetensors"), writeSafetensors({ ...moved, step }, { made: "by hand" }));
    await writeFile(at("half.safetensors"), writeSafetensors([...halves(moved), ["step", step]]));
    const nan = withEntry(moved, "f.0.bias", 4, NaN);
    await writeFile(at("nan.safetensors"), writeSafetensors({ ...nan, step }));
    await writeFile(
      at("other.safetensors"),
      writeSafetensors(genericWeights(modelSpec("siren.onnx"), 1)),
    );
    await writeFile(at("spec.json"), JSON.stringify(specToJSON(spec)));
    const write = modelWriter(await readFile(modelPath("mlp.onnx")));
    await writeFile(at("a.onnx"), write(weights));
    await writeFile(at("b.onnx"), write(moved));
    const random = randomStream(1);
    const inputs = {
      shape: [200, 7],
      data: Float32Array.from({ length: 1400 }, () => random.normal()),
    };
    const labels = { shape: [200], data: await classesOf(write(weights), inputs) };
    await writeFile(at("examples.safetensors"), writeSafetensors({ inputs, labels }));
    return body(at);
  });
}

const json = ({ code, stdout, stderr }: Awaited<ReturnType<typeof weightspace>>) => {
  expect(stderr).toBe("");
  expect(code).toBe(0);
  return JSON.parse(stdout);
};

describe("align", () => {
  test("moves b onto a, keeps its formats and everything outside the spec", () =>
    withFiles(async (at) => {
      const told = ["--spec", at("spec.json"), "--force", "-o", at("out.safetensors"), "--json"];
      const run = async (b: string, ...more: string[]) =>
        json(await weightspace(["align", at("a.safetensors"), at(b), ...told, ...more]));
      const full = await run("b.safetensors", "--starts", "random:2,features", "--seed", "3");
      expect(full.similarity.after).toBeCloseTo(1, 5);
      expect(full.similarity.before).toBeLessThan(0.5);
      expect(full.axes.map(({ axis }: { axis: string }) => axis)).toEqual(["f.0", "f.2"]);
      expect(full).toMatchObject({ unidentifiable: [], movedBack: { copied: 1 }, verified: null });
      const text = await readFile(at("out.safetensors"));
      expect(text.includes("by hand")).toBe(true);
      const half = await run("half.safetensors");
      expect(half.similarity.after).toBeCloseTo(1, 3);
      const { tensors } = readSafetensors(new Uint8Array(await readFile(at("out.safetensors"))));
      expect(tensors.get("f.0.weight")?.dtype).toBe("F16");
      expect(tensors.get("step")).toEqual(step);
    }));

  test("may replace b, and pairs units by activations", () =>
    withFiles(async (at) => {
      const args = ["align", at("a.onnx"), at("b.onnx"), "--force", "-o", at("b.onnx")];
      const { code, stdout } = await weightspace([
        ...args,
        "--activations",
        at("examples.safetensors"),
      ]);
      expect(code).toBe(0);
      expect(stdout).toContain("paired by activations: f.0, f.2; the rest by weights");
      expect(stdout).toContain("1.000 after (1 is equal)");
      const { stdout: compared } = await weightspace(["compare", at("a.onnx"), at("b.onnx")]);
      expect(compared).toContain("different by rounding only");
    }));

  test("runs a graph whose tensors are named otherwise", () =>
    inTemporaryFolder(async (folder) => {
      const at = (name: string) => join(folder, `${name}.safetensors`);
      const own = modelSpec("llama_block.onnx");
      const exported = modelWeights("llama_block.onnx");
      const asTrained = (network: Weights) => renamed(network, /^onnx::MatMul_/, "linear.");
      await writeFile(at("a"), writeSafetensors(asTrained(exported)));
      const planted = sampleElement(own, 5, { scales: false });
      await writeFile(at("b"), writeSafetensors(asTrained(actOn(own, planted, exported))));
      const random = randomStream(2);
      const data = Float32Array.from({ length: 600 }, () => random.normal());
      await writeFile(at("in"), writeSafetensors({ x: { shape: [20, 5, 6], data } }));
      const model = ["--model", modelPath("llama_block.onnx"), "--activations", at("in")];
      const args = ["align", at("a"), at("b"), ...model, "--force", "-o", at("out"), "--json"];
      const { similarity, paired, spec: origin } = json(await weightspace(args));
      expect(similarity.after).toBeCloseTo(1, 4);
      expect(paired.length).toBeGreaterThan(2);
      expect(origin).toContain("found by their numbers");
    }));

  test("says what is wrong in one clear error", () =>
    withFiles(async (at) => {
      const error = async (...args: string[]) => {
        const out = args.includes("-o") ? [] : ["--force", "-o", at("out.safetensors")];
        const { code, stderr } = await weightspace(["align", at("a.safetensors"), ...args, ...out]);
        return `${code}: ${stderr}`;
      };
      const told = ["--spec", at("spec.json")];
      expect(await error(at("nan.safetensors"), ...told)).toMatch(
        /1: .*"f\.0\.bias" holds NaN at entry 4/s,
      );
      expect(await error(at("other.safetensors"), ...told)).toMatch(
        /1: .*different architectures.*tensor "f\.0\.weight" is only in .*a\.safetensors/s,
      );
      const b = at("b.safetensors");
      expect(await error(b, ...told, "-o", at("x.onnx"))).toMatch(/2: .*ending in \.safetensors/s);
      expect(await error(b, ...told, "--starts", "nowhere")).toMatch(/2: .*Expected features/s);
      expect(await error(b, ...told, "--activations", at("examples.safetensors"))).toMatch(
        /2: .*give --model instead of --spec/s,
      );
    }));
});

describe("merge", () => {
  test("averages after aligning; as they are with --no-align", () =>
    withFiles(async (at) => {
      const files = [at("a.safetensors"), at("b.safetensors")];
      const told = ["--spec", at("spec.json"), "--force", "-o", at("m.safetensors"), "--json"];
      const bias = async () => {
        const { tensors } = readSafetensors(new Uint8Array(await readFile(at("m.safetensors"))));
        expect(tensors.get("step")).toEqual(step);
        const { data } = tensors.get("f.0.bias")!;
        return new Float32Array(data.slice().buffer);
      };
      const aligned = json(await weightspace(["merge", ...files, "--weight", "0.3", ...told]));
      expect(aligned.shares).toEqual([0.7, 0.3]);
      for (const [i, x] of (await bias()).entries())
        expect(x).toBeCloseTo(weights["f.0.bias"].data[i], 4);
      json(await weightspace(["merge", ...files, "--weight", "0.25", "--no-align", ...told]));
      for (const [i, x] of (await bias()).entries())
        expect(x).toBeCloseTo(
          0.75 * weights["f.0.bias"].data[i] + 0.25 * moved["f.0.bias"].data[i],
          4,
        );
      const three = await weightspace([
        "merge",
        ...files,
        files[1],
        "--weights",
        "0.2,0.3,0.5",
        ...told,
      ]);
      expect(json(three)).toMatchObject({ aligned: true, shares: [0.2, 0.3, 0.5] });
    }));

  test("draws the loss along the path, on inputs of a graph and on the digits", () =>
    withFiles(async (at) => {
      const report = ["--report", at("path.html"), "--points", "5", "--json", "--force"];
      const graph = json(
        await weightspace([
          "merge",
          at("a.onnx"),
          at("b.onnx"),
          "--inputs",
          at("examples.safetensors"),
          ...report,
        ]),
      );
      const [{ plain, aligned }] = graph.barriers;
      expect(aligned).toBeLessThan(1e-3);
      expect(plain).toBeGreaterThan(0.05);
      expect(await readFile(at("path.html"), "utf8")).toMatch(
        /^<!doctype html>.*<svg.*as they are/s,
      );
      const digits = mlpSpec([64, 12, 10]);
      await writeFile(at("digits.json"), JSON.stringify(specToJSON(digits)));
      for (const [name, seed] of [
        ["d1", 1],
        ["d2", 2],
      ] as const)
        await writeFile(at(`${name}.safetensors`), writeSafetensors(genericWeights(digits, seed)));
      const dense = [at("d1.safetensors"), at("d2.safetensors"), "--spec", at("digits.json")];
      const shown = json(await weightspace(["merge", ...dense, "--data", "digits", ...report]));
      expect(shown.barriers.map(({ examples }: { examples: string }) => examples)).toEqual([
        "training images",
        "test images",
      ]);
    }));

  test("says what is wrong in one clear error", () =>
    withFiles(async (at) => {
      const error = async (...args: string[]) => {
        const { code, stderr } = await weightspace(["merge", at("a.onnx"), at("b.onnx"), ...args]);
        return `${code}: ${stderr}`;
      };
      const out = ["--force", "-o", at("m.onnx")];
      expect(await error()).toMatch(/2: .*give -o for the merged network/s);
      expect(await error("--weights", "0.5,0.2", ...out)).toMatch(
        /2: .*2 --weights that add up to 1/s,
      );
      expect(await error("--weight", "1.5", ...out)).toMatch(/2: .*Expected a number from 0 to 1/s);
      expect(await error("--report", at("p.html"))).toMatch(/2: .*--report needs examples/s);
      const examples = ["--inputs", at("examples.safetensors")];
      expect(await error(...examples, ...out)).toMatch(/2: .*--inputs is for --report/s);
      expect(await error(...examples, "--report", at("a.onnx"))).toMatch(/2: .*end in \.html/s);
      expect(await error("--report", at("p.html"), "--data", "digits")).toMatch(
        /1: .*the task "digits".*expected a dense layer \[units, 64\]/s,
      );
    }));
});
