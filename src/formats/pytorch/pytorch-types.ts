// The number formats of PyTorch: how wide they are in a file, and as what they are read.

import { smallFloatValues } from "../../core/floats.ts";
import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";

/** A number format as torch names it. */
export interface TorchType {
  /** `float8_e4m3fnuz`, `quint8`. */
  readonly name: string;
  /** Bytes of one number in the file. */
  readonly width: number;
  /** The format that its numbers are read in. */
  readonly dtype: SafeDtype;
  /** How they get there: as they are, by a table of 256 values, or not at all. */
  readonly reading: "plain" | "float8" | "unread";
}

const plain = (name: string, width: number, dtype: SafeDtype): TorchType => ({
  name,
  width,
  dtype,
  reading: "plain",
});
const float8 = (name: string): TorchType => ({ name, width: 1, dtype: "F32", reading: "float8" });
const unread = (name: string, width: number, dtype: SafeDtype): TorchType => ({
  name,
  width,
  dtype,
  reading: "unread",
});

/** Number formats of tensors that are not quantised. */
export const torchTypes: readonly TorchType[] = [
  plain("float32", 4, "F32"),
  plain("float64", 8, "F64"),
  plain("float16", 2, "F16"),
  plain("bfloat16", 2, "BF16"),
  plain("int64", 8, "I64"),
  plain("int32", 4, "I32"),
  plain("int16", 2, "I16"),
  plain("int8", 1, "I8"),
  plain("uint8", 1, "U8"),
  plain("uint16", 2, "U16"),
  plain("uint32", 4, "U32"),
  plain("uint64", 8, "U64"),
  plain("bool", 1, "BOOL"),
  plain("float8_e4m3fn", 1, "F8_E4M3"),
  plain("float8_e5m2", 1, "F8_E5M2"),
  plain("float8_e8m0fnu", 1, "F8_E8M0"),
  plain("complex64", 8, "C64"),
  float8("float8_e4m3fnuz"),
  float8("float8_e5m2fnuz"),
  unread("complex128", 16, "C64"),
  unread("float4_e2m1fn_x2", 1, "F32"),
];

const byName: ReadonlyMap<string, TorchType> = new Map(torchTypes.map((type) => [type.name, type]));

/** Formats by the global that a pickle names: `torch.float8_e5m2`. Undefined for one that is not known. */
export const typeOfGlobal = (global: string): TorchType | undefined =>
  global.startsWith("torch.") ? byName.get(global.slice("torch.".length)) : undefined;

/** Formats of quantised tensors: the whole numbers that are stored. */
export const quantisedTypes: ReadonlyMap<string, TorchType> = new Map([
  ["torch.QUInt8Storage", plain("quint8", 1, "U8")],
  ["torch.QInt8Storage", plain("qint8", 1, "I8")],
  ["torch.QInt32Storage", plain("qint32", 4, "I32")],
  ["torch.QUInt4x2Storage", unread("quint4x2", 1, "F32")],
  ["torch.QUInt2x4Storage", unread("quint2x4", 1, "F32")],
]);

/** Formats by the class of a storage. Storages of plain bytes leave the format to the tensor: they are `uint8` here. */
export const storageTypes: ReadonlyMap<string, TorchType> = new Map<string, TorchType>([
  ...(
    [
      ["Float", "float32"],
      ["Double", "float64"],
      ["Half", "float16"],
      ["BFloat16", "bfloat16"],
      ["Long", "int64"],
      ["Int", "int32"],
      ["Short", "int16"],
      ["Char", "int8"],
      ["Byte", "uint8"],
      ["Bool", "bool"],
      ["ComplexFloat", "complex64"],
      ["ComplexDouble", "complex128"],
    ] as const
  ).flatMap(([name, type]) =>
    // Tensors that were on a graphics card have storages of torch.cuda in old files.
    ["torch", "torch.cuda"].map((module): [string, TorchType] => [
      `${module}.${name}Storage`,
      byName.get(type)!,
    ]),
  ),
  ["torch.storage.UntypedStorage", byName.get("uint8")!],
  ["torch.UntypedStorage", byName.get("uint8")!],
  ...quantisedTypes,
]);

/** The values of the 256 codes of an 8-bit float with one zero and one NaN, by the name that PyTorch gives it. */
export const float8Values = (name: string): Float32Array =>
  smallFloatValues(name === "float8_e4m3fnuz" ? "float8e4m3fnuz" : "float8e5m2fnuz");
