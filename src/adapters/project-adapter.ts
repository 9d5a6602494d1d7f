// A low-rank adapter made small for a functional: what it adds to each layer, seen through fixed random matrices on both sides, as two
// small factors. Inputs and outputs of a layer do not move, so any matrix may be put there; the product stays what it is in
// any basis, of any rank and under any names.

import { UnsupportedError } from "../core/errors.ts";
import { deriveSeed, randomStream } from "../core/random.ts";
import type { Weights } from "../core/tensors.ts";
import { defineSpec } from "../symmetry/spec.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Adapter, AdapterLayer } from "./adapter.ts";
import { type Factors, readFactors } from "./factors.ts";
import { underscored } from "./pair-layers.ts";
import { productNorm } from "./product-difference.ts";
import { thinSVD } from "./product.ts";
import { refuseOthers } from "./refactored.ts";
import type { Columns } from "./thin-qr.ts";

/** How {@link projectAdapter} makes an adapter small. */
export interface ProjectAdapterOptions {
  /**
   * Numbers that stay of the inputs and of the outputs of a layer, where it has more.
   * @default 8; 4 beyond 64 layers and 2 beyond 256, as functionals grow with the square of the layers
   */
  readonly size?: number;
  /** Fixes the random matrices. @default 0 */
  readonly seed?: number;
}

/** Small factors with their spec, for `unfProducts`, which reads their products. */
export interface ProjectedAdapter {
  readonly spec: SymmetrySpec;
  /** For every layer `<layer>.up` [outputs, rank] and `<layer>.down` [rank, inputs]. */
  readonly weights: Weights;
}

/**
 * Makes an adapter small: for a layer with product P = scale * B A the factors of Y^T P X, with X and Y fixed by the seed and the
 * layer's name. Adapters of one base with the same layers have one spec, whatever their ranks.
 * @throws {UnsupportedError} where alpha is not known and matters, and for layers of DoRA, whose magnitudes are no product;
 * {OptionError} for NaN and infinities; as reading does
 */
export async function projectAdapter(
  adapter: Adapter,
  { size = sizeFor(adapter.layers.length), seed = 0 }: ProjectAdapterOptions = {},
): Promise<ProjectedAdapter> {
  refuseOthers("projectAdapter", adapter);
  const parts = new Set(adapter.layers.map(({ part }) => part));
  const axes: Record<string, { size: number; group: "general-linear" }> = {};
  const tensors: Record<string, { shape: number[]; axes: string[] }> = {};
  const weights: Record<string, Weights[string]> = {};
  for (const layer of adapter.layers) {
    const key = keyOf(layer, parts.size > 1);
    const factors = await readFactors(adapter.source, layer);
    refuse(adapter, layer, factors);
    const { up, down, rank } = small(factors, size, deriveSeed(seed, "project", key));
    axes[`${key}.rank`] = { size: rank, group: "general-linear" };
    const [outputs, inputs] = [up.length / rank, down.length / rank];
    for (const [name, shape, data, text] of [
      [`${key}.up`, [outputs, rank], up, [`${outputs}`, `${key}.rank`]],
      [`${key}.down`, [rank, inputs], down, [`${key}.rank^-1`, `${inputs}`]],
    ] as const) {
      tensors[name] = { shape: [...shape], axes: [...text] };
      weights[name] = { shape, data };
    }
  }
  return Object.freeze({ spec: defineSpec({ axes, tensors }), weights });
}

const sizeFor = (layers: number): number => (layers <= 64 ? 8 : layers <= 256 ? 4 : 2);

/** A name in which key styles agree. */
const keyOf = ({ part, layer }: AdapterLayer, hasParts: boolean): string =>
  underscored(hasParts ? `${part}.${layer}` : layer)
    .replace(/^(model_)+/, "")
    .replace(/^(?=\d)/, "_");

function refuse({ location }: Adapter, layer: AdapterLayer, factors: Factors): void {
  const where = `projectAdapter: ${location}: layer ${JSON.stringify(layer.layer)}`;
  if (layer.scale === null && productNorm(factors) > 0)
    throw new UnsupportedError(
      `${where} has no alpha; put the adapter_config.json that was saved with the file into its folder`,
    );
  if (layer.names.magnitude !== undefined)
    throw new UnsupportedError(
      `${where} has magnitudes (DoRA), which are no product of factors; merge the adapter into its base and read the network`,
    );
}

/** Y^T P X as two factors of one small rank. */
function small({ up, down, scale }: Factors, size: number, seed: number) {
  const [left, right] = [
    shortened(up, size, deriveSeed(seed, "outputs")),
    shortened(down, size, deriveSeed(seed, "inputs")),
  ];
  const rank = Math.min(left.rows, right.rows);
  const factors: Factors = { up: left, down: right, scale, terms: 0, noise: 0 };
  const { values, left: u, right: v } = thinSVD([{ factors, weight: 1 }], 0);
  const upper = new Float32Array(left.rows * rank);
  const lower = new Float32Array(rank * right.rows);
  for (let k = 0; k < Math.min(rank, values.length); k++) {
    const root = Math.sqrt(values[k]);
    for (let i = 0; i < left.rows; i++) upper[i * rank + k] = root * u.data[k * left.rows + i];
    for (let j = 0; j < right.rows; j++)
      lower[k * right.rows + j] = root * v.data[k * right.rows + j];
  }
  return { up: upper, down: lower, rank };
}

/** A random matrix [size, rows] with entries of variance 1 / size times the columns; columns that are short stay. */
function shortened({ rows, columns, data }: Columns, size: number, seed: number): Columns {
  if (rows <= size) return { rows, columns, data };
  const random = randomStream(seed);
  const short = new Float64Array(size * columns);
  const row = new Float64Array(size);
  const deviation = 1 / Math.sqrt(size);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < size; k++) row[k] = deviation * random.normal();
    for (let j = 0; j < columns; j++) {
      const entry = data[j * rows + i];
      for (let k = 0; k < size; k++) short[j * size + k] += row[k] * entry;
    }
  }
  return { rows: size, columns, data: short };
}
