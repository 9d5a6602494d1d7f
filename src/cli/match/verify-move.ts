// Runs a network before and after it was moved, as canonical, align and merge do before a file gets its name.

import type { Command } from "commander";
import type { WeightReader } from "../../parts/problem.ts";
import { EnvironmentError, SpecError } from "../../core/errors.ts";
import type { OnnxType } from "../../formats/onnx/onnx-element-types.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import type { MoveProof } from "../../infer/proof/prove-move.ts";
import type { FoundSpec } from "../networks/found-spec.ts";
import type { Cli } from "../app/context.ts";

export interface VerifyFlags {
  readonly verify: boolean;
}

/** The outputs of both, or the reason why nothing was run. */
export type Verification = MoveProof | { readonly reason: string };

export function addVerifyOption(command: Command): Command {
  return command.option("--no-verify", "do not run the network before and after");
}

/** A network that was moved: as it was, and as it is to be used. */
export interface Moved {
  readonly path: string;
  readonly source: TensorSource;
  /** Whether numbers were scaled and rounded to the formats of the source again, not only put elsewhere. */
  readonly rounded: boolean;
  readonly before: WeightReader;
  readonly after: WeightReader;
}

/** Number formats whose last bit is coarser than that of float32. */
const coarse: Readonly<Record<string, OnnxType>> = { F16: "float16", BF16: "bfloat16" };

/**
 * Runs the graph with the numbers before and after.
 * @throws {SpecError} when the outputs differ by more than rounding explains; {UnsupportedError} when the network does
 * not run any more; the signal's reason
 */
export async function verifyMove(
  { signal }: Pick<Cli, "signal">,
  { graph, origin }: Pick<FoundSpec, "graph" | "origin">,
  { verify }: VerifyFlags,
  { path, source, rounded, before, after }: Moved,
): Promise<Verification> {
  if (!verify) return { reason: "--no-verify was given" };
  if (graph === undefined) return { reason: `there is no graph to run (symmetries: ${origin})` };
  const { onnxRuntime } = await import("../../runtime/onnx-runtime.ts");
  const { proveMove } = await import("../../infer/proof/prove-move.ts");
  const { jitter } = await import("../../infer/proof/control.ts");
  const { modelMaker } = await import("../networks/graph-networks.ts");
  const executor = await onnxRuntime().catch((error: unknown) => {
    if (error instanceof EnvironmentError) return error;
    throw error;
  });
  if (executor instanceof EnvironmentError)
    return { reason: executor.message.replace(/^\w+: /, "") };
  const { inference } = graph;
  const typeIn = new Map([...inference.graph.initializers].map(([name, { type }]) => [name, type]));
  const typeOf = (name: string) =>
    (rounded ? coarse[source.entries.get(name)?.dtype ?? ""] : undefined) ?? typeIn.get(name);
  const modelOf = modelMaker(graph);
  const off = async (name: string) => jitter({ [name]: await before(name) }, 0, typeOf)[name];
  const proof = await proveMove(
    executor,
    inference,
    {
      before: () => modelOf(before),
      after: () => modelOf(after),
      jittered: () => modelOf(off),
    },
    { signal },
  );
  if ("error" in proof && !(proof.error <= proof.tolerance))
    throw new SpecError(
      `${path}: the moved network is another one, and nothing was written; the symmetries (${origin}) do not hold for this file: look at them with \`weightspace symmetries --verify\`, and please report this`,
      [
        {
          severity: "error",
          message: `its outputs differ by ${proof.error.toExponential(1)} of their size on ${proof.inputs} random inputs, rounding explains ${proof.tolerance.toExponential(1)}`,
        },
      ],
    );
  return proof;
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
