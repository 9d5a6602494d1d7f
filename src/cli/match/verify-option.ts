// The option --no-verify of canonical, align and merge: whether a network is run before and after it is moved, and what that showed.

import type { Command } from "commander";
import type { FoundSpec } from "../../checkpoints/found-spec.ts";
import type { Moved, PartialProof, Verification } from "../../checkpoints/verify-move.ts";
import type { MoveProof } from "../../infer/proof/prove-move.ts";
import type { Cli } from "../app/context.ts";

export interface VerifyFlags {
  readonly verify: boolean;
}

export function addVerifyOption(command: Command): Command {
  return command.option("--no-verify", "do not run the network before and after");
}

/** Runs the graph with the numbers before and after, unless options say not to. @throws as the library's function */
export async function verifyAsAsked(
  { signal }: Pick<Cli, "signal">,
  found: Pick<FoundSpec, "graph" | "origin">,
  { verify }: VerifyFlags,
  moved: Moved,
): Promise<Verification> {
  if (!verify) return { reason: "--no-verify was given" };
  const library = await import("../../checkpoints/verify-move.ts");
  return library.verifyMove(found, moved, { signal });
}

/** The worst of several; a reason why one was not run comes first, then one that was run without some of its tensors. */
export function worstOf(all: readonly Verification[]): Verification | undefined {
  const reason = all.find((one) => "reason" in one && one.partial === undefined);
  if (reason !== undefined) return reason;
  const partial = all.filter((one) => "reason" in one);
  const proofs = partial.length > 0 ? partial : all;
  const excess = (one: Verification): number => {
    const proof = "reason" in one ? one.partial : one;
    return proof === undefined ? 0 : proof.error / proof.tolerance;
  };
  return proofs.toSorted((a, b) => excess(b) - excess(a))[0];
}

/** The last line of a report; "verified" alone is said of a network all of whose tensors were run. */
export function verifiedLine(verification: Verification): string {
  if (!("reason" in verification)) return `verified: ${agreement(verification)}`;
  const { reason, partial } = verification;
  return partial === undefined
    ? `not verified: ${reason}`
    : `not verified: ${reason}; without them ${agreement(partial)}`;
}

const agreement = ({ error, inputs }: MoveProof): string =>
  `outputs agree to ${error === 0 ? "the last bit" : error.toExponential(0)} on ${inputs} inputs`;

/**
 * The same for --json: `verified` is null where not all was run, and `notVerified` says why; `verifiedWithout` is what was
 * found without ignored tensors, which it lists.
 */
export function verifiedJson(verification: Verification): {
  readonly verified: MoveProof | null;
  readonly notVerified?: string;
  readonly verifiedWithout?: PartialProof;
} {
  if (!("reason" in verification)) return { verified: verification };
  const { reason, partial } = verification;
  return {
    verified: null,
    notVerified: reason,
    ...(partial !== undefined && { verifiedWithout: partial }),
  };
}
