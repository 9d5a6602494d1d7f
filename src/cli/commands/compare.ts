// `weightspace compare a b`: whether two checkpoints are the same network. The exit code says the verdict.

import { withKey } from "../networks/with-key.ts";
import { tellTaken } from "../networks/taken.ts";
import type { Verdict } from "../../compare/compare-checkpoints.ts";
import {
  addSpecOptions,
  findSpec,
  openCheckpoint,
  readTold,
  type SpecFlags,
  type ToldSpec,
} from "../networks/checkpoint-spec.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import type { OpenedModel } from "../networks/opened-model.ts";

/** Errors are 1 and misuse is 2, so verdicts that are not "same" start at 10. */
const exitCodes: Readonly<Record<Verdict, number>> = {
  identical: 0,
  symmetric: 10,
  reordered: 11,
  different: 12,
};

interface CompareFlags extends SpecFlags {
  readonly align: boolean;
}

export const compareCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("compare")
    .helpGroup("Checkpoints:")
    .summary("whether two checkpoints are the same network, and where they differ")
    .description(
      "Says whether two checkpoints are identical, symmetric (identical up to a symmetry of the model), reordered (equal rows in an order that is no symmetry) or different.",
    )
    .argument(
      "<a>",
      "a checkpoint: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .argument("<b>", "the checkpoint to compare with it")
    .option("--no-align", "do not align files that are different")
    .addHelpText(
      "after",
      "\nExit code: 0 identical, 10 symmetric, 11 reordered, 12 different; 1 for an error, 2 for misuse.\n\nExamples:\n  weightspace compare a.safetensors b.safetensors --model model.onnx\n  weightspace compare old.onnx new.onnx",
    );
  addSpecOptions(command).action(async (...given: [a: string, b: string]) => {
    const flags = command.opts<CompareFlags>();
    const [pathA, pathB] = await withKey([given[0], given[1]], flags.key);
    await runCompare(cli, [pathA, pathB], flags);
  });
};

async function runCompare(
  cli: Cli,
  [pathA, pathB]: readonly [a: string, b: string],
  flags: CompareFlags,
): Promise<void> {
  const told = await readTold(flags);
  const a = await openCheckpoint(pathA, told);
  try {
    const b = await openCheckpoint(pathB, told);
    try {
      await report(cli, { a, b, told, align: flags.align });
    } finally {
      await b.source.close();
    }
  } finally {
    await a.source.close();
  }
}

interface Compared {
  readonly a: OpenedModel;
  readonly b: OpenedModel;
  readonly told: ToldSpec;
  readonly align: boolean;
}

async function report(cli: Cli, { a, b, told, align }: Compared): Promise<void> {
  const { compareCheckpoints } = await import("../../compare/compare-checkpoints.ts");
  const { comparisonText } = await import("../match/comparison-text.ts");
  const { phasesNote } = await import("../networks/phases.ts");
  const { cloudDistance, cloudLine } = await import("../match/cloud-distance.ts");
  const taken = tellTaken(cli.output, [a, b]);
  const found = await findSpec(a, told, [b.source]);
  const total = a.source.entries.size;
  const task = cli.progress.task("comparing", total, { unit: "tensors" });
  const comparison = await compareCheckpoints(a.source, b.source, {
    ...("spec" in found && { spec: found.spec }),
    align,
    signal: cli.signal,
    onStep: (step, share = 1) => task.update(Math.floor(share * total), step),
  });
  task.finish();
  for (const warning of "spec" in found ? found.warnings : [])
    cli.output.note(`warning: ${warning}`);
  const origin = "spec" in found ? found.origin : null;
  const isDifferent = comparison.verdict === "different" && "spec" in found;
  const note = isDifferent ? phasesNote(found) : undefined;
  const clouds = isDifferent ? await cloudDistance(found.spec, a.source, b.source) : undefined;
  const value = {
    ...comparison,
    taken,
    ...(clouds && { clouds }),
    spec: origin,
    ...(note !== undefined && { note }),
  };
  cli.output.result(value, () =>
    [
      comparisonText(comparison, found),
      ...(clouds ? [cloudLine(clouds)] : []),
      ...(note === undefined ? [] : [note]),
    ].join("\n\n"),
  );
  cli.exitWith(exitCodes[comparison.verdict]);
}
