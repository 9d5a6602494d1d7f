// WebAssembly instructions by their names: what each one is encoded as, and values built from them. An instruction is plain
// data with its operands inside it, so a function can be written, encoded and printed from the same tree.

/** Types of values that kernels use. */
export type ValueType = "i32" | "f32" | "v128";

/** One instruction with its operands; blocks hold their bodies. */
export interface Instruction {
  readonly name: string;
  /** What the text form shows behind the name. */
  readonly detail?: string | number;
  readonly bytes: readonly number[];
  readonly operands: readonly Instruction[];
  /** Bodies of a block, a loop or both branches of an `if`. */
  readonly bodies?: readonly (readonly Instruction[])[];
}

/** A local variable of a function. */
export interface Local {
  readonly name: string;
  readonly type: ValueType;
  readonly index: number;
  /** Reads it. */
  readonly get: Instruction;
}

/** Opcodes without immediates; prefixes first. */
const plain = {
  "i32.eqz": [0x45],
  "i32.eq": [0x46],
  "i32.lt_u": [0x49],
  "i32.gt_u": [0x4b],
  "i32.le_u": [0x4d],
  "i32.ge_u": [0x4f],
  "i32.add": [0x6a],
  "i32.sub": [0x6b],
  "i32.mul": [0x6c],
  "i32.div_u": [0x6e],
  "i32.rem_u": [0x70],
  "i32.and": [0x71],
  "i32.xor": [0x73],
  "i32.shr_s": [0x75],
  "i32.shr_u": [0x76],
  "i32x4.splat": [0xfd, 0x11],
  "i32x4.gt_s": [0xfd, 0x3b],
  "f32x4.gt": [0xfd, 0x44],
  "f64x2.lt": [0xfd, 0x49],
  "f64x2.gt": [0xfd, 0x4a],
  "f64x2.ge": [0xfd, 0x4c],
  "v128.and": [0xfd, 0x4e],
  "v128.or": [0xfd, 0x50],
  "v128.xor": [0xfd, 0x51],
  "v128.bitselect": [0xfd, 0x52],
  "f64x2.promote_low_f32x4": [0xfd, 0x5f],
  "f32x4.nearest": [0xfd, 0x6a],
  "i32x4.shl": [0xfd, 0xab, 0x01],
  "i32x4.shr_u": [0xfd, 0xad, 0x01],
  "i32x4.add": [0xfd, 0xae, 0x01],
  "i32x4.mul": [0xfd, 0xb5, 0x01],
  "i64x2.shl": [0xfd, 0xcb, 0x01],
  "i64x2.add": [0xfd, 0xce, 0x01],
  "f32x4.abs": [0xfd, 0xe0, 0x01],
  "f32x4.neg": [0xfd, 0xe1, 0x01],
  "f32x4.sqrt": [0xfd, 0xe3, 0x01],
  "f32x4.add": [0xfd, 0xe4, 0x01],
  "f32x4.sub": [0xfd, 0xe5, 0x01],
  "f32x4.mul": [0xfd, 0xe6, 0x01],
  "f32x4.div": [0xfd, 0xe7, 0x01],
  "f32x4.min": [0xfd, 0xe8, 0x01],
  "f32x4.max": [0xfd, 0xe9, 0x01],
  "f64x2.neg": [0xfd, 0xed, 0x01],
  "f64x2.sqrt": [0xfd, 0xef, 0x01],
  "f64x2.add": [0xfd, 0xf0, 0x01],
  "f64x2.sub": [0xfd, 0xf1, 0x01],
  "f64x2.mul": [0xfd, 0xf2, 0x01],
  "f64x2.div": [0xfd, 0xf3, 0x01],
  "f64x2.pmin": [0xfd, 0xf6, 0x01],
  "f64x2.pmax": [0xfd, 0xf7, 0x01],
  "i32x4.trunc_sat_f32x4_s": [0xfd, 0xf8, 0x01],
  "f32x4.convert_i32x4_s": [0xfd, 0xfa, 0x01],
  "f32x4.relaxed_madd": [0xfd, 0x85, 0x02],
  "f64x2.relaxed_madd": [0xfd, 0x87, 0x02],
  "memory.fill": [0xfc, 0x0b, 0x00],
} as const;

