// The options by which commands are told the symmetries of checkpoints, and the files that these name.

import type { Command } from "commander";
import type {
  findSpec as FindSpec,
  RequestedSpec as LibraryRequestedSpec,
} from "../../checkpoints/find-spec.ts";
import type { checkNothingLeft as CheckNothingLeft } from "../../checkpoints/left-over.ts";
import { specFromJSON } from "../../symmetry/json.ts";
import { readJson, readJsonBytes } from "../../node/files.ts";
import type { InferNamesOptions } from "../../infer/names/infer-names.ts";
import {
  addNameOptions,
  type NameOptions,
  readNameOptions,
  refuseNameOptions,
} from "./name-symmetries.ts";
import { inputName } from "../app/standard-streams.ts";
import type { OpenedModel } from "./opened-model.ts";
import { UsageError } from "../app/usage-error.ts";

export interface SpecFlags extends NameOptions {
  readonly spec?: string;
  readonly model?: string;
  /** Patterns of tensor names; `*` stands for any characters. */
  readonly ignore?: readonly string[];
}

/** The options by which a command takes a spec. */
export function addSpecOptions(command: Command): Command {
  return addNameOptions(
    command
      .option(
        "--spec <file>",
        "the symmetries, as printed by `symmetries --json`; - for standard input",
      )
      .option(
        "--model <file.onnx>",
        "the graph of the model: its symmetries are inferred; - for standard input",
      )
      .option(
        "--ignore <pattern>",
        "tensors that the network does not compute with, such as *.inv_freq; may repeat (with a graph, or where weights are moved by a spec)",
        (pattern: string, earlier: readonly string[] | undefined) => [...(earlier ?? []), pattern],
      ),
  );
}

/** What options say about symmetries, their files read: once for all checkpoints of a command. */
export interface RequestedSpec extends LibraryRequestedSpec {
  /** What names alone do not tell. */
  readonly names: InferNamesOptions;
  /** What the file of --model holds; its numbers can be read only where it has a graph. */
  readonly model?: OpenedModel;
}

/** What the command does with the symmetries. */
export interface RequestUse {
  /** It moves weights and writes them, so that `--ignore` has a use beside a spec. @default false */
  readonly moves?: boolean;
}

/**
 * Reads the files that options about symmetries name.
 * @throws {UsageError} when options exclude each other; {EnvironmentError} {FormatError} {SpecError} naming the file
 */
export async function readRequested(
  flags: SpecFlags,
  { moves = false }: RequestUse = {},
): Promise<RequestedSpec> {
  const { spec: file, model: path, ignore } = flags;
  if (file !== undefined && path !== undefined)
    throw new UsageError("give --spec or --model, not both");
  if (file !== undefined && ignore !== undefined && !moves)
    throw new UsageError(
      "--ignore is for checkpoints with a graph; give --model instead of --spec",
    );
  const names = await readNameOptions(flags);
  const requested = { names, ...(ignore && { ignore }), onSource: refuserOf(flags) };
  if (file !== undefined)
    return { ...requested, origin: inputName(file), spec: specFromJSON(await readSpecFile(file)) };
  if (path === undefined) return requested;
  const { isWithoutGraph, openModel } = await import("./opened-model.ts");
  const model = await openModel(path);
  await model.source.close();
  if (!isWithoutGraph(model)) refuseNameOptions(flags, "options");
  else if (ignore !== undefined && !moves)
    throw new UsageError(
      `--ignore is for checkpoints with a graph, and ${path} has none; give --model graph.onnx`,
    );
  return { ...requested, model };
}

/** Refuses options that have no use for what the symmetries are read from. */
const refuserOf = (flags: SpecFlags) => (source: "graph" | "names") => {
  if (source === "graph") refuseNameOptions(flags, "options");
  else if (flags.ignore !== undefined)
    throw new UsageError("--ignore is for checkpoints with a graph; give --model graph.onnx too");
};

/** The JSON of a spec, from a file or, for `-`, from standard input. */
async function readSpecFile(path: string): Promise<unknown> {
  const { dash, readStandardInput } = await import("../app/standard-streams.ts");
  return path === dash
    ? readJsonBytes("standard input", await readStandardInput())
    : readJson(path);
}

/** Opens a checkpoint; one that is the model of --model is open already. @throws as `openModel` */
export async function openCheckpoint(
  path: string,
  requested?: RequestedSpec,
): Promise<OpenedModel> {
  const { model } = requested ?? {};
  if (model?.path === path && model.onnx !== undefined) return model;
  const { openModel } = await import("./opened-model.ts");
  return openModel(path);
}

/** The same function of the library, loaded when it is needed. */
export const checkNothingLeft: typeof CheckNothingLeft = async (...args) =>
  (await import("../../checkpoints/left-over.ts")).checkNothingLeft(...args);

/** The same function of the library, loaded when it is needed: graphs take long to load. */
export const findSpec: typeof FindSpec = async (...args) =>
  (await import("../../checkpoints/find-spec.ts")).findSpec(...args);
