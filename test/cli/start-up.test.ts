// What every command loads before it knows what it is asked for: neither the array engine, whose threads must be asked for
// before it is loaded, nor the reader of ONNX files.

import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { specToJSON } from "../../src/symmetry/json.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { genericWeights } from "../support/networks.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const layers = (await import(new URL("../../scripts/check-layers.js", import.meta.url).href)) as {
  importsOf: (text: string) => { specifier: string; typeOnly: boolean; dynamic?: boolean }[];
};

/** Packages that are imported statically from a file on, each with the files on the way to it. */
function packagesFrom(entry: string): Map<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const seen = new Set<string>();
  const visit = (file: string, way: readonly string[]): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(join(root, file), "utf8").replaceAll(/\bimport\s*\(/g, "later(");
    for (const { specifier, typeOnly } of layers.importsOf(text)) {
      if (typeOnly) continue;
      if (!specifier.startsWith(".")) found.set(specifier, [...way, file]);
      else visit(normalize(join(dirname(file), specifier)), [...way, file]);
    }
  };
  visit(entry, []);
  return found;
}

test("no command loads the array engine or ONNX before it needs them", () => {
  const heavy = /^(@jax-js\/|onnx-buf|@bufbuild\/|onnxruntime|piscina|ml-matrix)/;
  const loaded = [...packagesFrom("src/cli/main.ts")].filter(([name]) => heavy.test(name));
  expect(loaded).toEqual([]);
  const control = [...packagesFrom("src/train/target.ts").keys()];
  expect(control).toContain("@jax-js/jax");
});

test("axes so long that threads are asked for are aligned, with the control that short ones are too", () =>
  inTemporaryFolder(async (folder) => {
    for (const units of [1100, 5]) {
      const spec = mlpSpec([3, units, 2]);
      for (const [name, seed] of [
        ["a", 1],
        ["b", 2],
      ] as const)
        await writeFile(
          join(folder, `${name}.safetensors`),
          writeSafetensors(genericWeights(spec, seed)),
        );
      const files = ["a.safetensors", "b.safetensors", "--force", "-o", "out.safetensors"];
      const told = ["--spec", "spec.json"];
      await writeFile(join(folder, "spec.json"), JSON.stringify(specToJSON(spec)));
      const { code, stderr } = await weightspace(["align", ...files, ...told], folder);
      expect({ code, error: /error.*/.exec(stderr)?.[0] }).toEqual({ code: 0 });
    }
  }));
