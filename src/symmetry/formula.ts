// Roles of lowered tensors, and how derived ones are computed from others: plain data that prints, counts and is tested
// without arrays. Derived tensors are products of weights, as in Monomial-NFN, MAGEP-NFN and Transformer-NFN.

/**
 * What a layer does with a tensor: reads and writes it (`both`), only reads it (`feature`), only writes it (`target`), or
 * neither (`internal`: derived tensors of which others are made).
 */
export type TensorRole = "both" | "feature" | "target" | "internal";

/** Pairs of dimensions, one of the first operand and one of the second, that run over the same index. */
export type DimPairs = readonly (readonly [number, number])[];

/**
 * How a derived tensor is made, channel by channel unless it says otherwise. Operands are ids of tensors before it. Fixed
 * entries are row-major, those of the first operand before those of the second.
 *
 * - `reduce`: the mean (`factor` 1 / entries) or sum (1) over dimensions.
 * - `map`: a matrix on the last `from` fixed entries; `full` mixes channels too, `channel` has one matrix a channel.
 * - `sum`: operands of one shape added up, each with a factor a channel where `learned`.
 * - `contract`: the product summed over `summed` pairs; `shared` pairs stay, once.
 * - `outer`: the product summed over the last `inner` fixed entries of the first and the first `inner` of the second operand.
 * - `gate`: a function of every entry; `signed-log`, sign(x) log(1 + |x|), for tensors that carry no charge; `sin` and `cos` of
 *   `frequency` times the entry, for shifts of phases.
 */
export type Formula =
  | {
      readonly op: "reduce";
      readonly operands: readonly [number];
      readonly dims: readonly number[];
      readonly factor: number;
    }
  | {
      readonly op: "map";
      readonly operands: readonly [number];
      readonly from: number;
      readonly to: number;
      readonly matrix: "full" | "channel";
      /** Frozen matrices are drawn once, from the tensor's name, and belong to no parameters. */
      readonly trained: boolean;
      /** Standard deviation of the matrix at the start; divided by the number of channels where frozen. */
      readonly std: number;
    }
  | { readonly op: "sum"; readonly operands: readonly number[]; readonly learned: boolean }
  | {
      readonly op: "contract";
      readonly operands: readonly [number, number];
      readonly summed: DimPairs;
      readonly shared: DimPairs;
      readonly factor: number;
    }
  | {
      readonly op: "outer";
      readonly operands: readonly [number, number];
      readonly shared: DimPairs;
      readonly inner: number;
    }
  | {
      readonly op: "gate";
      readonly operands: readonly [number];
      readonly function: "signed-log" | "sin" | "cos";
      readonly frequency: number;
    };

/** Shape of the coefficients of a formula, or null where it has none. */
export function coefficientShape(formula: Formula, channels: number): number[] | null {
  if (formula.op === "sum") return formula.learned ? [formula.operands.length, channels] : null;
  if (formula.op !== "map") return null;
  const { from, to, matrix } = formula;
  return matrix === "full" ? [from * channels, to * channels] : [from, to, channels];
}

interface Roled {
  readonly role?: TensorRole;
}

/** Whether a layer over these tensors reads this one. */
export const isRead = ({ role = "both" }: Roled): boolean => role === "both" || role === "feature";

/** Whether a layer over these tensors writes this one. */
export const isWritten = ({ role = "both" }: Roled): boolean =>
  role === "both" || role === "target";
