// Ownership and host copies of flat records of arrays: parameters, gradients, optimizer state.

import { numpy as np } from "@jax-js/jax";
import type { Tensor } from "../core/tensors.ts";

/** Arrays by name; whoever holds the record owns them. */
export type ArrayRecord = { [path: string]: np.Array };
/** Arrays on the host by name. */
export type HostRecord = Readonly<Record<string, Tensor>>;

/** A record of the same type made by a function of every array. */
export function mapArrays<T extends ArrayRecord>(
  record: T,
  transform: (array: np.Array, path: string) => np.Array,
): T {
  const entries = Object.entries(record).map(([path, array]) => [path, transform(array, path)]);
  return Object.fromEntries(entries) as T;
}

/** The same arrays with one more reference each. @keeps all */
export function keepArrays<T extends ArrayRecord>(record: T): T {
  return mapArrays(record, (array) => array.ref);
}

/** Gives up one reference to every array. */
export function disposeArrays(record: ArrayRecord | undefined): void {
  for (const array of Object.values(record ?? {})) array.dispose();
}

/** Copies of the arrays in host memory. @keeps all */
export async function arraysToHost(record: ArrayRecord): Promise<HostRecord> {
  const host: Record<string, Tensor> = {};
  for (const [path, array] of Object.entries(record)) {
    const shape = [...array.shape];
    host[path] = { shape, data: Float32Array.from(await array.ref.data()) };
  }
  return host;
}

/** Arrays of the engine with the values of host tensors. */
export function arraysFromHost(record: HostRecord): ArrayRecord {
  const entries = Object.entries(record).map(([path, { shape, data }]) => [
    path,
    np.array(Float32Array.from(data), { shape: [...shape] }),
  ]);
  return Object.fromEntries(entries) as ArrayRecord;
}
