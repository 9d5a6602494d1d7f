// `weightspace sketch`: the similarity-preserving sketch of a checkpoint, as a small file beside it.

import { wholeNumber } from "../app/arguments.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import {
  addSpecOptions,
  openCheckpoint,
  readRequested,
  type SpecFlags,
} from "../networks/checkpoint-spec.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import { nameWithoutEnding } from "../../node/open-weights.ts";
import { withKey } from "../networks/with-key.ts";
import { dash, outputName, printedBeside } from "../app/standard-streams.ts";
import { writeFileAtomic } from "../../node/write-file.ts";
import { UsageError } from "../app/usage-error.ts";

interface SketchFlags extends SpecFlags, ForceFlag {
  readonly output?: string;
  readonly size: number;
}

export const sketchCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("sketch")
    .helpGroup("Checkpoints:")
    .summary("a small sketch of a network, for `rank`")
    .description(
      "Writes a sketch of a checkpoint: a few thousand numbers that no symmetry of the network changes and that stay near when it is fine-tuned, pruned or noised. `rank` compares sketches without the checkpoints.",
    )
    .argument("<checkpoint>", "a file of weights, an index or a folder; - for standard input");
  addForceOption(
    addOutputOption(
      addSpecOptions(command),
      "the sketch to write, ending in .sketch.json; - for standard output (default: beside the checkpoint)",
    ),
  )
    .option("--size <n>", "numbers in all, shared by the axes", wholeNumber(1, 1_000_000), 2048)
    .addHelpText("after", "\nExample:\n  weightspace sketch a.safetensors -o a.sketch.json")
    .action((given: string, flags: SketchFlags) => sketch(cli, given, flags));
};

async function sketch(
  cli: Cli,
  given: string,
  { output, size, force, ...flags }: SketchFlags,
): Promise<void> {
  const [path] = await withKey([given], flags.key);
  cli.hintResume("no file was changed; the same command begins anew");
  const { isSketchFile, sketchEnding, sketchNetwork } = await import("../networks/sketch-file.ts");
  if (output === undefined && path === dash)
    throw new UsageError(
      "sketch: a checkpoint on standard input has no name; give -o for the sketch, or -o -",
    );
  const target = output ?? `${await nameWithoutEnding(path)}${sketchEnding}`;
  if (target !== dash && !isSketchFile(target))
    throw new UsageError(`sketch: -o must end in ${sketchEnding}, got ${target}`);
  await refuseExisting("sketch", target, { force });
  const requested = await readRequested(flags);
  const network = await openCheckpoint(path, requested);
  const request = { command: "sketch", size, spec: requested };
  const made = await sketchNetwork(network, request, cli).finally(() => network.source.close());
  const { origin, taken } = made;
  const text = `${JSON.stringify(made.sketch)}\n`;
  if (target === dash) process.stdout.write(text);
  else await writeFileAtomic(target, text, { signal: cli.signal });
  const { open: unidentifiable, blocks } = made.sketch;
  const numbers = blocks.reduce((sum, { values }) => sum + values.length, 0);
  cli.output[printedBeside(target)](
    { sketch: target, spec: origin, numbers, bytes: text.length, unidentifiable, taken },
    () => [`spec: ${origin}`, `wrote ${outputName(target)}: ${numbers} numbers`].join("\n"),
  );
}
