// Which tensors take part in chains of products: sources have one dimension with a scale part, sinks one inverse dimension,
// carriers one of each. They are brought to one shape: dimensions that enclose nothing are averaged, kernels and
// flattened blocks of carriers become channels, ends have equally many fixed entries.

import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import type { Carrier } from "./chains.ts";
import { enclosingDims, type TensorBuilder } from "./derived.ts";

/** A tensor at one end of chains. */
export interface ChainEnd {
  readonly name: string;
  readonly source: string;
  readonly tensor: number;
  readonly axis: number;
  /** Place of the dimension with the scale part. */
  readonly dim: number;
}

/** The operands of a chain of products. */
export interface ChainOperands {
  /** Sources with fixed entries (first weights) and without (biases). */
  readonly wide: readonly ChainEnd[];
  readonly unit: readonly ChainEnd[];
  readonly sinks: readonly ChainEnd[];
  readonly carriers: readonly Carrier[];
  /** Fixed entries of wide sources, and of sinks. */
  readonly wideTail: number;
  readonly sinkTail: number;
  /** Tensors with scale parts that no chain can use, and why. */
  readonly leftOut: readonly LeftOut[];
}

/** A tensor that takes no part, or a product that was not made, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** Whether anything but permutations acts on an axis. */
const isCharged = ({ axes }: LoweredSpec, axis: number): boolean =>
  axes[axis].scale !== null || axes[axis].group === "general-linear";

const ancestors = (lowered: LoweredSpec, axis: number): number[] => {
  const { parent } = lowered.axes[axis];
  return parent === null ? [] : [parent, ...ancestors(lowered, parent)];
};

type Role =
  | { readonly kind: "none" | "other"; readonly reason: string }
  | { readonly kind: "source" | "sink"; readonly dim: number }
  | { readonly kind: "carrier"; readonly toDim: number; readonly fromDim: number };

function roleInChains(lowered: LoweredSpec, { dims }: AtomicTensor): Role {
  const charged = dims.flatMap(({ axis, still }, dim) =>
    isCharged(lowered, axis) && still !== true ? [dim] : [],
  );
  if (charged.length === 0) return { kind: "none", reason: "no axis with a scale part" };
  const other = (reason: string): Role => ({ kind: "other", reason });
  const bad = charged.find((dim) => lowered.axes[dims[dim].axis].group === "general-linear");
  if (bad !== undefined)
    return other(`axis ${lowered.axes[dims[bad].axis].name} is general linear`);
  const nested = charged.find((dim) =>
    ancestors(lowered, dims[dim].axis).some((axis) => isCharged(lowered, axis)),
  );
  if (nested !== undefined)
    return other(`axis ${lowered.axes[dims[nested].axis].name} lies within a scaled axis`);
  const plus = charged.filter((dim) => !dims[dim].inverse);
  const minus = charged.filter((dim) => dims[dim].inverse);
  if (plus.length > 1 || minus.length > 1)
    return other("more than one dimension scales the same way");
  if (minus.length === 0) return { kind: "source", dim: plus[0] };
  if (plus.length === 0) return { kind: "sink", dim: minus[0] };
  return { kind: "carrier", toDim: plus[0], fromDim: minus[0] };
}

/** Fixed entries as a text: the same for tensors whose fixed axes are the same. */
const tailOf = ({ fixed }: AtomicTensor) => fixed.map(({ axis, size }) => `${axis}:${size}`).join();

/** Fixed entries that all ends get: their own if they agree and are few, else `rank`. */
function commonTail(tensors: readonly AtomicTensor[], rank: number): number {
  const [first, ...others] = tensors;
  if (first === undefined) return 1;
  const agree = others.every((tensor) => tailOf(tensor) === tailOf(first));
  return agree && first.fixedSize <= rank ? first.fixedSize : rank;
}

/** Sorts `candidates` (ids) into ends and carriers and prepares them. */
export function chainOperands(
  lowered: LoweredSpec,
  builder: TensorBuilder,
  candidates: readonly number[],
  rank: number,
): ChainOperands {
  const byName = candidates
    .map((id) => ({
      tensor: builder.tensors[id],
      role: roleInChains(lowered, builder.tensors[id]),
    }))
    .toSorted((a, b) => (a.tensor.name < b.tensor.name ? -1 : 1));
  /** Averages what encloses no scaled dimension; returns the tensor and where its scaled dimensions went. */
  const averaged = (tensor: AtomicTensor, dims: readonly number[]): [number, number[]] => {
    const kept = new Set(dims.flatMap((dim) => [dim, ...enclosingDims(tensor, dim)]));
    const gone = tensor.dims.flatMap((_, dim) => (kept.has(dim) ? [] : [dim]));
    const named = { source: tensor.source, name: `${tensor.name}~mean` };
    const id = gone.length === 0 ? tensor.id : builder.reduce(tensor.id, gone, false, named);
    return [id, dims.map((dim) => dim - gone.filter((other) => other < dim).length)];
  };
  const resized = (id: number, { source, name }: AtomicTensor, to: number, carrier: boolean) => {
    const from = builder.tensors[id].fixedSize;
    if (from === to) return id;
    const matrix = carrier ? "full" : "channel";
    return builder.map(id, { from, to, matrix }, { source, name: `${name}~${to}` });
  };
  const tails = (kind: "source" | "sink", wide: boolean) =>
    byName.flatMap(({ tensor, role }) =>
      role.kind === kind && (!wide || tensor.fixed.length > 0) ? [tensor] : [],
    );
  const wideTail = commonTail(tails("source", true), rank);
  const sinkTail = commonTail(tails("sink", false), rank);
  const ends = (kind: "source" | "sink", fits: (tensor: AtomicTensor) => boolean, tail: number) =>
    byName.flatMap(({ tensor, role }): ChainEnd[] => {
      if (role.kind !== kind || !("dim" in role) || !fits(tensor)) return [];
      const [id, [dim]] = averaged(tensor, [role.dim]);
      const { axis } = tensor.dims[role.dim];
      const { name, source } = tensor;
      return [{ name, source, tensor: resized(id, tensor, tail, false), axis, dim }];
    });
  return {
    wide: ends("source", ({ fixed }) => fixed.length > 0, wideTail),
    unit: ends("source", ({ fixed }) => fixed.length === 0, 1),
    sinks: ends("sink", () => true, sinkTail),
    carriers: byName.flatMap(({ tensor, role }): Carrier[] => {
      if (role.kind !== "carrier") return [];
      const [id, [toDim, fromDim]] = averaged(tensor, [role.toDim, role.fromDim]);
      const { name, source } = tensor;
      const [to, from] = [tensor.dims[role.toDim].axis, tensor.dims[role.fromDim].axis];
      return [{ name, source, tensor: resized(id, tensor, 1, true), to, from, toDim, fromDim }];
    }),
    wideTail,
    sinkTail,
    leftOut: byName.flatMap(({ tensor, role }) =>
      role.kind === "other" ? [{ name: tensor.name, reason: role.reason }] : [],
    ),
  };
}
