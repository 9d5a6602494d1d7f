// Alignment of all networks of a merge with the first, with a bar, and the runs that show that each stayed what it was.

import { alignMany, type ManyAlignment } from "../../align/merging/merge-weights.ts";
import { actOnTensor } from "../../symmetry/act.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Cli } from "../app/context.ts";
import { type MatchFlags, matchOptions } from "./match-flags.ts";
import { withOwnGraph } from "../../checkpoints/own-graph.ts";
import type { Networks } from "../networks/networks.ts";
import type { Network } from "../networks/opened-model.ts";
import type { Verification } from "../../checkpoints/verify-move.ts";
import { type VerifyFlags, verifyAsAsked, worstOf } from "./verify-option.ts";

export async function alignForMerge(
  cli: Cli,
  spec: SymmetrySpec,
  networks: readonly Network[],
  flags: MatchFlags,
): Promise<ManyAlignment> {
  const { options, finish } = matchOptions(cli, flags, "matching weights", networks.length - 1);
  const readers = networks.map(
    ({ source }) =>
      (name: string) =>
        source.read(name),
  );
  const aligned = await alignMany(spec, readers, options);
  finish();
  return aligned;
}

/**
 * Runs every network as it is and as it was moved onto the first, before anything is averaged.
 * @throws {SpecError} for the first that became another one
 */
export async function verifyAligned(
  cli: Cli,
  found: Networks,
  aligned: ManyAlignment | undefined,
  flags: VerifyFlags,
): Promise<Verification> {
  if (aligned === undefined) return { reason: "the networks were averaged as they are" };
  const { spec, networks } = found;
  const [first, ...others] = networks;
  const all: Verification[] = [];
  for (const [i, other] of others.entries()) {
    const element = aligned.elements[i + 1];
    /** A graph may have tensors outside the spec that only the first file holds. */
    const before = (name: string) =>
      (other.source.entries.has(name) ? other : first).source.read(name);
    const after = async (name: string) =>
      Object.hasOwn(spec.tensors, name)
        ? actOnTensor(spec, element, name, await before(name))
        : before(name);
    const { path, source } = other;
    const runnable = await withOwnGraph(found, other);
    all.push(
      await verifyAsAsked(cli, runnable, flags, { path, source, rounded: false, before, after }),
    );
  }
  return worstOf(all) ?? { reason: "nothing was moved" };
}
