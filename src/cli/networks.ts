// Two or more checkpoints of one architecture with the spec of it: what align and merge start from.

import { availableParallelism } from "node:os";
import { compareStructure } from "../align/compare-structure.ts";
import { type SpecProblem, SpecError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import { type FoundSpec, findSpec, openCheckpoint, type SpecFlags } from "./checkpoint-spec.ts";
import { needSpec } from "./need-spec.ts";

export interface Network {
  readonly path: string;
  readonly source: TensorSource;
}

export interface Networks extends FoundSpec {
  readonly networks: readonly Network[];
  close(): Promise<void>;
}

/** Products of axes this long are shared among threads. */
const longAxis = 1024;

/**
 * Opens the checkpoints; the spec is that of the first.
 * @throws {SpecError} listing the tensors that differ from the first file's; {UnsupportedError} without a spec
 */
export async function openNetworks(
  command: string,
  paths: readonly string[],
  flags: SpecFlags,
): Promise<Networks> {
  const networks: Network[] = [];
  const close = async () => {
    for (const { source } of networks) await source.close();
  };
  try {
    for (const path of paths) networks.push({ path, source: await openCheckpoint(path) });
    const [first, ...others] = networks;
    for (const other of others) checkSame(first, other);
    const found = needSpec(
      command,
      await findSpec(
        first.path,
        first.source,
        flags,
        others.map(({ source }) => source),
      ),
    );
    await startThreads(found);
    return { ...found, networks, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function checkSame(first: Network, other: Network): void {
  const { missing, extra, reshaped } = compareStructure(first.source, other.source);
  const problem = (tensor: string, message: string): SpecProblem => ({
    severity: "error",
    tensor,
    message: `tensor "${tensor}" ${message}`,
  });
  const problems = [
    ...missing.map((name) => problem(name, `is only in ${first.path}`)),
    ...extra.map((name) => problem(name, `is only in ${other.path}`)),
    ...reshaped.map(({ tensor, shapes: [a, b] }) =>
      problem(
        tensor,
        `has shape ${formatShape(a)} in ${first.path}, ${formatShape(b)} in ${other.path}`,
      ),
    ),
  ];
  if (problems.length > 0)
    throw new SpecError(
      `${first.path} and ${other.path} are of different architectures; give two networks of one`,
      problems,
    );
}

/** Threads must be asked for before anything else starts the engine; short axes are faster without. */
async function startThreads({ spec }: FoundSpec): Promise<void> {
  if (!Object.values(spec.axes).some(({ size }) => size >= longAxis)) return;
  const { startEngine } = await import("../engine/start.ts");
  await startEngine({ threads: Math.min(8, availableParallelism()) });
}
