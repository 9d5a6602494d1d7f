// Arrays and scalars of NumPy inside a pickle, as tensors and numbers. A dtype is an object with a code such as "f4" and a
// state that holds the byte order; an array is an object whose state is (version, shape, dtype, isFortran, bytes).

import { sizeOf, stridesOf } from "../../core/shapes.ts";
import { isBytes, isObject } from "./pickle.ts";
import type { PickleObject, PickleValue } from "./pickle-machine.ts";
import type { StoredView } from "./pytorch-views.ts";
import { type TorchType, typeOfGlobal } from "./pytorch-types.ts";

const limits = { rank: 64 };

const types: Readonly<Record<string, string>> = {
  b1: "bool",
  i1: "int8",
  u1: "uint8",
  i2: "int16",
  u2: "uint16",
  i4: "int32",
  u4: "uint32",
  i8: "int64",
  u8: "uint64",
  f2: "float16",
  f4: "float32",
  f8: "float64",
  c8: "complex64",
  c16: "complex128",
};

interface NumpyType {
  readonly code: string;
  readonly type: TorchType | undefined;
  readonly isBig: boolean;
}

/** The number format of a dtype object. Undefined for other values. */
function typeOf(value: PickleValue): NumpyType | undefined {
  if (!isObject(value) || value.class !== "numpy.dtype") return undefined;
  const [code, , , state] = value.parts;
  if (typeof code !== "string") return undefined;
  const type = Object.hasOwn(types, code) ? typeOfGlobal(`torch.${types[code]}`) : undefined;
  return { code, type, isBig: Array.isArray(state) && state[1] === ">" };
}

const makers = /^numpy\.(_?core\.multiarray\._reconstruct|_?core\.numeric\._frombuffer)$/;

const isArrayObject = ({ class: name }: PickleObject): boolean => makers.test(name);

interface ArrayParts {
  readonly shape: PickleValue;
  readonly dtype: NumpyType;
  readonly isFortran: boolean;
  readonly data: PickleValue;
}

function partsOf({ class: name, parts }: PickleObject): ArrayParts | undefined {
  const [first, second, third, fourth] = parts;
  if (name.endsWith("_frombuffer")) {
    const dtype = typeOf(second);
    return dtype && { shape: third, dtype, isFortran: fourth === "F", data: first };
  }
  const state = parts.find((part) => Array.isArray(part) && part.length === 5) as
    | readonly PickleValue[]
    | undefined;
  const dtype = typeOf(state?.[2]);
  if (state === undefined || dtype === undefined) return undefined;
  return { shape: state[1], dtype, isFortran: state[3] === true, data: state[4] };
}

/** Whether it is an array of texts or of Python objects: nothing of it is a number. */
function isArrayOfObjects(object: PickleObject): boolean {
  const parts = isArrayObject(object) ? partsOf(object) : undefined;
  return parts !== undefined && /^[OSU]/.test(parts.dtype.code);
}

/** Whether it is an array whose numbers are not understood. */
export const isOddArray = (object: PickleObject): boolean =>
  (isArrayObject(object) || object.class === "numpy.ndarray") &&
  !isArrayOfObjects(object) &&
  numpyArray(object) === undefined;

const known = new WeakMap<PickleObject, StoredView | false>();

/** An array as a tensor; undefined for other objects and for arrays of anything but numbers. */
export function numpyArray(object: PickleObject): StoredView | undefined {
  if (!isArrayObject(object)) return undefined;
  const before = known.get(object);
  if (before !== undefined) return before === false ? undefined : before;
  const found = makeView(object);
  // An array is made before its state is set; only what is whole is remembered.
  if (found !== undefined) known.set(object, found);
  return found;
}

function makeView(object: PickleObject): StoredView | undefined {
  const parts = partsOf(object);
  if (parts?.dtype.type === undefined || !isBytes(parts.data)) return undefined;
  const { shape, isFortran, data } = parts;
  const { type, isBig } = parts.dtype;
  if (!Array.isArray(shape) || shape.length > limits.rank) return undefined;
  if (!shape.every((size) => Number.isSafeInteger(size) && size >= 0)) return undefined;
  const sizes: readonly number[] = Object.freeze([...(shape as number[])]);
  const bytes = sizeOf(sizes) * type.width;
  if (data.data.length !== bytes) return undefined;
  const strides = isFortran ? stridesOf(sizes.toReversed()).toReversed() : stridesOf(sizes);
  const place = { storageBytes: bytes, bytes, start: 0, data: data.data };
  const storage = { kind: "storage", class: "numpy.ndarray", key: "", type, ...place } as const;
  const { dtype, reading, name, width } = type;
  // Complex numbers are two numbers each; only whole ones are turned round.
  const isOdd = reading !== "plain" || (isBig && dtype === "C64");
  return Object.freeze({
    ...({ kind: "tensor", storage, offset: 0, shape: sizes, strides, type, dtype } as const),
    ...(isOdd && { stored: `numpy.${name}`, unreadable: notRead }),
    ...(isBig && width > 1 && { coding: { kind: "swapped" } as const }),
  });
}

const notRead = "this number format is not read";

/** `(dtype, bytes)`: a number, or undefined for what is none. */
export function numpyScalar([dtype, data]: readonly PickleValue[]): PickleValue {
  const found = typeOf(dtype);
  if (found?.type === undefined || !isBytes(data) || data.data.length !== found.type.width)
    return undefined;
  const { type, isBig } = found;
  const view = new DataView(data.data.buffer, data.data.byteOffset, data.data.byteLength);
  const read: Readonly<Record<string, () => number | bigint>> = {
    bool: () => view.getUint8(0),
    uint8: () => view.getUint8(0),
    int8: () => view.getInt8(0),
    uint16: () => view.getUint16(0, !isBig),
    int16: () => view.getInt16(0, !isBig),
    uint32: () => view.getUint32(0, !isBig),
    int32: () => view.getInt32(0, !isBig),
    uint64: () => view.getBigUint64(0, !isBig),
    int64: () => view.getBigInt64(0, !isBig),
    float32: () => view.getFloat32(0, !isBig),
    float64: () => view.getFloat64(0, !isBig),
  };
  const value = read[type.name]?.();
  if (value === undefined) return undefined;
  return type.name === "bool" ? value !== 0 : Number(value);
}
