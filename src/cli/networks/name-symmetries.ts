// The part of `weightspace symmetries` for files without a graph: the spec a family's template gives to tensor names.

import { type Command, Option } from "commander";
import type { InferNamesOptions, NamesInference } from "../../infer/names/infer-names.ts";
import { inferNamed } from "../../checkpoints/infer-named.ts";
import { families } from "../../infer/names/registry.ts";
import { positiveNumber, wholeNumber } from "../app/arguments.ts";
import { readJson } from "../../node/files.ts";
import type { Network } from "./opened-model.ts";
import { takenOf, type TakenOfFile } from "./taken.ts";
import { UsageError } from "../app/usage-error.ts";
import { noSuchName } from "../../core/nearest-name.ts";

export interface NameOptions {
  /** The dictionary that is meant, of every PyTorch file of the command. */
  readonly key?: string;
  readonly heads?: number;
  readonly keyValueHeads?: number;
  readonly config?: string;
  readonly family?: string;
  readonly tied?: boolean;
  readonly activation?: "relu" | "tanh" | "sine";
  readonly omega?: number;
}

/** Adds `--key`, which commands give to `withKey`. */
export const addKeyOption = (command: Command): Command =>
  command.option(
    "--key <a.b>",
    "which dictionary of the PyTorch files: its keys from the top, joined by dots; file.pt#a.b for one file",
  );

/** Adds the options that only files without a graph need. */
export function addNameOptions(command: Command): Command {
  return addKeyOption(command)
    .option("--heads <number>", "attention heads, for files without a graph", wholeNumber(1))
    .option("--key-value-heads <number>", "heads of keys and values", wholeNumber(1))
    .option("--config <file>", "the model's config.json, for files without a graph")
    .option("--family <name>", `read tensor names as one of: ${families().join(", ")}`)
    .option("--tied", "the token embedding is the output matrix too")
    .addOption(
      new Option(
        "--activation <name>",
        "activation of a family mlp or cnn, for its scales",
      ).choices(["relu", "tanh", "sine"]),
    )
    .option(
      "--omega <x>",
      "with --activation sine: hidden layers are sin(omega (W x + b)), so biases have phases",
      positiveNumber,
    );
}

/** @throws {UsageError} naming an option that files with a graph have no use for */
export function refuseNameOptions(options: NameOptions, command: string): void {
  const given = (
    ["heads", "keyValueHeads", "config", "family", "tied", "activation", "omega"] as const
  ).find((key) => options[key] !== undefined);
  if (given !== undefined)
    throw new UsageError(
      `${command}: --${given.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} is for .safetensors, PyTorch and NumPy files; a graph says it itself`,
    );
}

/** @throws {UsageError} for options that need a graph */
export async function nameSymmetries(
  network: Network,
  options: NameOptions & {
    readonly verify?: boolean;
    readonly directions?: boolean;
    readonly explain?: boolean;
    readonly size?: Readonly<Record<string, number>>;
  },
): Promise<NamesInference & { readonly taken: readonly TakenOfFile[] }> {
  for (const key of ["verify", "directions", "explain"] as const) {
    if (options[key] === true)
      throw new UsageError(
        `symmetries: --${key} needs the graph, and "${network.path}" holds tensors only; export the model to ONNX for a proof`,
      );
  }
  if (Object.keys(options.size ?? {}).length > 0)
    throw new UsageError(`symmetries: --size is for ONNX files; "${network.path}" has no inputs`);
  const found = inferNamed(network, await readNameOptions(options));
  return { ...found, taken: takenOf([network.source]) };
}

/**
 * What options tell of files without a graph, the config read.
 * @throws {UsageError} for a family that is not known; {EnvironmentError} {FormatError}
 */
export async function readNameOptions(options: NameOptions): Promise<InferNamesOptions> {
  const { heads, keyValueHeads, config, family, tied, activation, omega } = options;
  if (family !== undefined && !families().includes(family))
    throw new UsageError(noSuchName("family", family, families()));
  return {
    ...(heads !== undefined && { heads }),
    ...(keyValueHeads !== undefined && { keyValueHeads }),
    ...(config !== undefined && { config: await readJson(config) }),
    ...(family !== undefined && { family }),
    ...(tied !== undefined && { tied }),
    ...(activation !== undefined && { activation }),
    ...(omega !== undefined && { omega }),
  };
}
