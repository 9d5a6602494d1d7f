// A family of convolutional networks as a table: parts that follow each other along one stream of channels. The words of the
// table are made here; read-image-table.ts reads it. One more family is one more table.

import type { StyleSigns } from "../template.ts";

/**
 * One step along a path of channels. Names stand behind the prefix of the block; `{i}` and `{j}` are the numbers of the block, `{a}`
 * the second one as a letter, `{k}` that of an entry of a list, `{n}`, outside of blocks, the one behind the last `{i}`; `{i-1}` and
 * `{i+1}` are the numbers beside. The first word says what the part is.
 *
 * - `conv`: a convolution, and the batch normalisation behind it. It leads to a new axis; the last one of a block leads where the
 *   kind of the block says. Shapes tell one by channel, which stays on its axis, and one in groups, whose channels are a group
 *   and an axis within it. An `optional` one may be missing.
 * - `norm`: a batch normalisation of what the path has come to.
 * - `gate`: two convolutions that weigh the channels of the path by way of an axis of their own; they may be missing.
 */
export type ImagePart =
  | {
      readonly conv: string;
      readonly norm?: string;
      /** The axis, behind the scope of the block. @default the name of the convolution */
      readonly axis?: string;
      readonly optional?: boolean;
    }
  | { readonly norm: string }
  | { readonly gate: readonly [reduce: string, expand: string]; readonly axis: string };

/** Entries of a list `{k}` of any length. */
export interface ImageList {
  /** The first number. */
  readonly from: number;
  /** How many there are at least. @default 1 */
  readonly least?: number;
  /** What an entry may be: the first of these that is there. */
  readonly parts: readonly ImagePart[];
}

/**
 * Where a block hands its output on.
 *
 * - `residual`: it is added to the stream, or to its shortcut, which leads to a new axis where one is stored;
 * - `inverted`: the same without shortcuts: output and stream have one axis where they are equally wide, since they may be added;
 * - `dense`: it is joined to the stream;
 * - `plain`: it is the stream.
 */
export type ImageBlockKind = "residual" | "inverted" | "dense" | "plain";

/** Blocks that repeat. */
export interface ImageBlocks {
  readonly kind: ImageBlockKind;
  /** What stands before the names of a block, as `layer{i}.{j}.`; without placeholders there is one block. */
  readonly at: string;
  /** What the first names of a block begin with, where `at` does not tell blocks apart. @default `at` */
  readonly where?: string;
  /** The first `{i}` and the first `{j}`. @default [0, 0] */
  readonly from?: readonly number[];
  /** What the axes of a block begin with, as `stage{i-1}.block{j}`. */
  readonly scope: string;
  /** The axis of the output where it is a new one, behind the scope. */
  readonly out: string;
  readonly parts: readonly ImagePart[] | ImageList;
  /** The convolution beside the block. */
  readonly shortcut?: ImagePart & { readonly conv: string };
  /** What stands between the last block of one `{i}` and the first of the next; names and axes are those of the network. */
  readonly between?: readonly ImagePart[];
}

/** A style of names of networks along one stream. */
export interface ImageStream extends StyleSigns {
  readonly layout: "torch" | "keras";
  /** From the image to the first block; it begins with a convolution. */
  readonly stem: readonly ImagePart[];
  readonly blocks: readonly ImageBlocks[];
  /** From the last block to the head. @default none */
  readonly after?: readonly ImagePart[];
  /**
   * Linear maps that give the classes, the first that is there: beside the network, in a module around it, or first in a list of
   * this name. `classifier.{k}` is a list of one or two beside the network that lead to one another.
   */
  readonly heads: readonly string[];
  /** Arrays that carry no symmetry. @default none */
  readonly ignore?: readonly string[];
}

/** A style of names of networks that are a chain: convolutions, a flattening, linear layers, with ReLU between them. */
export interface ImageChain extends StyleSigns {
  readonly layout: "torch" | "keras";
  /**
   * Lists of layers one behind another, each with its batch normalisation, if it has one. `{i}` and `{j}` follow each other from
   * `from`; without it they are any numbers, in order.
   */
  readonly chain: readonly {
    readonly layer: string;
    readonly from?: readonly number[];
    readonly norm?: string;
  }[];
}

/** A style of names of a family of convolutional networks. */
export type ImageStyle = ImageStream | ImageChain;

/** A family of convolutional networks. */
export interface ImageTable {
  readonly family: string;
  readonly covers: string;
  /** `model_type` of configs that describe this very network. @default none */
  readonly modelTypes?: readonly string[];
  /** The first one whose names are there is read. */
  readonly styles: readonly ImageStyle[];
}
