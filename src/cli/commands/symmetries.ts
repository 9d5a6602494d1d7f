// `weightspace symmetries model.onnx`: the symmetry spec of a model file, why each axis is what it is, and its proof.
// Files without a graph (safetensors, PyTorch, NumPy) are read by the names of their tensors.

import { setFlagsFromString } from "node:v8";
import { type Command, InvalidArgumentError } from "commander";
import { visibleJSON, visibleName } from "../../core/visible.ts";
import { specToJSON } from "../../symmetry/json.ts";
import { printSpec } from "../../symmetry/print.ts";
import {
  addNameOptions,
  nameSymmetries,
  type NameOptions,
  refuseNameOptions,
} from "../networks/name-symmetries.ts";
import { seedNumber } from "../app/arguments.ts";
import type { GraphSymmetriesOptions } from "../networks/graph-symmetries.ts";
import { print } from "../app/output.ts";
import type { OpenedModel } from "../networks/opened-model.ts";
import { withKey } from "../networks/with-key.ts";
import { takenLine } from "../networks/taken.ts";

type Options = NameOptions & GraphSymmetriesOptions;

/** Adds the command to a program. */
export function symmetriesCommand(program: Command): void {
  const command = program
    .command("symmetries")
    .helpGroup("Symmetries:")
    .summary("the symmetries of a model file, explained and proved")
    .description(
      "Prints the symmetries of a model file: its axes, and which axes every tensor has.",
    )
    .argument(
      "<model>",
      "an .onnx file; or .safetensors, .pt, .npz, .gguf, .h5, read by their tensor names; - for standard input",
    )
    .option("--verify", "act on every axis and compare the outputs of the model")
    .option(
      "--directions",
      "also find directions of weights that LayerNorm removes; runs the model for every dimension",
    )
    .option("--explain", "say which operations tie, split or fix every axis")
    .option(
      "--seed <n>",
      "seed of the actions and inputs of --verify and --directions",
      seedNumber,
      0,
    )
    .option("--size <name=n>", "size of a free input dimension, may repeat", readSize)
    .addHelpText("after", "\nExample:\n  weightspace symmetries model.onnx --verify --explain");
  addNameOptions(command);
  if (!program.options.some(({ long }) => long === "--json")) {
    command.option("--json", "print the spec as JSON, nothing else");
  }
  command.action(async (given: string) => {
    const options = command.optsWithGlobals<Options>();
    const [path] = await withKey([given], options.key);
    const lines = await symmetries(path, options);
    print("stdout", options.json === true ? visibleJSON(lines.join("\n\n")) : lines.join("\n\n"));
  });
}

/**
 * Has V8 optimise functions later. Reading a graph runs hundreds of functions a few thousand times each: with the usual budgets
 * V8 compiles nearly all of them, on threads beside this one, which costs as much processor time as the work itself and is
 * never earned back. What runs long is compiled as before, a fraction of a second later. V8 reads these numbers whenever a function
 * has used up its budget, so they may change while a process runs. Their names change with V8, which prints an error for one that
 * it does not know: other versions of Node are left as they are.
 */
function compileLate(): void {
  const [version] = process.versions.node.split(".");
  for (const flag of lateFlags[version] ?? []) setFlagsFromString(flag);
}

/** By version of Node: bytes of bytecode, or calls, after which a function is optimised; the usual numbers are a tenth of these. */
const lateFlags: Readonly<Record<string, readonly string[]>> = {
  20: ["--interrupt-budget=1000000"],
  24: ["--invocation-count-for-turbofan=30000", "--invocation-count-for-maglev=4000"],
};

async function symmetries(path: string, options: Options): Promise<string[]> {
  compileLate();
  // Loaded here: reading and following graphs takes longer to load than other commands take to start.
  const { hasOnnxEnding, isWithoutGraph, openModel } = await import("../networks/opened-model.ts");
  if (hasOnnxEnding(path)) refuseNameOptions(options, "symmetries");
  const model = await openModel(path);
  await model.source.close();
  if (isWithoutGraph(model)) return symmetriesOfNames(model, options);
  refuseNameOptions(options, "symmetries");
  const { graphSymmetries } = await import("../networks/graph-symmetries.ts");
  return graphSymmetries(model, options);
}

async function symmetriesOfNames(model: OpenedModel, options: Options): Promise<string[]> {
  const { family, spec, warnings, taken } = await nameSymmetries(model, options);
  for (const one of taken) process.stderr.write(`${takenLine(one)}\n`);
  const notes = [
    ...warnings,
    `read as family "${family}" by tensor names; not proved, which needs the graph`,
  ];
  if (options.json === true) {
    for (const note of notes) print("stderr", visibleName(`warning: ${note}`));
    return [JSON.stringify(specToJSON(spec), null, 2)];
  }
  return [printSpec(spec), notes.map((note) => visibleName(`warning: ${note}`)).join("\n")];
}

function readSize(
  text: string,
  earlier: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const [, name, size] = /^(.+)=([1-9]\d{0,8})$/.exec(text) ?? [];
  if (size === undefined)
    throw new InvalidArgumentError("Expected a name and a size, as in batch=4.");
  return { ...earlier, [name]: Number(size) };
}
