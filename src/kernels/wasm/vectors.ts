// Rows of numbers as vectors of four: which columns are taken together, and stores that end where the row ends.

import { access, get, type Instruction, type Local, storeLane } from "./instructions.ts";

export const lanesOfVector = 4;
export const vectorBytes = 16;

/** Neighbouring vectors of a row that are computed together. */
export interface Panel {
  readonly vectors: number;
  /** Numbers in the last vector: 4, or what is left of the row. */
  readonly lastLanes: number;
  /** How many panels of this form follow each other, and where the first begins, in bytes. */
  readonly count: number;
  readonly begin: number;
}

/** A row of so many columns as panels of at most so many vectors. */
export function panelsOf(columns: number, vectors: number): Panel[] {
  const full = Math.floor(columns / (lanesOfVector * vectors));
  const rest = columns - full * lanesOfVector * vectors;
  const panels: Panel[] = [];
  if (full > 0) panels.push({ vectors, lastLanes: lanesOfVector, count: full, begin: 0 });
  if (rest > 0) {
    const count = Math.ceil(rest / lanesOfVector);
    const lastLanes = rest - (count - 1) * lanesOfVector;
    panels.push({ vectors: count, lastLanes, count: 1, begin: full * vectors * vectorBytes });
  }
  return panels;
}

/** Stores the first lanes of a vector. */
export function storeLanes(
  address: () => Instruction,
  offset: number,
  value: Local,
  lanes: number,
): Instruction[] {
  if (lanes === lanesOfVector) return [access("v128.store", offset, address(), get(value))];
  const stores: Instruction[] = [];
  if (lanes >= 2) stores.push(storeLane("v128.store64_lane", offset, 0, address(), get(value)));
  if (lanes % 2 === 1) {
    const behind = offset + 4 * (lanes - 1);
    stores.push(storeLane("v128.store32_lane", behind, lanes - 1, address(), get(value)));
  }
  return stores;
}

/** Lanes of vector `v` of a panel. */
export const lanesOf = ({ vectors, lastLanes }: Panel, v: number): number =>
  v === vectors - 1 ? lastLanes : lanesOfVector;
