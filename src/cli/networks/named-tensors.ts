// Names and shapes of the tensors in a file of weights, for commands that need no numbers.

import type { NamedShape } from "../../infer/names/template.ts";
import { openWeights } from "../../node/open-weights.ts";
import { takenOf, type TakenOfFile } from "./taken.ts";

/** Whether a path leads to named tensors without a graph: a file of weights that is no ONNX model, an index, a folder. */
export async function isTensorFile(path: string): Promise<boolean> {
  if (path.toLowerCase().endsWith(".onnx")) return false;
  const source = await openWeights(path);
  await source.close();
  return source.format !== "onnx";
}

/** @throws {EnvironmentError} {FormatError} {UnsupportedError} */
export async function namedTensors(path: string): Promise<{
  readonly tensors: readonly NamedShape[];
  readonly taken: readonly TakenOfFile[];
}> {
  const source = await openWeights(path);
  await source.close();
  const tensors = [...source.entries].map(([name, { shape }]) => ({ name, shape }));
  return { tensors, taken: takenOf([source]) };
}
