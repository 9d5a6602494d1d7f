// The contract of layers and how their parameters are named: flat records with dotted paths.

import { numpy as np } from "@jax-js/jax";
import { randomStream } from "../core/random.ts";
import { sizeOf } from "../core/shapes.ts";

/** Trainable arrays by dotted path. */
export type LayerParams = { [path: string]: np.Array };

/** A layer over atomic features. @consumes arguments of `apply` */
export interface Layer<Value> {
  readonly parameterCount: number;
  /** Fresh parameters, the same for the same seed. */
  init(seed: number): LayerParams;
  apply(params: LayerParams, x: Value): Value;
}

/** Puts a prefix before every path; the empty one changes nothing. */
export function prefixed(prefix: string, params: LayerParams): LayerParams {
  if (prefix === "") return params;
  return Object.fromEntries(
    Object.entries(params).map(([path, array]) => [`${prefix}.${path}`, array]),
  );
}

/** The same parameters with one more reference each. @keeps all */
export function keepParams(params: LayerParams): LayerParams {
  return Object.fromEntries(Object.entries(params).map(([path, array]) => [path, array.ref]));
}

/** The parameters below a prefix, without it; all of them for the empty one. Nothing is copied. @consumes all */
export function scoped(prefix: string, params: LayerParams): LayerParams {
  if (prefix === "") return params;
  const start = `${prefix}.`;
  const inside = Object.entries(params).filter(([path]) => path.startsWith(start));
  return Object.fromEntries(inside.map(([path, array]) => [path.slice(start.length), array]));
}

/** Normal values with this standard deviation (or one per last-dimension column). */
export function normalArray(
  seed: number,
  shape: number[],
  deviation: number | readonly number[],
): np.Array {
  const random = randomStream(seed);
  const data = new Float32Array(sizeOf(shape));
  const columns = shape[shape.length - 1] ?? 1;
  for (let i = 0; i < data.length; i++) {
    data[i] =
      random.normal() * (typeof deviation === "number" ? deviation : deviation[i % columns]);
  }
  return np.array(data).reshape(shape);
}
