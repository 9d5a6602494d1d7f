// Whether two low-rank adapters change their base by the same. Layers are compared by the product scale * B A: factors in another
// basis (M A, B M^-1), of another rank, and adapters that add nothing yet are the same, whatever libraries call their tensors.

import { OptionError, UnsupportedError } from "../core/errors.ts";
import { equalShapes } from "../core/shapes.ts";
import { equalBytes } from "../core/bytes.ts";
import { tensorDifference } from "../parts/tensor-difference.ts";
import type { AdapterRole } from "../infer/names/adapter-keys.ts";
import type { Adapter, AdapterLayer } from "./adapter.ts";
import { configName } from "./adapter-config.ts";
import { assumedIn, differentBases, differentSettings } from "./settings.ts";
import { type Factors, readFactors } from "./factors.ts";
import {
  type LayerPair,
  type PairedBy,
  pairByNames,
  pairByNumbers,
  underscored,
} from "./pair-layers.ts";
import {
  productDifference,
  productNorm,
  type ProductDifference,
  sameNumbers,
  type Sameness,
} from "./product-difference.ts";

/** One layer in both adapters. */
export interface LayerComparison extends ProductDifference {
  /** Its name in the first and in the second file. */
  readonly layers: readonly [string, string];
  readonly by: PairedBy;
  readonly shape: readonly number[];
  readonly ranks: readonly [number, number];
  /** Why it is different where the product is not: magnitudes or biases beside it. */
  readonly beside?: string;
}

/** Two adapters compared. */
export interface AdapterComparison {
  readonly verdict: "identical" | "symmetric" | "different";
  readonly layers: readonly LayerComparison[];
  /** Layers that one file has alone, with the norm of what they add. */
  readonly onlyFirst: readonly { readonly layer: string; readonly norm: number }[];
  readonly onlySecond: readonly { readonly layer: string; readonly norm: number }[];
  /** How both files name tensors of adapters. */
  readonly styles: readonly [readonly string[], readonly string[]];
  /** Tensors of the first file under their names in the second one, where these differ. */
  readonly renamed: readonly {
    readonly from: string;
    readonly to: string;
    readonly by: PairedBy;
  }[];
  /** Norm of the difference of all products over the larger norm of all. */
  readonly relative: number;
  /** The largest `relative` of a layer. */
  readonly largest: number;
  /** Some numbers are equal only once they are rounded to the coarser of both formats. */
  readonly rounded: boolean;
  /** Tensors beside the factors that differ, or that one file has alone: a sentence each. */
  readonly beside: readonly string[];
  /** What else to know: bases, settings, layers that add nothing. */
  readonly notes: readonly string[];
}

/** How {@link compareAdapters} goes on. */
export interface CompareAdaptersOptions {
  readonly signal?: AbortSignal;
  /** Told the share of layers that are done. */
  readonly onStep?: (step: string, share?: number) => void;
}

/**
 * Compares two adapters of one base, layer by layer; two layers at most are in memory.
 * @throws {UnsupportedError} where alpha is not known and matters, and where tensors of other methods differ; {OptionError} for NaN and
 * infinities; as reading does; the signal's reason after an abort
 */
