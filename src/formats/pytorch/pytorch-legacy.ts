// The layout of torch.save before version 1.6: five pickles in a row (a mark, a version, facts about the machine, the value,
// the keys of the storages), then every storage: the count of its numbers in 8 bytes, and the numbers.

import { FormatError, UnsupportedError } from "../../core/errors.ts";
import type { ByteSource } from "../byte-source.ts";
import { readPickleAt } from "./pickle.ts";
import { newBudget, PickleEnd, pickleLimits, type PickleValue } from "./pickle-machine.ts";
import { checkpointHandlers, type Met, type PickledCheckpoint } from "./pytorch-objects.ts";
import type { Storages } from "./pytorch-state.ts";
import { isDict, isList } from "./pytorch-views.ts";

/** The first bytes: a pickled magic number. */
const mark = [0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc];
const version = 1001;
/** Bytes from the start of the file in which its pickles are looked for, one after another. */
const windows = [2 ** 18, 2 ** 22, pickleLimits.bytes];

/** Whether these are the first bytes of a file in the layout of torch before 1.6. */
export const isLegacyPytorch = (start: Uint8Array): boolean =>
  mark.every((byte, i) => start[i] === byte);

const fail = (what: string): never => {
  throw new FormatError(
    `readPytorch: ${what}; the file is damaged or not made by torch.save, fetch or save it again`,
  );
};

/** The value and the storages of such a file. @throws {FormatError} {UnsupportedError} */
export async function readLegacy(
  file: ByteSource,
): Promise<{ checkpoint: PickledCheckpoint; storages: Storages }> {
  const { values, end, met } = await readPickles(file);
  const [, made, machine, value, keys] = values;
  if (made !== version) fail(`its version is ${String(made)}, expected ${version}`);
  if (!isDict(machine) || machine.get("little_endian") !== true)
    throw new UnsupportedError("readPytorch: the numbers are big endian; save the file again");
  if (!isList(keys)) return fail("it has no list of storages");
  const places = await findStorages(file, keys, end, met);
  const storages: Storages = {
    sizes: new Map([...places].map(([key, { bytes }]) => [key, bytes])),
    where: (key) => `storage ${JSON.stringify(key)}`,
    read: (key, start, to) => {
      const { at } = places.get(key)!;
      return file.read(at + start, at + to);
    },
  };
  return { checkpoint: { value, tensors: met.tensors }, storages };
}

/** The five pickles; more of the file is read while the last one goes on. All of them share one budget of work. */
async function readPickles(file: ByteSource) {
  const budget = newBudget();
  for (const window of windows) {
    const bytes = await file.read(0, Math.min(window, file.size));
    const met: Met = { tensors: 0, storages: new Map() };
    const handlers = checkpointHandlers(met);
    try {
      const values: PickleValue[] = [];
      let end = 0;
      while (values.length < 5) {
        const read = readPickleAt(bytes, end, handlers, budget);
        values.push(read.value);
        end = read.end;
      }
      return { values, end, met };
    } catch (error) {
      if (!(error instanceof PickleEnd) || bytes.length === file.size) throw error;
    }
  }
  return fail(`its pickles are longer than the limit of ${pickleLimits.bytes} bytes`);
}

/** Where the storages lie, one after another in the order of their keys. */
async function findStorages(
  file: ByteSource,
  keys: readonly PickleValue[],
  start: number,
  { storages }: Met,
): Promise<ReadonlyMap<string, { at: number; bytes: number }>> {
  const places = new Map<string, { at: number; bytes: number }>();
  let at = start;
  for (const key of keys) {
    const storage = typeof key === "string" ? storages.get(key) : undefined;
    if (storage === undefined || places.has(storage.key))
      return fail("its list of storages is not that of its tensors");
    if (storage.type === undefined)
      throw new UnsupportedError(
        `readPytorch: the file has numbers of class ${JSON.stringify(storage.class)}, which is not known, so that those behind them cannot be found; save it again with torch.save of version 1.6 or newer`,
      );
    if (at + 8 > file.size) return fail(`it ends after ${places.size} of ${keys.length} storages`);
    const { buffer, byteOffset } = await file.read(at, at + 8);
    const count = new DataView(buffer, byteOffset, 8).getBigUint64(0, true);
    const bytes = storage.storageBytes;
    if (count !== BigInt(bytes / storage.type.width))
      return fail(
        `storage ${JSON.stringify(key)} has ${count} numbers, expected ${bytes / storage.type.width}`,
      );
    at += 8;
    if (at + bytes > file.size)
      return fail(`it ends inside storage ${places.size + 1} of ${keys.length}`);
    places.set(storage.key, { at, bytes });
    at += bytes;
  }
  return places;
}
