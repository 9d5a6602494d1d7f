// Writes an adapter whose layers were split anew, with the configuration that PEFT reads beside it, after a look at both.

import { basename, dirname, join } from "node:path";
import { configName } from "../../adapters/adapter-config.ts";
import { checkRefactored, type RefactoredAdapter } from "../../adapters/refactored.ts";
import { openWeights } from "../../node/open-weights.ts";
import { writeFileAtomic } from "../../node/write-file.ts";
import { writeWeights } from "../../node/write-weights.ts";
import type { Cli } from "../app/context.ts";
import { type ForceFlag, refuseExisting } from "../app/output-option.ts";
import { dash, throughStandardOutput } from "../app/standard-streams.ts";
import { UsageError } from "../app/usage-error.ts";

/** What was written. */
export interface WrittenAdapter {
  /** Files, the weights first; `-` for standard output. */
  readonly files: readonly string[];
  /** The largest difference of a layer that was read again, over its norm. */
  readonly error: number;
}

/** The name under which PEFT looks for weights. */
const weightsName = "adapter_model.safetensors";

/**
 * Writes an adapter; both files get their names after the weights were read again.
 * @throws {UsageError} for a name under which PEFT would not find it, and for files that exist; {EnvironmentError} when what was written
 * is not what it should be
 */
export async function writeAdapter(
  cli: Cli,
  command: string,
  adapter: RefactoredAdapter,
  out: string,
  flags: ForceFlag,
): Promise<WrittenAdapter> {
  const config = await configFile(command, adapter, out, flags);
  const { tensors, metadata, plans } = adapter;
  const task = cli.progress.task("writing", tensors.size, { unit: "tensors" });
  let written = 0;
  let error = 0;
  const entries = [...tensors].map(([name, { entry }]) => [name, entry] as const);
  const read = async (name: string) => {
    const found = await tensors.get(name)!.read();
    task.update(++written);
    return found;
  };
  await throughStandardOutput(out, weightsName, (file) =>
    writeWeights(file, entries, read, {
      metadata,
      signal: cli.signal,
      check: async (temporary) => {
        const source = await openWeights(temporary);
        try {
          error = await checkRefactored(adapter, source);
        } finally {
          await source.close();
        }
      },
    }),
  );
  task.finish();
  if (config === undefined || adapter.config === undefined) return { files: [out], error };
  await writeFileAtomic(config, `${JSON.stringify(adapter.config, undefined, 2)}\n`);
  cli.hintResume(`${out} was written, with ${plans.length} layers`);
  return { files: [out, config], error };
}

/** Where the configuration goes; undefined where none is needed. @throws {UsageError} */
async function configFile(
  command: string,
  { config }: RefactoredAdapter,
  out: string,
  flags: ForceFlag,
): Promise<string | undefined> {
  if (config === undefined) return undefined;
  if (out === dash || basename(out) !== weightsName)
    throw new UsageError(
      `${command}: the adapter needs ${configName} beside it, and PEFT looks for ${weightsName}; give -o <folder>/${weightsName}`,
    );
  const beside = join(dirname(out), configName);
  await refuseExisting(command, beside, flags);
  return beside;
}
