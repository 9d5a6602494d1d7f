// Writing a network in the form of another: as safetensors, or as an ONNX model with other numbers in it.

import { gather } from "../align/graph-loss.ts";
import type { Tensor } from "../core/tensors.ts";
import { isFloatType } from "../formats/onnx-tensor.ts";
import { modelWriter } from "../formats/onnx-write.ts";
import { readOnnx } from "../formats/onnx.ts";
import { separateAliases } from "../infer/aliases.ts";
import { readBytes } from "./files.ts";
import type { Network } from "./networks.ts";
import { UsageError } from "./usage-error.ts";
import { writeFileAtomic } from "./write-file.ts";
import { writeWeights } from "./write-weights.ts";

export const isOnnx = (path: string): boolean => path.toLowerCase().endsWith(".onnx");

/** @throws {UsageError} for an output that is neither .safetensors nor, where the network is a model, .onnx */
export function checkOutput(command: string, out: string, { path }: Pick<Network, "path">): void {
  if (out.toLowerCase().endsWith(".safetensors") || (isOnnx(out) && isOnnx(path))) return;
  throw new UsageError(
    `${command}: cannot write ${out}; choose a name ending in .safetensors${isOnnx(path) ? " or .onnx" : ""}`,
  );
}

/** Names of a network's float tensors, the only ones that can be averaged. */
export async function floatTensors({ path, source }: Network): Promise<Set<string>> {
  if (!isOnnx(path)) {
    const floats = [...source.entries].filter(([, { dtype }]) => /^B?F\d/.test(dtype));
    return new Set(floats.map(([name]) => name));
  }
  const { graph } = separateAliases(readOnnx(await readBytes(path)));
  return new Set(
    [...graph.initializers].flatMap(([name, { type }]) => (isFloatType(type) ? name : [])),
  );
}

/**
 * Writes a network like `like`, tensor by tensor: those in `changed` from `read`, the others as they are stored.
 * @throws {EnvironmentError}; the signal's reason, and then the old file is untouched
 */
export async function writeNetwork(
  out: string,
  like: Network,
  changed: ReadonlySet<string>,
  read: (name: string) => Promise<Tensor>,
  { signal, onTensor }: { signal: AbortSignal; onTensor: () => void },
): Promise<void> {
  const counted = async (name: string) => {
    const tensor = await read(name);
    onTensor();
    return tensor;
  };
  if (isOnnx(out)) {
    const weights = await gather(changed, counted);
    const bytes = modelWriter(await readBytes(like.path))(weights);
    return writeFileAtomic(out, bytes, { signal });
  }
  const { source } = like;
  await writeWeights(
    out,
    source.entries,
    (name) => (changed.has(name) ? counted(name) : source.readStored(name)),
    { metadata: source.metadata, signal },
  );
}