/** Opcodes with an address: alignment (as a power of two) and what follows the address. */
const memory = {
  "i32.load": { code: [0x28], align: 2 },
  "i32.store": { code: [0x36], align: 2 },
  "v128.load": { code: [0xfd, 0x00], align: 2 },
  "v128.load32_splat": { code: [0xfd, 0x09], align: 2 },
  "v128.load64_splat": { code: [0xfd, 0x0a], align: 2 },
  "v128.store": { code: [0xfd, 0x0b], align: 2 },
  "memory.atomic.notify": { code: [0xfe, 0x00], align: 2 },
  "memory.atomic.wait32": { code: [0xfe, 0x01], align: 2 },
  "i32.atomic.load": { code: [0xfe, 0x10], align: 2 },
  "i32.atomic.store": { code: [0xfe, 0x17], align: 2 },
  "i32.atomic.rmw.add": { code: [0xfe, 0x1e], align: 2 },
} as const;

/** Stores of some lanes of a vector. */
const lanes = { "v128.store32_lane": [0xfd, 0x5a], "v128.store64_lane": [0xfd, 0x5b] } as const;

export type PlainName = keyof typeof plain;
export type MemoryName = keyof typeof memory;

/** Unsigned LEB128, the number format of WebAssembly. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

/** Signed LEB128 of a whole number of 32 bits. */
function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const last = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

/** Four lanes of 32 bits, chosen by number: 0 to 3 of the first vector, 4 to 7 of the second. */
export function lanesFrom(
  lanes: readonly number[],
  first: Instruction,
  second: Instruction,
): Instruction {
  const bytes = lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte));
  return {
    name: "i8x16.shuffle",
    detail: bytes.join(" "),
    bytes: [0xfd, 0x0d, ...bytes],
    operands: [first, second],
  };
}

/** Four times one lane of a vector. */
export const splatLane = (lane: number, value: Instruction): Instruction =>
  lanesFrom([lane, lane, lane, lane], value, value);

const float32Bytes = (value: number): number[] => [
  ...new Uint8Array(new Float32Array([value]).buffer),
];

/** An instruction without immediates on its operands. */
export const op = (name: PlainName, ...operands: Instruction[]): Instruction => ({
  name,
  bytes: plain[name],
  operands,
});

/** A load, a store or an atomic access at an address plus a constant number of bytes. */
export function access(name: MemoryName, offset: number, ...operands: Instruction[]): Instruction {
  const { code, align } = memory[name];
  const bytes = [...code, align, ...unsigned(offset)];
  return offset === 0
    ? { name, bytes, operands }
    : { name, detail: `offset=${offset}`, bytes, operands };
}

/** Reads 32 bits at an address into one lane of a vector. */
export function loadLane(
  offset: number,
  lane: number,
  address: Instruction,
  vector: Instruction,
): Instruction {
  return {
    name: "v128.load32_lane",
    detail: `offset=${offset} ${lane}`,
    bytes: [0xfd, 0x56, 2, ...unsigned(offset), lane],
    operands: [address, vector],
  };
}

/** Stores one lane (of 32 or 64 bits) of a vector. */
export function storeLane(
  name: keyof typeof lanes,
  offset: number,
  lane: number,
  address: Instruction,
  value: Instruction,
): Instruction {
  return {
    name,
    detail: `offset=${offset} ${lane}`,
    bytes: [...lanes[name], 2, ...unsigned(offset), lane],
    operands: [address, value],
  };
}

export const i32 = (value: number): Instruction => ({
  name: "i32.const",
  detail: value,
  bytes: [0x41, ...signed(value)],
  operands: [],
});

/** Four equal float32 numbers. */
export function vector(value: number): Instruction {
  const one = float32Bytes(value);
  const number = Math.fround(value);
  return {
    name: "v128.const",
    detail: `f32x4 ${number} ${number} ${number} ${number}`,
    bytes: [0xfd, 0x0c, ...one, ...one, ...one, ...one],
    operands: [],
  };
}

/** Two equal float64 numbers. */
export function twoNumbers(value: number): Instruction {
  const one = [...new Uint8Array(Float64Array.of(value).buffer)];
  return {
    name: "v128.const",
    detail: `f64x2 ${value} ${value}`,
    bytes: [0xfd, 0x0c, ...one, ...one],
    operands: [],
  };
}

/** Two equal whole numbers of 64 bits. */
export function wholeNumbers(value: number): Instruction {
  const one = [...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)];
  return {
    name: "v128.const",
    detail: `i64x2 ${value} ${value}`,
    bytes: [0xfd, 0x0c, ...one, ...one],
    operands: [],
  };
}

