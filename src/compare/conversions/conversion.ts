// What converters do to checkpoints, as data: how each tensor of one file is made of the tensors of another that holds the
// same numbers under other names, in other shapes or another order.

/** What a conversion does to the first file to make the second of it. */
export type ConversionKind =
  /** The same array under another name. */
  | "rename"
  /** Something before every name, or no more. */
  | "prefix"
  /** A matrix the other way round. */
  | "transpose"
  /** The dimensions of an array in another order (HWIO against OIHW), or ones of size 1 more or less. */
  | "permute"
  /** Several arrays as one, one behind the other. */
  | "concatenate"
  /** One array as several. */
  | "split"
  /** Blocks of rows in another known order: by head, by group, by gate. */
  | "regroup"
  /** A copy that one file stores and the other leaves out: the output matrix of tied embeddings. */
  | "tie"
  /** Rows of a vocabulary that one file has more. */
  | "add-rows"
  /** Length and direction of weights (weight normalisation) against the weights themselves. */
  | "decompose"
  /** Whole numbers with their scales against real numbers. */
  | "quantise";

/** One step that turns tensors of one file into those of another. */
export interface Conversion {
  readonly kind: ConversionKind;
  /** Tensors of the first file. */
  readonly from: readonly string[];
  /** Tensors of the second file. */
  readonly to: readonly string[];
  /** How it was found: by equal numbers, or by names and shapes, whatever the numbers are. */
  readonly by: "numbers" | "names";
  /** For people: which layout, how far numbers are off. */
  readonly detail?: string;
}

/** Rows of one tensor. */
export interface TensorPiece {
  readonly tensor: string;
  /** Its dimensions in the order in which rows are meant. */
  readonly dims: readonly number[];
  /** Which rows, in order. @default all */
  readonly rows?: readonly number[];
}

/** How a tensor is made: pieces one behind the other, dimensions brought in order, the shape of the target given. */
export interface TensorRecipe {
  readonly pieces: readonly TensorPiece[];
  /** Row i of the whole is row `order[i]` of the pieces together. @default as they come */
  readonly order?: readonly number[];
  /** Dimension of the whole that becomes each dimension of the target. */
  readonly dims: readonly number[];
  /** Of the target. */
  readonly shape: readonly number[];
}

/** How the tensors of one file are made of those of another. */
export interface ConversionPlan {
  /** By the names of the second file. */
  readonly recipes: ReadonlyMap<string, TensorRecipe>;
  readonly conversions: readonly Conversion[];
  /** Tensors of the second file that nothing in the first one makes. */
  readonly lacking: readonly string[];
  /** Tensors of the first file that are not used. */
  readonly unused: readonly string[];
  /** Rows to compare, where one file has more of them; by the names of the second file. */
  readonly commonRows: ReadonlyMap<string, number>;
  /** Why something that looks like a conversion is none. */
  readonly refused: readonly string[];
  /** Tensors that are taken as they are although nothing says that they should be. */
  readonly unsure: readonly string[];
  /** Layers that stand in another order in the second file; then the files are not the same network, however equal the numbers. */
  readonly layerOrders: readonly LayerOrder[];
}

/** Layers that stand in another order in the second file. */
export interface LayerOrder {
  /** Names in the first file, with `#` for numbers. */
  readonly from: string;
  /** Names in the second file, likewise. */
  readonly to: string;
  /** Which number of the first file stands under which of the second, in the first file's order. */
  readonly numbers: readonly (readonly [from: string, to: string])[];
  /** All in reverse order, which some conversions of decoders do. */
  readonly reversed: boolean;
}

/** Dimensions as they are. */
export const inOrder = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i);

/** Whether dimensions stand as they are. */
export const isInOrder = (dims: readonly number[]) => dims.every((to, from) => to === from);

/** Whether a recipe takes one tensor as it is. */
export const isPlain = ({ pieces, order, dims }: TensorRecipe): boolean =>
  pieces.length === 1 &&
  order === undefined &&
  pieces[0].rows === undefined &&
  isInOrder(pieces[0].dims) &&
  isInOrder(dims);
