// The alignment of two open checkpoints as the command line asks for it: by weights, or by activations on given inputs.

import { alignActivations } from "../../align/activations/align-activations.ts";
import { alignWeights, type Alignment } from "../../align/align.ts";
import { graphActivations } from "../../align/activations/graph-activations.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Cli } from "../app/context.ts";
import type { FittedGraph } from "../../checkpoints/found-spec.ts";
import { openGraph } from "../networks/graph-networks.ts";
import { type MatchFlags, matchOptions } from "./match-flags.ts";
import type { Network } from "../networks/opened-model.ts";
import { UsageError } from "../app/usage-error.ts";

interface AlignRequest {
  readonly spec: SymmetrySpec;
  readonly graph?: FittedGraph | undefined;
  readonly a: Network;
  readonly b: Network;
  readonly flags: MatchFlags & {
    readonly activations?: string;
    readonly spec?: string;
  };
}

/** The alignment, with the axes that were paired by activations where these were asked for. */
export async function alignNetworks(
  cli: Cli,
  { spec, graph: fitted, a, b, flags }: AlignRequest,
): Promise<Alignment & { readonly paired?: readonly string[] }> {
  const readA = (name: string) => a.source.read(name);
  /** A graph may have tensors outside the spec that only its own file holds. */
  const readB = (name: string) => (b.source.entries.has(name) ? b : a).source.read(name);
  if (flags.activations === undefined) {
    const { options, finish } = matchOptions(cli, flags, "matching weights");
    const alignment = await alignWeights(spec, readA, readB, options);
    finish();
    return alignment;
  }
  if (flags.spec !== undefined)
    throw new UsageError(
      "align: --activations takes the axes from the graph; give --model instead of --spec",
    );
  const graph = await openGraph("align", fitted, flags.activations);
  const task = cli.progress.task("running both networks", 2 * graph.batches.length, {
    unit: "batches",
  });
  const activationsOf = async (read: typeof readA, start: number) =>
    graphActivations(graph.inference, await graph.modelOf(read), graph.executor, graph.batches, {
      signal: cli.signal,
      onBatch: (done) => task.update(start + done),
    });
  const first = { read: readA, activations: await activationsOf(readA, 0) };
  const second = { read: readB, activations: await activationsOf(readB, graph.batches.length) };
  task.finish();
  const { options, finish } = matchOptions(cli, flags, "matching activations");
  const alignment = await alignActivations(spec, first, second, options);
  finish();
  return alignment;
}
