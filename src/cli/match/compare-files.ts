// The comparison of two opened files with the progress of a command.

import { type ComparedNetworks, compareNetworks } from "../../checkpoints/compare-networks.ts";
import type { RequestedSpec } from "../networks/checkpoint-spec.ts";
import type { Cli } from "../app/context.ts";
import type { OpenedModel } from "../networks/opened-model.ts";

export interface CompareFilesOptions {
  readonly a: OpenedModel;
  readonly b: OpenedModel;
  readonly requested: RequestedSpec;
  readonly align: boolean;
}

/** @throws as `compareNetworks` */
export async function compareFiles(
  cli: Cli,
  { a, b, requested, align }: CompareFilesOptions,
): Promise<ComparedNetworks> {
  const total = a.source.entries.size;
  const task = cli.progress.task("comparing", total, { unit: "tensors" });
  const compared = await compareNetworks(a, b, {
    requested,
    align,
    signal: cli.signal,
    onStep: (step, share = 1) => task.update(Math.floor(share * total), step),
  });
  task.finish();
  return compared;
}