/** A new local of a function. */
export function makeLocal(name: string, type: ValueType, index: number): Local {
  const get = {
    name: "local.get",
    detail: `$${name}`,
    bytes: [0x20, ...unsigned(index)],
    operands: [],
  };
  return { name, type, index, get };
}

export const get = (local: Local): Instruction => local.get;

export const set = ({ name, index }: Local, value: Instruction): Instruction => ({
  name: "local.set",
  detail: `$${name}`,
  bytes: [0x21, ...unsigned(index)],
  operands: [value],
});

export const call = (name: string, index: number, ...operands: Instruction[]): Instruction => ({
  name: "call",
  detail: `$${name}`,
  bytes: [0x10, ...unsigned(index)],
  operands,
});

const empty = 0x40;

/** Runs again when a `again` at its end says so. */
export const loop = (body: readonly Instruction[]): Instruction => ({
  name: "loop",
  bytes: [0x03, empty],
  operands: [],
  bodies: [body],
});

/** As the last instruction of a loop: once more when the condition holds. */
export const again = (condition: Instruction): Instruction => ({
  name: "br_if",
  detail: 0,
  bytes: [0x0d, 0],
  operands: [condition],
});

export const when = (
  condition: Instruction,
  then: readonly Instruction[],
  otherwise: readonly Instruction[] = [],
): Instruction => ({
  name: "if",
  bytes: [0x04, empty],
  operands: [condition],
  bodies: otherwise.length > 0 ? [then, otherwise] : [then],
});

/** Forgets a result. */
export const drop = (value: Instruction): Instruction => ({
  name: "drop",
  bytes: [0x1a],
  operands: [value],
});

/** Sleeps until somebody notifies the address, if it holds `expected`; at most so many nanoseconds. */
export const wait = (
  address: Instruction,
  offset: number,
  expected: Instruction,
  longest: number,
) =>
  access("memory.atomic.wait32", offset, address, expected, {
    name: "i64.const",
    detail: longest,
    bytes: [0x42, ...signed(longest)],
    operands: [],
  });

/** Bytes that are added one after another. */
export interface ByteSink {
  bytes: Uint8Array<ArrayBuffer>;
  length: number;
}

/** Adds bytes; the room for them doubles when it is full. */
export function pushBytes(sink: ByteSink, bytes: readonly number[]): void {
  const end = sink.length + bytes.length;
  if (end > sink.bytes.length) {
    const larger = new Uint8Array(Math.max(end, 2 * sink.bytes.length));
    larger.set(sink.bytes);
    sink.bytes = larger;
  }
  for (let i = 0; i < bytes.length; i++) sink.bytes[sink.length + i] = bytes[i];
  sink.length = end;
}

const elseByte = [0x05];
const endByte = [0x0b];

/** Adds the bytes of instructions in the order in which the machine runs them. */
export function encode(instructions: readonly Instruction[], sink: ByteSink): void {
  for (const { bytes, operands, bodies } of instructions) {
    if (operands.length > 0) encode(operands, sink);
    pushBytes(sink, bytes);
    if (bodies === undefined) continue;
    encode(bodies[0], sink);
    if (bodies.length > 1) {
      pushBytes(sink, elseByte);
      encode(bodies[1], sink);
    }
    pushBytes(sink, endByte);
  }
}

/** Instructions in the folded text form of WebAssembly, one statement a line. */
export function printInstructions(instructions: readonly Instruction[], indent: string): string[] {
  const textOf = ({ name, detail }: Instruction) =>
    detail === undefined ? name : `${name} ${detail}`;
  const inline = (instruction: Instruction): string =>
    `(${[textOf(instruction), ...instruction.operands.map(inline)].join(" ")})`;
  return instructions.flatMap((instruction) => {
    const { name, operands, bodies } = instruction;
    if (bodies === undefined) return [`${indent}${inline(instruction)}`];
    const inner = `${indent}  `;
    const head = `${indent}(${[textOf(instruction), ...operands.map(inline)].join(" ")}`;
    if (name !== "if") return [head, ...printInstructions(bodies[0], inner), `${indent})`];
    const names = ["then", "else"];
    const branches = bodies.flatMap((body, i) => [
      `${inner}(${names[i]}`,
      ...printInstructions(body, `${inner}  `),
      `${inner})`,
    ]);
    return [head, ...branches, `${indent})`];
  });
}
