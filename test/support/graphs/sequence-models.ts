// Networks of vectors and token sequences, with the axes they must give.

import type { Architecture } from "./architecture.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import {
  attend,
  gemm,
  layerNorm,
  linear,
  mergeHeads,
  relu,
  reshape,
  splitHeads,
  transpose,
} from "./onnx-layers.ts";

function causalBlock(
  b: OnnxBuilder,
  x: string,
  name: string,
  width: number,
  heads: number,
  time: number,
): string {
  const size = width / heads;
  const fused = linear(b, layerNorm(b, x, `${name}.ln1`, width), `${name}.qkv`, width, 3 * width);
  const parts = b.nodes("Split", [fused, b.constant([width, width, width])], 3, { axis: -1 });
  const [q, k, v] = parts.map((part) => splitHeads(b, part, time, heads, size));
  const mask = b.constant(
    Array.from({ length: time * time }, (_, i) => (i % time > Math.floor(i / time) ? -1e4 : 0)),
    "float",
    [1, 1, time, time],
  );
  const attended = linear(
    b,
    mergeHeads(b, attend(b, q, k, v, mask), time, width),
    `${name}.proj`,
    width,
    width,
  );
  const stream = b.node("Add", [x, attended]);
  const hidden = b.node(
    "Gelu",
    [linear(b, layerNorm(b, stream, `${name}.ln2`, width), `${name}.fc`, width, 17)],
    {},
    "com.microsoft",
  );
  return b.node("Add", [stream, linear(b, hidden, `${name}.out`, 17, width)]);
}

