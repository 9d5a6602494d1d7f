// The option --no-verify of canonical, align and merge: whether a network is run before and after it is moved, and what that showed.

import type { Command } from "commander";
import type { FoundSpec } from "../../checkpoints/found-spec.ts";
import type { Moved, Verification } from "../../checkpoints/verify-move.ts";
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

/** The worst of several; the first reason where one could not be run. */
export function worstOf(all: readonly Verification[]): Verification | undefined {
  const reason = all.find((one) => "reason" in one);
  if (reason !== undefined) return reason;
  const proofs = all.filter((one) => "error" in one);
  return proofs.toSorted((a, b) => b.error / b.tolerance - a.error / a.tolerance)[0];
}

/** The last line of a report. */
export function verifiedLine(verification: Verification): string {
  if ("reason" in verification) return `not verified: ${verification.reason}`;
  const { error, inputs } = verification;
  return `verified: outputs agree to ${error === 0 ? "the last bit" : error.toExponential(0)} on ${inputs} inputs`;
}

/** The same for --json: `verified` is null where nothing was run, and `notVerified` says why. */
export function verifiedJson(verification: Verification): {
  readonly verified: MoveProof | null;
  readonly notVerified?: string;
} {
  return "reason" in verification
    ? { verified: null, notVerified: verification.reason }
    : { verified: verification };
}
