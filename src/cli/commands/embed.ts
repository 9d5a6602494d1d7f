// `weightspace embed`: a functional's invariant features of one model's weights.

import { seedNumber, wholeNumber } from "../app/arguments.ts";
import { backendOption } from "../app/backend-option.ts";
import type { Backend } from "../../kernels/backend.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import { UsageError } from "../app/usage-error.ts";
import type { ModelSpec } from "../networks/model-spec.ts";
import { addNameOptions, type NameOptions } from "../networks/name-symmetries.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { visibleName } from "../../core/visible.ts";
import { withKey } from "../networks/with-key.ts";
import { takenLine } from "../networks/taken.ts";

interface EmbedFlags extends NameOptions, ForceFlag {
  readonly seed: number;
  readonly size: number;
  readonly channels: number;
  readonly backend?: Backend;
  readonly output?: string;
}

export const embedCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("embed")
    .helpGroup("Symmetries:")
    .summary("run a functional on models' weights")
    .description(
      "Runs a universal neural functional with random parameters over a model's inferred spec: a vector that no permutation symmetry of the model changes. The same seed gives the same functional for the same spec; vectors of different specs cannot be compared.",
    )
    .argument(
      "<models...>",
      "an .onnx file; or .safetensors, .pt, .npz, .gguf, .h5, read by their tensor names; or a folder of many",
    )
    .option("--size <n>", "numbers in the vector", wholeNumber(1, 4096), 16)
    .option("--channels <n>", "hidden channels of the functional", wholeNumber(1, 4096), 8)
    .option("--seed <n>", "fixes the functional's parameters", seedNumber, 0)
    .addOption(backendOption())
    .addHelpText(
      "after",
      "\nExamples:\n  weightspace embed model.onnx --size 32 --json\n  weightspace embed runs/ -o vectors.parquet",
    );
  addOutputOption(command, "a table of all vectors: .parquet");
  addForceOption(addNameOptions(command)).action(async (given: readonly string[]) => {
    const { checkpointsIn } = await import("../networks/checkpoints-in.ts");
    const flags = command.opts<EmbedFlags>();
    if (flags.output !== undefined) {
      const { checkTableName } = await import("../app/parquet.ts");
      checkTableName("embed", flags.output);
      await refuseExisting("embed", flags.output, flags);
    }
    const paths = await withKey(await checkpointsIn(given), flags.key);
    await runEmbed(cli, paths, flags);
  });
};

interface Embedding {
  readonly vector: readonly number[];
  readonly model: string;
  readonly seed: number;
  readonly parameters: number;
  /** The first digits of a hash of the spec: vectors of one spec can be compared. */
  readonly spec: string;
  readonly taken: ModelSpec["taken"];
}

async function runEmbed(cli: Cli, paths: readonly string[], flags: EmbedFlags): Promise<void> {
  const { withModelSpec } = await import("../networks/model-spec.ts");
  const { reportBadFile } = await import("../app/bad-file.ts");
  const { output: out } = flags;
  const found: Embedding[] = [];
  for (const path of paths) {
    cli.signal.throwIfAborted();
    try {
      found.push(
        await withModelSpec(path, flags, "embed", (model) => embed(cli, path, model, flags)),
      );
    } catch (error) {
      if (paths.length === 1) throw error;
      reportBadFile(cli, path, error);
    }
  }
  if (out !== undefined) await writeVectors(out, found, flags);
  const text = ({ vector }: Embedding) => vector.map((value) => value.toPrecision(6));
  cli.output.result(paths.length === 1 ? found[0] : found, () =>
    [
      ...(paths.length === 1
        ? [text(found[0]).join("\n")]
        : found.map((one) => `${visibleName(one.model)}: ${text(one).join(" ")}`)),
      ...(out === undefined ? [] : [`wrote ${out}`]),
    ].join("\n"),
  );
}

async function writeVectors(
  path: string,
  found: readonly Embedding[],
  { size, seed }: EmbedFlags,
): Promise<void> {
  const { writeTable } = await import("../app/parquet.ts");
  await writeTable(path, [
    { name: "path", type: "STRING", data: found.map(({ model }) => model) },
    { name: "spec", type: "STRING", data: found.map(({ spec }) => spec) },
    { name: "seed", type: "DOUBLE", data: found.map(() => seed) },
    ...Array.from({ length: size }, (_, i) => ({
      name: `v${i}`,
      type: "DOUBLE" as const,
      data: found.map(({ vector }) => vector[i]),
    })),
  ]);
}

/** A functional that reads weights in any order. */
async function ofWeights(spec: SymmetrySpec, { size, channels, backend }: EmbedFlags) {
  const { unf } = await import("../../models/unf.ts");
  return unf(spec, {
    fixedAxes: "permute",
    channels: [1, channels, channels],
    head: [size],
    ...(backend && { backend }),
  });
}

/** A functional that reads products of factors in any basis. @throws {UsageError} for --backend, which it has no use for */
async function ofFactors(spec: SymmetrySpec, { size, channels, backend }: EmbedFlags) {
  if (backend !== undefined)
    throw new UsageError(
      "embed: --backend is for networks; of low-rank adapters products are read",
    );
  const { unfProducts } = await import("../../models/unf-products.ts");
  return unfProducts(spec, { channels: [1, channels, channels], head: [size] });
}

async function embed(
  cli: Cli,
  path: string,
  { spec, weights, warnings, taken, areFactors = false }: ModelSpec,
  flags: EmbedFlags,
): Promise<Embedding> {
  const { startEngine } = await import("../../node/threads/start-engine.ts");
  const { toBatch } = await import("../../testing/equivariance.ts");
  const { specToJSON } = await import("../../symmetry/json.ts");
  const { createHash } = await import("node:crypto");
  const { seed } = flags;
  const model = areFactors ? await ofFactors(spec, flags) : await ofWeights(spec, flags);
  await startEngine();
  const output = model.apply(model.init(seed), toBatch(await weights())); // [1, size]
  const vector = Array.from((await output.data()) as Float32Array);
  for (const one of taken) cli.output.note(takenLine(one));
  for (const warning of warnings) cli.output.note(`warning: ${warning}`);
  const digest = createHash("sha256")
    .update(JSON.stringify(specToJSON(spec)))
    .digest("hex");
  const parameters = model.parameterCount;
  return { vector, model: path, seed, parameters, spec: digest.slice(0, 12), taken };
}
