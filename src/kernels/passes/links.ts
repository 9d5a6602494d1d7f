// How what a layer writes is what the next one reads: the same tensors under other numbers, perhaps with derived ones beside
// them.

import { UnsupportedError } from "../../core/errors.ts";
import { isRead, isWritten } from "../../symmetry/formula.ts";
import type { LoweredSpec } from "../../symmetry/lower.ts";
import type { NextReader } from "../tensors.ts";
import type { KernelLayer, KernelProducts, KernelStack } from "../stack.ts";
import { gatesOf } from "../products/gates.ts";

/** What reads the tensors that a layer writes: the next layer, or the pool. */
export interface Link {
  /** The reader's tensors: those of a plan, products before them. */
  readonly lowered: LoweredSpec;
  readonly products: KernelProducts | undefined;
  readonly channels: number;
  /** Numbers of the layer's tensors that are read on, in order: gates are not. */
  readonly written: readonly number[];
  /** By place in `written`: the reader's number; null where it has no such tensor by itself. */
  readonly readAs: readonly (number | null)[];
}

/** Sizes and columns of tensors, to be compared. */
const shapesOf = ({ axes, tensors }: LoweredSpec, ids: readonly number[], channels: number) =>
  JSON.stringify(
    ids.map((id) => [
      tensors[id].dims.map(({ axis }) => axes[axis].size),
      tensors[id].fixedSize * channels,
    ]),
  );

const readIds = ({ tensors }: LoweredSpec) => tensors.filter(isRead).map(({ id }) => id);

/** The tensors that a layer writes, without those that are only gates. */
export function writtenIds(layer: KernelLayer): number[] {
  const gates = new Set([...gatesOf(layer).values()].map(({ tensor }) => tensor));
  return layer.executable.lowered.tensors
    .filter((tensor) => isWritten(tensor) && !gates.has(tensor.id))
    .map(({ id }) => id);
}

/** The reader's numbers of the base of products. */
function aliases({ base, merged }: KernelProducts): (number | null)[] {
  const key = (list: readonly { readonly id: number }[]) => list.map(({ id }) => id).join();
  const known = new Map(merged.members.map((list, id) => [key(list), id]));
  return base.members.map((list) => known.get(key(list)) ?? null);
}

function linkOf(
  writer: KernelLayer,
  name: string,
  reader: { lowered: LoweredSpec; products: KernelProducts | undefined; channels: number },
): Link {
  const { lowered, products, channels } = reader;
  const written = writtenIds(writer);
  const base = products?.base ?? lowered;
  const ids = products === undefined ? readIds(base) : base.tensors.map(({ id }) => id);
  if (
    shapesOf(writer.executable.lowered, written, writer.outputChannels) !==
    shapesOf(base, ids, channels)
  )
    throw new UnsupportedError(
      `kernels: ${name} reads tensors of other shapes than ${writer.name} writes, which no kernel does; use backend "engine"`,
    );
  return { ...reader, written, readAs: products === undefined ? ids : aliases(products) };
}

/** One link behind every layer but the last, and one to the pool. @throws {UnsupportedError} where shapes differ. */
export function checkedLinks({ layers, pool }: KernelStack): Link[] {
  const [first] = layers;
  if (first.products !== undefined)
    throw new UnsupportedError(
      `kernels: ${first.name} reads products of weights that no layer wrote`,
    );
  const links = layers.slice(1).map(({ name, executable, products, inputChannels }, i) => {
    const { lowered } = executable;
    return linkOf(layers[i], name, { lowered, products, channels: inputChannels });
  });
  if (pool === undefined) return links;
  const last = layers[layers.length - 1];
  const lowered = pool.products?.merged ?? pool.executable?.lowered ?? last.executable.lowered;
  const reader = { lowered, products: pool.products, channels: last.outputChannels };
  return [...links, linkOf(last, "pooling", reader)];
}

/** The reader behind a link, as the layer before sees it: sums of tensors that it reads as they were written. */
export function nextReader(
  { written, readAs }: Link,
  reader: Pick<NextReader, "schedule" | "aggregation">,
  gated: (id: number) => boolean,
): NextReader {
  const numbers = new Map(written.map((id, place) => [id, readAs[place]]));
  return {
    ...reader,
    readAs: (id) => (gated(id) ? undefined : (numbers.get(id) ?? undefined)),
  };
}
