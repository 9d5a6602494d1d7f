// Pictures of the tensors in which two networks differ, as they are and after the second was moved onto the first.

import { type DifferenceGrid, differenceGrid } from "../compare/difference-grid.ts";
import { actOnTensor } from "../symmetry/act.ts";
import { formatAxisExpression } from "../symmetry/expression.ts";
import { tensorDifference } from "../parts/tensor-difference.ts";
import type { ComparedNetworks } from "./compare-networks.ts";

/** Where one tensor of two networks differs. */
export interface DifferencePanel {
  readonly tensor: string;
  readonly shape: readonly number[];
  /** The axis of every dimension, where a spec tells it. */
  readonly axes?: readonly string[];
  readonly before: DifferenceGrid;
  /** After the second network was moved, where the spec moves this tensor. */
  readonly after?: DifferenceGrid;
  /** Norm of the difference over the norm of the first tensor. */
  readonly relative: number;
  readonly relativeAfter?: number;
}

/** How many pictures {@link differencePanels} makes. */
export interface DifferencePanelsOptions {
  /** Tensors that have a picture, the most different ones. @default 20 */
  readonly top?: number;
  readonly signal?: AbortSignal;
  readonly onPanel?: (done: number, total: number) => void;
}

/**
 * A panel for each of the tensors that differ most, the most different one first.
 * @throws {FormatError} {EnvironmentError} when a file cannot be read; the signal's reason after an abort
 */
export async function differencePanels(
  { comparison, found, sources: [a, b] }: ComparedNetworks,
  { top = 20, signal, onPanel }: DifferencePanelsOptions = {},
): Promise<DifferencePanel[]> {
  const { tensors, alignment, symmetry } = comparison;
  const element = (alignment ?? symmetry)?.element;
  const spec = "spec" in found ? found.spec : undefined;
  const worst = tensors.toSorted((x, y) => y.relative - x.relative).slice(0, top);
  const panels: DifferencePanel[] = [];
  for (const { tensor, shape, relative } of worst) {
    signal?.throwIfAborted();
    const [left, right] = [await a.read(tensor), await b.read(tensor)];
    const before = differenceGrid(left, right);
    const named = spec !== undefined && Object.hasOwn(spec.tensors, tensor);
    const axes = named ? { axes: spec.tensors[tensor].axes.map(formatAxisExpression) } : {};
    const plain = { tensor, shape, ...axes, before, relative };
    if (named && element !== undefined) {
      const moved = actOnTensor(spec, element, tensor, right);
      const relativeAfter = tensorDifference(tensor, left, moved)?.relative ?? 0;
      panels.push({ ...plain, after: differenceGrid(left, moved), relativeAfter });
    } else panels.push(plain);
    onPanel?.(panels.length, worst.length);
  }
  return panels;
}
