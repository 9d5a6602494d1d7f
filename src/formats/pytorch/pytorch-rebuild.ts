// The calls by which a pickle makes tensors, dicts and plain values, understood as data. Everything else stays an object.

import { isFloatDtype } from "../safetensors/safetensors-dtypes.ts";
import { FormatError } from "../../core/errors.ts";
import { stridesOf } from "../../core/shapes.ts";
import { numpyScalar } from "./numpy-objects.ts";
import { isGlobal, isObject, isSet } from "./pickle.ts";
import { costs, type PickleObject, type PickleValue } from "./pickle-machine.ts";
import {
  isCount,
  isDict,
  isList,
  isStorage,
  isTensor as isView,
  type Coding,
  type StoredNumbers,
  type StoredView,
} from "./pytorch-views.ts";
import { storageTypes, type TorchType, typeOfGlobal } from "./pytorch-types.ts";

const limits = { rank: 64 };

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

type Charge = (work: number) => void;
type Call = (args: readonly PickleValue[], charge: Charge) => PickleValue;

/** The result of a known call, else undefined. `charge` takes work that grows with the arguments. @throws {FormatError} */
export function rebuild(name: string, args: readonly PickleValue[], charge: Charge): PickleValue {
  return calls.get(name)?.(args, charge);
}

/** A tensor of which only the name and the shape are known. */
function named(
  shape: readonly number[],
  type: TorchType,
  stored: string,
  unreadable: string,
): StoredView {
  const none = { key: "", storageBytes: 0, bytes: 0, start: 0 };
  const storage = { kind: "storage", class: stored, type, ...none } as const;
  const strides = stridesOf(shape);
  const { dtype } = type;
  const view = { kind: "tensor", storage, offset: 0, shape, strides, type, dtype } as const;
  return Object.freeze({ ...view, stored, unreadable });
}

const float32 = storageTypes.get("torch.FloatStorage")!;

const counts = (value: PickleValue): readonly number[] =>
  Array.isArray(value) && value.length <= limits.rank && value.every(isCount)
    ? Object.freeze([...(value as number[])])
    : fail("a tensor has a shape or strides that are no lists of sizes");

/** A parameter is its tensor; one whose tensor is not read stays an object. */
function parameter([data]: readonly PickleValue[]): PickleValue {
  if (isView(data)) return data;
  return isObject(data) ? undefined : fail("a parameter holds no tensor");
}

/** `(storage, offset, shape, strides, ...)` */
function tensor(args: readonly PickleValue[]): PickleValue {
  const [storage] = args;
  if (!isStorage(storage)) return fail("a tensor has no storage");
  return storage.type === undefined ? unknownStorage(storage) : view(args, storage.type);
}

/** Of a class that is not known: an object that holds numbers. */
const unknownStorage = (storage: StoredNumbers): PickleObject => ({
  kind: "object",
  class: storage.class,
  parts: [storage],
});

/** `(storage, offset, shape, strides, requires_grad, hooks, type, ...)`, over storages of plain bytes. */
function typedTensor(args: readonly PickleValue[]): PickleValue {
  const [storage, , , , , , type] = args;
  if (!isStorage(storage) || !isGlobal(type)) return fail("a tensor has no storage or no type");
  const known = typeOfGlobal(type.global);
  if (known !== undefined) return view(args, known);
  return named(counts(args[2]), float32, type.global, `${type.global} is not known`);
}

function view(
  [storage, offset, shape, strides]: readonly PickleValue[],
  type: TorchType,
): StoredView {
  if (!isStorage(storage) || !isCount(offset)) return fail("a tensor has no storage");
  const { name, dtype, reading } = type;
  return Object.freeze({
    kind: "tensor",
    storage,
    offset,
    shape: counts(shape),
    strides: counts(strides),
    type,
    dtype,
    ...(reading !== "plain" && { stored: `torch.${name}` }),
    ...(reading === "float8" && { coding: { kind: "float8", name } as const }),
    ...(reading === "unread" && { unreadable: "this number format is not read" }),
  });
}

/** `(storage, offset, shape, strides, how, ...)`: whole numbers with scales and zero points. */
function quantised(args: readonly PickleValue[]): PickleValue {
  const [storage, , , , how] = args;
  if (!isStorage(storage) || !isList(how)) return fail("a quantised tensor has no storage");
  if (storage.type === undefined) return unknownStorage(storage);
  const [scheme, ...values] = how;
  const schemeName = isGlobal(scheme) ? scheme.global : "";
  const complete = view(args, storage.type);
  const stored = `torch.${storage.type.name}, ${schemeName.replace(/^torch\./, "")}`;
  const coding =
    storage.type.reading === "plain" ? codingOf(schemeName, values, complete) : undefined;
  return coding === undefined
    ? named(complete.shape, float32, stored, "this way of quantising is not read")
    : Object.freeze({ ...complete, dtype: "F32", stored, coding } as const);
}

function codingOf(
  scheme: string,
  [first, second, axis]: readonly PickleValue[],
  { shape }: StoredView,
): Coding | undefined {
  if (scheme === "torch.per_tensor_affine")
    return typeof first === "number" && typeof second === "number"
      ? Object.freeze({ kind: "affine", scale: first, zero: second })
      : fail("a quantised tensor has no scale");
  if (scheme !== "torch.per_channel_affine") return undefined;
  if (!isView(first) || !isView(second) || !isCount(axis) || axis >= shape.length)
    return fail("a quantised tensor has no scales");
  if ([first, second].some((one) => one.shape.length !== 1 || one.shape[0] !== shape[axis]))
    return fail("a quantised tensor has scales of another length");
  // Zero points that are floats belong to another formula.
  if (isFloatDtype(second.dtype) || [first, second].some((one) => one.coding !== undefined))
    return undefined;
  return Object.freeze({ kind: "channels", scales: first, zeros: second, axis });
}

