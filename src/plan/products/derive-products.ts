// Derives products of weights from a lowered spec: what linear layers that respect scales cannot see. Along an axis with a
// scale part, a dimension and an inverse one contract to something the scales leave alone; chains of such contractions from
// every source, to every sink, and outer products of both follow the graph of the tensors in one pass, so that their
// number grows linearly. Generalises the products of Monomial-NFN, MAGEP-NFN and Transformer-NFN (Tran et al.) to any spec.

import type { AtomicTensor, LoweredSpec } from "../../symmetry/lower.ts";
import { type DimPairs, isRead } from "../../symmetry/formula.ts";
import { type ChainOperands, chainOperands, type LeftOut } from "./chain-operands.ts";
import { refusePhases } from "../compile.ts";
import { chainOrder } from "./chain-order.ts";
import { type Carrier, type ChainResult, followChains } from "./chains.ts";
import { enclosingDims, pruneDerived, type TensorBuilder, tensorBuilder } from "./derived.ts";

/** Which products {@link deriveProducts} derives. */
export interface DeriveProductsOptions {
  /** How often a chain may pass the stream of a cycle, as a residual network's. @default 1 */
  readonly rounds?: number;
  /** Fixed entries (inputs, outputs) that ends of chains keep; more are mapped to so many. @default 8 */
  readonly rank?: number;
  /** Also products of a chain to an axis with one from it, in the shape of weights. @default true */
  readonly outer?: boolean;
  /** Features that are made at most: what is beyond is left out, outer products first. @default 2000 */
  readonly maxDerived?: number;
}

/** A lowered spec with products behind its tensors. */
export interface DerivedSpec extends LoweredSpec {
  /** Tensors that no chain uses and products beyond the cap, by name. */
  readonly leftOut: readonly LeftOut[];
}

const rankOf = (name: string): number =>
  ["~outer", "~scaled", "~back", "~forward", "~bias"].findIndex((end) => name.includes(end));

/** Pairs of dimensions that enclose both: of a carrier and of the state of one of its axes. */
function enclosingPairs(
  a: AtomicTensor,
  dimA: number,
  b: AtomicTensor,
  dimB: number,
): [number, number][] {
  const [left, right] = [enclosingDims(a, dimA), enclosingDims(b, dimB)];
  return left.map((dim, i) => [dim, right[i]]);
}

const scaledDim = ({ dims }: AtomicTensor, axis: number): number =>
  dims.findIndex((dim) => dim.axis === axis);

/** Query times key, value times output: every general-linear axis contracted between each tensor and each inverse one. */
function linearProducts(lowered: LoweredSpec, builder: TensorBuilder): number[] {
  const sorted = lowered.tensors.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  return lowered.axes.flatMap(({ group, size }, axis) => {
    if (group !== "general-linear") return [];
    const once = sorted.filter(({ dims }) => dims.filter((d) => d.axis === axis).length === 1);
    const place = (tensor: AtomicTensor) => scaledDim(tensor, axis);
    const free = once.filter((t) => !t.dims.some(({ parent }) => parent === place(t)));
    const inverse = (t: AtomicTensor) => t.dims[place(t)].inverse;
    return free
      .filter((t) => !inverse(t))
      .flatMap((x) =>
        free.filter(inverse).map((y) => {
          const shared = enclosingPairs(x, place(x), y, place(y));
          const summed: DimPairs = [[place(x), place(y)]];
          const name = `${x.name}~${withoutCommonStart(y.name, x.name)}`;
          return builder.contract(
            x.id,
            y.id,
            { summed, shared, factor: 1 / Math.sqrt(size) },
            { source: x.source, name, feature: true },
          );
        }),
      );
  });
}

/** The name without the parts that another begins with: `layers.0.k.weight` beside `layers.0.q.weight` is `k.weight`. */
function withoutCommonStart(name: string, other: string): string {
  const [parts, others] = [name.split("."), other.split(".")];
  const at = parts.findIndex((part, i) => part !== others[i]);
  return at === -1 ? name : parts.slice(at).join(".");
}

interface ChainContext {
  readonly lowered: LoweredSpec;
  readonly builder: TensorBuilder;
  readonly operands: ChainOperands;
}

