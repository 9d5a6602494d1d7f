// `weightspace compare a b`: whether two checkpoints are the same network. The exit code says the verdict.

import { wholeNumber } from "../app/arguments.ts";
import { withKey } from "../networks/with-key.ts";
import { tellTaken } from "../networks/taken.ts";
import type { Verdict } from "../../compare/compare-checkpoints.ts";
import {
  addSpecOptions,
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
  readonly strict?: boolean;
  readonly top: number;
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
      "a checkpoint: .safetensors (or its index), .pt, .npz, .onnx, or a folder of one",
    )
    .argument("<b>", "the checkpoint to compare with it")
    .option("--no-align", "do not align files that are different")
    .option("--strict", "other names, shapes or layouts of the same numbers count as different")
    .option("--top <n>", "tensors that tables of differences list", wholeNumber(1, 100_000), 20)
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
      await report(cli, { a, b, told, flags });
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
  readonly flags: CompareFlags;
}

async function report(cli: Cli, { a, b, told, flags }: Compared): Promise<void> {
  const { compareFiles } = await import("../match/compare-files.ts");
  const { comparisonText } = await import("../match/comparison-text.ts");
  const { phasesNote } = await import("../networks/phases.ts");
  const { cloudDistance, cloudLine } = await import("../match/cloud-distance.ts");
  const { strict = false, top } = flags;
  const taken = tellTaken(cli.output, [a, b]);
  const compared = await compareFiles(cli, { a, b, told, align: flags.align });
  const { comparison, conversions, refused, found, sources } = compared;
  for (const warning of "spec" in found ? found.warnings : [])
    cli.output.note(`warning: ${warning}`);
  for (const reason of refused) cli.output.note(`not converted: ${reason}`);
  const verdict = strict && conversions.length > 0 ? "different" : comparison.verdict;
  const origin = "spec" in found ? found.origin : null;
  const isDifferent = comparison.verdict === "different" && "spec" in found;
  const note = isDifferent ? phasesNote(found) : undefined;
  const clouds = isDifferent ? await cloudDistance(found.spec, ...sources) : undefined;
  const value = {
    ...comparison,
    verdict,
    conversions,
    ...(verdict !== comparison.verdict && { afterConversions: comparison.verdict }),
    ...(refused.length > 0 && { refused }),
    taken,
    ...(clouds && { clouds }),
    spec: origin,
    ...(note !== undefined && { note }),
  };
  cli.output.result(value, () =>
    [
      comparisonText(comparison, found, { conversions, strict, top }),
      ...(clouds ? [cloudLine(clouds)] : []),
      ...(note === undefined ? [] : [note]),
    ].join("\n\n"),
  );
  cli.exitWith(exitCodes[verdict]);
}
