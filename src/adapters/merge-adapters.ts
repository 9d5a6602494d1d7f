// The weighted mean of low-rank adapters: of what they add, not of their factors. The mean of products is no product of means, and its
// rank is up to the sum of the ranks; it is split anew by its singular value decomposition.

import { OptionError, SpecError, type SpecProblem, UnsupportedError } from "../core/errors.ts";
import { equalShapes, formatShape } from "../core/shapes.ts";
import type { Tensor } from "../core/tensors.ts";
import type { Adapter, AdapterLayer } from "./adapter.ts";
import { pairByNames } from "./pair-layers.ts";
import { type LayerPlan, type LayerShare, type NewTensor, planLayer } from "./refactor.ts";
import { differentSettings } from "./settings.ts";
import { type RefactoredAdapter, refactored, refuseOthers } from "./refactored.ts";

/** An adapter with its share. */
export interface AdapterShare {
  readonly adapter: Adapter;
  readonly share: number;
}

/** How {@link mergeAdapters} writes the mean. */
export interface MergeAdaptersOptions {
  /** Larger ranks are cut to this, the smallest singular values first. @default the rank of the mean */
  readonly maxRank?: number;
  /** Told after every layer. */
  readonly onLayer?: () => void;
}

/**
 * Plans the weighted mean of what adapters add, under the names of the first. A layer that an adapter lacks gets nothing from it.
 * @throws {UnsupportedError} for DoRA, for other methods, where alpha is not known, and for layers that names of the first cannot
 * tell; {SpecError} listing layers of other shapes; {OptionError} for NaN and infinities; as reading does
 */
export async function mergeAdapters(
  all: readonly AdapterShare[],
  { maxRank = Infinity, onLayer = () => undefined }: MergeAdaptersOptions = {},
): Promise<RefactoredAdapter> {
  const [{ adapter: first }, ...others] = all;
  for (const { adapter } of all) refuse(adapter);
  for (const { adapter } of others) {
    const [setting] = differentSettings(first, adapter);
    if (setting !== undefined)
      throw new UnsupportedError(
        `mergeAdapters: ${first.location} and ${adapter.location} do not act in the same way: ${setting}; a mean of what they add is none of networks`,
      );
  }
  const plans: LayerPlan[] = [];
  for (const { layer, adapter, shares } of sharesOfLayers(all)) {
    plans.push(await planLayer({ layer, adapter }, shares, maxRank));
    onLayer();
  }
  return refactored(first, plans, meansOf(all));
}

function refuse(adapter: Adapter): void {
  refuseOthers("mergeAdapters", adapter);
  const scaled = adapter.layers.find(({ names }) => names.magnitude !== undefined);
  if (scaled !== undefined)
    throw new UnsupportedError(
      `mergeAdapters: ${adapter.location} holds magnitudes (DoRA, ${JSON.stringify(scaled.names.magnitude)}): what it adds depends on the base, so a mean of adapters is none of networks; merge each into the base and give the networks`,
    );
}

interface LayerShares {
  readonly layer: AdapterLayer;
  readonly adapter: Adapter;
  readonly shares: readonly LayerShare[];
}

/** Every layer that an adapter has, in the first one's order, with its shares. */
function sharesOfLayers([{ adapter: first, share }, ...others]: readonly AdapterShare[]) {
  const found = new Map<AdapterLayer, { adapter: Adapter; shares: LayerShare[] }>(
    first.layers.map((layer) => [
      layer,
      { adapter: first, shares: [{ adapter: first, layer, weight: share }] },
    ]),
  );
  const problems: SpecProblem[] = [];
  for (const { adapter, share: weight } of others) {
    const known: Adapter = { ...first, layers: [...found.keys()] };
    const { pairs, onlyB } = pairByNames(known, adapter);
    for (const { a, b } of pairs) {
      if (!equalShapes(a.shape, b.shape))
        problems.push({
          severity: "error",
          tensor: b.stem,
          message: `layer "${a.stem}" has shape ${formatShape(a.shape)} in ${first.location}, ${formatShape(b.shape)} in ${adapter.location}`,
        });
      if ((a.names.bias === undefined) !== (b.names.bias === undefined))
        problems.push({
          severity: "error",
          tensor: b.stem,
          message: `layer "${a.stem}" has a bias of its adapter in one file alone`,
        });
      found.get(a)!.shares.push({ adapter, layer: b, weight });
    }
    refuseOtherStyle(first, adapter, onlyB);
    for (const layer of onlyB) found.set(layer, { adapter, shares: [{ adapter, layer, weight }] });
  }
  if (problems.length > 0)
    throw new SpecError("mergeAdapters: the adapters are of different networks", problems);
  return [...found].map(([layer, { adapter, shares }]): LayerShares => ({
    layer,
    adapter,
    shares,
  }));
}

/** A layer that the first file lacks keeps its own names, which must be of the same style. */
function refuseOtherStyle(first: Adapter, adapter: Adapter, layers: readonly AdapterLayer[]): void {
  const sameStyle = (layer: AdapterLayer) =>
    first.layers.some(
      (one) =>
        one.style.style === layer.style.style &&
        (one.names.alpha === undefined) === (layer.names.alpha === undefined) &&
        prefixOf(one) === prefixOf(layer),
    );
  const strange = layers.find((layer) => !sameStyle(layer));
  if (strange === undefined) return;
  throw new UnsupportedError(
    `mergeAdapters: layer ${JSON.stringify(strange.stem)} is in ${adapter.location} and not in ${first.location}, which names tensors in another style; give an adapter first that has all layers`,
  );
}

/** What stands before a layer's name. */
const prefixOf = ({ stem, layer }: AdapterLayer): string =>
  stem.endsWith(layer) ? stem.slice(0, stem.length - layer.length) : "";

/** Tensors beside the layers, averaged entry by entry; all adapters must have them. @throws {UnsupportedError} */
function meansOf(all: readonly AdapterShare[]): NewTensor[] {
  const [{ adapter: first }] = all;
  for (const { adapter } of all) {
    const strange = adapter.whole.find((name) => !first.whole.includes(name));
    const missing = first.whole.find((name) => !adapter.whole.includes(name));
    const name = strange ?? missing;
    if (name === undefined) continue;
    throw new UnsupportedError(
      `mergeAdapters: tensor ${JSON.stringify(name)} replaces or changes a weight in one of ${first.location} and ${adapter.location} alone; take it out, or merge each adapter into the base and give the networks`,
    );
  }
  return first.whole.map((name) => ({
    name,
    entry: first.source.entries.get(name)!,
    read: () => meanOf(all, name),
  }));
}

async function meanOf(all: readonly AdapterShare[], name: string): Promise<Tensor> {
  let mean: { shape: readonly number[]; data: Float64Array<ArrayBuffer> } | undefined;
  for (const { adapter, share } of all) {
    const { shape, data } = await adapter.source.read(name);
    mean ??= { shape, data: new Float64Array(data.length) };
    if (!equalShapes(shape, mean.shape))
      throw new OptionError(
        `mergeAdapters: tensor ${JSON.stringify(name)} has shape ${formatShape(shape)} in ${adapter.location}, expected ${formatShape(mean.shape)} as in the first file`,
      );
    for (let i = 0; i < data.length; i++) mean.data[i] += share * data[i];
  }
  return mean!;
}
