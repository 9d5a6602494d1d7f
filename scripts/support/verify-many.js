// A child process that proves one model after another: paths come line by line on standard input, a JSON line goes out for
// each. What ends the process is told by the parent, which sees which file was the last.

import { createInterface } from "node:readline";
import {
  EnvironmentError,
  FormatError,
  OptionError,
  UnsupportedError,
} from "../../dist/core/errors.js";
import { readOnnx } from "../../dist/formats/onnx/onnx.js";
import { inferSpec } from "../../dist/infer/infer.js";
import { proveSpec } from "../../dist/infer/proof/prove.js";
import { readModelBytes } from "../../dist/node/beside.js";
import { onnxRuntime } from "../../dist/runtime/onnx-runtime.js";
import { specToJSON } from "../../dist/symmetry/json.js";
import { axesOfSpec } from "./verify-file.js";

const ours = [EnvironmentError, FormatError, OptionError, UnsupportedError];
const executor = await onnxRuntime();

async function judge(path) {
  const bytes = await readModelBytes(path);
  const graph = readOnnx(bytes);
  const read = { opset: graph.opset, read: true };
  let inference;
  try {
    inference = inferSpec(graph);
  } catch (error) {
    return { ...read, ...problemOf(error, "inference") };
  }
  const axes = axesOfSpec(specToJSON(inference.spec));
  const found = { ...read, axes, unsupported: inference.unsupported.map(({ op }) => op) };
  if (axes.length === 0) return { ...found, outcome: "no axis" };
  try {
    const { verdict, largestError } = await proveSpec(bytes, inference, executor);
    return { ...found, outcome: verdict, error: largestError };
  } catch (error) {
    return { ...found, ...problemOf(error, "proof") };
  }
}

function problemOf(error, step) {
  const known = ours.some((type) => error instanceof type);
  return { outcome: known ? "refused" : "crashed", step, problem: String(error.message ?? error) };
}

for await (const path of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = await judge(path);
  } catch (error) {
    result = { read: false, ...problemOf(error, "reading") };
  }
  process.stdout.write(`${JSON.stringify({ path, ...result })}\n`);
}
