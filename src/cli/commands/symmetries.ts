// `weightspace symmetries model.onnx`: the symmetry spec of a model file, why each axis is what it is, and its proof.
// Files without a graph (safetensors, PyTorch) are read by the names of their tensors.

import { type Command, InvalidArgumentError } from "commander";
import { SpecError } from "../../core/errors.ts";
import type { OnnxGraph } from "../../formats/onnx-types.ts";
import { readOnnx } from "../../formats/onnx.ts";
import { inferSpec } from "../../infer/infer.ts";
import { onnxRuntime } from "../../infer/onnx-runtime.ts";
import { printExplanations, printProof } from "../../infer/print.ts";
import { type Proof, proveSpec } from "../../infer/prove.ts";
import { specToJSON } from "../../spec/json.ts";
import { printSpec } from "../../spec/print.ts";
import {
  addNameOptions,
  nameSymmetries,
  type NameOptions,
  refuseNameOptions,
} from "../name-symmetries.ts";
import { wholeNumber } from "../arguments.ts";
import { readBytes } from "../files.ts";
import { isTensorFile } from "../named-tensors.ts";
import { UsageError } from "../usage-error.ts";

const maxSeed = 2 ** 32 - 1;

interface Options extends NameOptions {
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly explain?: boolean;
  readonly seed: number;
  readonly size?: Readonly<Record<string, number>>;
}

/** Adds the command to a program. */
export function symmetriesCommand(program: Command): void {
  const command = program
    .command("symmetries")
    .helpGroup("Symmetries:")
    .summary("the symmetries of a model file, explained and proved")
    .description(
      "Prints the symmetries of a model file: its axes, and which axes every tensor has.",
    )
    .argument("<model>", "an .onnx file; or .safetensors or .pt, read by their tensor names")
    .option("--verify", "act on every axis and compare the outputs of the model")
    .option("--explain", "say which operations tie, split or fix every axis")
    .option("--seed <n>", "seed of the actions and inputs of --verify", wholeNumber(0, maxSeed), 0)
    .option("--size <name=n>", "size of a free input dimension, may repeat", readSize)
    .addHelpText("after", "\nExample:\n  weightspace symmetries model.onnx --verify --explain");
  addNameOptions(command);
  if (!program.options.some(({ long }) => long === "--json")) {
    command.option("--json", "print the spec as JSON, nothing else");
  }
  command.action(async (path: string) => {
    const options = command.optsWithGlobals<Options>();
    const lines = await symmetries(path, options);
    process.stdout.write(`${lines.join("\n\n")}\n`);
  });
}

async function symmetries(path: string, options: Options): Promise<string[]> {
  if (isTensorFile(path)) return symmetriesOfNames(path, options);
  refuseNameOptions(options);
  const bytes = await readBytes(path);
  const graph = readOnnx(bytes);
  refuseUnknownSizes(graph, options.size ?? {});
  const inference = inferSpec(graph, { sizes: options.size ?? {} });
  const { spec, warnings } = inference;
  let proof: Proof | undefined;
  if (options.verify === true) {
    proof = await proveSpec(bytes, inference, await onnxRuntime(), { seed: options.seed });
    if (proof.verdict === "refuted") throw refutation(path, proof);
  }
  if (options.json === true) {
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
    if (proof !== undefined) process.stderr.write(`${printProof(proof)}\n`);
    if (options.explain === true) process.stderr.write(`${printExplanations(inference)}\n`);
    return [JSON.stringify(specToJSON(spec), null, 2)];
  }
  return [
    printSpec(spec),
    ...(warnings.length > 0 ? [warnings.map((warning) => `warning: ${warning}`).join("\n")] : []),
    ...(options.explain === true ? [printExplanations(inference)] : []),
    ...(proof === undefined ? [] : [printProof(proof)]),
  ];
}

async function symmetriesOfNames(path: string, options: Options): Promise<string[]> {
  const { family, spec, warnings } = await nameSymmetries(path, options);
  const notes = [
    ...warnings,
    `read as family "${family}" by tensor names; not proved, which needs the graph`,
  ];
  if (options.json === true) {
    for (const note of notes) process.stderr.write(`warning: ${note}\n`);
    return [JSON.stringify(specToJSON(spec), null, 2)];
  }
  return [printSpec(spec), notes.map((note) => `warning: ${note}`).join("\n")];
}

/** A size for a dimension that no input has is a slip, not a wish to be ignored. */
function refuseUnknownSizes(graph: OnnxGraph, sizes: Readonly<Record<string, number>>): void {
  const free = graph.inputs.flatMap(({ shape }) =>
    (shape ?? []).filter((size): size is string => typeof size === "string"),
  );
  const unknown = Object.keys(sizes).find((name) => !free.includes(name));
  if (unknown === undefined) return;
  const known =
    free.length === 0 ? "has no free dimensions" : `has ${[...new Set(free)].join(", ")}`;
  throw new UsageError(
    `symmetries: --size ${unknown}: no such input dimension; the model ${known}`,
  );
}

function refutation(path: string, { axes, together, seed, tolerance }: Proof): SpecError {
  const broken = axes.filter(({ holds }) => !holds);
  const problems = broken.map(({ axis, error }) => ({
    severity: "error" as const,
    axis,
    message: `acting on axis "${axis}" moves the output by ${error.toExponential(1)}, more than ${tolerance} (seed ${seed})`,
  }));
  const joint = {
    severity: "error" as const,
    message: `acting on all axes at once moves the output by ${together.toExponential(1)} (seed ${seed})`,
  };
  return new SpecError(
    `symmetries: the spec of "${path}" is refuted`,
    broken.length > 0 ? problems : [joint],
  );
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
