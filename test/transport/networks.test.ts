// Networks as clouds of neurons: the distance does not see symmetries, sees everything else where it is exact, and says where not.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Weights } from "../../src/core/tensors.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import { cnnSpec } from "../../src/symmetry/presets/cnn.ts";
import { mlpSpec, sirenSpec } from "../../src/symmetry/presets/mlp.ts";
import { gruSpec } from "../../src/symmetry/presets/recurrent.ts";
import { transformerSpec } from "../../src/symmetry/presets/transformer.ts";
import { randomWeights } from "../../src/testing/random.ts";
import { networkDistance, neuronClouds } from "../../src/transport/index.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { genericWeights, modelPath, modelSpec } from "../support/networks.ts";
import { npz } from "../support/files/write-npz.ts";

const kinds = ["sw", "tsw", "energy"] as const;
const scales = [undefined, "sign", "positive"] as const;
const withScale = (scale: (typeof scales)[number]) => (scale === undefined ? {} : { scale });
/** The network with one number changed. */
const changed = (weights: Weights, name: string, by = 0.5): Weights => ({
  ...weights,
  [name]: {
    shape: weights[name].shape,
    data: weights[name].data.map((v, i) => (i === 1 ? v + by : v)),
  },
});

describe.each(kinds)("%s of networks with one hidden layer", (kind) => {
  test.each(scales)(
    "scale part %s: exact; 0 for the orbit, more for any other network",
    (scale) => {
      const spec = mlpSpec([3, 7, 2], withScale(scale));
      const a = randomWeights(spec, 1);
      const moved = actOn(spec, sampleElement(spec, 2), a);
      const same = networkDistance(spec, a, moved, { kind });
      expect(same.exact).toBe(true);
      expect(same.layers.map(({ coordinates }) => coordinates)).toEqual(["exact"]);
      expect(same.total).toBeLessThan(1e-5);
      for (const name of Object.keys(spec.tensors)) {
        const other = networkDistance(spec, a, changed(moved, name), { kind });
        expect(other.total).toBeGreaterThan(1e-3);
        expect(other.total).toBeGreaterThan(50 * same.total);
      }
      expect(networkDistance(spec, a, a, { kind }).total).toBeLessThan(1e-12);
    },
  );
});

describe("deeper networks", () => {
  test.each<[string, ReturnType<typeof mlpSpec>]>([
    ["MLP", mlpSpec([3, 6, 5, 2])],
    ["MLP with signs", mlpSpec([3, 6, 5, 2], { scale: "sign" })],
    ["MLP with positive scales", mlpSpec([3, 6, 5, 2], { scale: "positive" })],
    ["sine layer with phases", sirenSpec([3, 6, 2], { omega: 3 })],
    ["SIREN with phases", sirenSpec([3, 6, 5, 2], { omega: 3 })],
    ["CNN", cnnSpec({ channels: [1, 4, 5], classes: 2 })],
    ["GRU", gruSpec({ inputs: 3, hidden: 4, outputs: 2 })],
    [
      "Transformer",
      transformerSpec({ layers: 1, heads: 2, width: 8, vocabulary: 5, positions: 4 }),
    ],
  ])("%s: does not see its symmetries, and is labelled as no metric", (_, spec) => {
    const a = randomWeights(spec, 1);
    const same = networkDistance(spec, a, actOn(spec, sampleElement(spec, 2), a));
    expect(same.total).toBeLessThan(1e-4);
    expect(same.exact).toBe(false);
    expect(networkDistance(spec, a, randomWeights(spec, 3)).total).toBeGreaterThan(0.01);
  });
  test("its limit: rows of the middle layer exchanged against its wiring keep the distance 0", () => {
    const spec = mlpSpec([3, 6, 5, 2]);
    const a = randomWeights(spec, 1);
    const { shape, data } = a["fc2.weight"]; // [5, 6]
    const rewired = data.map((_, at) => data[Math.floor(at / 6) * 6 + ((at + 1) % 6)]);
    const total = (b: Weights) =>
      networkDistance(spec, a, b).layers.find(({ axis }) => axis === "h2");
    const b = { ...a, "fc2.weight": { shape, data: rewired } };
    expect(total(b)?.distance).toBeLessThan(1e-12); // row statistics are the same, the function is not
    expect(total(b)?.coordinates).toBe("statistics");
    expect(total(changed(a, "fc2.weight"))?.distance).toBeGreaterThan(1e-3);
  });
});

