// The family of errors a caller can meet; every message says what is wrong, where, what was expected and what to do.

import { visibleName } from "./visible.ts";

/** One thing wrong with a spec, pointing at the tensor, dimension or axis it concerns. */
export interface SpecProblem {
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly tensor?: string;
  /** Dimension of the tensor, from 0. */
  readonly dimension?: number;
  readonly axis?: string;
}

/** Problems that a message lists; `problems` has all of them. */
const maxLines = 10;

/** A symmetry spec contradicts itself or does not fit the weights; `problems` lists everything found at once. */
export class SpecError extends Error {
  override readonly name = "SpecError";
  readonly code = "WEIGHTSPACE_SPEC";
  readonly problems: readonly SpecProblem[];
  constructor(subject: string, problems: readonly SpecProblem[]) {
    const lines = problems
      .slice(0, maxLines)
      .map((problem) => `  - ${visibleName(problem.message)}`);
    if (problems.length > maxLines) lines.push(`  - and ${problems.length - maxLines} more`);
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(`${visibleName(subject)}: ${count}\n${lines.join("\n")}`);
    this.problems = problems;
  }
}

/** An array does not have the shape a function needs. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
  readonly code = "WEIGHTSPACE_SHAPE";
}

/** A file is bad for good: reading it again or elsewhere cannot help. */
export class FormatError extends Error {
  override readonly name = "FormatError";
  readonly code = "WEIGHTSPACE_FORMAT";
}

/**
 * Valid input that this version does not handle; the message names the feature. Where several things might be meant,
 * `problems` lists them and the message has a line for each.
 */
export class UnsupportedError extends Error {
  override readonly name = "UnsupportedError";
  readonly code = "WEIGHTSPACE_UNSUPPORTED";
  declare readonly problems?: readonly string[];
  constructor(
    message: string,
    options: ErrorOptions & {
      readonly problems?: readonly string[];
      readonly remedy?: string;
    } = {},
  ) {
    const { problems, remedy, ...rest } = options;
    const lines = (problems ?? []).map((problem) => `\n  - ${visibleName(problem)}`).join("");
    super(`${message}${lines}${remedy === undefined ? "" : `\n${visibleName(remedy)}`}`, rest);
    if (problems !== undefined) this.problems = problems;
  }
}

/** An option or argument is out of its range. */
export class OptionError extends Error {
  override readonly name = "OptionError";
  readonly code = "WEIGHTSPACE_OPTION";
}

/** The environment failed: a folder cannot be written, a disk is full, a worker was killed. */
export class EnvironmentError extends Error {
  override readonly name = "EnvironmentError";
  readonly code = "WEIGHTSPACE_ENVIRONMENT";
}

/** Whether an error is one of this project, whose message is for people; others come from the system or a library. */
export function isOurError(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return error instanceof Error && typeof code === "string" && code.startsWith("WEIGHTSPACE_");
}
