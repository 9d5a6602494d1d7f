// Makes a copy of an ONNX model whose units are in another order and scale: the same network in another file.

import { actOn, sampleElement } from "weightspace";
import { findSpec, openNetwork } from "weightspace/checkpoints";
import { replaceInitializers } from "weightspace/formats";
import { serve } from "../work/serve.ts";

const seed = 7;

/** One ONNX file in, the bytes of the copy out. */
export interface ReorderWork {
  readonly request: File;
  readonly event: never;
  readonly result: Uint8Array<ArrayBuffer>;
}

serve<ReorderWork>(async (file) => {
  const network = await openNetwork(file);
  const { onnx, source } = network;
  const found = await findSpec(network);
  if (onnx === undefined || !("spec" in found)) throw new TypeError(`${file.name} has no graph`);
  const names = Object.keys(found.spec.tensors);
  const read = names.map(async (name) => [name, await source.read(name)] as const);
  const weights = Object.fromEntries(await Promise.all(read));
  const moved = actOn(found.spec, sampleElement(found.spec, seed), weights);
  return new Uint8Array(replaceInitializers(onnx.modelBytes(), moved));
});