describe("clouds", () => {
  test("neurons with a sign stand beside their negatives", () => {
    const spec = mlpSpec([3, 4, 2], { scale: "sign" });
    const { clouds } = neuronClouds(spec, randomWeights(spec, 1));
    expect(clouds[0].points.shape).toEqual([8, 6]); // 3 incoming, a bias, 2 outgoing
    const { data } = clouds[0].points;
    for (let i = 0; i < 24; i++) expect(data[24 + i]).toBe(-data[i]);
  });
  test("with a positive scale incoming weights have length 1; a dead neuron is 0", () => {
    const spec = mlpSpec([3, 4, 2], { scale: "positive" });
    const weights = randomWeights(spec, 1);
    const dead = {
      ...weights,
      "fc1.weight": {
        shape: [4, 3],
        data: weights["fc1.weight"].data.map((v, i) => (i < 3 ? 0 : v)),
      },
      "fc1.bias": { shape: [4], data: weights["fc1.bias"].data.map((v, i) => (i < 1 ? 0 : v)) },
    };
    const { data } = neuronClouds(spec, dead).clouds[0].points;
    expect([...data.subarray(0, 6)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(Math.hypot(...data.subarray(6, 10))).toBeCloseTo(1, 6);
  });
  test("tensors that are missing or not finite are named", () => {
    const spec = mlpSpec([3, 4, 2]);
    const weights = randomWeights(spec, 1);
    expect(() => networkDistance(spec, weights, changed(weights, "fc1.bias", Number.NaN))).toThrow(
      /tensor "fc1.bias" holds NaN at entry 1/,
    );
    const { "fc1.bias": _, ...rest } = weights;
    expect(() => networkDistance(spec, rest, weights)).toThrow(/"fc1.bias" is missing/);
    expect(() => networkDistance(spec, weights, weights, { kind: "w3" as never })).toThrow(
      /kind is "w3"/,
    );
  });
});

test("weightspace distance: a table, JSON, activations; exit code 0 whatever the distance is", async () => {
  const spec = modelSpec("mlp.onnx");
  const weights = genericWeights(spec, 17);
  const files = {
    a: weights,
    b: actOn(spec, sampleElement(spec, 17), weights),
    c: genericWeights(spec, 18),
  };
  await inTemporaryFolder(async (folder) => {
    const at = (name: string) => join(folder, `${name}.safetensors`);
    for (const [name, network] of Object.entries(files))
      await writeFile(at(name), writeSafetensors(new Map(Object.entries(network))));
    const model = ["--model", modelPath("mlp.onnx")];
    const run = async (b: string, ...more: string[]) => {
      const { code, stdout, stderr } = await weightspace([
        "distance",
        at("a"),
        at(b),
        ...model,
        ...more,
      ]);
      expect(stderr).not.toMatch(/warning|error/);
      expect(code).toBe(0);
      return stdout;
    };
    expect(await run("b")).toMatch(/not a metric here: layers compared by statistics/);
    const total = async (b: string, ...more: string[]) =>
      (JSON.parse(await run(b, "--json", ...more)) as { total: number }).total;
    for (const kind of kinds) {
      const same = await total("b", "--kind", kind);
      expect(same).toBeLessThan(1e-4);
      expect(await total("c", "--kind", kind)).toBeGreaterThan(1000 * same);
    }
    const inputs = join(folder, "inputs.npz");
    const width = spec.tensors["f.0.weight"].shape[1];
    const data = Float32Array.from({ length: 16 * width }, (_, i) => Math.sin(i * 1.7));
    await writeFile(inputs, npz({ x: { descr: "<f4", shape: [16, width], data } }));
    const active = await run("b", "--activations", inputs);
    expect(active).toMatch(/activations/);
    expect(await total("b", "--activations", inputs)).toBeLessThan(1e-3);
    expect(await total("c", "--activations", inputs)).toBeGreaterThan(0.05);
    const compared = await weightspace(["compare", at("a"), at("c"), ...model]);
    expect(compared.code).toBe(12);
    expect(compared.stdout).toMatch(/as clouds of neurons: sliced W2 \d.*no metric/);
    const same = await weightspace(["compare", at("a"), at("b"), ...model]);
    expect(same.stdout).not.toMatch(/clouds/);
    const wrong = await weightspace(["distance", at("a"), at("b"), ...model, "--kind", "w3"]);
    expect(wrong.code).toBe(2);
  });
});
