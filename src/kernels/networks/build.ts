// How the code of a small network is written: values lie feature by feature, [channels, rows], at fixed places of one memory; every layer adds a
// function for its way forward and, from the end on, some for its way back.

import { type FunctionWriter, type ModuleWriter, writeModule } from "../wasm/assembler.ts";
import { hasFusedMultiplyAdd, type MultiplyAdd, multiplyAdd } from "../wasm/fused-multiply-add.ts";
import { access, get, i32, type Instruction, op, set } from "../wasm/instructions.ts";
import { floatsAt, type Place, type StaticArena } from "../wasm/static-arena.ts";
import { vectorBytes } from "../wasm/vectors.ts";
import type { Operand } from "./products.ts";

/** Numbers [channels, rows]. */
export interface Value {
  readonly address: number;
  readonly channels: number;
  /** From one channel to the next, in numbers. */
  readonly step: number;
}

/** One step of a pass: a function of the module, or one of JavaScript that is made when there is a memory. */
export type PassStep =
  | { readonly name: string }
  | { readonly start: (memory: WebAssembly.Memory) => () => void };

export interface NetworkBuild {
  readonly arena: StaticArena;
  readonly module: ModuleWriter;
  readonly madd: MultiplyAdd;
  /** Of every value; a multiple of four. */
  readonly rows: number;
  /** Rows of one token, where the network is recurrent, else of one example: how rows are ordered. */
  readonly forward: PassStep[];
  readonly backward: PassStep[];
  readonly weights: ReadonlyMap<string, Place>;
  readonly gradients: ReadonlyMap<string, Place>;
  /** Tensors whose gradient has something in it already. */
  readonly given: Set<string>;
  /** Numbers that are written into the memory once. */
  readonly constants: { readonly place: Place; readonly data: Float32Array | Int32Array }[];
  /** Symbols of the rows, for embeddings; whoever runs the network writes them. */
  readonly symbols: Place;
}

/** A network that does nothing yet, of tensors of the given sizes, with room for weights and gradients. */
export function newBuild(
  arena: StaticArena,
  rows: number,
  sizes: Readonly<Record<string, number>>,
  symbols: Place = { address: 0, size: 0 },
): NetworkBuild {
  const tensors = () =>
    new Map(Object.entries(sizes).map(([name, size]) => [name, arena.floats(size)]));
  return {
    arena,
    module: writeModule({ pages: 1 }),
    madd: multiplyAdd(hasFusedMultiplyAdd()),
    rows,
    forward: [],
    backward: [],
    weights: tensors(),
    gradients: tensors(),
    given: new Set(),
    constants: [],
    symbols,
  };
}

/** The way back of a layer: from the gradient at its output to that at its input, which is added to `into` where that is given. */
export type Back = (at: Value, into?: Value) => Value;

export interface Planned {
  readonly output: Value;
  readonly back: Back;
}

/** Room for a value. */
export const newValue = ({ arena, rows }: NetworkBuild, channels: number): Value => ({
  address: arena.floats(channels * rows).address,
  channels,
  step: rows,
});

export const operandOf = ({ address, step }: Value): Operand => ({ address, rowStep: step });

export function placeOf(places: ReadonlyMap<string, Place>, name: string): Place {
  const place = places.get(name);
  if (place === undefined) throw new Error(`networks: no tensor "${name}"`);
  return place;
}

/** Adds a function to a pass. */
export function addStep(
  { module, forward, backward }: NetworkBuild,
  pass: "forward" | "backward",
  write: (writer: FunctionWriter) => void,
): void {
  const steps = pass === "forward" ? forward : backward;
  const name = `${pass}${steps.length}`;
  module.func(name, [], write);
  steps.push({ name });
}

/** The passes of a network in a memory of its own. */
export function startPasses({ arena, module, constants, forward, backward }: NetworkBuild) {
  const memory = arena.memory();
  for (const { place, data } of constants)
    new Uint8Array(memory.buffer, place.address, data.byteLength).set(
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    );
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  const started = (steps: NetworkBuild["forward"]) =>
    steps.map((step) => ("name" in step ? (exports[step.name] as () => void) : step.start(memory)));
  return { memory, exports, forward: started(forward), backward: started(backward) };
}

/** The numbers of all places of a memory. */
export const viewsOf = (
  memory: WebAssembly.Memory,
  places: ReadonlyMap<string, Place>,
): Record<string, Float32Array<ArrayBuffer>> =>
  Object.fromEntries([...places].map(([name, place]) => [name, floatsAt(memory, place)]));

/** Whether a gradient is written or added to; from now on it is added to. */
export function beginOf({ given }: NetworkBuild, name: string): "zeros" | "there" {
  if (given.has(name)) return "there";
  given.add(name);
  return "zeros";
}

/** Writes a loop over the vectors of values of one shape; `body` gets the bytes after the address of each. */
export function everyVector(
  writer: FunctionWriter,
  rows: number,
  values: readonly Value[],
  body: (pointers: readonly Instruction[]) => void,
): void {
  const { local, emit, loop } = writer;
  const [{ channels }] = values;
  const at = local("i32", "at");
  if (values.every(({ step }) => step === rows)) {
    const pointers = values.map(() => get(at));
    loop(at, i32(0), i32(4 * channels * rows), vectorBytes, () => body(pointers), {
      runsOnce: true,
    });
    return;
  }
  const channel = local("i32", "channel");
  const pointers = values.map(() => local("i32", "pointer"));
  loop(channel, i32(0), i32(channels), 1, () => {
    loop(at, i32(0), i32(4 * rows), vectorBytes, () => {
      for (const [v, pointer] of pointers.entries()) {
        const begin = op("i32.mul", get(channel), i32(4 * values[v].step));
        emit(set(pointer, op("i32.add", begin, get(at))));
      }
      body(pointers.map(get));
    });
  });
}

export const load = ({ address }: { readonly address: number }, at: Instruction): Instruction =>
  access("v128.load", address, at);

export const store = (
  { address }: { readonly address: number },
  at: Instruction,
  value: Instruction,
): Instruction => access("v128.store", address, at, value);
