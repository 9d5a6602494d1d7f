// The lists of work that an experiment can have, by name.

/** Rounds that a search can have. */
export const roundKinds = Object.freeze([
  "trials",
  "trials-2",
  "trials-3",
  "trials-4",
  "trials-5",
  "trials-6",
  "trials-7",
  "trials-8",
] as const);

export type RoundKind = (typeof roundKinds)[number];

/** A round of a search, or the runs with what was chosen. */
export type RunListKind = RoundKind | "runs";
