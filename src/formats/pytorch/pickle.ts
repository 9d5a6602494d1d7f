// A reader for the part of Python's pickle format (protocols 2 to 5) that checkpoints use. Nothing is executed: names of
// classes become plain data, a call is only understood when the caller's table knows it, and any other object is kept as
// its class and its parts. Instructions: https://docs.python.org/3/library/pickletools.html

import {
  type Budget,
  charge,
  costs,
  fail,
  type Machine,
  type PickleBytes,
  type PickleGlobal,
  type PickleHandlers,
  pickleLimits,
  type PickleObject,
  type PickleOpaque,
  type PickleSet,
  type PickleValue,
  pop,
  popMany,
  popToMark,
  push,
  recall,
  remember,
  setMark,
  startMachine,
  take,
  takeLength,
  takeLine,
  takeText,
  top,
} from "./pickle-machine.ts";

/** The value of a pickle. @throws {FormatError} for damaged ones, and when the budget of work is used up */
export function readPickle(bytes: Uint8Array, handlers: PickleHandlers): PickleValue {
  return readPickleAt(bytes, 0, handlers).value;
}

/** The same for a pickle that begins at byte `start`, and where it ends. @throws {PickleEnd} when it ends too early */
export function readPickleAt(
  bytes: Uint8Array,
  start: number,
  handlers: PickleHandlers,
  budget?: Budget,
): { readonly value: PickleValue; readonly end: number } {
  const machine = startMachine(bytes, handlers, start, budget);
  for (;;) {
    const code = bytes[take(machine, 1)];
    if (code === stop) return { value: pop(machine), end: machine.at };
    const instruction = instructions.get(code);
    if (instruction === undefined)
      return fail(`instruction 0x${code.toString(16)} at byte ${machine.at - 1} is not allowed`);
    instruction(machine);
  }
}

const kindOf = (value: PickleValue): unknown =>
  typeof value === "object" && value !== null && "kind" in value ? value.kind : undefined;

export const isGlobal = (value: PickleValue): value is PickleGlobal => kindOf(value) === "global";
export const isObject = (value: PickleValue): value is PickleObject => kindOf(value) === "object";
export const isBytes = (value: PickleValue): value is PickleBytes => kindOf(value) === "bytes";
export const isSet = (value: PickleValue): value is PickleSet => kindOf(value) === "set";

type Instruction = (machine: Machine) => void;
type Table = readonly (readonly [code: number, instruction: Instruction])[];

const stop = 0x2e;

const opaque = (what: string): PickleOpaque => Object.freeze({ kind: "opaque", what });
const bigNumber = opaque("a whole number beyond 2^53");

/** A whole number of any length, least byte first. */
function integer(machine: Machine, size: number): number | PickleOpaque {
  const start = take(machine, size);
  if (size > 8) return bigNumber;
  let value = 0n;
  for (let i = size - 1; i >= 0; i--) value = (value << 8n) | BigInt(machine.bytes[start + i]);
  const found = Number(BigInt.asIntN(8 * size, value));
  return Number.isSafeInteger(found) ? found : bigNumber;
}

const byte = (machine: Machine) => machine.bytes[take(machine, 1)];
const uint32 = (machine: Machine) => machine.view.getUint32(take(machine, 4), true);

function checkProtocol(machine: Machine): void {
  const protocol = byte(machine);
  if (protocol < 2 || protocol > 5) fail(`pickle protocol ${protocol}, expected 2 to 5`);
}

const plain: Table = [
  [0x80, checkProtocol],
  [0x95, (machine) => void take(machine, 8)], // the length of a frame
  [0x4e, (machine) => push(machine, null)],
  [0x88, (machine) => push(machine, true)],
  [0x89, (machine) => push(machine, false)],
  [0x4a, (machine) => push(machine, machine.view.getInt32(take(machine, 4), true))],
  [0x4b, (machine) => push(machine, byte(machine))],
  [0x4d, (machine) => push(machine, machine.view.getUint16(take(machine, 2), true))],
  [0x8a, (machine) => push(machine, integer(machine, byte(machine)))],
  [0x8b, (machine) => push(machine, integer(machine, uint32(machine)))],
  [0x47, (machine) => push(machine, machine.view.getFloat64(take(machine, 8), false))],
];

