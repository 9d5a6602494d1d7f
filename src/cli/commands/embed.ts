// `weightspace embed`: a functional's invariant features of one model's weights.

import { seedNumber, wholeNumber } from "../app/arguments.ts";
import { backendOption } from "../app/backend-option.ts";
import type { Backend } from "../../kernels/backend.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import type { ModelSpec } from "../networks/model-spec.ts";
import { addNameOptions, type NameOptions } from "../networks/name-symmetries.ts";
import { withKey } from "../networks/with-key.ts";
import { takenLine } from "../networks/taken.ts";

interface EmbedFlags extends NameOptions {
  readonly seed: number;
  readonly size: number;
  readonly channels: number;
  readonly backend?: Backend;
}

export const embedCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("embed")
    .helpGroup("Symmetries:")
    .summary("run a functional on a model's weights")
    .description(
      "Runs a universal neural functional with random parameters over a model's inferred spec: a vector that no permutation symmetry of the model changes. The same seed gives the same functional.",
    )
    .argument(
      "<model>",
      "an .onnx file; or .safetensors, .pt, .npz, .gguf, .h5, read by their tensor names",
    )
    .option("--size <n>", "numbers in the vector", wholeNumber(1, 4096), 16)
    .option("--channels <n>", "hidden channels of the functional", wholeNumber(1, 4096), 8)
    .option("--seed <n>", "fixes the functional's parameters", seedNumber, 0)
    .addOption(backendOption())
    .addHelpText("after", "\nExample:\n  weightspace embed model.onnx --size 32 --json");
  addNameOptions(command).action(async (given: string, flags: EmbedFlags) => {
    const [path] = await withKey([given], flags.key);
    const { withModelSpec } = await import("../networks/model-spec.ts");
    await withModelSpec(path, flags, "embed", (model) => embed(cli, path, model, flags));
  });
};

async function embed(
  cli: Cli,
  path: string,
  { spec, weights, warnings, taken }: ModelSpec,
  { seed, size, channels, backend }: EmbedFlags,
): Promise<void> {
  const { startEngine } = await import("../../node/threads/start-engine.ts");
  const { unf } = await import("../../models/unf.ts");
  const { toBatch } = await import("../../testing/equivariance.ts");
  const model = unf(spec, {
    fixedAxes: "permute",
    channels: [1, channels, channels],
    head: [size],
    ...(backend && { backend }),
  });
  await startEngine();
  const output = model.apply(model.init(seed), toBatch(await weights())); // [1, size]
  const vector = Array.from((await output.data()) as Float32Array);
  for (const one of taken) cli.output.note(takenLine(one));
  for (const warning of warnings) cli.output.note(`warning: ${warning}`);
  cli.output.result({ vector, model: path, seed, parameters: model.parameterCount, taken }, () =>
    vector.map((value) => value.toPrecision(6)).join("\n"),
  );
}