export const sequenceModels: readonly Architecture[] = [
  {
    name: "perceptron",
    axes: ["11", "13"],
    build(b) {
      const h = relu(b, gemm(b, b.input("x", [4, 7]), "a", 7, 11));
      b.output(gemm(b, relu(b, gemm(b, h, "b", 11, 13)), "c", 13, 5));
    },
  },
  {
    name: "causal blocks with fused projections and tied embedding",
    axes: ["12", "17", "17", "3", "3", "4 in 3", "4 in 3", "4 in 3", "4 in 3"],
    build(b) {
      const table = b.weight("wte", [11, 12]);
      const position = b.weight("wpe", [1, 5, 12]);
      let x = b.node("Add", [
        b.node("Gather", [table, b.input("tokens", ["batch", 5], "int64")]),
        position,
      ]);
      for (const name of ["h0", "h1"]) x = causalBlock(b, x, name, 12, 3, 5);
      b.output(b.node("MatMul", [layerNorm(b, x, "ln", 12), transpose(b, table, [1, 0])]));
    },
  },
  {
    name: "query, key and value in one reshape",
    axes: ["12", "3", "4 in 3", "4 in 3"],
    build(b) {
      const x = linear(b, b.input("x", ["batch", 5, 6]), "in", 6, 12);
      const fused = transpose(
        b,
        reshape(b, linear(b, layerNorm(b, x, "n", 12), "qkv", 12, 36), [-1, 5, 3, 3, 4]),
        [2, 0, 3, 1, 4],
      );
      const [q, k, v] = [0, 1, 2].map((i) =>
        b.node("Gather", [fused, b.constant([i], "int64", [])], { axis: 0 }),
      );
      const out = linear(b, mergeHeads(b, attend(b, q, k, v), 5, 12), "out", 12, 12);
      b.output(linear(b, layerNorm(b, b.node("Add", [x, out]), "nf", 12), "head", 12, 4));
    },
  },
  {
    name: "gated feed-forward split from one matrix",
    axes: ["10", "9"],
    build(b) {
      const x = linear(b, b.input("x", [4, 7]), "in", 7, 10);
      const both = linear(b, layerNorm(b, x, "n", 10), "gate_up", 10, 18);
      const [gate, up] = b.nodes("Split", [both, b.constant([9, 9])], 2, { axis: 1 });
      const hidden = b.node("Mul", [b.node("Mul", [gate, b.node("Sigmoid", [gate])]), up]);
      b.output(
        linear(
          b,
          layerNorm(b, b.node("Add", [x, linear(b, hidden, "down", 9, 10)]), "nf", 10),
          "head",
          10,
          3,
        ),
      );
    },
  },
  {
    name: "decoder on transposed weights",
    axes: ["11"],
    build(b) {
      const w = b.weight("w", [7, 11]);
      const hidden = b.node("Tanh", [
        b.node("Add", [b.node("MatMul", [b.input("x", [4, 7]), w]), b.weight("b", [11])]),
      ]);
      b.output(b.node("MatMul", [hidden, transpose(b, w, [1, 0])]));
    },
  },
  {
    name: "einsum attention",
    axes: ["3", "4 in 3", "4 in 3"],
    build(b) {
      const x = b.input("x", [2, 5, 6]);
      const project = (name: string) =>
        b.node("Einsum", [x, b.weight(name, [6, 3, 4])], { equation: "btd,dhe->bhte" });
      const heads = attend(b, project("q"), project("k"), project("v"));
      b.output(b.node("Einsum", [heads, b.weight("o", [3, 4, 6])], { equation: "bhte,hed->btd" }));
    },
  },
  {
    name: "a reshape that splits an axis for nothing",
    axes: ["12"],
    build(b) {
      const h = reshape(b, gemm(b, b.input("x", [4, 7]), "a", 7, 12), [4, 3, 4]);
      b.output(gemm(b, reshape(b, relu(b, h), [4, 12]), "c", 12, 3));
    },
  },
  {
    name: "a constant ramp on a hidden axis, a constant factor on another",
    axes: ["9"],
    build(b) {
      const ramp = b.node("Cast", [b.constant([1, 2, 3, 4, 5, 6, 7, 8])], { to: 1 });
      const h = b.node("Mul", [relu(b, gemm(b, b.input("x", [4, 7]), "a", 7, 8)), ramp]);
      const even = b.constant([2, 2, 2, 2, 2, 2, 2, 2, 2], "float");
      b.output(gemm(b, b.node("Mul", [relu(b, gemm(b, h, "b", 8, 9)), even]), "c", 9, 3));
    },
  },
  {
    name: "rotary embedding on interleaved pairs",
    axes: ["10", "10", "2", "6 in 2"],
    build(b) {
      const x = layerNorm(b, linear(b, b.input("x", [2, 5, 6]), "in", 6, 10), "n", 10);
      const angles = Array.from({ length: 15 }, (_, i) => Math.floor(i / 3) / 10 ** (i % 3));
      const table = (f: (x: number) => number) => b.constant(angles.map(f), "float", [5, 3]);
      const turn = (name: string) => {
        const heads = splitHeads(b, linear(b, x, name, 10, 12), 5, 2, 6);
        const every = (start: number) =>
          b.node("Slice", [heads, ...[[start], [6], [3], [2]].map((list) => b.constant(list))]);
        const [even, odd] = [every(0), every(1)];
        const mix = (p: string, q: string, op: string) =>
          b.node(op, [b.node("Mul", [p, table(Math.cos)]), b.node("Mul", [q, table(Math.sin)])]);
        const pair = [mix(even, odd, "Sub"), mix(odd, even, "Add")];
        const stacked = pair.map((part) => b.node("Unsqueeze", [part, b.constant([-1])]));
        return reshape(b, b.node("Concat", stacked, { axis: -1 }), [-1, 2, 5, 6]);
      };
      const v = splitHeads(b, linear(b, x, "v", 10, 12), 5, 2, 6);
      const out = mergeHeads(b, attend(b, turn("q"), turn("k"), v), 5, 12);
      b.output(layerNorm(b, linear(b, linear(b, out, "o", 12, 10), "head", 10, 4), "last", 4));
    },
  },
];
