// A small assembler: functions with named parameters and locals become a WebAssembly module, as bytes and as text.

import {
  again,
  call,
  encode,
  get,
  i32,
  type Instruction,
  type Local,
  loop,
  makeLocal,
  op,
  printInstructions,
  pushBytes,
  set,
  unsigned,
  type ValueType,
  when,
} from "./instructions.ts";

/** Writes one function. Statements go to the innermost block that is open. */
export interface FunctionWriter {
  readonly parameters: readonly Local[];
  /** A new local; a number is appended to names that are taken. */
  readonly local: (type: ValueType, name: string) => Local;
  readonly emit: (...statements: Instruction[]) => void;
  /** `for (counter = from; counter < to; counter += step) body()`. */
  readonly loop: (
    counter: Local,
    from: Instruction,
    to: Instruction,
    step: number,
    body: () => void,
    known?: { readonly runsOnce: boolean },
  ) => void;
  /** Runs its body only where the condition holds. */
  readonly when: (condition: Instruction, body: () => void) => void;
  /** The body, again as long as the condition holds after it. */
  readonly repeat: (body: () => void, condition: () => Instruction) => void;
}

/** A function that other functions of the module can call. */
export interface FunctionReference {
  readonly name: string;
  call(...operands: Instruction[]): Instruction;
}

export interface ModuleWriter {
  /** Adds an exported function of i32 parameters without a result. */
  func(
    name: string,
    parameters: readonly string[],
    write: (writer: FunctionWriter) => void,
  ): FunctionReference;
  bytes(): Uint8Array<ArrayBuffer>;
  /** The module, or one function of it, in the text format of WebAssembly. */
  text(only?: string): string;
}

export interface MemoryImport {
  readonly pages: number;
  /** Needs `maximum`. @default false */
  readonly shared?: boolean;
  readonly maximum?: number;
}

/** A function as it was written. */
interface Written {
  readonly parameters: readonly Local[];
  readonly locals: readonly Local[];
  readonly body: readonly Instruction[];
}

/** A function of a module: its code, and how to write it once more for the text form. */
interface Encoded {
  readonly name: string;
  readonly parameterCount: number;
  readonly code: Uint8Array<ArrayBuffer>;
  readonly again: () => Written;
}

const typeCode: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

function writeFunction(
  parameters: readonly string[],
  write: (writer: FunctionWriter) => void,
): Written {
  const locals: Local[] = [];
  const taken = new Map<string, number>();
  const local = (type: ValueType, wanted: string): Local => {
    const times = taken.get(wanted) ?? 0;
    taken.set(wanted, times + 1);
    const made = makeLocal(times === 0 ? wanted : `${wanted}.${times}`, type, locals.length);
    locals.push(made);
    return made;
  };
  let open: Instruction[] = [];
  const inBlock = (body: () => void): Instruction[] => {
    const outer = open;
    open = [];
    body();
    const inner = open;
    open = outer;
    return inner;
  };
  const parameterLocals = parameters.map((parameter) => local("i32", parameter));
  const emit = (...statements: Instruction[]) => void open.push(...statements);
  const repeat: FunctionWriter["repeat"] = (body, condition) => {
    const inner = inBlock(() => {
      body();
      emit(again(condition()));
    });
    emit(loop(inner));
  };
  write({
    parameters: parameterLocals,
    local,
    emit,
    repeat,
    when: (condition, body) => emit(when(condition, inBlock(body))),
    loop: (counter, from, to, step, body, { runsOnce } = { runsOnce: false }) => {
      emit(set(counter, from));
      const turns = () =>
        repeat(
          () => {
            body();
            emit(set(counter, op("i32.add", get(counter), i32(step))));
          },
          () => op("i32.lt_u", get(counter), to),
        );
      if (runsOnce) turns();
      else emit(when(op("i32.lt_u", get(counter), to), inBlock(turns)));
    },
  });
  return { parameters: parameterLocals, locals: locals.slice(parameterLocals.length), body: open };
}

