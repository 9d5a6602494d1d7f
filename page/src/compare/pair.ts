// What the page knows of two files, as plain data that a worker can send.

import type {
  DifferencePanel,
  InputSource,
  MovedBack,
  TensorPlaces,
} from "weightspace/checkpoints";
import type { Verdict } from "weightspace/compare";
import type { Dropped } from "../work/dropped.ts";

/** Two files, with the graph of both where one was dropped too. */
export interface Pair {
  readonly two: readonly [Dropped, Dropped];
  readonly graph?: Dropped | undefined;
}

/** How far one tensor differs, in units of its norm. */
export interface TensorNorm {
  readonly tensor: string;
  /** As the files are. */
  readonly relative: number;
  /** After the second file was moved onto the first, where it can be. */
  readonly relativeAfter?: number;
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
  /** Pictures of the tensors that differ most; none until they are drawn. */
  readonly panels: readonly DifferencePanel[];
  /** Every tensor that differs, the most different one first; none until they are measured. */
  readonly norms: readonly TensorNorm[];
  /** How many tensors differ, and how many are equal. */
  readonly differing: number;
  readonly equal: number;
  /** Similarity after the best alignment found, where the files differ. */
  readonly similarity?: number;
  /** Whether the second file can be moved onto the first. */
  readonly canAlign: boolean;
}

/** The graph of the second file as data that another worker can run. */
export interface SentGraph {
  readonly model: Uint8Array;
  readonly inference: InputSource;
  readonly places: TensorPlaces;
}

/** The second file, moved onto the first. */
export interface AlignedFile {
  readonly name: string;
  readonly bytes: Blob;
  readonly movedBack: MovedBack;
  /** Whether numbers were scaled, not only put elsewhere. */
  readonly scaled: boolean;
  /** Where the symmetries are from. */
  readonly origin: string;
  /** The graph they were read from, to run the file before and after; none where names told them. */
  readonly graph?: SentGraph;
}

/** A step of the comparison, with its share where that is known. */
export interface PairStep {
  readonly step: string;
  readonly share?: number;
  /** The judgment, as soon as it is known: before its pictures are drawn. */
  readonly judged?: PairResult;
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
