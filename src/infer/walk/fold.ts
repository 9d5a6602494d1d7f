// Constant folding: the arithmetic that exporters do on shapes, evaluated on small constants while the graph is followed.

import { sizeOf, stridesOf } from "../../core/shapes.ts";
import type { NodeContext } from "./context.ts";
import { type KnownNumbers, shapeOfValue, type Value } from "./value.ts";

/** Larger constants are not folded: shape arithmetic never needs them. */
export const maxFolded = 4096;

interface Folded {
  readonly shape: readonly number[];
  readonly numbers: KnownNumbers;
}

type Rule = (operands: readonly number[], integer: boolean) => number;

const trunc = (value: number, integer: boolean) => (integer ? Math.trunc(value) : value);

/** Element-wise rules; comparisons give whole numbers. */
const rules: Readonly<Record<string, Rule>> = {
  Add: ([a, b]) => a + b,
  Sub: ([a, b]) => a - b,
  Mul: ([a, b]) => a * b,
  Div: ([a, b], integer) => trunc(a / b, integer),
  Mod: ([a, b]) => a - b * Math.floor(a / b),
  Pow: ([a, b]) => a ** b,
  Neg: ([a]) => -a,
  Abs: ([a]) => Math.abs(a),
  Floor: ([a]) => Math.floor(a),
  Ceil: ([a]) => Math.ceil(a),
  Sqrt: ([a]) => Math.sqrt(a),
  Reciprocal: ([a]) => 1 / a,
  Exp: ([a]) => Math.exp(a),
  Log: ([a]) => Math.log(a),
  Identity: ([a]) => a,
  Min: (all) => Math.min(...all),
  Max: (all) => Math.max(...all),
  Equal: ([a, b]) => Number(a === b),
  Less: ([a, b]) => Number(a < b),
  Greater: ([a, b]) => Number(a > b),
  LessOrEqual: ([a, b]) => Number(a <= b),
  GreaterOrEqual: ([a, b]) => Number(a >= b),
  Not: ([a]) => Number(a === 0),
  And: ([a, b]) => Number(a !== 0 && b !== 0),
  Or: ([a, b]) => Number(a !== 0 || b !== 0),
  Where: ([condition, a, b]) => (condition === 0 ? b : a),
};

const alwaysInteger = new Set([
  "Equal",
  "Less",
  "Greater",
  "LessOrEqual",
  "GreaterOrEqual",
  "Not",
  "And",
  "Or",
]);

const reductions: Readonly<Record<string, (a: number, b: number) => number>> = {
  ReduceProd: (a, b) => a * b,
  ReduceSum: (a, b) => a + b,
  ReduceMax: Math.max,
  ReduceMin: Math.min,
};

/** The numbers of the node's output when all inputs are known and small, else null. Shapes were checked by the handler. */
export function foldNode(context: NodeContext, output: Value): KnownNumbers | null {
  const { node, inputs } = context;
  const shape = shapeOfValue(output);
  if (sizeOf(shape) > maxFolded || inputs.length === 0) return null;
  const known = inputs.map((value) => value.numbers);
  if (known.some((numbers) => numbers === null || numbers.data.length > maxFolded)) return null;
  const operands = inputs.map((value): Folded => ({
    shape: shapeOfValue(value),
    numbers: value.numbers as KnownNumbers,
  }));
  const [first] = operands;
  const same = (data: Float32Array | Float64Array) => ({ data, integer: first.numbers.integer });
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
  if (rule !== undefined) return elementwise(node.op, rule, operands, shape);
  const reduction = Object.hasOwn(reductions, node.op) ? reductions[node.op] : undefined;
  if (reduction !== undefined) return reduceAll(reduction, first, shape);
  switch (node.op) {
    case "Reshape":
    case "Squeeze":
    case "Unsqueeze":
    case "Flatten":
      return same(first.numbers.data);
    case "Cast": {
      const to = context.number("to", 1);
      const integer = to !== 1 && to !== 10 && to !== 11 && to !== 16;
      return { integer, data: Float64Array.from(first.numbers.data, (x) => trunc(x, integer)) };
    }
    case "Expand":
      return elementwise("Identity", rules["Identity"], [first], shape);
    case "Transpose":
      return same(
        transposed(
          first,
          context.numbers("perm") ?? first.shape.map((_, i) => first.shape.length - 1 - i),
        ),
      );
    case "Concat":
      return concat(operands, context.axis(context.number("axis", 0), shape.length), shape);
    default:
      return null;
  }
}