export async function compareAdapters(
  a: Adapter,
  b: Adapter,
  { signal, onStep = () => undefined }: CompareAdaptersOptions = {},
): Promise<AdapterComparison> {
  await compareOthers(a, b);
  const named = pairByNames(a, b);
  const paired = await pairByNumbers(a, b, named);
  const layers: LayerComparison[] = [];
  let rounded = false;
  for (const [done, pair] of paired.pairs.entries()) {
    signal?.throwIfAborted();
    onStep("comparing layers", done / paired.pairs.length);
    const found = await compareLayer(a, b, pair);
    layers.push(found.layer);
    rounded ||= found.rounded;
  }
  const onlyFirst = await alone(a, paired.onlyA);
  const onlySecond = await alone(b, paired.onlyB);
  const whole = await compareWhole(a, b);
  const settings = differentSettings(a, b);
  const beside = [...whole.differing, ...settings];
  const isAlone = [...onlyFirst, ...onlySecond];
  const isSame =
    beside.length === 0 &&
    isAlone.every(({ norm }) => norm === 0) &&
    layers.every(({ verdict }) => verdict !== "different");
  const isEqual = isAlone.length === 0 && layers.every(({ verdict }) => verdict === "equal");
  const verdict = isSame ? (isEqual ? "identical" : "symmetric") : "different";
  const sum = (of: readonly number[]) => Math.hypot(...of);
  const total = Math.max(
    ...[0, 1].map((side) =>
      sum([
        ...layers.map(({ norms }) => norms[side]),
        ...[onlyFirst, onlySecond][side].map(({ norm }) => norm),
      ]),
    ),
  );
  const apart = sum([
    ...layers.map(({ difference }) => difference),
    ...isAlone.map(({ norm }) => norm),
  ]);
  return {
    verdict,
    layers,
    onlyFirst,
    onlySecond,
    styles: [stylesOf(a), stylesOf(b)],
    renamed: renamingsOf(paired.pairs, whole.renamed),
    relative: total === 0 ? 0 : apart / total,
    largest: layers.reduce((most, { relative }) => Math.max(most, relative), 0),
    rounded: rounded || whole.rounded,
    beside,
    notes: [...assumedIn(a), ...assumedIn(b), ...differentBases(a, b), ...whole.notes],
  };
}

const stylesOf = ({ layers }: Adapter): readonly string[] => [
  ...new Set(layers.map(({ style }) => style.style)),
];

const unknownScale = ({ location }: Adapter, layer: AdapterLayer): UnsupportedError =>
  new UnsupportedError(
    `compareAdapters: ${location}: alpha of layer ${JSON.stringify(layer.layer)} is in no tensor, and no ${configName} is beside the file, so scale * B A is not known; put the ${configName} that was saved with it into its folder`,
  );

/** A layer's factors. @throws {UnsupportedError} when the scale matters and is not known */
async function factorsOf(
  adapter: Adapter,
  layer: AdapterLayer,
  mayLackScale = false,
): Promise<Factors> {
  const factors = await readFactors(adapter.source, layer);
  if (layer.scale === null && !mayLackScale && productNorm(factors) > 0)
    throw unknownScale(adapter, layer);
  if (!Number.isFinite(factors.noise))
    throw new OptionError(
      `compareAdapters: ${adapter.location}: the numbers of layer ${JSON.stringify(layer.layer)} are too large to be multiplied; find out where it was made`,
    );
  return factors;
}

async function compareLayer(
  a: Adapter,
  b: Adapter,
  { a: first, b: second, by }: LayerPair,
): Promise<{ layer: LayerComparison; rounded: boolean }> {
  const both = {
    layers: [first.stem, second.stem] as const,
    by,
    shape: first.shape,
    ranks: [first.rank, second.rank] as const,
  };
  const factorsSame = await sameTensors(a, first, b, second, ["up", "down", "middle"]);
  const haveSameScale = first.scale === second.scale;
  const same = haveSameScale ? factorsSame : "different";
  const mayLackScale = same !== "different";
  const left = await factorsOf(a, first, mayLackScale);
  const right = await factorsOf(b, second, mayLackScale);
  if (!equalShapes(first.shape, second.shape)) {
    const norms = [productNorm(left), productNorm(right)] as const;
    const difference = Math.hypot(...norms);
    const apart = { verdict: "different", norms, difference, relative: 1, tolerance: 0 } as const;
    const beside = "the shapes of the layer differ";
    return { layer: { ...both, ...apart, beside }, rounded: false };
  }
  const found = productDifference(left, right, same);
  const extras = await sameTensors(a, first, b, second, ["magnitude", "bias"]);
  const beside =
    extras === "different" || (first.names.bias !== undefined && !haveSameScale)
      ? "magnitudes (DoRA) or biases of the layer differ"
      : undefined;
  return {
    layer: {
      ...both,
      ...found,
      ...(beside !== undefined && { verdict: "different" as const, beside }),
    },
    rounded: factorsSame === "rounded" || extras === "rounded",
  };
}

