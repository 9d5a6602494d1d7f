// The WebAssembly module of a program: one function an operation, one an entire pass. With threads, all of them run a pass
// together and wait for each other after every operation.

import { type ModuleWriter, writeModule } from "./assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "./fused-multiply-add.ts";
import type { Frame } from "../nest.ts";
import { writeMeeting } from "./meeting.ts";
import type { Operation } from "./operations.ts";
import { writeOuter } from "../outer-kernel.ts";
import type { KernelProgram } from "../program.ts";
import { writeEntries } from "../products/entries-kernel.ts";
import { writeMultiply } from "../products/multiply-kernel.ts";
import { writeNormalize } from "../products/normalize-kernel.ts";
import { writeReduce } from "../reduce-kernel.ts";
import { writeBlocks, writeClear, writeCombine } from "../small-kernels.ts";
import { writeStream } from "../stream-kernel.ts";
import { workOf } from "../work.ts";
import { inBlocks, networksTogether, type PassOperation, writePass } from "./passes.ts";

export interface ModuleOptions {
  /** Multiply and add with one rounding. @default as the host can */
  readonly fused?: boolean;
  /** Threads that wait may sleep; the main thread of a page must not. @default true */
  readonly sleeps?: boolean;
  /** Networks that passes will usually have: operations that are small for them are left to one thread. @default 1 */
  readonly batch?: number;
  /** Networks that go through a whole pass before the next ones do. @default as many as a cache holds */
  readonly together?: number;
}

/** Bytes of a page of memory. */
export const pageBytes = 65_536;
/** Most pages that a memory may have. */
export const maxPages = 65_536;

function writeOperation(frame: Frame, operation: Operation, fused: boolean): void {
  const madd = multiplyAdd(fused);
  switch (operation.kind) {
    case "stream":
      return writeStream(frame, operation, madd);
    case "reduce":
      return writeReduce(frame, operation);
    case "outer":
      return writeOuter(frame, operation, madd);
    case "multiply":
      return writeMultiply(frame, operation, madd);
    case "entries":
      return writeEntries(frame, operation);
    case "normalize":
      return writeNormalize(frame, operation);
    case "clear":
      return writeClear(frame, operation);
    case "combine":
      return writeCombine(frame, operation);
    case "expand":
    case "collect":
      return writeBlocks(frame, operation);
  }
}

/** Multiplications of an operation below which the first thread does it alone. */
const tooSmall = 100_000;

const isSmall = (operation: Operation, batch: number) =>
  operation.kind !== "clear" && workOf(operation) * batch < tooSmall;

/** Writes every operation of a pass as a function. */
function writeOperations(
  module: ModuleWriter,
  { layout }: KernelProgram,
  operations: readonly Operation[],
  names: Set<string>,
  { fused, usual }: { readonly fused: boolean; readonly usual: number },
): PassOperation[] {
  const always = ["batch", "first", "count"];
  const parameters = layout.threads === 1 ? always : [...always, "thread", "part", "parts"];
  return operations.map((operation) => {
    const plain = operation.name.replaceAll(/[^A-Za-z0-9_.]/g, "_");
    let name = plain;
    for (let i = 2; names.has(name); i++) name = `${plain}.${i}`;
    names.add(name);
    const kernel = module.func(name, parameters, (writer) => {
      const [batch, first, count, thread, part, parts] = writer.parameters;
      writeOperation(
        { writer, layout, batch, first, count, thread, part, parts },
        operation,
        fused,
      );
    });
    return { operation, kernel, alone: layout.threads > 1 && isSmall(operation, usual) };
  });
}

/** Writes the module of a program. Exports `prepare`, `forward` and `backward` of (batch, thread), and every operation. */
export function writeProgram(
  program: KernelProgram,
  {
    fused = hasFusedMultiplyAdd(),
    sleeps = true,
    batch: usual = 1,
    together = networksTogether(program.layout),
  }: ModuleOptions = {},
): ModuleWriter {
  const { threads } = program.layout;
  const limits =
    threads === 1 ? { pages: 1 } : { pages: 1, maximum: maxPages, shared: true as const };
  const module = writeModule(limits);
  const meeting = threads === 1 ? undefined : writeMeeting(module, threads, sleeps);
  const names = new Set<string>();
  for (const { name, operations } of program.passes) {
    const written = writeOperations(module, program, operations, names, { fused, usual });
    writePass(module, name, inBlocks(written, program.layout.buffers), {
      threads,
      together,
      meeting,
    });
  }
  return module;
}
