// Writing a network in the form of another: as safetensors, or as an ONNX model with other numbers in it.

import { readAll } from "../../formats/tensor-source.ts";
import type { Tensor } from "../../core/tensors.ts";
import { narrowFinite } from "../../formats/narrow.ts";
import { modelWriter } from "../../formats/onnx/onnx-write.ts";
import type { SafeDtype } from "../../formats/safetensors/safetensors-dtypes.ts";
import { isSameFile } from "../../node/files.ts";
import { graphOf, hasOnnxEnding, type Network, type OpenedModel } from "./opened-model.ts";
import { dash } from "../app/standard-streams.ts";
import { UsageError } from "../app/usage-error.ts";
import { writeFileAtomic, type WriteOptions } from "../../node/write-file.ts";
import { writeWeights } from "../../node/write-weights.ts";

/**
 * Looks at the name of a network to be written in the form of the file `like`; `-` is safetensors on standard output.
 * @throws {UsageError} when it is neither .safetensors nor, where that file is a model, .onnx
 */
export function checkOutputName(command: string, output: string, like: string): void {
  if (output === dash || output.toLowerCase().endsWith(".safetensors")) return;
  if (hasOnnxEnding(output) && hasOnnxEnding(like)) return;
  throw new UsageError(
    `${command}: cannot write ${output}; choose a name ending in .safetensors${hasOnnxEnding(like) ? " or .onnx" : ""}`,
  );
}

/** @throws {UsageError} when an output is one of the several files that make up an input */
export async function refusePartOfInput(
  command: string,
  output: string,
  inputs: readonly OpenedModel[],
): Promise<void> {
  for (const { path, files } of inputs) {
    for (const file of files.length > 1 ? files : []) {
      if (await isSameFile(output, file))
        throw new UsageError(
          `${command}: cannot write ${output}: it is one of the files of ${path}, which would be broken; choose another name`,
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
  if (hasOnnxEnding(out)) {
    const { modelBytes, separated } = graphOf(like);
    const weights = await readAll(changed, counted);
    for (const [name, tensor] of Object.entries(weights)) {
      const dtype = onnxFloats[separated.initializers.get(name)?.type ?? ""];
      if (dtype !== undefined) narrowFinite(tensor, dtype, name); // refuses what does not fit
    }
    const bytes = modelWriter(modelBytes())(weights);
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
