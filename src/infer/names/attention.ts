// The axes inside attention, which names and shapes leave open: how many heads there are must be told. Without it the
// inner dimensions stay fixed, which is sound and says less.

import type { Axis } from "../../symmetry/types.ts";
import type { SpecBuilder } from "./template.ts";

export interface AttentionSizes {
  /** Rows of the query projection. */
  readonly query: number;
  /** Rows of the key and of the value projection. @default query */
  readonly keyValue?: number;
  /** Queries and keys are rotated by their position: their entries inside a head cannot move. */
  readonly rotary?: boolean;
  /** Size of one head, where a tensor tells it. */
  readonly headSize?: number | undefined;
  /** Heads, where a tensor tells their number. */
  readonly heads?: number | undefined;
  /** The axis of heads, where other layers share it. @default an axis of this layer */
  readonly headAxis?: string;
  /** Heads are stored in so many parts. @default 1 */
  readonly parts?: number;
  /** Queries and keys have one length in every head. @default false */
  readonly cosine?: boolean;
  /** Queries, keys and values are cut at a bound. @default false */
  readonly clipped?: boolean;
  /** The order of heads is fixed. @default false */
  readonly fixedHeads?: boolean;
  /** Whose head count of a config it has. */
  readonly side?: "encoder" | "decoder";
}

/** Expressions of the inner dimension of each projection. */
export interface AttentionAxes {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  readonly o: string;
  /** Queries, keys and values of one group of heads after those of the other. */
  readonly grouped: string;
  /** Queries, values and keys of one part of the heads after those of the other. */
  readonly parted: string;
  /** The heads themselves, where their number is known. */
  readonly h?: string;
  /** Size of one head, where it is known. */
  readonly size?: number;
}

interface HeadCounts {
  readonly heads: number;
  readonly groups: number;
  readonly size: number;
}

/** Heads, key/value heads and head size from what was told, checked against each other; null when not known. */
function headCounts(
  builder: SpecBuilder,
  { query, keyValue = query, headSize, heads: stored, side }: AttentionSizes,
): HeadCounts | null {
  const { facts } = builder;
  const givenSize = facts.headSize ?? headSize;
  const counted = (side === undefined ? undefined : facts.sides?.[side]) ?? facts.heads;
  const heads = counted ?? stored ?? (givenSize === undefined ? undefined : query / givenSize);
  if (heads === undefined) return null;
  const size = query / heads;
  const groups = keyValue / size;
  const areWhole = [heads, size, groups, heads / groups].every(
    (n) => Number.isSafeInteger(n) && n > 0,
  );
  const agrees =
    (givenSize === undefined || givenSize === size) &&
    (headSize === undefined || headSize === size) &&
    (stored === undefined || stored === heads) &&
    (facts.keyValueHeads === undefined || facts.keyValueHeads === groups);
  if (areWhole && agrees) return { heads, groups, size };
  const shown = [
    `${counted ?? heads} heads`,
    ...(facts.keyValueHeads === undefined ? [] : [`${facts.keyValueHeads} key/value heads`]),
    ...(givenSize === undefined ? [] : [`heads of size ${givenSize}`]),
  ];
  const isTold = counted !== undefined || facts.headSize !== undefined;
  const message = `attention with ${query} query rows and ${keyValue} key rows does not consist of ${shown.join(", ")}; check --heads or the config`;
  if (isTold) builder.contradiction(message);
  else builder.problem(message);
  return null;
}

/** What acts on the space of queries with keys, or of values, inside a head. */
type Space = Partial<Axis>;

const matrices: Space = { group: "general-linear" };
const order: Space = { group: "permutation" };
const signs: Space = { group: "permutation", scale: "sign" };

/** Declares the axes of one attention layer under `name`. */
export function attentionAxes(
  builder: SpecBuilder,
  name: string,
  sizes: AttentionSizes,
): AttentionAxes {
  const { query, keyValue = query, rotary = false, cosine = false, clipped = false } = sizes;
  const counts = headCounts(builder, sizes);
  if (counts === null) {
    const [q, v, all] = [`${query}`, `${keyValue}`, `${query + 2 * keyValue}`];
    return { q, k: v, v, o: q, grouped: all, parted: all };
  }
  const { heads, size } = counts;
  // Parts of the heads enclose their heads as groups enclose the queries of one key.
  const groups = sizes.parts ?? counts.groups;
  const shared = heads / groups;
  if (!Number.isInteger(shared))
    builder.problem(`${heads} heads of attention "${name}" do not fall into ${groups} parts`);
  const isParted = sizes.parts !== undefined;
  const { headAxis = `${name}.${isParted ? "part" : "head"}`, fixedHeads = false } = sizes;
  const still = fixedHeads ? { group: "fixed" as const } : {};
  // Outer: heads that own keys and values, or parts; inner: the queries that share one of them, or heads of one part.
  const outer = groups > 1 ? builder.axis(headAxis, groups, still) : null;
  const within = outer === null ? {} : { within: outer };
  const innerName = `${name}.${isParted ? "head" : "query"}`;
  const inner = shared > 1 ? builder.axis(innerName, shared, { ...within, ...still }) : null;
  const around = isParted && inner !== null ? { within: inner } : within;
  const space = (part: string, kind: Space) =>
    builder.axis(`${name}.${part}`, size, { ...kind, ...around });
  const product = (...factors: (string | null)[]) =>
    factors.filter((factor) => factor !== null).join(" * ");
  const v = space("v", clipped ? order : matrices);
  const qk = rotary ? null : space("qk", clipped ? order : cosine ? signs : matrices);
  for (const axis of [outer, inner]) if (axis !== null) builder.seen(axis, "head");
  if (qk !== null) builder.seen(qk, "position");
  const inverse = (axis: string) => (clipped ? axis : `${axis}^-1`);
  const [query1, key1] = [qk ?? `${size}`, qk === null ? `${size}` : inverse(qk)];
  const inGroup = `${product(inner, query1)} + ${key1} + ${v}`;
  const inPart = [query1, v, key1].map((one) => product(inner, one)).join(" + ");
  return {
    q: product(outer, inner, query1),
    k: product(outer, key1),
    grouped: outer === null ? inGroup : `${outer} * (${inGroup})`,
    parted: outer === null ? inPart : `${outer} * (${inPart})`,
    v: product(outer, v),
    o: product(outer, inner, inverse(v)),
    h: product(outer, inner) || "1",
    size,
  };
}

/** Says once that the number of heads is missing. */
export function warnWithoutHeads(builder: SpecBuilder): void {
  const { heads, headSize, sides } = builder.facts;
  if (heads === undefined && headSize === undefined && sides === undefined)
    builder.warn(
      "the number of attention heads is not in tensor names; the inner axes of attention are fixed (give --heads, or --config with the model's config.json)",
    );
}

/** Settles a residual axis that no output matrix reads: tied to the embedding when told so, else an output. */
export function settleHeadless(builder: SpecBuilder, residual: string, canTie: boolean): void {
  if (canTie && builder.facts.tied === true) return;
  builder.fix(residual);
  builder.warn(
    canTie
      ? `no output matrix among the tensors: "${residual}" is taken for the model's output and fixed (if the token embedding is the output matrix, give --tied or the model's config.json)`
      : `no output matrix among the tensors: "${residual}" is the model's output and fixed`,
  );
}
