// `weightspace canonical` of a low-rank adapter: every product split by its singular value decomposition.

import { canonicalAdapter } from "../../adapters/canonical-adapter.ts";
import type { LayerPlan } from "../../adapters/refactor.ts";
import { visibleName } from "../../core/visible.ts";
import type { Cli } from "../app/context.ts";
import { counted } from "../app/output.ts";
import type { ForceFlag } from "../app/output-option.ts";
import { outputName, printedBeside } from "../app/standard-streams.ts";
import type { OpenedModel } from "../networks/opened-model.ts";
import { adapterOf } from "./opened-adapters.ts";
import { writeAdapter } from "./write-adapter.ts";

/** Writes the canonical form and says what it is. @throws as `canonicalAdapter` and `writeAdapter` */
export async function runCanonicalAdapter(
  cli: Cli,
  network: OpenedModel,
  flags: ForceFlag & { readonly output: string },
): Promise<void> {
  const adapter = await adapterOf(network);
  const { output: out } = flags;
  const task = cli.progress.task("splitting", adapter.layers.length, { unit: "layers" });
  let done = 0;
  const form = await canonicalAdapter(adapter, () => {
    cli.signal.throwIfAborted();
    task.update(++done);
  });
  task.finish();
  const { files, error } = await writeAdapter(cli, "canonical", form, out, flags);
  const { plans } = form;
  const tied = plans.filter(({ isTied }) => isTied).map(({ like }) => like.stem);
  const value = {
    out,
    files,
    layers: plans.map(layerValue),
    tied,
    error,
    spec: "low-rank adapter: scale * B A",
  };
  cli.output[printedBeside(out)](value, () =>
    [
      `wrote ${files.map(outputName).join(" and ")}`,
      `${counted(plans.length, "layer")}, each the singular value decomposition of scale * B A, with scale 1: ${ranksText(plans)}`,
      ...(tied.length === 0
        ? []
        : [
            `not unique: two singular values of ${counted(tied.length, "layer")} are equal (${tied.slice(0, 3).map(visibleName).join(", ")}${tied.length > 3 ? ", ..." : ""})`,
          ]),
      `read again, every layer adds the same, up to ${error.toExponential(1)} of its norm`,
    ].join("\n\n"),
  );
}

/** One layer for --json. */
export const layerValue = ({ like, rank, fullRank, norm, lost }: LayerPlan) => ({
  layer: like.stem,
  rank,
  fullRank,
  norm,
  lost,
});

/** Which ranks layers get, and how many add nothing. */
export function ranksText(plans: readonly LayerPlan[]): string {
  const ranks = plans.filter(({ fullRank }) => fullRank > 0).map(({ rank }) => rank);
  const zero = plans.length - ranks.length;
  const [least, most] = [Math.min(...ranks), Math.max(...ranks)];
  return [
    ...(ranks.length === 0 ? [] : [least === most ? `rank ${most}` : `ranks ${least} to ${most}`]),
    ...(zero === 0 ? [] : [`${zero} add nothing`]),
  ].join(", ");
}