/** Whether both layers have the same tensors of these roles, with the same numbers. */
async function sameTensors(
  a: Adapter,
  first: AdapterLayer,
  b: Adapter,
  second: AdapterLayer,
  roles: readonly AdapterRole[],
): Promise<Sameness> {
  let same: Sameness = "equal";
  for (const role of roles) {
    const [left, right] = [first.names[role], second.names[role]];
    if (left === undefined && right === undefined) continue;
    if (left === undefined || right === undefined) return "different";
    const found = await sameNumbers(a.source, left, b.source, right);
    if (found === "different") return found;
    if (found === "rounded") same = found;
  }
  return same;
}

/** What layers add that only one file has. */
async function alone(adapter: Adapter, layers: readonly AdapterLayer[]) {
  const found: { layer: string; norm: number }[] = [];
  for (const layer of layers) {
    const norm = productNorm(await factorsOf(adapter, layer));
    const isMore = layer.names.magnitude !== undefined || layer.names.bias !== undefined;
    found.push({ layer: layer.stem, norm: norm === 0 && isMore ? Infinity : norm });
  }
  return found;
}

/** @throws {UnsupportedError} for tensors of other methods that are not byte by byte the same in both files */
async function compareOthers(a: Adapter, b: Adapter): Promise<void> {
  const [left, right] = [a, b].map(({ others }) => new Map(others.map((o) => [o.name, o.kind])));
  for (const [name, kind] of new Map([...left, ...right])) {
    const [x, y] = [a, b].map(({ source }) => source.entries.get(name));
    const isSame =
      x !== undefined &&
      y !== undefined &&
      x.dtype === y.dtype &&
      equalShapes(x.shape, y.shape) &&
      equalBytes((await a.source.readStored(name)).data, (await b.source.readStored(name)).data);
    if (isSame) continue;
    throw new UnsupportedError(
      `compareAdapters: ${a.location} and ${b.location} differ in tensor ${JSON.stringify(name)} of ${kind.kind} (${kind.what}), which is not read as a product of two factors; merge both adapters into their base and compare the networks`,
    );
  }
}

interface WholeComparison {
  readonly differing: readonly string[];
  readonly renamed: AdapterComparison["renamed"];
  readonly rounded: boolean;
  readonly notes: readonly string[];
}

/** Tensors that are no factors, by name. */
async function compareWhole(a: Adapter, b: Adapter): Promise<WholeComparison> {
  const plain = (name: string) => underscored(name.replace(/^(base_model\.model\.|module\.)+/, ""));
  const right = new Map(b.whole.map((name) => [plain(name), name]));
  const differing: string[] = [];
  const renamed: AdapterComparison["renamed"][number][] = [];
  let rounded = false;
  for (const name of a.whole) {
    const other = right.get(plain(name));
    right.delete(plain(name));
    if (other === undefined) {
      differing.push(`"${name}" is in the first file alone`);
      continue;
    }
    if (other !== name) renamed.push({ from: name, to: other, by: "names" });
    const same = await sameNumbers(a.source, name, b.source, other);
    if (same === "rounded") rounded = true;
    if (same !== "different") continue;
    const [x, y] = [await a.source.read(name), await b.source.read(other)];
    const found = equalShapes(x.shape, y.shape) ? tensorDifference(name, x, y) : undefined;
    differing.push(
      found === undefined
        ? `"${name}" has another shape in the second file`
        : `"${name}" differs: ${Number(found.relative.toPrecision(3))} of its norm`,
    );
  }
  for (const name of right.values()) differing.push(`"${name}" is in the second file alone`);
  const count = a.whole.length;
  const notes =
    count > 0 && differing.length === 0
      ? [
          count === 1
            ? "one tensor beside the factors is equal number by number"
            : `${count} tensors beside the factors are equal number by number`,
        ]
      : [];
  return { differing, renamed, rounded, notes };
}

/** Tensors that have another name in the second file, each once. */
function renamingsOf(
  pairs: readonly LayerPair[],
  whole: AdapterComparison["renamed"],
): AdapterComparison["renamed"] {
  const roles: readonly AdapterRole[] = ["down", "middle", "up", "alpha", "magnitude", "bias"];
  return [
    ...pairs.flatMap(({ a, b, by }) =>
      roles.flatMap((role) => {
        const [from, to] = [a.names[role], b.names[role]];
        return from === undefined || to === undefined || from === to ? [] : [{ from, to, by }];
      }),
    ),
    ...whole,
  ];
}
