// What the pickle of a PyTorch checkpoint says: which named tensors there are, and which views of which storages they are.
// The pickle is read as data; classes other than tensors and their containers are refused.

import { FormatError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import { isGlobal, readPickle, type PickleValue } from "./pickle.ts";
import { dtypeBytes, type SafeDtype } from "./safetensors-dtypes.ts";

const limits = { rank: 64, numbers: 2 ** 31 };

const storages: Readonly<Record<string, SafeDtype>> = {
  "torch.FloatStorage": "F32",
  "torch.DoubleStorage": "F64",
  "torch.HalfStorage": "F16",
  "torch.BFloat16Storage": "BF16",
  "torch.LongStorage": "I64",
  "torch.IntStorage": "I32",
  "torch.ShortStorage": "I16",
  "torch.CharStorage": "I8",
  "torch.ByteStorage": "U8",
  "torch.BoolStorage": "BOOL",
};

const calls = new Set([
  "collections.OrderedDict",
  "torch._utils._rebuild_tensor_v2",
  "torch._utils._rebuild_parameter",
  "torch.Size",
]);

/** Objects of ours in the pickle; its own dicts are Maps and its lists arrays, so these cannot be forged. */
interface StoredNumbers {
  readonly kind: "storage";
  readonly key: string;
  readonly dtype: SafeDtype;
  readonly numbers: number;
}

export interface StoredView {
  readonly kind: "tensor";
  readonly storage: StoredNumbers;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

const isKind = (value: PickleValue, kind: string): boolean =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === kind;
const isView = (value: PickleValue): value is StoredView => isKind(value, "tensor");
const isStorage = (value: PickleValue): value is StoredNumbers => isKind(value, "storage");
const isCount = (value: unknown): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0;

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

/**
 * The tensors of a pickle in its order: a state dict, or one dict deeper under the only key that holds tensors.
 * @throws {FormatError} for damaged pickles and for classes other than tensors, by name; {UnsupportedError} for lists,
 * single tensors and several dicts
 */
export function readStateDict(pickle: Uint8Array): readonly (readonly [string, StoredView])[] {
  const entries = stateDict(readPickle(pickle, { call, stored, isAllowed }));
  return entries.filter((entry): entry is readonly [string, StoredView] => isView(entry[1]));
}

const isAllowed = (name: string) => calls.has(name) || Object.hasOwn(storages, name);

function call(name: string, args: readonly PickleValue[]): PickleValue {
  const list = (value: PickleValue) =>
    Array.isArray(value) && value.length <= limits.rank && value.every(isCount)
      ? Object.freeze([...(value as number[])])
      : fail("a tensor has a shape or strides that are no lists of sizes");
  switch (name) {
    case "collections.OrderedDict":
      return pairsToMap(args[0] ?? []);
    case "torch.Size":
      return list(args[0]);
    case "torch._utils._rebuild_parameter":
      return isView(args[0]) ? args[0] : fail("a parameter holds no tensor");
    case "torch._utils._rebuild_tensor_v2": {
      const [storage, offset, shape, strides] = args;
      if (!isStorage(storage) || !isCount(offset)) return fail("a tensor has no storage");
      return Object.freeze({
        kind: "tensor",
        storage,
        offset,
        shape: list(shape),
        strides: list(strides),
      });
    }
    default:
      return fail(`"${name}" is called`);
  }
}

function pairsToMap(pairs: PickleValue): Map<PickleValue, PickleValue> {
  if (!Array.isArray(pairs) || !pairs.every((pair) => Array.isArray(pair) && pair.length === 2))
    return fail("an OrderedDict is not made of pairs");
  return new Map(pairs as [PickleValue, PickleValue][]);
}

/** `("storage", torch.FloatStorage, key, device, numbers)` */
function stored(id: PickleValue): StoredNumbers {
  const [tag, type, key, , numbers] = Array.isArray(id) ? (id as unknown[]) : [];
  if (tag !== "storage" || !isGlobal(type) || typeof key !== "string" || !isCount(numbers))
    return fail("a storage is not described as torch does");
  const dtype = Object.hasOwn(storages, type.global) ? storages[type.global] : undefined;
  return dtype === undefined
    ? fail(`a storage has class "${type.global}"`)
    : Object.freeze({ kind: "storage", key, dtype, numbers });
}

/** The dict of tensors itself, or the one that a checkpoint holds beside other things. */
function stateDict(value: PickleValue): readonly (readonly [string, PickleValue])[] {
  const entries = entriesOf(value);
  if (entries.some(([, one]) => isView(one))) return entries;
  const inner = entries
    .map(([key, one]) => ({ key, entries: one instanceof Map ? entriesOf(one) : [] }))
    .filter((one) => one.entries.some(([, view]) => isView(view)));
  if (inner.length === 1) return inner[0].entries;
  throw new UnsupportedError(
    inner.length === 0
      ? `readPytorch: the file holds ${entries.length === 0 ? "an empty dict" : `a dict of ${namesOf(entries.map(([key]) => key))}`}, ${expected}`
      : `readPytorch: the file holds several dicts of tensors (${namesOf(inner.map(({ key }) => key))}), expected one; save the one that is meant, as torch.save(checkpoint[${JSON.stringify(inner[0].key)}], "weights.pt")`,
  );
}

const expected = "expected a dict from names to tensors; save model.state_dict() with torch.save";

const namesOf = (keys: readonly string[]): string =>
  keys
    .slice(0, 5)
    .map((key) => `"${key}"`)
    .join(", ") + (keys.length > 5 ? ", ..." : "");

/** What a pickle holds at its top, in words. */
function kindOf(value: PickleValue): string {
  if (isView(value)) return "a single tensor";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return value === null ? "None" : `one ${typeof value}`;
}

function entriesOf(value: PickleValue): readonly (readonly [string, PickleValue])[] {
  if (!(value instanceof Map))
    throw new UnsupportedError(`readPytorch: the file holds ${kindOf(value)}, ${expected}`);
  return [...(value as Map<PickleValue, PickleValue>)].map(([key, one]) => [String(key), one]);
}

/** First bytes of files that torch.save wrote before version 1.6: a pickled magic number. */
const legacy = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc];

/** Whether these are the first bytes of a file in the layout of torch before 1.6. */
export const isLegacyPytorch = (start: Uint8Array): boolean =>
  legacy.every((byte, i) => start[i] === byte);

/** @throws {UnsupportedError} always, with what to do */
export function refuseLegacyPytorch(): never {
  throw new UnsupportedError(
    "readPytorch: the file has the layout of torch before 1.6; load it in Python and save it again with torch.save or as safetensors",
  );
}

/** The name of the pickle in an archive, or undefined. */
export const findPickle = (names: Iterable<string>): string | undefined =>
  [...names].find((name) => /^([^/]+\/)?data\.pkl$/.test(name));

/**
 * The folder of the archive that everything lies in, from the names of its files.
 * @throws {FormatError} without a pickle; {UnsupportedError} for TorchScript
 */
export function archiveRoot(names: ReadonlyMap<string, unknown>): string {
  const pickle = findPickle(names.keys());
  if (pickle === undefined) return fail("it has no data.pkl");
  const root = pickle.slice(0, -"data.pkl".length);
  if (names.has(`${root}constants.pkl`))
    throw new UnsupportedError(
      "readPytorch: the file is TorchScript; save the state_dict of the module instead",
    );
  return root;
}

/** @throws {UnsupportedError} unless the archive's byteorder file says little */
export function checkByteOrder(bytes: Uint8Array): void {
  if (new TextDecoder().decode(bytes) !== "little")
    throw new UnsupportedError("readPytorch: the numbers are big endian; save the file again");
}

/** Checks a view against its storage and the archive, and gives the storage's file. @throws {FormatError} */
export function storageFile(
  name: string,
  { storage, offset, shape, strides }: StoredView,
  sizes: ReadonlyMap<string, number>,
  root: string,
): string {
  const { dtype, key, numbers } = storage;
  const file = `${root}data/${key}`;
  const where = `tensor "${name}" of shape ${formatShape(shape)}`;
  const width = dtypeBytes[dtype];
  const count = sizeOf(shape);
  if (strides.length !== shape.length) fail(`${where} has ${strides.length} strides`);
  if (!(count <= limits.numbers)) fail(`${where} has more than ${limits.numbers} numbers`);
  if (count > 0 && !(lastNumber(offset, shape, strides) < numbers))
    fail(`${where} reaches beyond its storage of ${numbers}`);
  const held = sizes.get(file);
  if (held === undefined) fail(`${where}: "${file}" is missing in the archive`);
  if (held !== numbers * width)
    fail(`${where}: "${file}" has ${held} bytes, expected ${numbers * width}`);
  return file;
}

/** Place of the last number of a view that is not empty. */
export const lastNumber = (
  offset: number,
  shape: readonly number[],
  strides: readonly number[],
): number => shape.reduce((sum, size, i) => sum + (size - 1) * strides[i], offset);
