// The page of `compare --report`: pictures of the tensors that differ most, before and after alignment.

import { layerDifferences } from "../../compare/layer-differences.ts";
import { tensorDifference } from "../../parts/tensor-difference.ts";
import { differenceGrid } from "../../compare/difference-grid.ts";
import {
  type DifferencePanel,
  differenceReport,
  matrixReport,
} from "../../report/difference-map.ts";
import { actOnTensor } from "../../symmetry/act.ts";
import type { ComparedNetworks } from "../../checkpoints/compare-networks.ts";
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
  { comparison, found, sources: [a, b] }: ComparedNetworks,
  { title, verdict, command, top }: PageRequest,
): Promise<string> {
  const { tensors, alignment, symmetry } = comparison;
  const element = (alignment ?? symmetry)?.element;
  const spec = "spec" in found ? found.spec : undefined;
  const worst = tensors.toSorted((x, y) => y.relative - x.relative).slice(0, top);
  const panels: DifferencePanel[] = [];
  for (const { tensor, shape, relative } of worst) {
    const [left, right] = [await a.read(tensor), await b.read(tensor)];
    const before = differenceGrid(left, right);
    const isMoved =
      spec !== undefined && element !== undefined && Object.hasOwn(spec.tensors, tensor);
    if (!isMoved) {
      panels.push({ tensor, shape, before, relative });
      continue;
    }
    const moved = actOnTensor(spec, element, tensor, right);
    const relativeAfter = tensorDifference(tensor, left, moved)?.relative ?? 0;
    panels.push({
      tensor,
      shape,
      before,
      after: differenceGrid(left, moved),
      relative,
      relativeAfter,
    });
  }
  const layers = layerDifferences(comparison);
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
