// Layers written with the builder, the way exporters write them.

import type { OnnxBuilder } from "./onnx-builder.ts";

export function linear(b: OnnxBuilder, x: string, name: string, from: number, to: number): string {
  return b.node("Add", [
    b.node("MatMul", [x, b.weight(`${name}.weight`, [from, to])]),
    b.weight(`${name}.bias`, [to]),
  ]);
}

export function gemm(b: OnnxBuilder, x: string, name: string, from: number, to: number): string {
  return b.node(
    "Gemm",
    [x, b.weight(`${name}.weight`, [to, from]), b.weight(`${name}.bias`, [to])],
    { transB: 1 },
  );
}

interface ConvOptions {
  readonly kernel?: number;
  readonly stride?: number;
  readonly group?: number;
}

/** Square kernel, padded so that stride 1 keeps the size. */
export function conv(
  b: OnnxBuilder,
  x: string,
  name: string,
  from: number,
  to: number,
  options: ConvOptions = {},
): string {
  const { kernel = 3, stride = 1, group = 1 } = options;
  const pad = Math.floor(kernel / 2);
  const weight = b.weight(`${name}.weight`, [to, from / group, kernel, kernel]);
  return b.node("Conv", [x, weight, b.weight(`${name}.bias`, [to])], {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [pad, pad, pad, pad],
    group,
  });
}

export function layerNorm(b: OnnxBuilder, x: string, name: string, size: number): string {
  return b.node(
    "LayerNormalization",
    [x, b.weight(`${name}.weight`, [size]), b.weight(`${name}.bias`, [size])],
    { axis: -1 },
  );
}

export function batchNorm(b: OnnxBuilder, x: string, name: string, size: number): string {
  const vectors = ["weight", "bias", "running_mean"].map((part) =>
    b.weight(`${name}.${part}`, [size]),
  );
  const variance = b.tensor(
    `${name}.running_var`,
    [size],
    Array.from({ length: size }, (_, i) => 0.5 + i / size),
  );
  return b.node("BatchNormalization", [x, ...vectors, variance]);
}

export const relu = (b: OnnxBuilder, x: string): string => b.node("Relu", [x]);

export const reshape = (b: OnnxBuilder, x: string, shape: readonly number[]): string =>
  b.node("Reshape", [x, b.constant(shape)]);

export const transpose = (b: OnnxBuilder, x: string, perm: readonly number[]): string =>
  b.node("Transpose", [x], { perm });

/** Scores of queries and keys, softmax, values; [batch, heads, time, size] each. */
export function attend(b: OnnxBuilder, q: string, k: string, v: string, mask?: string): string {
  const scores = b.node("MatMul", [q, transpose(b, k, [0, 1, 3, 2])]);
  const scaled = b.node("Mul", [scores, b.constant([0.5], "float", [])]);
  const masked = mask === undefined ? scaled : b.node("Add", [scaled, mask]);
  return b.node("MatMul", [b.node("Softmax", [masked], { axis: -1 }), v]);
}

/** [batch, time, heads * size] -> [batch, heads, time, size] */
export const splitHeads = (
  b: OnnxBuilder,
  x: string,
  time: number,
  heads: number,
  size: number,
): string => transpose(b, reshape(b, x, [-1, time, heads, size]), [0, 2, 1, 3]);

export const mergeHeads = (b: OnnxBuilder, x: string, time: number, width: number): string =>
  reshape(b, transpose(b, x, [0, 2, 1, 3]), [-1, time, width]);

export function squeezeExcite(
  b: OnnxBuilder,
  x: string,
  name: string,
  size: number,
  inner: number,
): string {
  const pooled = b.node("GlobalAveragePool", [x]);
  const small = relu(b, conv(b, pooled, `${name}.reduce`, size, inner, { kernel: 1 }));
  return b.node("Mul", [
    x,
    b.node("Sigmoid", [conv(b, small, `${name}.expand`, inner, size, { kernel: 1 })]),
  ]);
}
