// A reader for the part of Python's pickle format (protocols 2 to 5) that stored tensors need. Nothing is executed: names
// of classes become plain data, and a call is only understood when the caller's table knows it.

import { FormatError } from "../core/errors.ts";

export const pickleLimits = { bytes: 64 * 2 ** 20, values: 8_000_000 };

/** A class or function that the file names: data, never code. */
export interface PickleGlobal {
  readonly global: string;
}

/** What tables of calls and stored objects give back. */
export type PickleValue = unknown;

export interface PickleHandlers {
  /** The result of a known call. @throws {FormatError} for anything else */
  call(name: string, args: readonly PickleValue[]): PickleValue;
  /** An object that is stored outside the pickle. */
  stored(id: PickleValue): PickleValue;
  /** Whether this name may be mentioned at all. */
  isAllowed(name: string): boolean;
}

const fail = (what: string): never => {
  throw new FormatError(`readPickle: ${what}; the file is damaged or not made by torch.save`);
};

const mark = Symbol("mark");
const text = new TextDecoder("utf-8", { fatal: true });

export const isGlobal = (value: PickleValue): value is PickleGlobal =>
  typeof value === "object" && value !== null && "global" in value;

/** The value of a pickle: dicts are Maps, lists and tuples arrays. @throws {FormatError} */
export function readPickle(bytes: Uint8Array, handlers: PickleHandlers): PickleValue {
  if (bytes.length > pickleLimits.bytes)
    fail(`${bytes.length} bytes of pickle, more than the limit of ${pickleLimits.bytes}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: PickleValue[] = [];
  const memo = new Map<number, PickleValue>();
  let at = 0;
  let made = 0;

  const take = (count: number): number => {
    const start = at;
    if (!(count >= 0) || start + count > bytes.length)
      fail(`it ends inside a value at byte ${start}`);
    at += count;
    return start;
  };
  const string = (length: number): string => {
    const start = take(length);
    try {
      return text.decode(bytes.subarray(start, at));
    } catch {
      return fail(`text at byte ${start} is not UTF-8`);
    }
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end === -1) fail(`a name at byte ${at} has no end`);
    const found = string(end - at);
    at++;
    return found;
  };
  const push = (value: PickleValue): void => {
    if (++made > pickleLimits.values) fail(`more than ${pickleLimits.values} values`);
    stack.push(value);
  };
  const pop = (): PickleValue => {
    if (stack.length === 0 || stack.at(-1) === mark) fail(`a value is missing at byte ${at}`);
    return stack.pop();
  };
  const popToMark = (): PickleValue[] => {
    const start = stack.lastIndexOf(mark);
    if (start === -1) fail(`a mark is missing at byte ${at}`);
    const found = stack.splice(start);
    return found.slice(1);
  };
  const popMany = (count: number) => Array.from({ length: count }, pop).reverse();
  const remember = (index: number) => {
    if (memo.size > pickleLimits.values) fail(`more than ${pickleLimits.values} values`);
    memo.set(index, stack.at(-1));
  };
  const recall = (index: number) =>
    push(memo.has(index) ? memo.get(index) : fail(`value ${index} is used before it is made`));
  const global = (module: string, name: string): void => {
    const full = `${module}.${name}`;
    if (!handlers.isAllowed(full))
      throw new FormatError(
        `readPickle: the file holds an object of class "${full}", which is not a tensor; nothing of it is run or read. Save the state_dict alone, or as safetensors`,
      );
    push(Object.freeze({ global: full }));
  };
  const call = (): void => {
    const args = pop();
    const callee = pop();
    if (!isGlobal(callee) || !Array.isArray(args)) fail(`a call at byte ${at} has no name`);
    else push(handlers.call(callee.global, args));
  };
  const append = (items: readonly PickleValue[]) => {
    const list = stack.at(-1);
    if (Array.isArray(list)) for (const item of items) list.push(item);
    else fail(`items are added to what is no list at byte ${at}`);
  };
  const setItems = (items: readonly PickleValue[]) => {
    const dict = stack.at(-1);
    if (!(dict instanceof Map) || items.length % 2 !== 0)
      return fail(`entries are set in what is no dict at byte ${at}`);
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  };
  const integer = (size: number): number => {
    const start = take(size);
    if (size > 8) fail(`a whole number of ${size} bytes at byte ${start}`);
    let value = 0n;
    for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[start + i]);
    return Number(BigInt.asIntN(8 * size, value));
  };

  const steps: Readonly<Record<number, () => void>> = {
    0x80: () => {
      const protocol = bytes[take(1)];
      if (protocol < 2 || protocol > 5) fail(`pickle protocol ${protocol}, expected 2 to 5`);
    },
    0x95: () => void take(8),
    0x7d: () => push(new Map()),
    0x5d: () => push([]),
    0x29: () => push([]),
    0x28: () => push(mark),
    0x71: () => remember(bytes[take(1)]),
    0x72: () => remember(view.getUint32(take(4), true)),
    0x94: () => remember(memo.size),
    0x68: () => recall(bytes[take(1)]),
    0x6a: () => recall(view.getUint32(take(4), true)),
    0x63: () => global(line(), line()),
    0x93: () => {
      const [module, name] = popMany(2);
      if (typeof module !== "string" || typeof name !== "string") fail(`a class without a name`);
      else global(module, name);
    },
    0x58: () => push(string(view.getUint32(take(4), true))),
    0x8c: () => push(string(bytes[take(1)])),
    0x54: () => push(string(view.getUint32(take(4), true))),
    0x55: () => push(string(bytes[take(1)])),
    0x4a: () => push(view.getInt32(take(4), true)),
    0x4b: () => push(bytes[take(1)]),
    0x4d: () => push(view.getUint16(take(2), true)),
    0x8a: () => push(integer(bytes[take(1)])),
    0x47: () => push(view.getFloat64(take(8), false)),
    0x4e: () => push(null),
    0x88: () => push(true),
    0x89: () => push(false),
    0x74: () => push(popToMark()),
    0x85: () => push(popMany(1)),
    0x86: () => push(popMany(2)),
    0x87: () => push(popMany(3)),
    0x61: () => append([pop()]),
    0x65: () => append(popToMark()),
    0x73: () => setItems(popMany(2)),
    0x75: () => setItems(popToMark()),
    0x30: () => void pop(),
    0x31: () => void popToMark(),
    0x52: call,
    0x81: call,
    // The state of an object: only dicts have one here (`_metadata`), and it says nothing about tensors.
    0x62: () => {
      pop();
      if (!(stack.at(-1) instanceof Map)) fail(`a state is given to what is no dict at byte ${at}`);
    },
    0x51: () => push(handlers.stored(pop())),
  };
  for (;;) {
    const code = bytes[take(1)];
    if (code === 0x2e) break;
    const step = steps[code];
    if (step === undefined)
      fail(`instruction 0x${code.toString(16)} at byte ${at - 1} is not allowed`);
    step();
  }
  return pop();
}
