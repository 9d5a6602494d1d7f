// `weightspace compare a b`: whether two checkpoints are the same network. The exit code says the verdict.

import { wholeNumber } from "../app/arguments.ts";
import {
  addForceOption,
  checkPageName,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { withKey } from "../networks/with-key.ts";
import { tellTaken, unreadTensorsNote } from "../networks/taken.ts";
import type { Verdict } from "../../compare/comparison.ts";
import {
  addSpecOptions,
  openCheckpoint,
  readRequested,
  type SpecFlags,
  type RequestedSpec,
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

interface CompareFlags extends SpecFlags, ForceFlag {
  readonly align: boolean;
  readonly report?: string;
  readonly strict?: boolean;
  readonly top: number;
}

export const compareCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("compare")
    .helpGroup("Checkpoints:")
    .summary("whether checkpoints are the same network, and where they differ")
    .description(
      "Says whether two checkpoints are identical, symmetric (identical up to a symmetry of the model), reordered (equal rows in an order that is no symmetry) or different. Other names, shapes and layouts of the same numbers are converted first and counted. Of more than two, each is compared with each.",
    )
    .argument(
      "<a>",
      "a checkpoint: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .argument("<b...>", "the checkpoint to compare with it, or several")
    .option("--no-align", "do not align files that are different")
    .option("--strict", "other names, shapes or layouts of the same numbers count as different")
    .option(
      "--top <n>",
      "tensors and layers that tables of differences list",
      wholeNumber(1, 100_000),
      20,
    )
    .option(
      "--report <page.html>",
      "where they differ, as a page: |a - b| before and after alignment",
    )
    .addHelpText(
      "after",
      "\nExit code: 0 identical, 10 symmetric, 11 reordered, 12 different; 1 for an error, 2 for misuse.\n\nExamples:\n  weightspace compare a.safetensors b.safetensors --model model.onnx\n  weightspace compare old.onnx new.onnx",
    );
  addForceOption(addSpecOptions(command)).action(async (first: string, others: string[]) => {
    const flags = command.opts<CompareFlags>();
    const paths = await withKey([first, ...others], flags.key);
    if (flags.report !== undefined) {
      checkPageName("compare", flags.report);
      await refuseExisting("compare", flags.report, flags);
    }
    if (paths.length > 2) await runMany(cli, paths, flags);
    else await runCompare(cli, [paths[0], paths[1]], flags);
  });
};

/** The command as it was given, to stand in reports. */
const commandLine = () => `npx weightspace ${process.argv.slice(2).join(" ")}`;

async function runMany(cli: Cli, paths: readonly string[], flags: CompareFlags): Promise<void> {
  const { compareMany, manyText } = await import("../match/compare-many.ts");
  const { align, strict = false, report } = flags;
  cli.hintResume("the same command begins anew");
  const outcome = await compareMany(cli, paths, await readRequested(flags), { align, strict });
  if (report !== undefined) {
    const { matrixPage } = await import("../match/difference-page.ts");
    await writePage(report, matrixPage(outcome, commandLine()));
  }
  cli.output.result({ ...outcome, ...(report !== undefined && { report }) }, () =>
    [manyText(outcome), ...(report === undefined ? [] : [`report: ${report}`])].join("\n\n"),
  );
  cli.exitWith(Math.max(...outcome.pairs.map(({ verdict }) => exitCodes[verdict])));
}

async function writePage(path: string, page: string): Promise<void> {
  const { writeFileAtomic } = await import("../../node/write-file.ts");
  await writeFileAtomic(path, page);
}

async function runCompare(
  cli: Cli,
  [pathA, pathB]: readonly [a: string, b: string],
  flags: CompareFlags,
): Promise<void> {
  const requested = await readRequested(flags);
  const a = await openCheckpoint(pathA, requested);
  try {
    const b = await openCheckpoint(pathB, requested);
    try {
      await report(cli, { a, b, requested, flags });
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
  readonly requested: RequestedSpec;
  readonly flags: CompareFlags;
}

async function report(cli: Cli, { a, b, requested, flags }: Compared): Promise<void> {
  const { compareFiles } = await import("../match/compare-files.ts");
  const { comparisonText } = await import("../match/comparison-text.ts");
  const { layerDifferences } = await import("../../compare/layer-differences.ts");
  const { phasesNote } = await import("../../checkpoints/phases.ts");
  const { cloudDistance, cloudLine } = await import("../match/cloud-distance.ts");
  const { strict = false, top } = flags;
  const taken = tellTaken(cli.output, [a, b]);
  const unread = unreadTensorsNote(taken);
  const compared = await compareFiles(cli, { a, b, requested, align: flags.align });
  const { comparison, conversions, refused, found, sources } = compared;
  for (const warning of "spec" in found ? found.warnings : [])
    cli.output.note(`warning: ${warning}`);
  for (const reason of refused) cli.output.note(`not converted: ${reason}`);
  const verdict = strict && conversions.length > 0 ? "different" : comparison.verdict;
  const origin = "spec" in found ? found.origin : null;
  const isDifferent = comparison.verdict === "different" && "spec" in found;
  const note = isDifferent ? phasesNote(found) : undefined;
  const clouds = isDifferent ? await cloudDistance(found.spec, ...sources) : undefined;
  const { symmetry, alignment, ...plain } = comparison;
  const layers = verdict === "different" ? layerDifferences(comparison) : [];
  const value = {
    ...plain,
    ...(symmetry && { symmetry: { ...symmetry, element: undefined } }),
    ...(alignment && { alignment: { ...alignment, element: undefined } }),
    verdict,
    conversions,
    layers,
    ...(flags.report !== undefined && { report: flags.report }),
    ...(verdict !== comparison.verdict && { afterConversions: comparison.verdict }),
    ...(refused.length > 0 && { refused }),
    taken,
    ...(clouds && { clouds }),
    spec: origin,
    ...(note !== undefined && { note }),
  };
  if (flags.report !== undefined) {
    const { differencePage } = await import("../match/difference-page.ts");
    const title = `${a.path} and ${b.path}`;
    const [line] = comparisonText(comparison, found, { conversions, strict, top }).split("\n");
    const request = { title, verdict: line, command: commandLine(), top };
    await writePage(flags.report, await differencePage(compared, request));
  }
  cli.output.result(value, () =>
    [
      comparisonText(comparison, found, { conversions, strict, top }),
      ...(flags.report === undefined ? [] : [`report: ${flags.report}`]),
      ...(clouds ? [cloudLine(clouds)] : []),
      ...(note === undefined ? [] : [note]),
      ...(unread === undefined ? [] : [unread]),
    ].join("\n\n"),
  );
  cli.exitWith(exitCodes[verdict]);
}
