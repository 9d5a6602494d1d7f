// Single numbers by which a quantised network rounds the values between its layers, beside its quantised weights: scale and zero
// point of a layer of PyTorch, input and output scales of 8-bit checkpoints. A network of real numbers has none.

import { sizeOf } from "../../core/shapes.ts";
import type { ComposedSource } from "./composed.ts";
import type { Conversion } from "./conversion.ts";

/** Names of a scale with the zero point that it needs beside it; none where it stands alone. */
const scaleNames: readonly (readonly [scale: RegExp, zero?: string])[] = [
  [/(^|\.)scale$/, "zero_point"],
  [/(^|[._])(?:in|out)put_scale_\d+$/, "zero_point"],
  [/(^|\.)(?:(?:in|out)put|[kvq]|kv)_scale$/],
];

const isOne = ({ entries }: ComposedSource, name: string): boolean => {
  const entry = entries.get(name);
  return entry !== undefined && entry.unreadable === undefined && sizeOf(entry.shape) === 1;
};

/** Among these tensors of a file, those that only round values, each scale with its zero point. */
function roundingNumbers(source: ComposedSource, among: ReadonlySet<string>): string[][] {
  return [...among].flatMap((name) => {
    const kind = scaleNames.find(([pattern]) => pattern.test(name));
    if (kind === undefined || !isOne(source, name)) return [];
    const zero = kind[1] === undefined ? undefined : name.replace(/scale(?=(_\d+)?$)/, kind[1]);
    if (zero === undefined) return [[name]];
    return among.has(zero) && isOne(source, zero) ? [[name, zero]] : [];
  });
}

/** `fc` of `fc.weight` and of `fc._packed_params._packed_params.0`. */
const layerOf = (name: string): string =>
  name.replace(/\.(weight|_packed_params\._packed_params\.\d+)$/, "");

/** Scale 1 and zero point 0 are what PyTorch writes for layers whose outputs are real numbers. */
async function rounds(source: ComposedSource, numbers: readonly string[]): Promise<boolean> {
  const values = await Promise.all(numbers.map(async (name) => (await source.read(name)).data[0]));
  return values[0] !== 1 || (values[1] ?? 0) !== 0;
}

/**
 * Adds to the quantised weights of a file the numbers among its unexplained tensors that round values; those of no layer stand
 * with the first weight.
 * @returns their names, which are taken out of `pool`
 */
export async function takeRounding(
  conversions: Conversion[],
  side: "from" | "to",
  source: ComposedSource,
  pool: Set<string>,
): Promise<ReadonlySet<string>> {
  const weights = new Map<string, number>();
  for (const [at, conversion] of conversions.entries()) {
    const [name] = conversion[side];
    if (
      conversion.kind === "quantise" &&
      [...source.composites.values()].some(
        ({ parts, kind }) => kind === "quantise" && parts.includes(name),
      )
    )
      weights.set(layerOf(name), at);
  }
  const [first] = weights.values();
  const taken = new Set<string>();
  if (first === undefined) return taken;
  for (const numbers of roundingNumbers(source, pool)) {
    const layer = numbers[0].replace(/(^|\.)[^.]*$/, "");
    const at = weights.get(layer) ?? first;
    const { [side]: names, detail } = conversions[at];
    const said = (await rounds(source, numbers)) ? "values between layers rounded" : undefined;
    conversions[at] = {
      ...conversions[at],
      [side]: [...names, ...numbers],
      ...(said !== undefined &&
        !detail?.includes(said) && { detail: [detail, said].filter(Boolean).join("; ") }),
    };
    for (const name of numbers) {
      pool.delete(name);
      taken.add(name);
    }
  }
  return taken;
}
