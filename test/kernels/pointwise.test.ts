// Activations of kernels and their derivatives against their formulas in float64, from tiny to large arguments.

import { expect, test } from "vitest";
import { writeModule } from "../../src/kernels/wasm/assembler.ts";
import { access, get, i32, type Instruction, set } from "../../src/kernels/wasm/instructions.ts";
import { pointwise, type PointwiseName } from "../../src/kernels/pointwise.ts";

const root = Math.sqrt(2 / Math.PI);
const inner = (x: number) => Math.tanh(root * (x + 0.044715 * x ** 3));

/** Value and derivative of every activation; the derivative is a function of what the kernel computes it from. */
const formulas: Record<PointwiseName, [(x: number) => number, (x: number) => number]> = {
  identity: [(x) => x, () => 1],
  relu: [(x) => Math.max(0, x), (y) => (y > 0 ? 1 : 0)],
  "leaky-relu": [(x) => (x > 0 ? x : Math.fround(0.01) * x), (y) => (y > 0 ? 1 : 0.01)],
  tanh: [Math.tanh, (y) => 1 - y * y],
  gelu: [
    (x) => 0.5 * x * (1 + inner(x)),
    (x) =>
      0.5 * (1 + inner(x)) + 0.5 * x * (1 - inner(x) ** 2) * root * (1 + 3 * 0.044715 * x ** 2),
  ],
};

const sizes = [
  0, 1e-30, 1e-6, 1e-3, 0.1, 0.3, 0.62, 0.6249, 0.6251, 0.63, 1, 2, 3.5, 6, 9, 20, 90, 1e4,
];
const xs = Float32Array.from(sizes.flatMap((size) => [size, -size]));

/** A kernel's function on all arguments. */
function evaluate(name: PointwiseName, part: "value" | "derivative"): Float32Array {
  const module = writeModule({ pages: 1 });
  module.func("all", [], (writer) => {
    const at = writer.local("i32", "at");
    const result = writer.local("v128", "result");
    writer.loop(at, i32(0), i32(4 * xs.length), 16, () => {
      const x: Instruction = access("v128.load", 0, get(at));
      writer.emit(set(result, pointwise[name][part](x, writer)));
      writer.emit(access("v128.store", 1024, get(at), get(result)));
    });
  });
  const memory = new WebAssembly.Memory({ initial: 1 });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.bytes()), {
    host: { memory },
  });
  new Float32Array(memory.buffer).set(xs);
  (instance.exports["all"] as () => void)();
  return new Float32Array(memory.buffer, 1024, xs.length).slice();
}

/** Largest error relative to the exact value, or to one where it is smaller than `floor`. */
function error(found: Float32Array, formula: (x: number) => number, floor: number): number {
  const errors = [...found].map((value, i) => {
    const exact = formula(xs[i]);
    return Math.abs(value - exact) / Math.max(Math.abs(exact), floor);
  });
  return Math.max(...errors);
}

test.each(Object.keys(formulas) as PointwiseName[])("%s and its derivative", (name) => {
  const [value, derivative] = formulas[name];
  // tanh keeps its relative accuracy down to 0; GELU below -1 is a difference of nearly equal numbers.
  expect(error(evaluate(name, "value"), value, name === "gelu" ? 0.5 : 1e-38)).toBeLessThan(5e-7);
  const inside = name === "tanh" || name === "gelu";
  expect(error(evaluate(name, "derivative"), derivative, 1)).toBeLessThan(inside ? 2e-6 : 1e-7);
  // Control: another activation is told apart.
  const other = formulas[name === "tanh" ? "relu" : "tanh"][0];
  expect(error(evaluate(name, "value"), other, 1e-38)).toBeGreaterThan(0.1);
});
