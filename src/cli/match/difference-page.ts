// The page of `compare --report`: pictures of the tensors that differ most, before and after alignment.

import type { ComparedNetworks } from "../../checkpoints/compare-networks.ts";
import { differencePanels } from "../../checkpoints/difference-panels.ts";
import { layerDifferences } from "../../compare/layer-differences.ts";
import { differenceReport, matrixReport } from "../../report/difference-map.ts";
import { differenceMatrix, groupLines, type ManyOutcome } from "./compare-many.ts";

export interface PageRequest {
  readonly title: string;
  readonly verdict: string;
  readonly command: string;
  /** Tensors that have a picture. */
  readonly top: number;
}

/** The page of two files. */
export async function differencePage(
  compared: ComparedNetworks,
  { title, verdict, command, top }: PageRequest,
): Promise<string> {
  const panels = await differencePanels(compared, { top });
  const layers = layerDifferences(compared.comparison);
  return differenceReport({ title, verdict, command, panels, layers });
}

/** The page of many files. */
export const matrixPage = (outcome: ManyOutcome, command: string): string =>
  matrixReport({
    title: `${outcome.files.length} checkpoints`,
    command,
    files: outcome.files,
    differences: differenceMatrix(outcome),
    groups: groupLines(outcome),
  });
