// Position encodings: they tell apart the positions of axes that are fixed in the spec but treated as permuted by the
// layers (input pixels, classes), the role IO encodings play in NFN.

import { numpy as np } from "@jax-js/jax";
import { deriveSeed } from "../core/random.ts";
import { concatenateAll } from "./pointwise/concatenate.ts";
import { membersOf } from "../plan/merge-tensors.ts";
import type { LoweredSpec } from "../symmetry/lower.ts";
import type { ScaleRule } from "../plan/patterns.ts";
import { type Layer, type LayerParams, normalArray } from "./layer.ts";

/** The shape of a position encoding. */
export interface PositionEncodingOptions {
  /** Under `respect`, tensors with scaled axes get no table: it would not commute with the scales. @default "ignore" */
  readonly scales?: ScaleRule;
  /** Standard deviation of the initial tables. @default 0.17 */
  readonly deviation?: number;
}

/** A dimension whose positions a table tells apart. */
export interface EncodedPlace {
  readonly tensor: number;
  readonly dim: number;
  readonly size: number;
}

/** Every dimension whose axis is fixed in the spec, tensor by tensor; under `respect` not those of tensors with scales. */
export function encodedPlaces(lowered: LoweredSpec, scales: ScaleRule): EncodedPlace[] {
  // A constant added to entries that carry a scale would not scale with them.
  const scaled = ({ axis }: { axis: number }) =>
    lowered.axes[axis].scale !== null || lowered.axes[axis].group === "general-linear";
  return lowered.tensors.flatMap(({ id, dims }) =>
    scales === "respect" && dims.some(scaled)
      ? []
      : dims.flatMap(({ axis }, dim) => {
          const { group, size } = lowered.axes[axis];
          return group === "fixed" ? [{ tensor: id, dim, size }] : [];
        }),
  );
}

/**
 * Adds a learned table [size, channels] along every dimension whose axis is fixed in the spec. Tables start normal with
 * this deviation (the published learned optimizer uses 0.17, close to 1 / sqrt(32)).
 */
export function positionEncoding(
  lowered: LoweredSpec,
  channels: number,
  { scales = "ignore", deviation = 0.17 }: PositionEncodingOptions = {},
): Layer<np.Array[]> {
  const places = encodedPlaces(lowered, scales);
  const tables = places.flatMap(({ tensor, dim, size }) =>
    membersOf(lowered, tensor).map(({ id }) => ({ size, path: `table${id}.${dim}` })),
  );
  return {
    parameterCount: tables.reduce((sum, { size }) => sum + size * channels, 0),
    init: (seed): LayerParams =>
      Object.fromEntries(
        tables.map(({ path, size }) => [
          path,
          normalArray(deriveSeed(seed, path), [size, channels], deviation),
        ]),
      ),
    apply: (params, features) => {
      const encoded = [...features];
      for (const { tensor, dim, size } of places) {
        const { dims } = lowered.tensors[tensor];
        const shape = [1, ...dims.map((_, i) => (i === dim ? size : 1)), channels];
        const wide = membersOf(lowered, tensor).map(({ id, fixedSize }) => {
          const table = np.reshape(params[`table${id}.${dim}`], shape);
          const times = [...shape.slice(0, -1).map(() => 1), fixedSize];
          return fixedSize === 1 ? table : np.tile(table, times);
        });
        encoded[tensor] = np.add(encoded[tensor], concatenateAll(wide, shape.length - 1));
      }
      return encoded;
    },
  };
}
