// `describe` and `embed`: a functional over a model file, sized, and unchanged when the file's neurons are reordered.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { decodeTensor } from "../../../src/formats/onnx/onnx-tensor.ts";
import { replaceInitializers } from "../../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../../src/formats/onnx/onnx.ts";
import { actOn } from "../../../src/symmetry/act.ts";
import { sampleElement } from "../../../src/symmetry/element.ts";
import { inferSpec } from "../../../src/infer/infer.ts";
import { specFromJSON } from "../../../src/symmetry/json.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

const fixture = (name: string) =>
  fileURLToPath(new URL(`../../fixtures/models/${name}.onnx`, import.meta.url));

test("describe gives the spec, the terms of its layers and the size of a functional", async () => {
  const { code, stdout } = await weightspace(["describe", fixture("mlp"), "--json"]);
  expect(code).toBe(0);
  const value = JSON.parse(stdout) as {
    spec: unknown;
    weights: number;
    variants: Record<string, number>[];
  };
  expect(Object.keys(specFromJSON(value.spec).tensors)).toHaveLength(6);
  expect(value.weights).toBe(7 * 11 + 11 + 11 * 13 + 13 + 13 * 5 + 5);
  // Three weight matrices with biases: 62 terms when all axes permute, as published for NP layers.
  expect(
    value.variants.find(({ fixedAxes }) => (fixedAxes as unknown) === "permute"),
  ).toMatchObject({ basisTerms: 62 });
  const text = await weightspace(["describe", fixture("resnet"), "--plan"]);
  expect(text.stdout).toContain("basis terms");
  expect(text.stdout).toMatch(/\d+ features -> \d+ targets/);
});

describe("embed", () => {
  test.each(["mlp", "resnet", "vit_block", "lstm"])(
    "%s: the vector of a reordered file is the same",
    async (name) => {
      await inTemporaryFolder(async (folder) => {
        const bytes = await readFile(fixture(name));
        const graph = readOnnx(bytes);
        const { spec } = inferSpec(graph);
        const weights = Object.fromEntries(
          Object.entries(spec.tensors).flatMap(([tensor, { shape }]) => {
            const found = graph.initializers.get(tensor);
            return found === undefined
              ? []
              : [[tensor, { shape, data: decodeTensor(found) }] as const];
          }),
        );
        const moved = actOn(spec, sampleElement(spec, 3, { scales: false }), weights);
        const [first] = Object.keys(moved).filter((tensor) =>
          moved[tensor].data.some((x, i) => x !== weights[tensor].data[i]),
        );
        await writeFile(join(folder, "moved.onnx"), replaceInitializers(bytes, moved));
        await writeFile(
          join(folder, "broken.onnx"),
          replaceInitializers(bytes, { ...weights, [first]: moved[first] }),
        );
        const vector = async (path: string) => {
          const { code, stdout } = await weightspace(["embed", path, "--size", "4", "--json"]);
          expect(code).toBe(0);
          return (JSON.parse(stdout) as { vector: number[] }).vector;
        };
        const [original, reordered, broken] = [
          await vector(fixture(name)),
          await vector(join(folder, "moved.onnx")),
          await vector(join(folder, "broken.onnx")),
        ];
        const scale = Math.max(...original.map(Math.abs));
        const gap = (other: number[]) =>
          Math.max(...original.map((x, i) => Math.abs(x - other[i]))) / scale;
        expect(gap(reordered)).toBeLessThan(1e-4);
        expect(gap(broken)).toBeGreaterThan(1e-4);
      });
    },
  );
});
