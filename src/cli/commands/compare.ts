// `weightspace compare a b`: whether two checkpoints are the same network. The exit code says the verdict.

import { withKey } from "../networks/with-key.ts";
import { tellTaken } from "../networks/taken.ts";
import type { Verdict } from "../../compare/compare-checkpoints.ts";
import {
  addSpecOptions,
  findSpec,
  openCheckpoint,
  type SpecFlags,
} from "../networks/checkpoint-spec.ts";
import type { RegisterCommand } from "../app/context.ts";

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
      "a checkpoint: .safetensors (or its index), .pt, .npz, .onnx, or a folder of one",
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
    const { compareCheckpoints } = await import("../../compare/compare-checkpoints.ts");
    const { comparisonText } = await import("../match/comparison-text.ts");
    const { phasesNote } = await import("../networks/phases.ts");
    const { cloudDistance, cloudLine } = await import("../match/cloud-distance.ts");
    const a = await openCheckpoint(pathA);
    try {
      const b = await openCheckpoint(pathB);
      try {
        const taken = tellTaken(cli.output, [{ source: a }, { source: b }]);
        const found = await findSpec(pathA, a, flags, [b]);
        const total = a.entries.size;
        const task = cli.progress.task("comparing", total, { unit: "tensors" });
        const comparison = await compareCheckpoints(a, b, {
          ...("spec" in found && { spec: found.spec }),
          align: flags.align,
          signal: cli.signal,
          onStep: (step, share = 1) => task.update(Math.floor(share * total), step),
        });
        task.finish();
        for (const warning of "spec" in found ? found.warnings : [])
          cli.output.note(`warning: ${warning}`);
        const origin = "spec" in found ? found.origin : null;
        const isDifferent = comparison.verdict === "different" && "spec" in found;
        const note = isDifferent ? phasesNote(found) : undefined;
        const clouds = isDifferent ? await cloudDistance(found.spec, a, b) : undefined;
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
      } finally {
        await b.close();
      }
    } finally {
      await a.close();
    }
  });
};
