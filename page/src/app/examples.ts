// Files to try the page with: small models whose symmetries are known, and a copy that is made here.

import convolution from "../../../test/fixtures/models/cnn_flatten.onnx?url&no-inline";
import llama from "../../../test/fixtures/models/llama_block.onnx?url&no-inline";
import dense from "../../../test/fixtures/models/mlp.onnx?url&no-inline";
import type { ReorderWork } from "../compare/reorder.worker.ts";
import { startJob } from "../work/job.ts";

export interface Example {
  readonly title: string;
  readonly about: string;
  readonly url: string;
  readonly name: string;
  /** Give the file with a copy of it, its units in another order. */
  readonly pair?: boolean;
}

export const examples: readonly Example[] = [
  {
    title: "A convolutional network",
    about: "its channels may move if the columns behind them follow in blocks",
    url: convolution,
    name: "cnn_flatten.onnx",
  },
  {
    title: "A block of a Llama",
    about: "heads, rotary positions and gates",
    url: llama,
    name: "llama_block.onnx",
  },
  {
    title: "Two files of one network",
    about: "the second is made from the first now, its units in another order and scale",
    url: dense,
    name: "mlp.onnx",
    pair: true,
  },
];

/** Fetches an example. */
export async function exampleFiles({ url, name, pair = false }: Example): Promise<File[]> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${name} could not be fetched; load the page again.`);
  const file = new File([await response.arrayBuffer()], name);
  if (!pair) return [file];
  const create = () =>
    new Worker(new URL("../compare/reorder.worker.ts", import.meta.url), { type: "module" });
  const copy = await startJob<ReorderWork>(create, file).result;
  return [file, new File([copy], name.replace(".onnx", "-moved.onnx"))];
}
