// `weightspace merge a b ... -o merged.safetensors`: the weighted average of networks, aligned first.

import { withKey } from "../networks/with-key.ts";
import { tellTaken } from "../networks/taken.ts";
import type { Verification } from "../../checkpoints/verify-move.ts";
import type { ManyAlignment } from "../../align/merging/merge-weights.ts";
import type { MergeResult } from "../../report/merge-report.ts";
import type { Cli, RegisterCommand } from "../app/context.ts";
import {
  addForceOption,
  addOutputOption,
  type ForceFlag,
  refuseExisting,
} from "../app/output-option.ts";
import { wholeNumber } from "../app/arguments.ts";
import { outputName, printedBeside, throughStandardOutput } from "../app/standard-streams.ts";
import { addSpecOptions, type SpecFlags } from "../networks/checkpoint-spec.ts";
import { unmatchedLines } from "../match/unmatched-lines.ts";
import { addMatchOptions, type MatchFlags } from "../match/match-flags.ts";
import { readShare, readShares, type ShareFlags, sharesOf } from "../match/merge-shares.ts";
import type { PathFlags, PathRequest } from "../match/merge-paths.ts";
import type { Networks, OpenedCheckpoints } from "../networks/networks.ts";
import type { MergeAdaptersRequest } from "../adapters/merge-adapters.ts";
import { counted } from "../app/output.ts";
import { UsageError } from "../app/usage-error.ts";
import { addVerifyOption, type VerifyFlags, verifiedLine } from "../match/verify-option.ts";

interface MergeFlags extends SpecFlags, MatchFlags, ShareFlags, PathFlags, VerifyFlags, ForceFlag {
  readonly output?: string;
  readonly align: boolean;
  readonly report?: string;
  readonly rank?: number;
}

export const mergeCommand: RegisterCommand = (program, cli) => {
  const command = program
    .command("merge")
    .helpGroup("Checkpoints:")
    .summary("average networks after aligning them")
    .description(
      "Writes the weighted average of two networks or more in the order and scale of the first. With --weight w, the result is (1 - w) a + w b.",
    )
    .argument(
      "<a>",
      "the checkpoint that stays: .safetensors (or its index), .pt, .npz, .gguf, .h5, .onnx, or a folder of one",
    )
    .argument("<others...>", "the checkpoints that are aligned with it")
    .option(
      "--weight <w>",
      "share of the second of two networks, from 0 to 1 (default: 0.5)",
      readShare,
    )
    .option(
      "--weights <list>",
      "share of every network, adding up to 1 (default: equal)",
      readShares,
    )
    .option("--no-align", "average the files as they are")
    .option("--report <page.html>", "the loss along the path between two networks, as a page")
    .option("--data <task>", "examples for --report: digits, for dense ReLU networks from 64 to 10")
    .option(
      "--inputs <file>",
      "examples for --report: .npz or .safetensors with the inputs of the graph and labels",
    )
    .option("--points <n>", "points on the path", wholeNumber(3, 1001), 25)
    .option(
      "--rank <r>",
      "largest rank of merged low-rank adapters (default: that of their mean)",
      wholeNumber(1, 100_000),
    )
    .addHelpText(
      "after",
      "\nExamples:\n  weightspace merge a.safetensors b.safetensors --weight 0.5 -o merged.safetensors\n  weightspace merge a.onnx b.onnx --inputs examples.npz --report path.html",
    );
  addOutputOption(
    command,
    "the merged network: .safetensors; also .onnx when a is; - for safetensors on standard output",
  );
  addForceOption(addVerifyOption(addSpecOptions(addMatchOptions(command)))).action(
    async (first: string, others: string[]) => {
      const flags = command.opts<MergeFlags>();
      const hasPoints = command.getOptionValueSource("points") === "cli";
      const paths = await withKey([first, ...others], flags.key);
      await runMerge(cli, paths, flags, hasPoints);
    },
  );
};

