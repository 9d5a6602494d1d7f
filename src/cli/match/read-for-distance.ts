// What `distance --inputs` reads of two checkpoints: activations on given inputs.

import { graphActivations } from "../../align/activations/graph-activations.ts";
import type { Activations } from "../../align/activations/match-activations.ts";
import type { Cli } from "../app/context.ts";
import { openGraph } from "../networks/graph-networks.ts";
import type { Networks } from "../networks/networks.ts";

/** Activations of both networks on the inputs of a file. */
export async function networkActivations(
  cli: Cli,
  { networks: [a, b], graph: fitted }: Networks,
  inputs: string,
): Promise<[Activations, Activations]> {
  const graph = await openGraph("distance", fitted, inputs);
  const task = cli.progress.task("running both networks", 2 * graph.batches.length, {
    unit: "batches",
  });
  const run = async (network: typeof a, start: number) => {
    const read = (name: string) =>
      (network.source.entries.has(name) ? network : a).source.read(name);
    return graphActivations(
      graph.inference,
      await graph.modelOf(read),
      graph.executor,
      graph.batches,
      { signal: cli.signal, onBatch: (done) => task.update(start + done) },
    );
  };
  const both: [Activations, Activations] = [await run(a, 0), await run(b, graph.batches.length)];
  task.finish();
  return both;
}