/** The product of a carrier with a state, over one of its axes; what encloses both and nothing else is averaged. */
function carryOver(
  { lowered, builder }: ChainContext,
  carrier: Carrier,
  state: number,
  backward: boolean,
  { name, feature = true }: { name: string; feature?: boolean },
): number {
  const [gone, stays] = backward
    ? [carrier.toDim, carrier.fromDim]
    : [carrier.fromDim, carrier.toDim];
  const [c, s] = [builder.tensors[carrier.tensor], builder.tensors[state]];
  const axis = backward ? carrier.to : carrier.from;
  const at = scaledDim(s, axis);
  const pairs = enclosingPairs(c, gone, s, at);
  const kept = enclosingDims(c, stays);
  const over = pairs.filter(([dim]) => !kept.includes(dim));
  const summed: DimPairs = [[gone, at], ...over];
  const averaged = over.reduce((n, [dim]) => n * lowered.axes[c.dims[dim].axis].size, 1);
  const factor = 1 / (Math.sqrt(lowered.axes[axis].size) * averaged);
  const shared = pairs.filter(([dim]) => kept.includes(dim));
  const named = { source: carrier.source, name, feature };
  return builder.contract(carrier.tensor, state, { summed, shared, factor }, named);
}

/** States of all axes: sums of chains from the sources (or, backward, from the sinks). */
function statesOf(
  context: ChainContext,
  kind: "forward" | "bias" | "back",
  rounds: number,
): ChainResult {
  const { lowered, builder, operands } = context;
  const backward = kind === "back";
  const ends = { forward: operands.wide, bias: operands.unit, back: operands.sinks }[kind];
  const carriers = operands.carriers.map((carrier) =>
    backward ? { ...carrier, from: carrier.to, to: carrier.from } : carrier,
  );
  const originals = new Map(operands.carriers.map((carrier) => [carrier.name, carrier]));
  const starts = new Map<number, number[]>();
  for (const { axis, tensor } of ends) starts.set(axis, [...(starts.get(axis) ?? []), tensor]);
  const chained = [...starts.keys(), ...carriers.flatMap(({ from, to }) => [from, to])];
  const all = [...operands.wide, ...operands.unit, ...operands.sinks];
  const components = chainOrder(
    [...new Set(chained)],
    carriers,
    (axis) => lowered.axes[axis].name,
    (axis) => all.filter((end) => end.axis === axis).length,
  );
  return followChains(components, carriers, starts, rounds, {
    carry: ({ name }, state, round) =>
      carryOver(context, originals.get(name) as Carrier, state, backward, {
        name: `${name}~${kind}${round > 1 ? `.${round}` : ""}`,
      }),
    add: (axis, parts, label) => {
      const { name } = lowered.axes[axis];
      if (parts.length === 1) return parts[0];
      return builder.sum(parts, true, { source: name, name: `${name}~${kind}~sum${label}` });
    },
  });
}

interface States {
  readonly forward: ChainResult;
  readonly bias: ChainResult;
  readonly back: ChainResult;
}

/** Every source followed to the sinks: no scale acts on it any more. Returns sums of them, of wide and of unit sources. */
function endsOf({ lowered, builder, operands }: ChainContext, { back }: States): number[] {
  const end = ({ tensor, axis, dim, name, source }: (typeof operands.wide)[number]): number[] => {
    const state = back.states.get(axis);
    if (state === undefined) return [];
    const [g, x] = [builder.tensors[state], builder.tensors[tensor]];
    const at = scaledDim(g, axis);
    const summed: DimPairs = [[at, dim], ...enclosingPairs(g, at, x, dim)];
    const enclosing = enclosingDims(x, dim).reduce(
      (n, i) => n * lowered.axes[x.dims[i].axis].size,
      1,
    );
    const factor = 1 / (Math.sqrt(lowered.axes[axis].size) * enclosing);
    const raw = builder.contract(
      state,
      tensor,
      { summed, shared: [], factor },
      { source, name: `${name}~end~raw` },
    );
    const signedLog = { function: "signed-log", frequency: 1 } as const;
    return [builder.gate(raw, signedLog, { source, name: `${name}~end`, feature: true })];
  };
  return [operands.wide, operands.unit].flatMap((list, i) => {
    const parts = list.flatMap(end);
    const name = ["wide~ends", "unit~ends"][i];
    return parts.length === 0 ? [] : [builder.sum(parts, true, { source: name, name })];
  });
}

/** Chains of a carrier times what all chains end in: vectors that see the whole network. */
function scaledChains(context: ChainContext, states: States, ends: readonly number[]): void {
  const { builder, operands } = context;
  const kinds = [
    ["forward", operands.wideTail],
    ["bias", 1],
  ] as const;
  const factors = kinds.map(([kind, to]) => {
    const parts = ends.map((id, i) => {
      const from = builder.tensors[id].fixedSize;
      const name = `ends~${kind}${i}`;
      return builder.map(id, { from, to, matrix: "channel" }, { source: name, name });
    });
    const name = `ends~${kind}`;
    return parts.length === 0 ? null : builder.sum(parts, false, { source: name, name });
  });
  for (const { name, source } of operands.carriers) {
    const parts = kinds.flatMap(([kind, tail], i) => {
      const [chain, factor] = [states[kind].carried.get(name), factors[i]];
      if (chain === undefined || factor === null) return [];
      return [builder.outer(chain, factor, [], tail, { source, name: `${name}~scaled~${kind}` })];
    });
    if (parts.length > 0)
      builder.sum(parts, false, { source, name: `${name}~scaled`, feature: true });
  }
}