async function runMerge(
  cli: Cli,
  paths: readonly string[],
  flags: MergeFlags,
  hasPoints: boolean,
): Promise<void> {
  const { output: out, report } = flags;
  if (out === undefined && report === undefined)
    throw new UsageError("merge: give -o for the merged network, --report for the path, or both");
  cli.hintResume("no file was left half written; the same command begins anew");
  const shares = sharesOf(paths.length, flags);
  const { checkOutputName, refusePartOfInput } = await import("../networks/write-network.ts");
  const { checkPathFlags, refusePathFlags } = await import("../match/merge-paths.ts");
  if (out !== undefined) checkOutputName("merge", out, paths[0]);
  if (report !== undefined) await checkPathFlags({ ...flags, report }, paths);
  else refusePathFlags(flags, hasPoints);
  for (const path of [out, report])
    if (path !== undefined) await refuseExisting("merge", path, flags);
  const { openCheckpoints, openNetworks } = await import("../networks/networks.ts");
  const moves = flags.align || report !== undefined;
  const files = await openCheckpoints(paths, flags, { moves });
  if (await mergedAsAdapters(cli, files, { paths, flags, shares })) return;
  const opened = await openNetworks("merge", files, {
    mayLackSpec: !moves,
    moves,
  });
  try {
    const { spec, graph, networks } = opened;
    if (out !== undefined) await refusePartOfInput("merge", out, networks);
    const { openExamples } = await import("../match/merge-paths.ts");
    const { alignForMerge, verifyAligned } = await import("../match/align-for-merge.ts");
    const request = { spec, graph, networks, flags };
    const examples = report === undefined ? [] : await openExamples(cli, request);
    const aligned =
      flags.align || report !== undefined
        ? await alignForMerge(cli, spec, networks, flags)
        : undefined;
    const verification = await verifyAligned(cli, opened, aligned, flags);
    const measured =
      aligned === undefined || report === undefined
        ? undefined
        : await measure(cli, { ...request, element: aligned.elements[1], examples });
    if (out !== undefined)
      await throughStandardOutput(out, "merged.safetensors", (file) =>
        writeMerged(cli, { out: file, opened, shares, aligned: flags.align ? aligned : undefined }),
      );
    if (report !== undefined && measured !== undefined) await writePage(report, measured);
    await printMerge(cli, { paths, flags, shares, opened, aligned, verification, measured });
  } finally {
    await opened.close();
  }
}

/** Merges low-rank adapters; false where the files are none, which stay open then. */
async function mergedAsAdapters(
  cli: Cli,
  { networks, close }: OpenedCheckpoints,
  request: Omit<MergeAdaptersRequest, "adapters"> & { readonly flags: MergeFlags },
): Promise<boolean> {
  const { adaptersOf } = await import("../adapters/opened-adapters.ts");
  const { refusePartOfInput } = await import("../networks/write-network.ts");
  const { flags } = request;
  let isOpen = false;
  try {
    const adapters = await adaptersOf("merge", networks, flags);
    if (adapters !== undefined) {
      if (flags.output !== undefined) await refusePartOfInput("merge", flags.output, networks);
      const { runMergeAdapters } = await import("../adapters/merge-adapters.ts");
      await runMergeAdapters(cli, { ...request, adapters });
      return true;
    }
    if (flags.rank !== undefined)
      throw new UsageError("merge: --rank is for low-rank adapters; networks keep their shapes");
    isOpen = true;
    return false;
  } finally {
    if (!isOpen) await close();
  }
}

async function measure(cli: Cli, request: PathRequest): Promise<MergeResult> {
  const { measurePaths } = await import("../match/merge-paths.ts");
  return measurePaths(cli, request, `npx weightspace ${process.argv.slice(2).join(" ")}`);
}

interface MergedFile {
  readonly out: string;
  readonly opened: Networks;
  readonly shares: readonly number[];
  readonly aligned: ManyAlignment | undefined;
}

