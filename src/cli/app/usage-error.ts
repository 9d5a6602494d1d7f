// Misuse of the command line: exit code 2.

/** The command was written wrongly: options that exclude each other, a value that cannot be. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  readonly code = "WEIGHTSPACE_USAGE";
}
