// What the pickle of a PyTorch checkpoint holds: tensors as views of storages, dicts, and objects of other classes, which
// stay what they are: a name and parts.

import { isFloatDtype } from "../safetensors/safetensors-dtypes.ts";
import { FormatError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { numpyArray } from "./numpy-objects.ts";
import { isModule, moduleTensors } from "./module-state.ts";
import { isGlobal, isObject, isSet, readPickle } from "./pickle.ts";
import type { PickleHandlers, PickleObject, PickleValue } from "./pickle-machine.ts";
import { rebuild } from "./pytorch-rebuild.ts";
import { storageTypes } from "./pytorch-types.ts";
import {
  isCount,
  isDict,
  isList,
  isStorage,
  isTensor,
  type StoredNumbers,
  type StoredView,
} from "./pytorch-views.ts";

const limits = { keyLength: 200 };

/** A value as a tensor: one of torch, or an array of NumPy. Undefined for everything else. */
export const viewOf = (value: PickleValue): StoredView | undefined =>
  isTensor(value) ? value : isObject(value) ? numpyArray(value) : undefined;

/** A dict, or the tensors of a pickled module by their dotted names. Undefined for everything else. */
export const dictOf = (value: PickleValue): ReadonlyMap<PickleValue, PickleValue> | undefined =>
  isDict(value) ? value : isObject(value) && isModule(value) ? moduleTensors(value) : undefined;

export const isFloating = ({ dtype }: StoredView): boolean => isFloatDtype(dtype);

/** Whether it is a tensor of floating numbers, more than one of them: what networks are made of. */
export function isWeight(value: PickleValue): boolean {
  const view = viewOf(value);
  return view !== undefined && isFloating(view) && sizeOf(view.shape) > 1;
}

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

/** What was met while a pickle was read. */
export interface Met {
  /** How many tensors were made. */
  tensors: number;
  /** A storage of every key. */
  readonly storages: Map<string, StoredNumbers>;
}

/** What a pickle's calls and stored objects mean; `met` is filled on the way. */
export function checkpointHandlers(met: Met): PickleHandlers {
  return {
    stored(id) {
      const found = stored(id);
      if (isStorage(found)) met.storages.set(found.key, found);
      return found;
    },
    call(name, args, charge) {
      const made = rebuild(name, args, charge);
      if (isTensor(made) && !args.includes(made)) met.tensors++;
      return made;
    },
  };
}

/** Reads the pickle of a checkpoint as data. @throws {FormatError} */
export function readCheckpoint(pickle: Uint8Array): PickledCheckpoint {
  const met: Met = { tensors: 0, storages: new Map() };
  const value = readPickle(pickle, checkpointHandlers(met));
  return { value, tensors: met.tensors };
}

/**
 * `("storage", torch.FloatStorage, key, device, numbers)`; in the old layout also the part of another storage that it is,
 * `(key, offset, numbers)`, and `("module", class, file, source)` for a class.
 */
function stored(id: PickleValue): PickleValue {
  const [tag, type, key, , numbers, part] = isList(id) ? id : [];
  if (tag === "module" && isGlobal(type)) return type;
  if (tag !== "storage" || !isGlobal(type) || typeof key !== "string" || !isCount(numbers))
    return fail("a storage is not described as torch does");
  if (key.length > limits.keyLength)
    return fail(`a storage has a key of more than ${limits.keyLength} characters`);
  const known = storageTypes.get(type.global);
  const width = known?.width ?? 1;
  const base = { kind: "storage", class: type.global, key, type: known } as const;
  const isPart = isList(part);
  const [, offset, length] = isPart ? part : [key, 0, numbers];
  if (!isCount(offset) || !isCount(length)) return fail("a part of a storage has no place in it");
  const place = { storageBytes: numbers * width, bytes: length * width, start: offset * width };
  return Object.freeze({ ...base, ...place });
}

/** Objects are searched for tensors so far in all; a file that needs more is refused. */
const maxSearched = 8_000_000;

/** Tells whether a tensor or a storage lies in an object, at any depth. Searches of one file share a budget. */
export function tensorSearch(): (object: PickleObject) => boolean {
  const known = new Map<PickleObject, boolean>();
  let left = maxSearched;
  const search = (object: PickleObject): boolean => {
    const seen = new Set<PickleValue>([object]);
    const open: PickleValue[] = [object];
    while (open.length > 0) {
      const value = open.pop();
      const isPlain = isList(value) || isDict(value);
      if (!isPlain && (viewOf(value) !== undefined || isStorage(value))) return true;
      for (const part of partsOf(value)) {
        if (--left < 0) fail(`objects hold more than ${maxSearched} values`);
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

/** What lies in a list, dict, set or object. */
export function partsOf(value: PickleValue): Iterable<PickleValue> {
  if (isList(value)) return value;
  if (isDict(value)) return value.values();
  if (isObject(value)) return value.parts;
  return isSet(value) ? value.items : [];
}
