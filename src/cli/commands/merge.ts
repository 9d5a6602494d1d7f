// `weightspace merge a b ... -o merged.safetensors`: the weighted average of networks, aligned first.

import type { RegisterCommand } from "../context.ts";
import { wholeNumber } from "../arguments.ts";
import { addSpecOptions, type SpecFlags } from "../checkpoint-spec.ts";
import { apartLines } from "../apart-lines.ts";
import { addMatchOptions, type MatchFlags } from "../match-flags.ts";
import { readShare, readShares, type ShareFlags, sharesOf } from "../merge-shares.ts";
import type { PathFlags } from "../merge-paths.ts";
import { withKey } from "../open-weights.ts";
import { counted } from "../output.ts";
import { tellTaken } from "../taken.ts";
import { UsageError } from "../usage-error.ts";

interface MergeFlags extends SpecFlags, MatchFlags, ShareFlags, PathFlags {
  readonly out?: string;
  readonly align: boolean;
  readonly report?: string;
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
      "the checkpoint that stays: .safetensors (or its index), .pt, .npz, .onnx, or a folder of one",
    )
    .argument("<others...>", "the checkpoints that are aligned with it")
    .option("-o, --out <file>", "the merged network: .safetensors; also .onnx when a is")
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
    .addHelpText(
      "after",
      "\nExamples:\n  weightspace merge a.safetensors b.safetensors --weight 0.5 -o merged.safetensors\n  weightspace merge a.onnx b.onnx --inputs examples.npz --report path.html",
    );
  addSpecOptions(addMatchOptions(command)).action(async (first: string, others: string[]) => {
    const flags = command.opts<MergeFlags>();
    const paths = await withKey([first, ...others], flags.key);
    const { out, report } = flags;
    if (out === undefined && report === undefined)
      throw new UsageError("merge: give -o for the merged network, --report for the path, or both");
    cli.hintResume("no file was left half written; the same command begins anew");
    const shares = sharesOf(paths.length, flags);
    const { checkOutput, writeNetwork } = await import("../write-network.ts");
    const { checkPathFlags, measurePaths, openExamples, refusePathFlags } =
      await import("../merge-paths.ts");
    if (out !== undefined) await checkOutput("merge", out, paths);
    if (report !== undefined) await checkPathFlags({ ...flags, report }, paths);
    else refusePathFlags(flags, command.getOptionValueSource("points") === "cli");
    const { openNetworks } = await import("../networks.ts");
    const opened = await openNetworks("merge", paths, flags, {
      mayLackSpec: !flags.align && report === undefined,
    });
    try {
      const { spec, origin, warnings, networks, apart } = opened;
      const taken = tellTaken(cli.output, networks);
      const { mergeNames } = await import("../merge-names.ts");
      const { mergeWeights } = await import("../../align/merge.ts");
      const { alignForMerge } = await import("../align-for-merge.ts");
      const { axesTable, openLines } = await import("../comparison-text.ts");
      const { summarizeElement } = await import("../../align/summary.ts");
      const examples =
        report === undefined ? [] : await openExamples(cli, { spec, networks, flags });
      const aligned =
        flags.align || report !== undefined
          ? await alignForMerge(cli, spec, networks, flags)
          : undefined;
      const parts = networks.map(({ source }, i) => ({
        read: (name: string) => source.read(name),
        share: shares[i],
        ...(flags.align && aligned && { element: aligned.elements[i] }),
      }));
      const measured =
        report === undefined || aligned === undefined
          ? undefined
          : await measurePaths(
              cli,
              { spec, networks, element: aligned.elements[1], flags, examples },
              `npx weightspace ${process.argv.slice(2).join(" ")}`,
            );
      if (out !== undefined) {
        const names = await mergeNames(networks, spec);
        const task = cli.progress.task("writing", names.size, { unit: "tensors" });
        let written = 0;
        await writeNetwork(out, networks[0], names, mergeWeights(spec, parts), {
          signal: cli.signal,
          onTensor: () => task.update(++written),
        });
        task.finish();
      }
      if (report !== undefined && measured !== undefined) {
        const { mergeReport } = await import("../../report/merge-report.ts");
        const { writeFileAtomic } = await import("../write-file.ts");
        await writeFileAtomic(report, mergeReport(measured));
      }
      const axes = aligned?.elements.map((element) => summarizeElement(spec, element)) ?? [];
      const moved = axes.map((summary, i) => ({ path: paths[i], axes: summary })).slice(1);
      for (const warning of warnings) cli.output.note(`warning: ${warning}`);
      const value = {
        out,
        report,
        shares,
        aligned: flags.align,
        similarity: aligned?.similarity,
        rounds: aligned?.rounds,
        moved,
        open: aligned?.open ?? [],
        barriers: measured?.paths.map(({ examples, plain, aligned: after }) => ({
          examples,
          plain: plain.barrier.mean,
          aligned: after.barrier.mean,
        })),
      };
      cli.output.result({ ...value, apart, taken, spec: origin }, () =>
        [
          ...(out === undefined
            ? []
            : [
                `wrote ${out}: ${shares.map((s, i) => `${s.toFixed(3)} of ${paths[i]}`).join(", ")}`,
              ]),
          ...moved.map(({ path, axes: summary }) =>
            summary.length === 0 ? `${path}: nothing moves` : `${path}:\n${axesTable(summary)}`,
          ),
          ...(aligned === undefined
            ? ["averaged as they are, without alignment"]
            : [
                `similarity after alignment ${aligned.similarity.toFixed(3)} (1 is equal)${aligned.rounds > 0 ? `, ${counted(aligned.rounds, "round")} over all networks` : ""}`,
                ...openLines(aligned.open),
              ]),
          ...(measured?.paths ?? []).map(
            ({ examples, plain, aligned: after }) =>
              `loss barrier on ${examples}: ${plain.barrier.mean.toFixed(4)} as they are, ${after.barrier.mean.toFixed(4)} aligned`,
          ),
          ...apartLines(apart, `those of ${paths[0]} are taken`),
          ...(report === undefined ? [] : [`report: ${report}`]),
          `symmetries: ${origin}`,
        ].join("\n\n"),
      );
    } finally {
      await opened.close();
    }
  });
};