/** Bytes stay where they are: arrays of NumPy are made of them. */
function pushBytes(machine: Machine, count: number): void {
  charge(machine, costs.object);
  const start = take(machine, count);
  push(machine, { kind: "bytes", data: machine.bytes.subarray(start, start + count) });
}

const texts: Table = [
  [0x58, (machine) => push(machine, takeText(machine, uint32(machine)))],
  [0x8c, (machine) => push(machine, takeText(machine, byte(machine)))],
  [0x8d, (machine) => push(machine, takeText(machine, takeLength(machine)))],
  [0x54, (machine) => push(machine, takeText(machine, uint32(machine)))],
  [0x55, (machine) => push(machine, takeText(machine, byte(machine)))],
  [0x42, (machine) => pushBytes(machine, uint32(machine))],
  [0x43, (machine) => pushBytes(machine, byte(machine))],
  [0x8e, (machine) => pushBytes(machine, takeLength(machine))],
  [0x96, (machine) => pushBytes(machine, takeLength(machine))],
];

function pushTuple(machine: Machine, items: PickleValue[]): void {
  charge(machine, costs.list);
  push(machine, Object.freeze(items));
}

function pushList(machine: Machine, items: PickleValue[]): void {
  charge(machine, costs.list);
  push(machine, items);
}

/** Python's dicts take no lists and dicts as keys. */
function setItems(machine: Machine, items: readonly PickleValue[]): void {
  const holder = top(machine);
  charge(machine, (items.length / 2) * costs.entry);
  if (isObject(holder)) for (const item of items) holder.parts.push(item);
  if (isObject(holder)) return;
  if (!(holder instanceof Map) || items.length % 2 !== 0)
    return fail(`entries are set in what is no dict at byte ${machine.at}`);
  for (let i = 0; i < items.length; i += 2) {
    const key = items[i];
    if (key instanceof Map || (Array.isArray(key) && !Object.isFrozen(key)))
      fail(`a dict has a list or a dict as its key at byte ${machine.at}`);
    holder.set(key, items[i + 1]);
  }
}

function pushDict(machine: Machine, items: readonly PickleValue[]): void {
  charge(machine, costs.dict);
  push(machine, new Map());
  if (items.length > 0) setItems(machine, items);
}

function append(machine: Machine, items: readonly PickleValue[]): void {
  const holder = top(machine);
  const list = isObject(holder) ? holder.parts : holder;
  if (!Array.isArray(list) || Object.isFrozen(list))
    return fail(`items are added to what is no list at byte ${machine.at}`);
  for (const item of items) list.push(item);
}

function pushSet(machine: Machine, items: PickleValue[]): void {
  charge(machine, costs.list + items.length);
  push(machine, { kind: "set", items } satisfies PickleSet);
}

function addItems(machine: Machine): void {
  const items = popToMark(machine);
  const holder = top(machine);
  if (!isSet(holder)) return fail(`items are added to what is no set at byte ${machine.at}`);
  for (const item of items) holder.items.push(item);
}