/** `(layout, (indices, values, shape, ...))` */
function sparse([layout, parts]: readonly PickleValue[]): PickleValue {
  const name = isObject(layout) && typeof layout.parts[0] === "string" ? layout.parts[0] : "sparse";
  const shape = isList(parts) ? parts.find((part) => isShape(part)) : undefined;
  const values = isList(parts) ? parts.filter(isView).at(-1) : undefined;
  if (shape === undefined || values === undefined) return undefined;
  const reason = "sparse tensors are not read; save tensor.to_dense()";
  return named(counts(shape), values.type, name.slice(0, 40), reason);
}

const isShape = (value: PickleValue): boolean => Array.isArray(value) && value.every(isCount);

/** `(buffer, sizes, strides, offsets)`: rows of different lengths. */
function nested([buffer]: readonly PickleValue[]): PickleValue {
  if (!isView(buffer)) return undefined;
  return named(buffer.shape, buffer.type, "a nested tensor", "nested tensors are not read");
}

/** `(type, shape, strides, requires_grad)`: no numbers at all. */
function meta([type, shape]: readonly PickleValue[]): PickleValue {
  const known = isGlobal(type) ? typeOfGlobal(type.global) : undefined;
  const reason = "the file holds its shape and no numbers; save it from a device that holds them";
  return named(counts(shape), known ?? float32, "a tensor on the device meta", reason);
}

/** `(function, class, arguments, state)`: a tensor of a class of its own; it is the tensor that the function makes. */
function ofClass([maker, type, args]: readonly PickleValue[], charge: Charge): PickleValue {
  if (!isGlobal(maker) || !isList(args)) return undefined;
  if (maker.global.startsWith("torch._tensor.")) return undefined;
  const found = rebuild(maker.global, args, charge);
  const name = isGlobal(type) ? type.global : "a class of its own";
  return isView(found) && found.stored === undefined && name !== "torch.Tensor"
    ? Object.freeze({ ...found, stored: name })
    : found;
}

/** `(class, type, shape, ...)`: a tensor around others, as quantising libraries have them. */
function wrapper([type, numbers, shape]: readonly PickleValue[]): PickleValue {
  if (!isGlobal(type) || !isShape(shape)) return undefined;
  const known = isGlobal(numbers) ? typeOfGlobal(numbers.global) : undefined;
  const reason = "tensors of this class are not read; save plain tensors (dequantize())";
  return named(counts(shape), known ?? float32, type.global, reason);
}

function dict(entries: PickleValue, charge: Charge): PickleValue {
  if (entries === undefined) return new Map();
  const isPairs = (list: PickleValue): list is readonly (readonly [PickleValue, PickleValue])[] =>
    Array.isArray(list) && list.every((pair) => Array.isArray(pair) && pair.length === 2);
  charge(costs.entry * (isDict(entries) ? entries.size : isList(entries) ? entries.length : 0));
  return isDict(entries) || isPairs(entries)
    ? new Map(entries)
    : fail("an OrderedDict is not made of pairs");
}

function set([items]: readonly PickleValue[], charge: Charge): PickleValue {
  const list = isSet(items) ? items.items : (items ?? []);
  if (!isList(list)) return undefined;
  charge(costs.list + list.length);
  return { kind: "set", items: [...list] };
}

/** Bytes as old protocols write them: a text of characters below 256. */
function encoded([text, coding]: readonly PickleValue[], charge: Charge): PickleValue {
  if (typeof text !== "string" || (coding !== "latin1" && coding !== "latin-1")) return undefined;
  charge(costs.object + text.length);
  const data = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 255) return undefined;
    data[i] = code;
  }
  return { kind: "bytes", data };
}

const builtins = ["builtins", "__builtin__"];

const calls: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["collections.OrderedDict", ([entries], charge) => dict(entries, charge)],
  ["collections.defaultdict", ([, entries], charge) => dict(entries, charge)],
  ...builtins.flatMap((module): [string, Call][] => [
    [`${module}.dict`, ([entries], charge) => dict(entries, charge)],
    [`${module}.set`, set],
    [`${module}.frozenset`, set],
  ]),
  ["_codecs.encode", encoded],
  ["torch.Size", ([sizes]) => counts(sizes)],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch._utils._rebuild_parameter_with_state", parameter],
  ["torch._utils._rebuild_tensor", tensor],
  ["torch._utils._rebuild_tensor_v2", tensor],
  ["torch._utils._rebuild_tensor_v3", typedTensor],
  ["torch._utils._rebuild_qtensor", quantised],
  ["torch._utils._rebuild_sparse_tensor", sparse],
  ["torch._utils._rebuild_sparse_csr_tensor", sparse],
  ["torch._utils._rebuild_nested_tensor", nested],
  ["torch._utils._rebuild_meta_tensor_no_storage", meta],
  ["torch._utils._rebuild_wrapper_subclass", wrapper],
  ["torch._tensor._rebuild_from_type_v2", ofClass],
  ["torch._tensor._rebuild_from_type", ofClass],
  ["numpy.core.multiarray.scalar", numpyScalar],
  ["numpy._core.multiarray.scalar", numpyScalar],
]);
