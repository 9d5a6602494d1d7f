// `weightspace symmetries model.onnx`: the symmetry spec of a model file, why each axis is what it is, and its proof.
// Files without a graph (safetensors, PyTorch) are read by the names of their tensors.

import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { EnvironmentError, OptionError, SpecError } from "../../core/errors.ts";
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
import { isTensorFile } from "../named-tensors.ts";

interface Options extends NameOptions {
  readonly json?: boolean;
  readonly verify?: boolean;
  readonly explain?: boolean;
  readonly seed: number;
  readonly size: Readonly<Record<string, number>>;
}

/** Adds the command to a program. */
export function symmetriesCommand(program: Command): void {
  const command = program
    .command("symmetries")
    .description("print the symmetries of a model file: its axes, and which axes every tensor has")
    .argument("<model>", "an .onnx file; or .safetensors or .pt, read by their tensor names")
    .option("--verify", "act on every axis and compare the outputs of the model")
    .option("--explain", "say which operations tie, split or fix every axis")
    .option("--seed <number>", "seed of the actions and inputs of --verify", readSeed, 0)
    .option("--size <name=number>", "size of a free input dimension, may repeat", readSize, {});
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
  const bytes = await readModel(path);
  const inference = inferSpec(readOnnx(bytes), { sizes: options.size });
  const { spec, warnings } = inference;
  let proof: Proof | undefined;
  if (options.verify === true) {
    proof = await proveSpec(bytes, inference, await onnxRuntime(), { seed: options.seed });
    if (proof.verdict === "refuted") throw refutation(path, proof);
  }
  if (options.json === true) {
    for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
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

async function readModel(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new EnvironmentError(`symmetries: "${path}" could not be read (${reason})`);
  }
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

function readSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isSafeInteger(seed) || seed < 0)
    throw new OptionError(`symmetries: --seed must be a whole number of 0 or more, got "${text}"`);
  return seed;
}

function readSize(text: string, earlier: Readonly<Record<string, number>>): Record<string, number> {
  const [name, size] = text.split("=");
  if (!/^\d+$/.test(size ?? ""))
    throw new OptionError(`symmetries: --size must look like batch=4, got "${text}"`);
  return { ...earlier, [name]: Number(size) };
}
