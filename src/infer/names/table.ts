// A family as a table: which tensors its layers have and along which axes they lie. The words of the table are made here;
// read-table.ts reads it. One more family is one more table.

import type { Gain, Gated } from "./factors.ts";
import type { SpecBuilder, StyleSigns } from "./template.ts";

/**
 * One tensor. Its name stands behind the prefix of its block; `{i}`, `{j}` are the numbers of the blocks around it,
 * `{i-1}` and `{i+1}` the ones beside, `{n}` that of the last outer block.
 * Every dimension has an expression of a spec, in which
 *
 * - an axis that has no size yet gets that of the dimension,
 * - `.ff` is the axis `ff` of the block alone, `!class` an axis that never moves,
 * - `*` is a fixed block of any size, `**` before or behind all others any number of them,
 * - `a | b` is the first of two expressions that has the size of the dimension,
 * - `@q`, `@k`, `@v`, `@o` are the rows of an attention layer of the block, `@qkv` those of queries, keys and values one after
 *   another, `@grouped` the same group by group (queries, key and value of one head, then of the next), `@parted` part by part
 *   (queries, values, keys of some heads, then of others), `@cross.q` those of the layer called "cross", `@h` its heads.
 */
export interface Line {
  readonly tensor: string;
  readonly axes: readonly string[];
  /** Models of the family may lack it. */
  readonly optional?: boolean;
  /** The tensors that it comes with: it may be missing where they all are. */
  readonly with?: readonly string[];
}

/** The tensor and the dimension that say how wide something is. */
export type Width = readonly [tensor: string, dimension: number];

/** An attention layer of a block. */
export interface Attention {
  /** What its expressions are called by, `@name.q`; "" for the only one. */
  readonly name: string;
  /** Rows of queries: of the query projection, or the columns of the output projection where queries, keys and values are fused. */
  readonly query: Width;
  /** Rows of keys. @default as many as queries */
  readonly key?: Width;
  /** Rows of queries, keys and values together. */
  readonly fused?: Width;
  /** Positions turn queries and keys: their entries inside a head stay in place. @default false */
  readonly rotary?: boolean;
  /** Tensors that say that positions are added elsewhere, of the network or the block: where one is missing, they turn. */
  readonly absolute?: readonly string[];
  /** A tensor and its dimension that has one entry for every head. */
  readonly perHead?: Width;
  /** Normalisations of queries and keys. */
  readonly norms?: readonly [query: string, key: string];
  /** The axis of heads, where other layers share it. */
  readonly headAxis?: string;
  /**
   * Positions are told apart by head, as ALiBi does: the order of heads is fixed. "unless told": names leave it open, and a
   * config may deny it. @default where a config says so
   */
  readonly fixedHeads?: true | "unless told";
  /** Heads are stored in so many parts. @default 1 */
  readonly parts?: number;
  /** Queries and keys are brought to one length in every head: their space has signs and an order, and no other bases. */
  readonly cosine?: true;
  /**
   * Queries, keys and values are cut at a bound: their spaces have an order and no bases. "unless told": names leave it open, and
   * a config may deny it. @default where a config says so
   */
  readonly clipped?: "unless told";
  /** Which of several layers of one config: `encoder_attention_heads`. */
  readonly side?: "encoder" | "decoder";
}

/** Layers that repeat: `at` ends with the placeholder of their number. */
export interface Block {
  /** `layers.{i}` */
  readonly at: string;
  /** What axes of the block alone are called by: `layer{i}`. */
  readonly scope: string;
  readonly lines: readonly Line[];
  readonly attention?: readonly Attention[];
  readonly gated?: readonly Gated[];
  readonly gains?: readonly Gain[];
  readonly blocks?: readonly Block[];
  readonly ignore?: readonly string[];
  /** A network of the family may have none. @default false */
  readonly optional?: boolean;
  /** A tensor by which layers of this kind are known; those of the same list without it are others. */
  readonly where?: string;
}

/** One style of names of a family. */
export interface Style extends StyleSigns {
  readonly lines: readonly Line[];
  readonly blocks: readonly Block[];
  /** Lines that name the last block. */
  readonly after?: readonly Line[];
  /** Read-outs, each found by its first tensor beside the network or in a module around it. */
  readonly heads?: readonly (readonly Line[])[];
  /** Axes that leave the network where there is no head; `tie` where the token embedding may be the head. */
  readonly output: { readonly axis: string; readonly tie?: boolean };
  /** The norm that only heads read, where the embedding is none. */
  readonly lastNorm?: string;
  /** Tensors that carry no symmetry. */
  readonly ignore?: readonly string[];
  /** A matrix with more rows than columns, which tells this style from one of the same names. */
  readonly tall?: string;
  /** What lines cannot say: reads more tensors, and tells whether a head is among them. */
  readonly more?: (builder: SpecBuilder, prefix: string) => boolean;
}

export interface FamilyTable {
  readonly family: string;
  readonly covers: string;
  readonly modelTypes: readonly string[];
  /** Of these, the kinds whose norms multiply by their gains as they are stored. @default none */
  readonly plainGains?: readonly string[];
  readonly styles: readonly Style[];
}

/** One tensor along these axes. */
export const tensor = (name: string, ...axes: readonly string[]): Line => ({ tensor: name, axes });

/** A matrix [to, from] and its bias. */
export const linear = (name: string, to: string, from: string): Line[] => [
  tensor(`${name}.weight`, to, from),
  { ...tensor(`${name}.bias`, to), optional: true },
];

/** The same as Conv1D of Hugging Face stores it: [from, to]. */
export const linearIn = (name: string, to: string, from: string): Line[] => [
  tensor(`${name}.weight`, from, to),
  { ...tensor(`${name}.bias`, to), optional: true },
];

/** A convolution over images and its bias. */
export const conv = (name: string, to: string, from: string): Line[] => [
  tensor(`${name}.weight`, to, from, "*", "*"),
  { ...tensor(`${name}.bias`, to), optional: true },
];

/** Gains, and shifts where there are any. */
export const norm = (name: string, axis: string): Line[] => [
  tensor(`${name}.weight`, axis),
  { ...tensor(`${name}.bias`, axis), optional: true },
];

/** Lines that models of the family may lack, each for itself. */
export const optional = (...lines: readonly Line[]): Line[] =>
  lines.map((line) => ({ ...line, optional: true }));

/** Lines that a model has all or none of; those that are optional stay so. */
export function together(...lines: readonly Line[]): Line[] {
  const required = lines.filter((line) => line.optional !== true).map((line) => line.tensor);
  return lines.map((line) => ({ ...line, with: required }));
}