const vec = (items: readonly (readonly number[])[]): number[] => [
  ...unsigned(items.length),
  ...items.flat(),
];
const nameBytes = (name: string): number[] => {
  const bytes = [...new TextEncoder().encode(name)];
  return [...unsigned(bytes.length), ...bytes];
};
const section = (id: number, content: readonly number[]): number[] => [
  id,
  ...unsigned(content.length),
  ...content,
];

/** Locals by runs of one type. */
function localRuns(locals: readonly Local[]): number[][] {
  const runs: { type: ValueType; count: number }[] = [];
  for (const { type } of locals) {
    const last = runs.at(-1);
    if (last?.type === type) last.count++;
    else runs.push({ type, count: 1 });
  }
  return runs.map(({ type, count }) => [...unsigned(count), typeCode[type]]);
}

function codeOf({ locals, body }: Written): Uint8Array<ArrayBuffer> {
  const sink = { bytes: new Uint8Array(1024), length: 0 };
  pushBytes(sink, vec(localRuns(locals)));
  encode(body, sink);
  pushBytes(sink, [0x0b]);
  return sink.bytes.slice(0, sink.length);
}

function moduleBytes(
  functions: readonly Encoded[],
  { pages, shared, maximum }: MemoryImport,
): Uint8Array<ArrayBuffer> {
  const counts = [...new Set(functions.map(({ parameterCount }) => parameterCount))];
  const types = counts.map((count) => [
    0x60,
    ...vec(Array.from({ length: count }, () => [typeCode.i32])),
    0,
  ]);
  const limits =
    maximum === undefined
      ? [0, ...unsigned(pages)]
      : [shared === true ? 3 : 1, ...unsigned(pages), ...unsigned(maximum)];
  const magic = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const parts: (readonly number[] | Uint8Array)[] = [
    magic,
    section(1, vec(types)),
    section(2, vec([[...nameBytes("host"), ...nameBytes("memory"), 0x02, ...limits]])),
    section(
      3,
      vec(functions.map(({ parameterCount }) => unsigned(counts.indexOf(parameterCount)))),
    ),
    section(7, vec(functions.map(({ name }, i) => [...nameBytes(name), 0x00, ...unsigned(i)]))),
  ];
  const sizes = functions.map(({ code }) => unsigned(code.length));
  const count = unsigned(functions.length);
  const size = functions.reduce(
    (sum, { code }, i) => sum + code.length + sizes[i].length,
    count.length,
  );
  parts.push([10, ...unsigned(size), ...count]);
  for (const [i, { code }] of functions.entries()) parts.push(sizes[i], code);
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function printFunction({ name, again: written }: Encoded): string[] {
  const { parameters, locals, body } = written();
  const head = parameters.map((parameter) => ` (param $${parameter.name} i32)`).join("");
  return [
    `  (func $${name} (export "${name}")${head}`,
    ...locals.map((local) => `    (local $${local.name} ${local.type})`),
    ...printInstructions(body, "    "),
    "  )",
  ];
}

/** An empty module whose functions work on one imported memory, `host.memory`. */
export function writeModule(memory: MemoryImport): ModuleWriter {
  const functions: Encoded[] = [];
  return {
    func: (name, parameters, write) => {
      const index = functions.length;
      const again = () => writeFunction(parameters, write);
      functions.push({ name, parameterCount: parameters.length, code: codeOf(again()), again });
      return { name, call: (...operands) => call(name, index, ...operands) };
    },
    bytes: () => moduleBytes(functions, memory),
    text: (only) => {
      const printed = functions.filter(({ name }) => only === undefined || name === only);
      const maxPages = memory.maximum === undefined ? "" : ` ${memory.maximum}`;
      const shared = memory.shared === true ? " shared" : "";
      return [
        "(module",
        `  (import "host" "memory" (memory ${memory.pages}${maxPages}${shared}))`,
        ...printed.flatMap(printFunction),
        ")",
      ].join("\n");
    },
  };
}
