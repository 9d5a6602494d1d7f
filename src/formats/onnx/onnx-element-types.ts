// Element types of ONNX tensors: their numbers in the format, their names, and how many bytes an entry takes.

/** Named element types; only those this version can read. */
export type OnnxType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int8"
  | "int16"
  | "int32"
  | "int64"
  | "uint8"
  | "uint16"
  | "uint32"
  | "uint64"
  | "bool"
  | "string";

/** Types by their number, with bytes per entry (0: no raw form). */
const types = new Map<number, readonly [OnnxType, number]>([
  [1, ["float32", 4]],
  [2, ["uint8", 1]],
  [3, ["int8", 1]],
  [4, ["uint16", 2]],
  [5, ["int16", 2]],
  [6, ["int32", 4]],
  [7, ["int64", 8]],
  [8, ["string", 0]],
  [9, ["bool", 1]],
  [10, ["float16", 2]],
  [11, ["float64", 8]],
  [12, ["uint32", 4]],
  [13, ["uint64", 8]],
  [16, ["bfloat16", 2]],
]);

/** Name of an element type number, or undefined for one this version does not know. */
export const typeOfNumber = (dataType: number): OnnxType | undefined => types.get(dataType)?.[0];

/** Bytes of one entry in raw form; undefined for text and for types this version does not know. */
export function bytesPerElement(dataType: number): number | undefined {
  const width = types.get(dataType)?.[1];
  return width === 0 ? undefined : width;
}

export const isFloatType = (type: OnnxType): boolean =>
  type === "float32" || type === "float64" || type === "float16" || type === "bfloat16";