const containers: Table = [
  [0x28, setMark],
  [0x7d, (machine) => pushDict(machine, [])],
  [0x64, (machine) => pushDict(machine, popToMark(machine))],
  [0x5d, (machine) => pushList(machine, [])],
  [0x6c, (machine) => pushList(machine, popToMark(machine))],
  [0x29, (machine) => pushTuple(machine, [])],
  [0x74, (machine) => pushTuple(machine, popToMark(machine))],
  [0x85, (machine) => pushTuple(machine, popMany(machine, 1))],
  [0x86, (machine) => pushTuple(machine, popMany(machine, 2))],
  [0x87, (machine) => pushTuple(machine, popMany(machine, 3))],
  [0x61, (machine) => append(machine, [pop(machine)])],
  [0x65, (machine) => append(machine, popToMark(machine))],
  [0x73, (machine) => setItems(machine, popMany(machine, 2))],
  [0x75, (machine) => setItems(machine, popToMark(machine))],
  [0x8f, (machine) => pushSet(machine, [])],
  [0x90, addItems],
  [0x91, (machine) => pushSet(machine, popToMark(machine))],
];

/** Throws away the value on top, or a mark that lies there. */
function drop(machine: Machine): void {
  if (machine.marks.at(-1) === machine.stack.length) machine.marks.pop();
  else pop(machine);
}

const memory: Table = [
  [0x30, drop],
  [0x31, (machine) => void popToMark(machine)],
  [0x32, (machine) => push(machine, top(machine))],
  [0x71, (machine) => remember(machine, byte(machine))],
  [0x72, (machine) => remember(machine, uint32(machine))],
  [0x94, (machine) => remember(machine, machine.memo.size)],
  [0x68, (machine) => recall(machine, byte(machine))],
  [0x6a, (machine) => recall(machine, uint32(machine))],
];

function pushGlobal(machine: Machine, module: PickleValue, name: PickleValue): void {
  if (typeof module !== "string" || typeof name !== "string")
    return fail(`a class without a name at byte ${machine.at}`);
  if (module.length + name.length > pickleLimits.className)
    fail(`a class has a name of more than ${pickleLimits.className} characters`);
  charge(machine, costs.object);
  push(machine, Object.freeze({ kind: "global", global: `${module}.${name}` }));
}

/** What a known call gives; an object for any other. */
function call(machine: Machine, callee: PickleValue, parts: PickleValue[], known: boolean): void {
  const name = isGlobal(callee) ? callee.global : isObject(callee) ? callee.class : undefined;
  if (name === undefined) return fail(`a call at byte ${machine.at} has no name`);
  charge(machine, costs.object);
  const work = (amount: number) => charge(machine, amount);
  const made = known && isGlobal(callee) ? machine.handlers.call(name, parts, work) : undefined;
  push(machine, made ?? ({ kind: "object", class: name, parts } satisfies PickleObject));
}

/** Arguments are a tuple; they are copied only into an object, which may get more parts. */
function callWithTuple(machine: Machine): void {
  const [callee, args] = popMany(machine, 2);
  if (!Array.isArray(args)) return fail(`a call at byte ${machine.at} has no arguments`);
  charge(machine, args.length);
  call(machine, callee, [...(args as PickleValue[])], true);
}

/** The state of an object is one of its parts; that of a dict (`_metadata`) or a tensor says nothing about numbers. */
function build(machine: Machine): void {
  const state = pop(machine);
  const holder = top(machine);
  if (isObject(holder)) holder.parts.push(state);
  else if (!(holder instanceof Map) && kindOf(holder) === undefined)
    fail(`a state is given to what is no object at byte ${machine.at}`);
}

const objects: Table = [
  [0x63, (machine) => pushGlobal(machine, takeLine(machine), takeLine(machine))],
  [
    0x93,
    (machine) => {
      const [module, name] = popMany(machine, 2);
      pushGlobal(machine, module, name);
    },
  ],
  [0x52, callWithTuple],
  [0x81, callWithTuple],
  [
    0x92,
    (machine) => {
      const [callee, args, named] = popMany(machine, 3);
      call(machine, callee, [args, named], false);
    },
  ],
  [0x62, build],
  [0x51, (machine) => push(machine, machine.handlers.stored(pop(machine)))],
];

const instructions: ReadonlyMap<number, Instruction> = new Map([
  ...plain,
  ...texts,
  ...containers,
  ...memory,
  ...objects,
]);
