// What the pickle of a PyTorch checkpoint holds: tensors as views of storages, dicts, and objects of other classes, which
// stay what they are: a name and parts.

import { FormatError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { isGlobal, isObject, readPickle } from "./pickle.ts";
import { costs, type PickleObject, type PickleValue } from "./pickle-machine.ts";
import type { SafeDtype } from "../safetensors/safetensors-dtypes.ts";

/** `key` is the name of a file in the archive. */
const limits = { rank: 64, keyLength: 200 };

const storages: ReadonlyMap<string, SafeDtype> = new Map([
  ["torch.FloatStorage", "F32"],
  ["torch.DoubleStorage", "F64"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

/** A storage of a class that is not read has no `dtype`. */
interface StoredNumbers<Dtype = SafeDtype> {
  readonly kind: "storage";
  readonly class: string;
  readonly key: string;
  readonly dtype: Dtype;
  readonly numbers: number;
}

type AnyStorage = StoredNumbers<SafeDtype | undefined>;

export interface StoredView {
  readonly kind: "tensor";
  readonly storage: StoredNumbers;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const isKind = (value: PickleValue, kind: string): boolean =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
export const isView = (value: PickleValue): value is StoredView => isKind(value, "tensor");
const isStorage = (value: PickleValue): value is AnyStorage => isKind(value, "storage");
const isRead = (storage: AnyStorage): storage is StoredNumbers => storage.dtype !== undefined;
const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

export const isDict = (value: PickleValue): value is ReadonlyMap<PickleValue, PickleValue> =>
  value instanceof Map;
export const isList = (value: PickleValue): value is readonly PickleValue[] => Array.isArray(value);

/** Whether it is a tensor of floating numbers, more than one of them: what networks are made of. */
export const isWeight = (value: PickleValue): value is StoredView =>
  isView(value) && /^B?F\d/.test(value.storage.dtype) && sizeOf(value.shape) > 1;

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

/** A checkpoint's value, and how many tensors were made for it. */
export interface PickledCheckpoint {
  readonly value: PickleValue;
  readonly tensors: number;
}

/** Reads the pickle of a checkpoint as data. @throws {FormatError} */
export function readCheckpoint(pickle: Uint8Array): PickledCheckpoint {
  let tensors = 0;
  const value = readPickle(pickle, {
    stored,
    call(name, args, charge) {
      const made = calls.get(name)?.(args, charge);
      if (isView(made) && !args.includes(made)) tensors++;
      return made;
    },
  });
  return { value, tensors };
}

type Call = (args: readonly PickleValue[], charge: (work: number) => void) => PickleValue;

const calls: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["collections.OrderedDict", ([entries], charge) => dict(entries, charge)],
  ["collections.defaultdict", ([, entries], charge) => dict(entries, charge)],
  ["builtins.dict", ([entries], charge) => dict(entries, charge)],
  ["__builtin__.dict", ([entries], charge) => dict(entries, charge)],
  ["torch.Size", ([sizes]) => counts(sizes)],
  ["torch._utils._rebuild_parameter", parameter],
  ["torch._utils._rebuild_parameter_with_state", parameter],
  ["torch._utils._rebuild_tensor_v2", tensor],
]);

const counts = (value: PickleValue): readonly number[] =>
  Array.isArray(value) && value.length <= limits.rank && value.every(isCount)
    ? Object.freeze([...(value as number[])])
    : fail("a tensor has a shape or strides that are no lists of sizes");

/** A parameter is its tensor; one whose tensor is not read stays an object. */
function parameter([data]: readonly PickleValue[]): PickleValue {
  if (isView(data)) return data;
  return isObject(data) ? undefined : fail("a parameter holds no tensor");
}

function tensor(args: readonly PickleValue[]): StoredView | PickleObject {
  const [storage, offset, shape, strides] = args;
  if (!isStorage(storage) || !isCount(offset)) return fail("a tensor has no storage");
  const view = { offset, shape: counts(shape), strides: counts(strides) };
  return isRead(storage)
    ? Object.freeze({ kind: "tensor", storage, ...view })
    : { kind: "object", class: storage.class, parts: [storage] };
}

function dict(entries: PickleValue, charge: (work: number) => void): PickleValue {
  if (entries === undefined) return new Map();
  const isPairs = (list: PickleValue): list is readonly (readonly [PickleValue, PickleValue])[] =>
    Array.isArray(list) && list.every((pair) => Array.isArray(pair) && pair.length === 2);
  charge(costs.entry * (isDict(entries) ? entries.size : isList(entries) ? entries.length : 0));
  return isDict(entries) || isPairs(entries)
    ? new Map(entries)
    : fail("an OrderedDict is not made of pairs");
}

/** `("storage", torch.FloatStorage, key, device, numbers)` */
function stored(id: PickleValue): AnyStorage {
  const [tag, type, key, , numbers] = isList(id) ? id : [];
  if (tag !== "storage" || !isGlobal(type) || typeof key !== "string" || !isCount(numbers))
    return fail("a storage is not described as torch does");
  if (key.length > limits.keyLength)
    return fail(`a storage has a key of more than ${limits.keyLength} characters`);
  const dtype = storages.get(type.global);
  return Object.freeze({ kind: "storage", class: type.global, key, dtype, numbers });
}

/** Objects are searched for tensors so far in all; a file that needs more is refused. */
const mostSearched = 8_000_000;

/** Tells whether a tensor or a storage lies in an object, at any depth. Searches of one file share a budget. */
export function tensorSearch(): (object: PickleObject) => boolean {
  const known = new Map<PickleObject, boolean>();
  let left = mostSearched;
  const search = (object: PickleObject): boolean => {
    const seen = new Set<PickleValue>([object]);
    const open: PickleValue[] = [object];
    while (open.length > 0) {
      const value = open.pop();
      if (isView(value) || isStorage(value)) return true;
      for (const part of partsOf(value)) {
        if (--left < 0) fail(`objects hold more than ${mostSearched} values`);
        if (typeof part !== "object" || part === null || seen.has(part)) continue;
        seen.add(part);
        open.push(part);
      }
    }
    return false;
  };
  return (object) => {
    const found = known.get(object) ?? search(object);
    known.set(object, found);
    return found;
  };
}

function partsOf(value: PickleValue): Iterable<PickleValue> {
  if (isObject(value)) return value.parts;
  if (isDict(value)) return value.values();
  return isList(value) ? value : [];
}
