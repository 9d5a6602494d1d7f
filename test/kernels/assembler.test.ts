// The assembler: small programs compute the right numbers, on plain and on shared memory, and print what they are.

import { expect, test } from "vitest";
import { type FunctionWriter, writeModule } from "../../src/kernels/wasm/assembler.ts";
import { hasFusedMultiplyAdd, multiplyAdd } from "../../src/kernels/wasm/fused-multiply-add.ts";
import {
  access,
  get,
  i32,
  op,
  set,
  storeLane,
  vector,
} from "../../src/kernels/wasm/instructions.ts";

type Kernel = (...args: number[]) => void;

function run(
  parameters: string[],
  write: (writer: FunctionWriter) => void,
  shared = false,
): { kernel: Kernel; floats: Float32Array; ints: Int32Array } {
  const limits = shared ? { pages: 1, maximum: 1, shared } : { pages: 1 };
  const module = writeModule(limits);
  module.func("kernel", parameters, write);
  const memory = new WebAssembly.Memory({ initial: 1, ...(shared && { maximum: 1, shared }) });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  return {
    kernel: exports["kernel"] as Kernel,
    floats: new Float32Array(memory.buffer),
    ints: new Int32Array(memory.buffer),
  };
}

/** Writes the sum of vectors 0 .. count - 1 behind them at 1024. */
const sumVectors = ({ parameters, local, emit, loop }: FunctionWriter) => {
  const [count] = parameters;
  const at = local("i32", "at");
  const sum = local("v128", "sum");
  loop(at, i32(0), op("i32.mul", get(count), i32(16)), 16, () => {
    emit(set(sum, op("f32x4.add", get(sum), access("v128.load", 0, get(at)))));
  });
  emit(access("v128.store", 1024, i32(0), get(sum)));
};

test("a loop over vectors sums them; no turn is taken for a count of zero", () => {
  for (const shared of [false, true]) {
    const { kernel, floats } = run(["count"], sumVectors, shared);
    for (let i = 0; i < 40; i++) floats[i] = i + 1;
    kernel(10);
    expect(Array.from(floats.slice(256, 260))).toEqual([190, 200, 210, 220]);
    kernel(9); // control: another count, another sum
    expect(floats[256]).toBe(190 - 37);
    kernel(0);
    expect(floats[256]).toBe(0);
  }
});

test("branches, whole numbers of both signs and large constants", () => {
  const { kernel, ints } = run(["a", "b"], ({ parameters: [a, b], emit, when }) => {
    when(op("i32.lt_u", get(a), get(b)), () => {
      emit(access("i32.store", 0, i32(0), op("i32.rem_u", get(b), get(a))));
    });
    for (const [i, value] of [-1, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31), 123_456_789].entries())
      emit(access("i32.store", 4 + 4 * i, i32(0), i32(value)));
  });
  kernel(7, 23);
  expect(Array.from(ints.slice(0, 9))).toEqual([
    2, -1, 63, 64, -64, -65, 2_147_483_647, -2_147_483_648, 123_456_789,
  ]);
  ints[0] = 99;
  kernel(23, 7); // control: the branch is not taken
  expect(ints[0]).toBe(99);
});

test("a lane is stored alone", () => {
  const { kernel, floats } = run([], ({ emit }) => {
    emit(storeLane("v128.store64_lane", 16, 0, i32(0), vector(2)));
    emit(storeLane("v128.store32_lane", 24, 2, i32(0), vector(3)));
  });
  kernel();
  expect(Array.from(floats.slice(3, 8))).toEqual([0, 2, 2, 3, 0]);
});

test("a * b + c is right with one rounding or with two", () => {
  for (const fused of hasFusedMultiplyAdd() ? [false, true] : [false]) {
    const { kernel, floats } = run([], ({ emit }) => {
      const product = multiplyAdd(fused)(vector(3), vector(0.5), vector(-1));
      emit(access("v128.store", 0, i32(0), product));
    });
    kernel();
    expect(floats[0]).toBe(0.5);
  }
});

test("functions call each other, and the text form shows every name", () => {
  const module = writeModule({ pages: 1 });
  const put = module.func("put", ["address", "value"], ({ parameters: [address, value], emit }) => {
    emit(access("i32.store", 4, get(address), get(value)));
  });
  module.func("all", [], ({ emit }) => emit(put.call(i32(8), i32(5)), put.call(i32(12), i32(6))));
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  (instance.exports["all"] as Kernel)();
  expect([...new Int32Array(memory.buffer).slice(3, 5)]).toEqual([5, 6]);
  expect(module.text("put").split("\n")).toEqual([
    "(module",
    '  (import "host" "memory" (memory 1))',
    '  (func $put (export "put") (param $address i32) (param $value i32)',
    "    (i32.store offset=4 (local.get $address) (local.get $value))",
    "  )",
    ")",
  ]);
});
