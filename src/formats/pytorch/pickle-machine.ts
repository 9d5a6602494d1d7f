// The machine that reads pickles: bytes, a stack with marks, a memo, and a budget of work. It knows no class; what calls and
// stored objects give is the caller's.

import { FormatError } from "../../core/errors.ts";

/** `work` counts as `costs` says: it bounds both the time and the memory that a pickle takes, however small its file. */
export const pickleLimits = { bytes: 64 * 2 ** 20, work: 24_000_000, className: 1000 };

/** Work of one value, and what some values take beyond that. */
export const costs = { value: 2, text: 6, list: 4, dict: 16, entry: 8, memo: 10, object: 16 };

/** A class or function that the file names: data, never code. */
export interface PickleGlobal {
  readonly kind: "global";
  readonly global: string;
}

/** An object of a class that nobody knows: its name and all that it was made of. Nothing of it is run. */
export interface PickleObject {
  readonly kind: "object";
  readonly class: string;
  /** Arguments, state, items and entries, in the order of the file. */
  readonly parts: PickleValue[];
}

/** A value that has no use here, such as a whole number beyond 2^53. */
export interface PickleOpaque {
  readonly kind: "opaque";
  readonly what: string;
}

/** Bytes, where they lie in the pickle. */
export interface PickleBytes {
  readonly kind: "bytes";
  readonly data: Uint8Array;
}

export interface PickleSet {
  readonly kind: "set";
  readonly items: PickleValue[];
}

/** Dicts are Maps, lists arrays, tuples frozen arrays; objects have a `kind`, which nothing in a file can forge. */
export type PickleValue = unknown;

export interface PickleHandlers {
  /** The result of a known call, else undefined. `charge` takes work that grows with the arguments. @throws {FormatError} */
  call(name: string, args: readonly PickleValue[], charge: (work: number) => void): PickleValue;
  /** An object that is stored outside the pickle. */
  stored(id: PickleValue): PickleValue;
}

export interface Machine {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly stack: PickleValue[];
  /** Lengths of the stack where a mark was set. */
  readonly marks: number[];
  readonly memo: Map<number, PickleValue>;
  readonly handlers: PickleHandlers;
  /** The next byte. */
  at: number;
  readonly budget: Budget;
}

/** Work that is left; pickles of one file share it. */
export interface Budget {
  left: number;
}

export const newBudget = (): Budget => ({ left: pickleLimits.work });

/** The pickle goes on beyond the bytes that were given. */
export class PickleEnd extends FormatError {}

/** @throws {FormatError} always */
export function fail(what: string): never {
  throw new FormatError(`readPickle: ${what}; the file is damaged or not made by torch.save`);
}

/** @throws {FormatError} when the pickle is longer than the limit */
export function startMachine(
  bytes: Uint8Array,
  handlers: PickleHandlers,
  at = 0,
  budget = newBudget(),
): Machine {
  if (bytes.length > pickleLimits.bytes)
    fail(`${bytes.length} bytes of pickle, more than the limit of ${pickleLimits.bytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { bytes, view, stack: [], marks: [], memo: new Map(), handlers, at, budget };
}

/** @throws {FormatError} when the budget of work is used up */
export function charge(machine: Machine, work: number): void {
  machine.budget.left -= work;
  if (machine.budget.left < 0)
    throw new FormatError(
      `readPickle: it asks for more work than the limit of ${pickleLimits.work} steps, used up at byte ${machine.at}; a file of torch.save that holds tensors and settings needs far less: save the state_dict alone`,
    );
}

/** Takes bytes and gives where they begin. */
export function take(machine: Machine, count: number): number {
  const start = machine.at;
  if (!(count >= 0) || start + count > machine.bytes.length)
    throw new PickleEnd(
      `readPickle: it ends inside a value at byte ${start}; the file is damaged or not made by torch.save`,
    );
  machine.at += count;
  return start;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

export function takeText(machine: Machine, length: number): string {
  charge(machine, costs.text);
  const start = take(machine, length);
  try {
    return decoder.decode(machine.bytes.subarray(start, machine.at));
  } catch {
    return fail(`text at byte ${start} is not UTF-8`);
  }
}

/** Text up to the end of its line. */
export function takeLine(machine: Machine): string {
  const end = machine.bytes.indexOf(10, machine.at);
  if (end === -1)
    throw new PickleEnd(
      `readPickle: a name at byte ${machine.at} has no end; the file is damaged or not made by torch.save`,
    );
  const found = takeText(machine, end - machine.at);
  machine.at++;
  return found;
}

/** The 8 bytes of a length. */
export function takeLength(machine: Machine): number {
  const start = take(machine, 8);
  const length = machine.view.getBigUint64(start, true);
  return length > BigInt(pickleLimits.bytes)
    ? fail(`it ends inside a value at byte ${start}`)
    : Number(length);
}

export function push(machine: Machine, value: PickleValue): void {
  charge(machine, costs.value);
  machine.stack.push(value);
}

/** Values above the last mark. */
const height = ({ stack, marks }: Machine) => stack.length - (marks.at(-1) ?? 0);

export function pop(machine: Machine): PickleValue {
  if (height(machine) < 1) fail(`a value is missing at byte ${machine.at}`);
  return machine.stack.pop();
}

/** The value on top, which stays. */
export function top(machine: Machine): PickleValue {
  if (height(machine) < 1) fail(`a value is missing at byte ${machine.at}`);
  return machine.stack.at(-1);
}

export function popMany(machine: Machine, count: number): PickleValue[] {
  if (height(machine) < count) fail(`a value is missing at byte ${machine.at}`);
  return machine.stack.splice(machine.stack.length - count);
}

export function setMark(machine: Machine): void {
  charge(machine, costs.value);
  machine.marks.push(machine.stack.length);
}

export function popToMark(machine: Machine): PickleValue[] {
  const start = machine.marks.pop() ?? fail(`a mark is missing at byte ${machine.at}`);
  return machine.stack.splice(start);
}

export function remember(machine: Machine, index: number): void {
  charge(machine, costs.memo);
  machine.memo.set(index, top(machine));
}

export function recall(machine: Machine, index: number): void {
  const { memo } = machine;
  push(
    machine,
    memo.has(index) ? memo.get(index) : fail(`value ${index} is used before it is made`),
  );
}
