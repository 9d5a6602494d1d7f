// Writing a network in the form of another: as safetensors, or as an ONNX model with other numbers in it.

import { gather } from "../../align/merging/graph-loss.ts";
import type { Tensor } from "../../core/tensors.ts";
import { narrowFinite } from "../../formats/narrow.ts";
import { isFloatType } from "../../formats/onnx-tensor.ts";
import { modelWriter } from "../../formats/onnx-write.ts";
import { readOnnx } from "../../formats/onnx.ts";
import type { SafeDtype } from "../../formats/safetensors-dtypes.ts";
import { separateAliases } from "../../formats/onnx-aliases.ts";
import { readModelBytes } from "../../node/beside.ts";
import { isSameFile } from "../../node/files.ts";
import type { Network } from "./networks.ts";
import { shardsOf } from "../../node/open-weights.ts";
import { UsageError } from "../app/usage-error.ts";
import { writeFileAtomic, type WriteOptions } from "../../node/write-file.ts";
import { writeWeights } from "../../node/write-weights.ts";

export const isOnnx = (path: string): boolean => path.toLowerCase().endsWith(".onnx");

/**
 * Looks at where a network is to be written; `inputs` are the checkpoints of the command, and what is written has the form
 * of `like`.
 * @throws {UsageError} for an output that is neither .safetensors nor, where the network is a model, .onnx; and for a file
 * that is one of several that make up an input
 */
export async function checkOutput(
  command: string,
  out: string,
  inputs: readonly string[],
  like = inputs[0],
): Promise<void> {
  if (!out.toLowerCase().endsWith(".safetensors") && !(isOnnx(out) && isOnnx(like)))
    throw new UsageError(
      `${command}: cannot write ${out}; choose a name ending in .safetensors${isOnnx(like) ? " or .onnx" : ""}`,
    );
  for (const input of inputs) {
    for (const shard of await shardsOf(input)) {
      if (await isSameFile(out, shard))
        throw new UsageError(
          `${command}: cannot write ${out}: it is one of the files of ${input}, which would be broken; choose another name`,
        );
    }
  }
}

const onnxFloats: Readonly<Record<string, SafeDtype>> = {
  float16: "F16",
  bfloat16: "BF16",
  float32: "F32",
  float64: "F64",
};

/** Names of a network's float tensors, the only ones that can be averaged. */
export async function floatTensors({ path, source }: Network): Promise<Set<string>> {
  if (!isOnnx(path)) {
    const floats = [...source.entries].filter(([, { dtype }]) => /^B?F\d/.test(dtype));
    return new Set(floats.map(([name]) => name));
  }
  const { graph } = separateAliases(readOnnx(await readModelBytes(path)));
  return new Set(
    [...graph.initializers].flatMap(([name, { type }]) => (isFloatType(type) ? name : [])),
  );
}

export interface WriteNetworkOptions extends WriteOptions {
  /** Told after every tensor that was changed. */
  readonly onTensor?: () => void;
}

/**
 * Writes a network like `like`, tensor by tensor: those in `changed` from `read`, the others as they are stored.
 * @throws {OptionError} for a number that its format cannot hold; {EnvironmentError}; the signal's reason, or what `check` throws; the old
 * file is untouched then
 */
export async function writeNetwork(
  out: string,
  like: Network,
  changed: ReadonlySet<string>,
  read: (name: string) => Promise<Tensor>,
  { onTensor, ...options }: WriteNetworkOptions,
): Promise<void> {
  const counted = async (name: string) => {
    const tensor = await read(name);
    onTensor?.();
    return tensor;
  };
  if (isOnnx(out)) {
    const weights = await gather(changed, counted);
    const model = await readModelBytes(like.path);
    const { graph } = separateAliases(readOnnx(model));
    for (const [name, tensor] of Object.entries(weights)) {
      const dtype = onnxFloats[graph.initializers.get(name)?.type ?? ""];
      if (dtype !== undefined) narrowFinite(tensor, dtype, name); // refuses what does not fit
    }
    const bytes = modelWriter(model)(weights);
    return writeFileAtomic(out, bytes, options);
  }
  const { source } = like;
  await writeWeights(
    out,
    source.entries,
    (name) => (changed.has(name) ? counted(name) : source.readStored(name)),
    { metadata: source.metadata, ...options },
  );
}
