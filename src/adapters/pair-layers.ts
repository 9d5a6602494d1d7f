// Which layer of one adapter is which of another, whatever libraries call them: by names as far as styles keep them, the rest by
// equal products.

import { UnsupportedError } from "../core/errors.ts";
import { equalShapes } from "../core/shapes.ts";
import type { Adapter, AdapterLayer } from "./adapter.ts";
import { readFactors } from "./factors.ts";
import { normOfSum } from "./product.ts";
import { toleranceOf } from "./product-difference.ts";

/** How layers were found to be one: by their names, or by equal products. */
export type PairedBy = "names" | "numbers";

/** A layer of the first and one of the second adapter that are the same layer of the base. */
export interface LayerPair {
  readonly a: AdapterLayer;
  readonly b: AdapterLayer;
  readonly by: PairedBy;
}

/** Layers of two adapters, as far as they belong together. */
export interface PairedLayers {
  readonly pairs: readonly LayerPair[];
  readonly onlyA: readonly AdapterLayer[];
  readonly onlyB: readonly AdapterLayer[];
}

/** A name in which styles that write dots as underscores agree with those that keep them. */
export const underscored = (name: string): string => name.replaceAll(/[^A-Za-z0-9]+/g, "_");

type KeyOf = (layer: AdapterLayer) => string;

const whole: KeyOf = ({ part, layer }) => underscored(part === "" ? layer : `${part}.${layer}`);

/** Pairs layers by their names. @throws {UnsupportedError} when a file has one layer twice, in two styles */
export function pairByNames(a: Adapter, b: Adapter): PairedLayers {
  const hasOneNetwork = [a, b].some(({ layers }) => layers.every(({ part }) => part === ""));
  const ways: readonly KeyOf[] = [
    ({ part, layer }) => `${part}|${underscored(layer)}`,
    whole,
    ...(hasOneNetwork ? [({ layer }: AdapterLayer) => underscored(layer)] : []),
    // Attributes under which programs hold the network.
    (layer) => whole(layer).replace(/^(model_)+/, ""),
  ];
  for (const { layers, location } of [a, b]) refuseTwice(layers, location);
  const pairs: LayerPair[] = [];
  let [restA, restB] = [a.layers, b.layers];
  for (const way of ways) {
    const [left, right] = [uniqueBy(restA, way), uniqueBy(restB, way)];
    const found = new Set<AdapterLayer>();
    for (const [key, layer] of left) {
      const other = right.get(key);
      if (other === undefined) continue;
      pairs.push({ a: layer, b: other, by: "names" });
      found.add(layer).add(other);
    }
    restA = restA.filter((layer) => !found.has(layer));
    restB = restB.filter((layer) => !found.has(layer));
  }
  return { pairs, onlyA: restA, onlyB: restB };
}

function refuseTwice(layers: readonly AdapterLayer[], location: string): void {
  const seen = new Map<string, AdapterLayer>();
  for (const layer of layers) {
    const key = `${layer.part}|${underscored(layer.layer)}`;
    const other = seen.get(key);
    if (other !== undefined)
      throw new UnsupportedError(
        `compareAdapters: ${location} names one layer twice, ${JSON.stringify(other.stem)} and ${JSON.stringify(layer.stem)}; keep the tensors of one of them`,
      );
    seen.set(key, layer);
  }
}

/** Layers by a key that no other has. */
function uniqueBy(layers: readonly AdapterLayer[], keyOf: KeyOf): Map<string, AdapterLayer> {
  const found = new Map<string, AdapterLayer | null>();
  for (const layer of layers) {
    const key = keyOf(layer);
    found.set(key, found.has(key) ? null : layer);
  }
  return new Map([...found].flatMap(([key, one]) => (one === null ? [] : [[key, one] as const])));
}

/** The norms of the products of layers; null where the scale is not known. */
async function measured(adapter: Adapter, layers: readonly AdapterLayer[]) {
  const found: { layer: AdapterLayer; norm: number }[] = [];
  for (const layer of layers) {
    if (layer.scale === null) return undefined;
    const factors = await readFactors(adapter.source, layer);
    found.push({ layer, norm: normOfSum([{ factors, weight: 1 }]) });
  }
  return found.filter(({ norm }) => norm > 0);
}

/**
 * Pairs what names leave over by equal products, where that pairs all of it that adds anything, each with one other; else
 * nothing. Adapters of different layers are not paired so.
 * @throws as `readFactors`
 */
export async function pairByNumbers(
  a: Adapter,
  b: Adapter,
  { pairs, onlyA, onlyB }: PairedLayers,
): Promise<PairedLayers> {
  const unpaired = { pairs, onlyA, onlyB };
  if (onlyA.length === 0 || onlyB.length === 0) return unpaired;
  const [left, right] = [await measured(a, onlyA), await measured(b, onlyB)];
  if (left === undefined || right === undefined) return unpaired;
  if (left.length !== right.length || left.length === 0) return unpaired;
  const found: LayerPair[] = [];
  const taken = new Set<AdapterLayer>();
  for (const { layer, norm } of left) {
    const near = right.filter(
      (one) =>
        Math.abs(one.norm - norm) <= nearNorms * norm && equalShapes(one.layer.shape, layer.shape),
    );
    const ofLayer = await readFactors(a.source, layer);
    const equal: AdapterLayer[] = [];
    for (const one of near) {
      const other = await readFactors(b.source, one.layer);
      const difference = normOfSum([
        { factors: ofLayer, weight: 1 },
        { factors: other, weight: -1 },
      ]);
      if (difference <= toleranceOf([ofLayer, other], [norm, one.norm])) equal.push(one.layer);
    }
    if (equal.length !== 1 || taken.has(equal[0])) return unpaired;
    taken.add(equal[0]);
    found.push({ a: layer, b: equal[0], by: "numbers" });
  }
  const isFound = new Set(found.flatMap((pair) => [pair.a, pair.b]));
  return {
    pairs: [...pairs, ...found],
    onlyA: onlyA.filter((layer) => !isFound.has(layer)),
    onlyB: onlyB.filter((layer) => !isFound.has(layer)),
  };
}

/** Norms that are further apart than this belong to other products, whatever the format. */
const nearNorms = 0.1;
