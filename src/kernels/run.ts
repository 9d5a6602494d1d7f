// A program at work: its module, the memory it runs on, and how numbers go in and out.

import { EnvironmentError, OptionError } from "../core/errors.ts";
import type { Value } from "./arena.ts";
import { type ModuleOptions, maxPages, pageBytes, writeProgram } from "./wasm/module.ts";
import type { KernelProgram } from "./program.ts";
import { type Crew, startCrew, type StartThread } from "./threads.ts";

type PassFunction = (batch: number, thread: number) => void;

/** A program that runs; all its arrays lie in one memory, which grows to the largest batch and is used again. */
export interface RunningProgram {
  readonly program: KernelProgram;
  /** Bytes of the memory. */
  memoryBytes(): number;
  /** Makes room for a batch; views from before are no longer valid. */
  resize(batch: number): void;
  /** Numbers of a buffer that is the same for all networks. */
  numbers(buffer: number): Float32Array<ArrayBuffer>;
  /** Numbers of a value, [batch, ...sizes, columns]; it must be one that lies in a piece. */
  values(value: Value): Float32Array<ArrayBuffer>;
  /** Runs a pass on the current batch. */
  run(pass: "prepare" | "forward" | "backward"): void;
  /** Ends its threads; it cannot run any more. */
  end(): void;
}

export interface RunOptions extends ModuleOptions {
  /** Starts the other threads of a program that is planned for more than one. */
  readonly start?: StartThread;
  /** A memory with room for the arena of its largest batch, which lies at its beginning; for programs of one thread. @default its own */
  readonly memory?: WebAssembly.Memory;
}

/**
 * @throws {EnvironmentError} when the arena of a batch is larger than a memory can be, or threads do not start;
 * {OptionError} for a program of several threads without a way to start them.
 */
export function runProgram(program: KernelProgram, options: RunOptions = {}): RunningProgram {
  const { layout } = program;
  const { threads } = layout;
  const memory =
    options.memory ??
    new WebAssembly.Memory(
      threads === 1 ? { initial: 1 } : { initial: 1, maximum: maxPages, shared: true },
    );
  const module = new WebAssembly.Module(writeProgram(program, options).bytes());
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  const runHere = (pass: string, batch: number) => (exports[pass] as PassFunction)(batch, 0);
  const crew = crewOf(program, options, { module, memory }, runHere);
  let batch = 0;
  const resize = (wanted: number) => {
    if (wanted === batch) return;
    const bytes = layout.bytes(wanted);
    const pages = Math.ceil(bytes / pageBytes);
    if (pages > maxPages) {
      throw new EnvironmentError(
        `kernels: a batch of ${wanted} networks needs ${bytes} bytes, at most ${maxPages * pageBytes} fit; use smaller batches or backend "engine"`,
      );
    }
    const missing = pages - memory.buffer.byteLength / pageBytes;
    if (missing > 0) memory.grow(missing);
    batch = wanted;
    for (const { buffer, data } of program.constants)
      new Uint8Array(memory.buffer, layout.base[buffer], data.byteLength).set(
        new Uint8Array(data.buffer),
      );
  };
  const at = (buffer: number) => layout.base[buffer] + layout.perNetwork[buffer] * batch;
  return {
    program,
    memoryBytes: () => memory.buffer.byteLength,
    resize,
    numbers: (buffer) => new Float32Array(memory.buffer, at(buffer), layout.buffers[buffer].size),
    values: ({ buffer, offset, batch: step }) =>
      new Float32Array(memory.buffer, at(buffer) + 4 * offset, step * batch),
    run: (pass) => (crew === undefined ? runHere(pass, batch) : crew.run(pass, batch)),
    end: () => crew?.end(),
  };
}

/** The other threads of a program; undefined when it runs on one. */
function crewOf(
  { layout, passes }: KernelProgram,
  { start, sleeps = true }: RunOptions,
  shared: { readonly module: WebAssembly.Module; readonly memory: WebAssembly.Memory },
  runHere: (pass: string, batch: number) => void,
): Crew | undefined {
  const { threads } = layout;
  if (threads === 1) return undefined;
  if (start === undefined) {
    throw new OptionError(
      `kernels: a program for ${threads} threads expected a way to start them, got none`,
    );
  }
  const task = { ...shared, passes: passes.map(({ name }) => name) };
  return startCrew(start, task, { threads, sleeps }, runHere);
}
