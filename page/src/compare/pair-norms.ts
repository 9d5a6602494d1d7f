// How far every tensor of two files differs, as it is and after alignment: of tensors without a picture, too.

import { actOnTensor, type Tensor } from "weightspace";
import type { ComparedNetworks, DifferencePanel } from "weightspace/checkpoints";
import type { TensorNorm } from "./pair.ts";

/** The norm of a - b over that of a; numbers that are not finite are left out. */
export function relativeNorm({ data: a }: Tensor, { data: b }: Tensor): number {
  let [difference, square] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const off = a[i] - b[i];
    if (!Number.isFinite(off)) continue;
    difference += off * off;
    square += a[i] * a[i];
  }
  return difference === 0 ? 0 : Math.sqrt(difference / square);
}

/** Every tensor that differs, the most different one first; `onNorm` is told how many are measured after alignment. */
export async function normsOf(
  { comparison, found, sources: [a, b] }: ComparedNetworks,
  panels: readonly Pick<DifferencePanel, "tensor" | "relativeAfter">[],
  onNorm: (done: number, total: number) => void,
): Promise<TensorNorm[]> {
  const { tensors, symmetry, alignment } = comparison;
  const element = (symmetry ?? alignment)?.element;
  const known = new Map(panels.map(({ tensor, relativeAfter }) => [tensor, relativeAfter]));
  const remaining =
    alignment && new Map(alignment.remaining.map(({ tensor, relative }) => [tensor, relative]));
  const after = async (tensor: string): Promise<number | undefined> => {
    if (known.has(tensor)) return known.get(tensor);
    if (element === undefined || !("spec" in found) || !Object.hasOwn(found.spec.tensors, tensor))
      return undefined;
    if (symmetry?.exact === true) return 0; // it was compared bit by bit
    if (remaining !== undefined) return remaining.get(tensor) ?? 0;
    const moved = actOnTensor(found.spec, element, tensor, await b.read(tensor));
    return relativeNorm(await a.read(tensor), moved);
  };
  const norms: TensorNorm[] = [];
  for (const { tensor, relative, notFinite } of tensors) {
    const relativeAfter = await after(tensor);
    norms.push({
      tensor,
      relative,
      ...(relativeAfter !== undefined && { relativeAfter }),
      notFinite: notFinite[0] + notFinite[1] > 0,
    });
    onNorm(norms.length, tensors.length);
  }
  return norms.sort((x, y) => y.relative - x.relative);
}
