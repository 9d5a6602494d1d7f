// The tensors of a merge that are averaged; all others are those of the first file.

import { equalShapes } from "../../core/shapes.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { Network } from "../networks/opened-model.ts";
import { floatTensors } from "../../checkpoints/network.ts";

/**
 * Float tensors of the first network: those of the spec, and of the others those that every file has in one shape, unless
 * all files hold the same bytes (a mask of infinities has no average).
 */
export async function mergeNames(
  networks: readonly Network[],
  spec: Pick<SymmetrySpec, "tensors">,
): Promise<Set<string>> {
  const [first, ...others] = networks;
  const names = floatTensors(first);
  for (const name of names) {
    if (Object.hasOwn(spec.tensors, name)) continue;
    const shape = first.source.entries.get(name)?.shape ?? [];
    const isShared = others.every(({ source }) => {
      const entry = source.entries.get(name);
      return entry !== undefined && equalShapes(entry.shape, shape);
    });
    if (!isShared || (await isEverywhereEqual(name, networks))) names.delete(name);
  }
  return names;
}

async function isEverywhereEqual(name: string, [first, ...others]: readonly Network[]) {
  const wanted = await first.source.readStored(name);
  for (const { source } of others) {
    const { dtype, data } = await source.readStored(name);
    if (dtype !== wanted.dtype || data.some((byte, i) => byte !== wanted.data[i])) return false;
  }
  return true;
}
