// `weightspace merge` of low-rank adapters: the weighted mean of what they add.

import type { Adapter } from "../../adapters/adapter.ts";
import { mergeAdapters } from "../../adapters/merge-adapters.ts";
import { assumedIn, differentBases } from "../../adapters/settings.ts";
import { visibleName } from "../../core/visible.ts";
import { percent } from "../../compare/comparison-words.ts";
import type { Cli } from "../app/context.ts";
import { counted } from "../app/output.ts";
import type { ForceFlag } from "../app/output-option.ts";
import { outputName, printedBeside } from "../app/standard-streams.ts";
import { UsageError } from "../app/usage-error.ts";
import { layerValue, ranksText } from "./canonical-adapter.ts";
import { writeAdapter } from "./write-adapter.ts";

export interface MergeAdaptersRequest {
  readonly adapters: readonly Adapter[];
  readonly paths: readonly string[];
  readonly shares: readonly number[];
  readonly flags: ForceFlag & {
    readonly output?: string;
    readonly align: boolean;
    readonly report?: string;
    readonly rank?: number;
  };
}

/** @throws {UsageError} for options that adapters have no use for; as `mergeAdapters` and `writeAdapter` */
export async function runMergeAdapters(cli: Cli, request: MergeAdaptersRequest): Promise<void> {
  const { adapters, paths, shares, flags } = request;
  const { output: out, rank } = flags;
  if (flags.report !== undefined || out === undefined)
    throw new UsageError(
      "merge: --report needs networks that run; of adapters only -o is written: merge each into its base for a path between networks",
    );
  if (!flags.align)
    throw new UsageError(
      "merge: --no-align would average A and B by themselves, whose product is not the mean of the adapters; leave it out",
    );
  const [first, ...others] = adapters;
  const notes = [
    ...adapters.flatMap(assumedIn),
    ...others.flatMap((other) => differentBases(first, other)),
  ];
  for (const note of new Set(notes)) cli.output.note(`note: ${note}`);
  const total = Math.max(...adapters.map(({ layers }) => layers.length));
  const task = cli.progress.task("multiplying", total, { unit: "layers" });
  let done = 0;
  const merged = await mergeAdapters(
    adapters.map((adapter, i) => ({ adapter, share: shares[i] })),
    {
      ...(rank !== undefined && { maxRank: rank }),
      onLayer: () => {
        cli.signal.throwIfAborted();
        task.update(++done);
      },
    },
  );
  task.finish();
  const { files, error } = await writeAdapter(cli, "merge", merged, out, flags);
  const { plans } = merged;
  const lost = Math.hypot(...plans.map((plan) => plan.lost));
  const norm = Math.hypot(...plans.map((plan) => plan.norm));
  const share = norm === 0 ? 0 : lost / norm;
  const beside = adapters[0].whole.length;
  const value = { out, files, shares, layers: plans.map(layerValue), lost: share, beside, error };
  cli.output[printedBeside(out)](value, () =>
    [
      `wrote ${files.map(outputName).join(" and ")}: ${shares.map((one, i) => `${one.toFixed(3)} of ${visibleName(paths[i])}`).join(", ")}`,
      `the mean of what the adapters add (scale * B A), not of A and of B, in ${counted(plans.length, "layer")}: ${ranksText(plans)}`,
      lost === 0
        ? "nothing is left out; a smaller rank (--rank) would leave something out"
        : `rank ${rank} leaves out ${percent(share)} of the mean's norm`,
      ...(beside === 0
        ? []
        : [`${counted(beside, "tensor")} beside the factors averaged entry by entry`]),
      `read again, every layer adds the mean, up to ${error.toExponential(1)} of its norm`,
    ].join("\n\n"),
  );
}
