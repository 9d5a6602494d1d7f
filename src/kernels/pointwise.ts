// Activations on four numbers at a time, with their derivatives. To add one: write both here, and its name in nn/activation.ts.
// The exponential reduces its argument to |r| <= ln(2)/2 and takes the Taylor series of degree 7 there (next term below 6e-9).

import { add, divide, keep, multiply, subtract } from "./wasm/arithmetic.ts";
import type { FunctionWriter } from "./wasm/assembler.ts";
import { i32, type Instruction, op, vector } from "./wasm/instructions.ts";

export interface Pointwise {
  /** What the derivative is computed from: the activation's result or its argument. */
  readonly derivativeOf: "result" | "argument";
  readonly value: (x: Instruction, writer: FunctionWriter) => Instruction;
  readonly derivative: (x: Instruction, writer: FunctionWriter) => Instruction;
}

const choose = (mask: Instruction, yes: Instruction, no: Instruction) =>
  op("v128.bitselect", yes, no, mask);

/** c[0] + c[1] x + c[2] x^2 + ... */
const polynomial = (x: () => Instruction, coefficients: readonly number[]): Instruction =>
  coefficients
    .slice(0, -1)
    .reduceRight(
      (sum, c) => add(vector(c), multiply(sum, x())),
      vector(coefficients[coefficients.length - 1]),
    );

const taylor = [1, 1, 1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720, 1 / 5040];
/** ln(2) in two parts, the first with few bits, so that its multiples are exact. */
const ln2 = [0.693359375, Math.LN2 - 0.693359375];

/** e^x for -87 <= x <= 88. */
export function exponential(x: () => Instruction, writer: FunctionWriter): Instruction {
  const n = keep(writer, "n", op("f32x4.nearest", multiply(x(), vector(Math.LOG2E))));
  const coarse = subtract(x(), multiply(n(), vector(ln2[0])));
  const r = keep(writer, "r", subtract(coarse, multiply(n(), vector(ln2[1]))));
  const exponent = op("i32x4.add", op("i32x4.trunc_sat_f32x4_s", n()), op("i32x4.splat", i32(127)));
  return multiply(polynomial(r, taylor), op("i32x4.shl", exponent, i32(23)));
}

/** 1 / (1 + e^-x), arguments beyond 87 as if they were 87. */
export function sigmoid(x: Instruction, writer: FunctionWriter): Instruction {
  const bounded = op("f32x4.max", vector(-87), op("f32x4.min", vector(87), x));
  const negative = keep(writer, "negative", op("f32x4.neg", bounded));
  return divide(vector(1), add(vector(1), exponential(negative, writer)));
}

/**
 * Below 0.625 the continued fraction of Lambert, x (945 + 105 x^2 + x^4) / (945 + 420 x^2 + 15 x^4), exact to 1e-9; above it
 * 1 - 2 / (e^(2 |x|) + 1) with the sign of x.
 */
function hyperbolicTangent(argument: Instruction, writer: FunctionWriter): Instruction {
  const x = keep(writer, "x", argument);
  const size = keep(writer, "size", op("f32x4.abs", x()));
  const square = keep(writer, "square", multiply(x(), x()));
  const fraction = divide(
    multiply(x(), polynomial(square, [945, 105, 1])),
    polynomial(square, [945, 420, 15]),
  );
  const small = keep(writer, "small", fraction);
  const twice = keep(writer, "twice", op("f32x4.min", add(size(), size()), vector(80)));
  const large = subtract(vector(1), divide(vector(2), add(exponential(twice, writer), vector(1))));
  const signed = op("v128.or", large, op("v128.and", x(), vector(-0)));
  return choose(op("f32x4.gt", vector(0.625), size()), small(), signed);
}

const root = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** tanh(sqrt(2 / pi) (x + 0.044715 x^3)): the inner part of the usual approximation of GELU. */
function geluTangent(x: () => Instruction, writer: FunctionWriter): () => Instruction {
  const inner = multiply(
    x(),
    add(vector(root), multiply(vector(root * cubic), multiply(x(), x()))),
  );
  return keep(writer, "tangent", hyperbolicTangent(inner, writer));
}

const table = {
  identity: {
    derivativeOf: "result",
    value: (x) => x,
    derivative: () => vector(1),
  },
  relu: {
    derivativeOf: "result",
    value: (x) => op("f32x4.max", x, vector(0)),
    derivative: (y) => op("v128.and", op("f32x4.gt", y, vector(0)), vector(1)),
  },
  "leaky-relu": {
    derivativeOf: "result",
    value: (x, writer) => {
      const kept = keep(writer, "x", x);
      return op("f32x4.max", kept(), multiply(kept(), vector(0.01)));
    },
    derivative: (y) => choose(op("f32x4.gt", y, vector(0)), vector(1), vector(0.01)),
  },
  tanh: {
    derivativeOf: "result",
    value: hyperbolicTangent,
    derivative: (y, writer) => {
      const kept = keep(writer, "y", y);
      return subtract(vector(1), multiply(kept(), kept()));
    },
  },
  gelu: {
    derivativeOf: "argument",
    value: (argument, writer) => {
      const x = keep(writer, "argument", argument);
      const tangent = geluTangent(x, writer);
      return multiply(multiply(vector(0.5), x()), add(tangent(), vector(1)));
    },
    derivative: (argument, writer) => {
      const x = keep(writer, "argument", argument);
      const tangent = geluTangent(x, writer);
      const inner = add(vector(root), multiply(vector(3 * root * cubic), multiply(x(), x())));
      const derivative = multiply(subtract(vector(1), multiply(tangent(), tangent())), inner);
      return multiply(vector(0.5), add(add(tangent(), vector(1)), multiply(x(), derivative)));
    },
  },
} satisfies Record<string, Pointwise>;

/** Names of the activations that kernels know. */
export type PointwiseName = keyof typeof table;

export const pointwise: Readonly<Record<PointwiseName, Pointwise>> = table;
