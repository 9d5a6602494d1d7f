// The canonical form of a low-rank adapter: every product scale * B A split by its singular value decomposition at numerical rank, with
// scale 1, half of each singular value in both factors and signs fixed. Adapters that add the same get the same form, up to
// rounding and up to the names that their styles give.

import type { Adapter } from "./adapter.ts";
import { type LayerPlan, type NewTensor, planLayer } from "./refactor.ts";
import { type RefactoredAdapter, refactored, refuseOthers } from "./refactored.ts";

/**
 * Plans the canonical form; numbers are read again when it is written.
 * @param onLayer - told after every layer
 * @throws {UnsupportedError} for other methods and where alpha is not known; {OptionError} for NaN and infinities; as reading does
 */
export async function canonicalAdapter(
  adapter: Adapter,
  onLayer: () => void = () => undefined,
): Promise<RefactoredAdapter> {
  refuseOthers("canonicalAdapter", adapter);
  const plans: LayerPlan[] = [];
  for (const layer of adapter.layers) {
    plans.push(await planLayer({ adapter, layer }, [{ adapter, layer, weight: 1 }]));
    onLayer();
  }
  return refactored(adapter, plans, asTheyAre(adapter));
}

/** Magnitudes, and tensors that are no factors. */
function asTheyAre({ source, layers, whole }: Adapter): NewTensor[] {
  const magnitudes = layers.flatMap(({ names }) => names.magnitude ?? []);
  return [...whole, ...magnitudes].map((name) => ({
    name,
    entry: source.entries.get(name)!,
    read: () => source.readStored(name),
  }));
}
