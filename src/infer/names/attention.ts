// The axes inside attention, which names and shapes leave open: how many heads there are must be told. Without it the
// inner dimensions stay fixed, which is sound and says less.

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

/** Declares the axes of one attention layer under `name`. */
export function attentionAxes(
  builder: SpecBuilder,
  name: string,
  sizes: AttentionSizes,
): AttentionAxes {
  const { query, keyValue = query, rotary = false } = sizes;
  const counts = headCounts(builder, sizes);
  if (counts === null) {
    const [q, v] = [`${query}`, `${keyValue}`];
    return { q, k: v, v, o: q, grouped: `${query + 2 * keyValue}` };
  }
  const { heads, groups, size } = counts;
  const shared = heads / groups;
  const { headAxis = `${name}.head`, fixedHeads = false } = sizes;
  const order = fixedHeads ? { group: "fixed" as const } : {};
  // Outer: heads that own keys and values; inner: the queries that share one of them.
  const outer = groups > 1 ? builder.axis(headAxis, groups, order) : null;
  const within = outer === null ? {} : { within: outer };
  const inner = shared > 1 ? builder.axis(`${name}.query`, shared, { ...within, ...order }) : null;
  const space = (part: string) =>
    builder.axis(`${name}.${part}`, size, { group: "general-linear", ...within });
  const product = (...factors: (string | null)[]) =>
    factors.filter((factor) => factor !== null).join(" * ");
  const v = space("v");
  const qk = rotary ? null : space("qk");
  for (const axis of [outer, inner]) if (axis !== null) builder.seen(axis, "head");
  if (qk !== null) builder.seen(qk, "position");
  const [query1, key1] = [qk ?? `${size}`, qk === null ? `${size}` : `${qk}^-1`];
  const inGroup = `${product(inner, query1)} + ${key1} + ${v}`;
  return {
    q: product(outer, inner, query1),
    k: product(outer, key1),
    grouped: outer === null ? inGroup : `${outer} * (${inGroup})`,
    v: product(outer, v),
    o: product(outer, inner, `${v}^-1`),
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
