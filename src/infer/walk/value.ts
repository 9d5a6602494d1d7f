// Values of a graph during inference: a shape, one atom per dimension and, for small constants, the numbers.

import type { Atom } from "../index-sets/atoms.ts";
import type { Wave } from "../../symmetry/types.ts";

/** Numbers of a constant, row-major. */
export interface KnownNumbers {
  readonly data: Float32Array | Float64Array;
  /** Whole numbers: division truncates. */
  readonly integer: boolean;
}

/** What a graph computes or stores: its dimensions as atoms, and its numbers where they are known. */
export interface Value {
  readonly name: string;
  readonly dims: readonly Atom[];
  /** `weight`: made of tensors of the file only; `constant`: made of constants only; `computed`: depends on the input. */
  readonly origin: "weight" | "constant" | "computed";
  readonly numbers: KnownNumbers | null;
  /** The one number that every entry of a constant equals, when that is known. */
  readonly entry: number | null;
  /**
   * Separate layouts for every index of one dimension (a fused `3 * head * d` that is about to be split by that 3):
   * `members[i]` is the value at index i of dimension `axis`, without that dimension.
   */
  readonly stack: { readonly axis: number; readonly members: readonly Value[] } | null;
  /**
   * One index of a value whose other indices will be put beside it again (the last states of both directions of a
   * recurrent layer): nothing is known of it on its own.
   */
  readonly picked: { readonly source: Value; readonly axis: number; readonly index: number } | null;
  /**
   * Values put end to end along an axis of which only single indices are read (the last states of several recurrent layers):
   * each keeps axes of its own, and nothing is known of the whole.
   */
  readonly joined: { readonly axis: number; readonly parts: readonly Value[] } | null;
  /** The shape could not be inferred: an operation before it is unknown. */
  readonly unknown: boolean;
}

/** A value of which nothing is known beside its dimensions. */
export function plainValue(name: string, dims: readonly Atom[], origin: Value["origin"]): Value {
  return {
    name,
    dims,
    origin,
    numbers: null,
    entry: null,
    stack: null,
    picked: null,
    joined: null,
    unknown: false,
  };
}

export const shapeOfValue = (value: Value): number[] => value.dims.map(({ size }) => size);

/** How an element-wise operation treats scalings of its inputs. */
export type PointwiseLaw =
  /** Sums and differences: all inputs scale alike, as the output does. */
  | "linear"
  /** Products: the factors of the inputs multiply. */
  | "product"
  /** First input over the second. */
  | "quotient"
  /** f(s x) = s f(x) for s > 0 */
  | "homogeneous"
  /** f(-x) = -f(x) */
  | "odd"
  /** Linear in its only input. */
  | "same"
  /** One of the later inputs, entry by entry, chosen by the first. */
  | "choose"
  /** Compares two inputs: nothing changes when both scale alike by a positive factor. */
  | "compare"
  /** A power of its only input: f(s x) = s^degree f(x) for s > 0. */
  | "power"
  | "opaque";

/** The argument of a sine or cosine. */
export interface WaveArgument {
  readonly wave: Wave;
  /** The bias; null where none is found. */
  readonly bias: {
    readonly tensor: string;
    /** How many operations read it. */
    readonly readers: number;
    /** An entry of the bias has this share in the argument: omega. */
    readonly factor: number;
  } | null;
}

/** What an operation does to values, beyond which dimensions are the same: read by the later passes. */
export type Fact =
  | {
      readonly kind: "pointwise";
      readonly law: PointwiseLaw;
      readonly inputs: readonly Value[];
      readonly output: Value;
      /** Of a `power`. @default 1 */
      readonly degree?: number;
      /** Of a sine or cosine: what stands in front of it. */
      readonly wave?: WaveArgument;
    }
  /** Entries along these dimensions are combined (reduced, normalised, attended over). */
  | { readonly kind: "mix"; readonly value: Value; readonly dims: readonly number[] }
  /** Sums products over the contracted pairs; pairs into the output say where other dimensions go. */
  | {
      readonly kind: "contract";
      readonly left: Value;
      readonly right: Value;
      readonly output: Value;
      readonly contracted: readonly (readonly [number, number])[];
      readonly leftOut: readonly (readonly [number, number])[];
      readonly rightOut: readonly (readonly [number, number])[];
    }
  /** The same entries in row-major order under other dimensions. */
  | { readonly kind: "regroup"; readonly from: Value; readonly to: Value }
  /**
   * Linear in `from` (or only positively homogeneous); the paired dimensions pass through, other dimensions of `from`
   * are summed or picked from.
   */
  | {
      readonly kind: "carry";
      readonly from: Value;
      readonly to: Value;
      readonly pairs: readonly (readonly [number, number])[];
      readonly options: CarryOptions;
    }
  /** Nothing is known about how scalings of this value act. */
  | { readonly kind: "opaque"; readonly value: Value };

/** How numbers of one value become numbers of another. */
export interface CarryOptions {
  readonly homogeneous?: boolean;
  /** Of what is only positively homogeneous: `to` scales as this power of `from`. @default 1 */
  readonly degree?: number;
  /** `to` holds the entries of `from` that begin at `start` along this dimension of `from`. */
  readonly slice?: { readonly dim: number; readonly start: number };
  /** `from` is put at `start` along this dimension of `to`. */
  readonly place?: { readonly dim: number; readonly start: number };
  /** Along this dimension, `from` holds one after another what `to` holds in turn; `backward` the other way round. */
  readonly deal?: { readonly dim: number; readonly turns: number; readonly backward: boolean };
}
