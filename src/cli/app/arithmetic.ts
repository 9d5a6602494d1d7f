// The option `--arithmetic` of every command: how products of floating-point numbers round.

import { type Command, Option } from "commander";
import { EnvironmentError } from "../../core/errors.ts";
import { arithmeticVariable } from "../../node/threads/arithmetic-variable.ts";
import type { Arithmetic } from "../../kernels/wasm/fused-multiply-add.ts";

export const arithmeticOption = (): Option =>
  new Option(
    "--arithmetic <how>",
    "round products once (fma) or twice (plain); the last digits differ (default fma for functionals where the machine can)",
  ).choices(["fma", "plain"]);

/** Commands that run functionals, align networks or measure how far they are, and workers. Populations are left as the host is, so that they can be made again. */
const fused = new Set([
  "train",
  "predict",
  "embed",
  "align",
  "distance",
  "experiment generalization",
  "experiment learning-curve",
  "experiment inr",
  "experiment inr-editing",
  "experiment inr-retrieval",
  "worker", // its threads round as each list of work says
]);

/** Names from below the root: `experiment generalization`. */
const pathOf = (command: Command): string =>
  command.parent?.parent == null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;

let requested: Arithmetic | undefined;

/** Sets the arithmetic of a command before it runs: what was asked for, else what suits it. */
export async function chooseArithmetic(root: Command, command: Command): Promise<void> {
  delete process.env[arithmeticVariable]; // what another program was told does not count for this one's threads
  requested = root.opts<{ arithmetic?: Arithmetic }>().arithmetic;
  const { backend = "kernels" } = command.opts<{ backend?: string }>();
  const suits = fused.has(pathOf(command)) && backend === "kernels";
  const wanted = requested ?? (suits ? "fma" : undefined);
  if (wanted === undefined) return;
  const { useArithmetic } = await import("../../node/arithmetic.ts");
  const used = useArithmetic(wanted);
  if (requested !== undefined && used !== requested)
    throw new EnvironmentError(
      `--arithmetic ${requested}: this machine or Node version has no fused multiply-add; leave the option out`,
    );
}

/** What --arithmetic says; undefined where it was not given. */
export const requestedArithmetic = (): Arithmetic | undefined => requested;

/** The option that chooses the same arithmetic again, for commands that repeat a result. */
export const repeatedArithmetic = (): string =>
  requested === undefined ? "" : `--arithmetic ${requested}`;
