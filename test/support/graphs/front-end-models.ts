// The same four networks for all three front ends: as ONNX graphs, as functions of the array engine, as lists of tensors.

import type { numpy as np } from "@jax-js/jax";
import type { InferNamesOptions } from "../../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import { cnnTensors, gpt2Tensors, gruTensors, mlpTensors } from "../files/model-tensors.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import {
  attend,
  conv,
  gemm,
  layerNorm,
  linear,
  mergeHeads,
  relu,
  reshape,
  splitHeads,
  transpose,
} from "./onnx-layers.ts";
import type { W } from "./traced-layers.ts";
import { convolutional, gpt2, perceptron, recurrent } from "./traced-models.ts";

export interface FrontEndModel {
  readonly name: string;
  readonly onnx: (b: OnnxBuilder) => void;
  readonly fn: (w: W, x: np.Array) => np.Array;
  /** Shape of the function's input. */
  readonly input: readonly number[];
  readonly tensors: readonly NamedShape[];
  readonly options: InferNamesOptions;
}

function onnxGRU(b: OnnxBuilder): void {
  const x = transpose(b, b.input("x", [2, 5, 6]), [1, 0, 2]);
  /** torch stacks reset, update, new; the operator wants update, reset, new, and a leading direction. */
  const reordered = (name: string, shape: readonly number[]) => {
    const parts = b.nodes("Split", [b.weight(name, shape), b.constant([7, 7, 7])], 3, { axis: 0 });
    return b.node("Concat", [parts[1], parts[0], parts[2]], { axis: 0 });
  };
  const outer = (value: string) => b.node("Unsqueeze", [value, b.constant([0])]);
  const input = outer(reordered("rnn.weight_ih_l0", [21, 6]));
  const recurrence = outer(reordered("rnn.weight_hh_l0", [21, 7]));
  const biases = ["ih", "hh"].map((part) => reordered(`rnn.bias_${part}_l0`, [21]));
  const bias = outer(b.node("Concat", biases, { axis: 0 }));
  const [, last] = b.nodes("GRU", [x, input, recurrence, bias], 2, {
    hidden_size: 7,
    linear_before_reset: 1,
  });
  b.output(gemm(b, b.node("Squeeze", [last, b.constant([0])]), "fc", 7, 4));
}

function onnxGPT2(b: OnnxBuilder): void {
  const [d, heads, time] = [12, 3, 5];
  const table = b.weight("wte.weight", [11, d]);
  const places = b.weight("wpe.weight", [time, d]);
  let x = b.node("Add", [b.node("Gather", [table, b.input("tokens", [2, time], "int64")]), places]);
  const mask = b.constant(
    Array.from({ length: time * time }, (_, i) => (i % time > Math.floor(i / time) ? -1e4 : 0)),
    "float",
    [1, 1, time, time],
  );
  for (const at of ["h.0", "h.1"]) {
    const fused = linear(b, layerNorm(b, x, `${at}.ln_1`, d), `${at}.attn.c_attn`, d, 3 * d);
    const parts = b.nodes("Split", [fused, b.constant([d, d, d])], 3, { axis: -1 });
    const [q, k, v] = parts.map((part) => splitHeads(b, part, time, heads, d / heads));
    const mixed = mergeHeads(b, attend(b, q, k, v, mask), time, d);
    x = b.node("Add", [x, linear(b, mixed, `${at}.attn.c_proj`, d, d)]);
    const inner = linear(b, layerNorm(b, x, `${at}.ln_2`, d), `${at}.mlp.c_fc`, d, 17);
    const active = b.node("Gelu", [inner], {}, "com.microsoft");
    x = b.node("Add", [x, linear(b, active, `${at}.mlp.c_proj`, 17, d)]);
  }
  b.output(b.node("MatMul", [layerNorm(b, x, "ln_f", d), transpose(b, table, [1, 0])]));
}

export const frontEndModels: readonly FrontEndModel[] = [
  {
    name: "MLP",
    onnx(b) {
      const first = relu(b, gemm(b, b.input("x", [4, 7]), "fc1", 7, 11));
      b.output(gemm(b, relu(b, gemm(b, first, "fc2", 11, 13)), "fc3", 13, 5));
    },
    fn: perceptron,
    input: [4, 7],
    tensors: mlpTensors,
    options: { family: "mlp", activation: "relu" },
  },
  {
    name: "CNN",
    onnx(b) {
      const first = relu(b, conv(b, b.input("x", [2, 3, 8, 8]), "conv1", 3, 6));
      const pooled = b.node("MaxPool", [first], { kernel_shape: [2, 2], strides: [2, 2] });
      const second = relu(b, conv(b, pooled, "conv2", 6, 9));
      const flat = reshape(b, second, [2, -1]);
      b.output(gemm(b, relu(b, gemm(b, flat, "fc1", 9 * 16, 10)), "fc2", 10, 5));
    },
    fn: convolutional,
    input: [2, 3, 8, 8],
    tensors: cnnTensors,
    options: { family: "cnn", activation: "relu" },
  },
  {
    name: "GRU",
    onnx: onnxGRU,
    fn: recurrent,
    input: [2, 5, 6],
    tensors: gruTensors,
    options: { family: "gru" },
  },
  {
    name: "Transformer",
    onnx: onnxGPT2,
    fn: (w, x) => gpt2(w, x, 3, 2),
    input: [2, 5, 11],
    tensors: gpt2Tensors(),
    options: { heads: 3, tied: true },
  },
];
