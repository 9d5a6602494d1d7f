// Fingerprints of low-rank adapters: equal for adapters that add the same to every layer, whatever basis, rank and names
// their factors have. Layers that add nothing have no say.

import { UnsupportedError } from "../core/errors.ts";
import { sha256 } from "../core/checksum.ts";
import { deriveSeed, type RandomStream, randomStream } from "../core/random.ts";
import type { Adapter, AdapterLayer } from "../adapters/adapter.ts";
import { type Factors, readFactors } from "../adapters/factors.ts";
import { underscored } from "../adapters/pair-layers.ts";
import { productNorm } from "../adapters/product-difference.ts";
import type { Columns } from "../adapters/thin-qr.ts";
import { digest, type Fingerprint, roundingStep } from "./fingerprint.ts";

/**
 * The fingerprint of an adapter. `fingerprint` is made of two rounded sums over the products of all layers: equal for other
 * factors of the same products in float32, for other ranks, names and key styles; factors that are rounded to half precision after a change
 * of basis get another one, and `compareAdapters` tells how near they are. `exact` changes with any number of a factor.
 * @throws {UnsupportedError} where alpha is not known and matters; {OptionError} for NaN and infinities; as reading does
 */
export async function adapterFingerprint(adapter: Adapter): Promise<Fingerprint> {
  const { source, layers, whole, others } = adapter;
  const parts = new Set(layers.map(({ part }) => part));
  // With one network, styles may or may not name it.
  const keyOf = ({ part, layer }: AdapterLayer) =>
    underscored(parts.size > 1 ? `${part}.${layer}` : layer).replace(/^(model_)+/, "");
  const numbers = async (name: string) => sha256(bytesOf((await source.read(name)).data));
  const beside: string[] = [];
  for (const name of whole)
    beside.push(
      `whole ${underscored(name.replace(/^(base_model\.model\.)+/, ""))} ${await numbers(name)}`,
    );
  for (const { name } of others)
    beside.push(
      `other ${name} ${await sha256(new Uint8Array((await source.readStored(name)).data))}`,
    );
  const exact = [...beside];
  const rounded = [...beside];
  const sums = [0, 0];
  let count = 0;
  for (const layer of layers) {
    const key = keyOf(layer);
    const factors = await readFactors(source, layer);
    const norm = productNorm(factors);
    if (norm > 0 && layer.scale === null) throw unknownScale(adapter, layer);
    const extra: string[] = [];
    for (const role of ["magnitude", "bias"] as const) {
      const name = layer.names[role];
      if (name !== undefined) extra.push(`${key} ${role} ${await numbers(name)}`);
    }
    exact.push(
      `${key} [${layer.shape.join(", ")}] ${layer.scale} ${await sha256(bytesOf(factors.up.data))} ${await sha256(bytesOf(factors.down.data))}`,
      ...extra,
    );
    rounded.push(...extra);
    if (norm === 0) continue;
    rounded.push(`${key} [${layer.shape.join(", ")}]`);
    const random = randomStream(deriveSeed(0, "adapter", key));
    for (let k = 0; k < sums.length; k++)
      sums[k] += projection(factors, random) / norm + (0.5 + random.uniform()) * Math.log(norm);
    count++;
  }
  const typical = Math.sqrt(Math.max(1, count));
  const steps = sums.map((sum) => Math.round(sum / (typical * roundingStep)) + 0); // no -0
  return {
    fingerprint: await digest([...rounded, `rounded ${steps.join(" ")}`]),
    exact: await digest(exact),
    rounded: true,
    ties: [],
    stripped: [],
  };
}

const unknownScale = ({ location }: Adapter, { layer }: AdapterLayer) =>
  new UnsupportedError(
    `adapterFingerprint: ${location}: alpha of layer ${JSON.stringify(layer)} is not known; put the adapter_config.json that was saved with it into its folder`,
  );

/** Numbers as float64, so that a wider format with the same numbers gives the same bytes. */
const bytesOf = (data: ArrayLike<number>): Uint8Array<ArrayBuffer> =>
  new Uint8Array(Float64Array.from(data).buffer);

/** x^T (scale * B A) y with random signs x and y: of the size of the product's norm. */
function projection({ up, down, scale }: Factors, random: RandomStream): number {
  const [left, right] = [along(up, random), along(down, random)];
  return scale * left.reduce((sum, x, k) => sum + x * right[k], 0);
}

/** Sums of the entries of every column with random signs. */
function along({ rows, columns, data }: Columns, random: RandomStream): number[] {
  const signs = Float64Array.from({ length: rows }, () => (random.uniform() < 0.5 ? -1 : 1));
  return Array.from({ length: columns }, (_, k) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += signs[i] * data[k * rows + i];
    return sum;
  });
}
