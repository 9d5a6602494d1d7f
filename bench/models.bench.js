// The exported models with hand-written ground truth: is what is inferred sound (proved on the file) and complete (every
// freely permutable size found, none that is not), and how long does it take.

import { readdirSync, readFileSync } from "node:fs";
import { readOnnx } from "../dist/formats/onnx/onnx.js";
import { inferSpec } from "../dist/infer/infer.js";
import { onnxRuntime } from "../dist/runtime/onnx-runtime.js";
import { proveSpec } from "../dist/infer/proof/prove.js";

const folder = new URL("../test/fixtures/models/", import.meta.url);
const seed = 0;

export async function run() {
  const truth = JSON.parse(readFileSync(new URL("truth.json", folder), "utf8"));
  const executor = await onnxRuntime();
  const rows = [];
  const names = readdirSync(folder).filter((name) => name.endsWith(".onnx"));
  const began = performance.now();
  const inferred = names.map((name) => {
    const bytes = readFileSync(new URL(name, folder));
    const start = performance.now();
    const inference = inferSpec(readOnnx(bytes));
    return { name: name.replace(".onnx", ""), bytes, inference, ms: performance.now() - start };
  });
  const totalMs = performance.now() - began;
  for (const { name, bytes, inference, ms } of inferred) {
    const axes = Object.values(inference.spec.axes);
    const free = axes
      .filter(({ group, within }) => group === "permutation" && within === undefined)
      .map(({ size }) => size);
    const left = [...free];
    const missing = truth[name].groups.filter((size) => {
      const at = left.indexOf(size);
      if (at !== -1) left.splice(at, 1);
      return at === -1;
    });
    const start = performance.now();
    const proof = await proveSpec(bytes, inference, executor, { seed });
    rows.push({
      model: name,
      axes: axes
        .filter(({ group }) => group !== "fixed")
        .map(
          ({ size, group, scale, within }) =>
            `${group === "permutation" ? `S${size}` : `GL${size}`}${scale ? ` ${scale}` : ""}${within ? ` in ${within}` : ""}`,
        ),
      sound: proof.verdict === "proved",
      complete: missing.length === 0 && !truth[name].not_free.some((size) => free.includes(size)),
      largestError: Number(proof.largestError.toPrecision(2)),
      inferMs: Number(ms.toPrecision(3)),
      proveMs: Math.round(performance.now() - start),
    });
  }
  return {
    models: rows.length,
    sound: rows.filter((row) => row.sound).length,
    complete: rows.filter((row) => row.complete).length,
    inferAllMs: Math.round(totalMs),
    seed,
    rows,
  };
}
