// Alignment of all networks of a merge with the first, with a bar.

import { alignMany, type ManyAlignment } from "../align/merge.ts";
import type { SymmetrySpec } from "../spec/types.ts";
import type { Cli } from "./context.ts";
import { type MatchFlags, matchOptions } from "./match-flags.ts";
import type { Network } from "./networks.ts";

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