function elementwise(
  op: string,
  rule: Rule,
  operands: readonly Folded[],
  shape: readonly number[],
): KnownNumbers {
  const values = op === "Where" ? operands.slice(1) : operands;
  const integer = alwaysInteger.has(op) || values.every(({ numbers }) => numbers.integer);
  const strides = stridesOf(shape);
  const steps = operands.map((operand) => {
    const strides = stridesOf(operand.shape);
    const missing = shape.length - operand.shape.length;
    return shape.map((_, at) =>
      at < missing || operand.shape[at - missing] === 1 ? 0 : strides[at - missing],
    );
  });
  const data = Float64Array.from({ length: sizeOf(shape) }, (_, flat) => {
    const numbers = operands.map(({ numbers }, which) => {
      let offset = 0;
      for (let at = 0; at < shape.length; at++) {
        offset += (Math.floor(flat / strides[at]) % shape[at]) * steps[which][at];
      }
      return numbers.data[offset];
    });
    return rule(numbers, integer);
  });
  return { data, integer };
}

function transposed({ shape, numbers }: Folded, order: readonly number[]): Float64Array {
  const steps = stridesOf(shape);
  const sizes = order.map((i) => shape[i]);
  const strides = stridesOf(sizes);
  return Float64Array.from({ length: numbers.data.length }, (_, flat) => {
    const offset = order.reduce(
      (sum, from, to) => sum + (Math.floor(flat / strides[to]) % sizes[to]) * steps[from],
      0,
    );
    return numbers.data[offset];
  });
}

/** Only full reductions are folded. */
function reduceAll(
  combine: (a: number, b: number) => number,
  operand: Folded,
  shape: readonly number[],
): KnownNumbers | null {
  const { data, integer } = operand.numbers;
  if (sizeOf(shape) !== 1 || data.length === 0) return null;
  return { data: Float64Array.of([...data].reduce(combine)), integer };
}

function concat(operands: readonly Folded[], axis: number, shape: readonly number[]): KnownNumbers {
  const outer = sizeOf(shape.slice(0, axis));
  const data: number[] = [];
  for (let row = 0; row < outer; row++) {
    for (const { shape: operandShape, numbers } of operands) {
      const width = sizeOf(operandShape.slice(axis));
      data.push(...numbers.data.subarray(row * width, (row + 1) * width));
    }
  }
  return {
    data: Float64Array.from(data),
    integer: operands.every(({ numbers }) => numbers.integer),
  };
}

/** Numbers at chosen indices along one axis: slices and gathers with known indices. */
export function pick(value: Value, axis: number, indices: readonly number[]): KnownNumbers | null {
  const shape = shapeOfValue(value);
  if (value.numbers === null || sizeOf(shape) > maxFolded || indices.length > maxFolded)
    return null;
  const inner = sizeOf(shape.slice(axis + 1));
  const outer = sizeOf(shape.slice(0, axis));
  const data: number[] = [];
  if (outer * indices.length * inner > maxFolded) return null;
  for (let row = 0; row < outer; row++) {
    for (const index of indices) {
      const start = (row * shape[axis] + index) * inner;
      data.push(...value.numbers.data.subarray(start, start + inner));
    }
  }
  return { data: Float64Array.from(data), integer: value.numbers.integer };
}