async function writeMerged(cli: Cli, { out, opened, shares, aligned }: MergedFile): Promise<void> {
  const { mergeNames } = await import("../match/merge-names.ts");
  const { mergeWeights } = await import("../../align/merging/merge-weights.ts");
  const { writeNetwork } = await import("../networks/write-network.ts");
  const { spec, networks } = opened;
  const parts = networks.map(({ source }, i) => ({
    read: (name: string) => source.read(name),
    share: shares[i],
    ...(aligned !== undefined && { element: aligned.elements[i] }),
  }));
  const { refuseQuantisedMerge, sayMultipliedOut } = await import("../networks/quantised-forms.ts");
  await refuseQuantisedMerge(networks.map(({ source }) => source));
  sayMultipliedOut(cli, networks[0].source);
  const names = await mergeNames(networks, spec);
  const task = cli.progress.task("writing", names.size, { unit: "tensors" });
  let written = 0;
  await writeNetwork(out, networks[0], names, mergeWeights(spec, parts), {
    signal: cli.signal,
    onTensor: () => task.update(++written),
  });
  task.finish();
}

async function writePage(path: string, measured: MergeResult): Promise<void> {
  const { mergeReport } = await import("../../report/merge-report.ts");
  const { writeFileAtomic } = await import("../../node/write-file.ts");
  await writeFileAtomic(path, mergeReport(measured));
}

interface MergeOutcome {
  readonly paths: readonly string[];
  readonly flags: MergeFlags;
  readonly shares: readonly number[];
  readonly opened: Networks;
  readonly aligned: ManyAlignment | undefined;
  readonly verification: Verification;
  readonly measured: MergeResult | undefined;
}

async function printMerge(cli: Cli, outcome: MergeOutcome): Promise<void> {
  const { paths, flags, shares, opened, aligned, verification, measured } = outcome;
  const { summarizeElement } = await import("../../parts/summary.ts");
  const { verifiedJson } = await import("../match/verify-option.ts");
  const { axesTable, unidentifiableLines } = await import("../match/comparison-text.ts");
  const { spec, origin, warnings, unmatched } = opened;
  const taken = tellTaken(cli.output, opened.networks);
  const axes = aligned?.elements.map((element) => summarizeElement(spec, element)) ?? [];
  const moved = axes.map((summary, i) => ({ path: paths[i], axes: summary })).slice(1);
  for (const warning of warnings) cli.output.note(`warning: ${warning}`);
  const barriers = measured?.paths.map(({ examples, plain, aligned: after }) => ({
    examples,
    plain: plain.barrier.mean,
    aligned: after.barrier.mean,
  }));
  const value = {
    out: flags.output,
    report: flags.report,
    shares,
    aligned: flags.align,
    similarity: aligned?.similarity,
    rounds: aligned?.rounds,
    moved,
    unidentifiable: aligned?.unidentifiable ?? [],
    barriers,
    ...verifiedJson(verification),
    unmatched,
    taken,
    spec: origin,
  };
  const movedLines = moved.map(({ path, axes: summary }) =>
    summary.length === 0 ? `${path}: nothing moves` : `${path}:\n${axesTable(summary)}`,
  );
  cli.output[printedBeside(flags.output)](value, () =>
    mergeText(outcome, movedLines, unidentifiableLines(aligned?.unidentifiable ?? [])),
  );
}

function mergeText(
  { paths, flags, shares, opened, aligned, verification, measured }: MergeOutcome,
  movedLines: readonly string[],
  unidentifiable: readonly string[],
): string {
  const { output: out, report } = flags;
  const rounds = aligned?.rounds ?? 0;
  return [
    ...(out === undefined
      ? []
      : [
          `wrote ${outputName(out)}: ${shares.map((s, i) => `${s.toFixed(3)} of ${paths[i]}`).join(", ")}`,
        ]),
    ...movedLines,
    ...(aligned === undefined
      ? ["averaged as they are, without alignment"]
      : [
          `similarity after alignment ${aligned.similarity.toFixed(3)} (1 is equal)${rounds > 0 ? `, ${counted(rounds, "round")} over all networks` : ""}`,
          ...unidentifiable,
        ]),
    ...(measured?.paths ?? []).map(
      ({ examples, plain, aligned: after }) =>
        `loss barrier on ${examples}: ${plain.barrier.mean.toFixed(4)} as they are, ${after.barrier.mean.toFixed(4)} aligned`,
    ),
    ...unmatchedLines(opened.unmatched, `those of ${paths[0]} are taken`),
    ...(report === undefined ? [] : [`report: ${report}`]),
    `symmetries: ${opened.origin}`,
    verifiedLine(verification),
  ].join("\n\n");
}