/** A chain to one axis of a carrier times a chain from its other axis: as large as the carrier itself. */
function outerProducts({ lowered, builder, operands }: ChainContext, states: States): void {
  const lefts = new Map<number, number | null>();
  const leftOf = (axis: number): number | null => {
    const known = lefts.get(axis);
    if (known !== undefined) return known;
    const { name } = lowered.axes[axis];
    const parts = (["forward", "bias"] as const).flatMap((kind) => {
      const state = states[kind].states.get(axis);
      if (state === undefined) return [];
      const from = builder.tensors[state].fixedSize;
      const named = { source: name, name: `${name}~left~${kind}` };
      return [builder.map(state, { from, to: operands.sinkTail, matrix: "channel" }, named)];
    });
    const left =
      parts.length === 0 ? null : builder.sum(parts, false, { source: name, name: `${name}~left` });
    lefts.set(axis, left);
    return left;
  };
  for (const { name, source, tensor, to, from, toDim, fromDim } of operands.carriers) {
    const [left, right] = [leftOf(to), states.back.states.get(from)];
    if (left === null || right === undefined) continue;
    const [c, f, g] = [tensor, left, right].map((id) => builder.tensors[id]);
    const [ofTo, ofFrom] = [enclosingDims(c, toDim), enclosingDims(c, fromDim)];
    const [inF, inG] = [enclosingDims(f, scaledDim(f, to)), enclosingDims(g, scaledDim(g, from))];
    const shared = ofTo.flatMap((dim, i): [number, number][] => {
      const j = ofFrom.indexOf(dim);
      return j === -1 ? [] : [[inF[i], inG[j]]];
    });
    const named = { source, name: `${name}~outer`, feature: true };
    builder.outer(left, right, shared, operands.sinkTail, named);
  }
}

/** Keeps at most so many features; ends and products of general-linear axes stay longest. */
function capFeatures(
  base: number,
  tensors: readonly AtomicTensor[],
  maxCount: number,
): { tensors: AtomicTensor[]; leftOut: LeftOut[] } {
  const features = tensors.slice(base).filter(({ role }) => role === "feature");
  const importance = ({ name }: AtomicTensor) => {
    const kind = rankOf(name);
    return kind === -1 ? 9 : kind;
  };
  const beyond = features
    .toSorted((a, b) => importance(b) - importance(a) || (a.name < b.name ? -1 : 1))
    .slice(maxCount);
  const gone = new Set(beyond.map(({ id }) => id));
  return {
    tensors: tensors.map((t): AtomicTensor => (gone.has(t.id) ? { ...t, role: "internal" } : t)),
    leftOut: beyond.map(({ name }) => ({ name, reason: `more than maxDerived ${maxCount}` })),
  };
}

/**
 * The lowered spec (not merged, without roles) with derived tensors behind its own. Their set does not depend on the order of the tensors. Plain
 * permutation axes are never contracted, nor are streams behind LayerNorm, which carry no scale.
 * @throws {UnsupportedError} for axes with phases: incoming times outgoing weights are no invariant of theirs
 */
export function deriveProducts(
  lowered: LoweredSpec,
  { rounds = 1, rank = 8, outer = true, maxDerived = 2000 }: DeriveProductsOptions = {},
): DerivedSpec {
  refusePhases(lowered);
  const builder = tensorBuilder(lowered);
  const products = linearProducts(lowered, builder);
  const read = lowered.tensors.filter(isRead);
  const candidates = [...read.map(({ id }) => id), ...products];
  const operands = chainOperands(lowered, builder, candidates, rank);
  const context = { lowered, builder, operands };
  const states = {
    forward: statesOf(context, "forward", rounds),
    bias: statesOf(context, "bias", rounds),
    back: statesOf(context, "back", rounds),
  };
  const ends = endsOf(context, states);
  scaledChains(context, states, ends);
  if (outer) outerProducts(context, states);
  const capped = capFeatures(lowered.tensors.length, builder.tensors, maxDerived);
  const tensors = pruneDerived(lowered, capped.tensors);
  const used = new Set(tensors.flatMap(({ formula }) => formula?.operands ?? []));
  const unread = new Set(
    lowered.tensors.filter(({ id, dims }) => !used.has(id) && dims.length > 0).map((t) => t.name),
  );
  const unused = operands.leftOut.filter(({ name }) => unread.has(name));
  return Object.freeze({ ...lowered, tensors, leftOut: [...unused, ...capped.leftOut] });
}
