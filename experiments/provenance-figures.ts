// The result of the provenance experiment as plain data: what its page is made of, and what is kept as JSON.

import type { MeanAndStd } from "../src/train/measures/metrics.ts";
import type { RocPoint } from "./roc.ts";

/** How well one method finds the parents of one kind of descendants; means and standard deviations are over seeds. */
export interface ProvenanceRow {
  readonly method: string;
  /** A kind of descendant, or `all kinds`. */
  readonly kind: string;
  /** Area under the ROC curve over all pairs of a descendant and a candidate. */
  readonly areaMean: number;
  readonly areaStd: number;
  /** Share of descendants whose parent ranks first. */
  readonly topMean: number;
  readonly topStd: number;
}

/** How alike sketches of pairs are: of a descendant with its parent, by kind, and of unrelated networks. */
export interface SimilarityRange {
  readonly kind: string;
  readonly low: number;
  readonly p10: number;
  readonly median: number;
  readonly p90: number;
  readonly high: number;
}

export interface ProvenanceResult {
  readonly title: string;
  readonly command: string;
  readonly machine: string;
  readonly commit: string;
  readonly seeds: readonly number[];
  /** Candidates, and descendants to be traced, in each repetition. */
  readonly networks: number;
  readonly descendants: number;
  /** Test accuracy of the parents, over all networks and seeds. */
  readonly accuracy: MeanAndStd;
  /** Mean test accuracies of the descendants that were trained on, by kind. */
  readonly trainedOnAccuracies: readonly { readonly kind: string; readonly accuracy: number }[];
  readonly rows: readonly ProvenanceRow[];
  /** Over all descendants of all seeds. */
  readonly curves: readonly { readonly method: string; readonly points: readonly RocPoint[] }[];
  readonly similarities: readonly SimilarityRange[];
}
