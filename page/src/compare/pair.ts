// What the page knows of two files, as plain data that a worker can send.

import type { DifferencePanel, MovedBack } from "weightspace/checkpoints";
import type { Verdict } from "weightspace/compare";
import type { Dropped } from "../work/dropped.ts";

/** Two files, with the graph of both where one was dropped too. */
export interface Pair {
  readonly two: readonly [Dropped, Dropped];
  readonly graph?: Dropped | undefined;
}

/** How far one tensor differs as it is, in units of its norm. */
export interface TensorNorm {
  readonly tensor: string;
  readonly relative: number;
  /** NaN or infinite numbers are in one of them. */
  readonly notFinite: boolean;
}

/** The judgment of two files. */
export interface PairResult {
  readonly verdict: Verdict;
  /** The verdict in one sentence, as the library says it. */
  readonly sentence: string;
  /** What was done to the second network, in one line; "" for nothing. */
  readonly moves: string;
  /** More to know: conversions, number formats, symmetries that are not known. */
  readonly notes: readonly string[];
  /** Pictures of the tensors that differ most. */
  readonly panels: readonly DifferencePanel[];
  /** Every tensor that differs, the most different one first. */
  readonly norms: readonly TensorNorm[];
  readonly equal: number;
  /** Similarity after the best alignment found, where the files differ. */
  readonly similarity?: number;
  /** Whether the second file can be moved onto the first. */
  readonly canAlign: boolean;
}

/** The second file, moved onto the first. */
export interface AlignedFile {
  readonly name: string;
  readonly bytes: Blob;
  readonly movedBack: MovedBack;
  /** Whether numbers were scaled, not only put elsewhere. */
  readonly scaled: boolean;
}

/** A step of the comparison, with its share where that is known. */
export interface PairStep {
  readonly step: string;
  readonly share?: number;
}

export type PairRequest =
  | { readonly kind: "compare"; readonly pair: Pair }
  | { readonly kind: "align" };
export type PairAnswer = PairResult | AlignedFile;

/** Two files are compared; the second is moved when that is asked for. */
export interface PairWork {
  readonly request: PairRequest;
  readonly event: PairStep;
  readonly result: PairAnswer;
}
