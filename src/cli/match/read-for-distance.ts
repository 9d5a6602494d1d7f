// What `distance` reads of two checkpoints: the tensors of their spec, and activations on given inputs.

import { graphActivations } from "../../align/activations/graph-activations.ts";
import type { Activations } from "../../align/activations/match-activations.ts";
import type { Weights } from "../../core/tensors.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Cli } from "../app/context.ts";
import { openGraph } from "../networks/graph-networks.ts";
import type { Networks } from "../networks/networks.ts";

/** All tensors of a spec. */
export async function readSpecTensors(spec: SymmetrySpec, source: TensorSource): Promise<Weights> {
  const tensors: [string, Weights[string]][] = [];
  for (const name of Object.keys(spec.tensors)) tensors.push([name, await source.read(name)]);
  return Object.fromEntries(tensors);
}

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
