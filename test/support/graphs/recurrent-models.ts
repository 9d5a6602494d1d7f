// Recurrent networks, with the axes they must give.

import type { Architecture } from "./architecture.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import { linear, reshape, transpose } from "./onnx-layers.ts";

function gru(
  b: OnnxBuilder,
  x: string,
  name: string,
  from: number,
  hidden: number,
  zeros: string,
): string {
  const weights = [
    b.weight(`${name}.W`, [1, 3 * hidden, from]),
    b.weight(`${name}.R`, [1, 3 * hidden, hidden]),
    b.weight(`${name}.B`, [1, 6 * hidden]),
  ];
  const [y] = b.nodes("GRU", [x, ...weights, "", zeros], 2, {
    hidden_size: hidden,
    linear_before_reset: 1,
  });
  return b.node("Squeeze", [y, b.constant([1])]);
}

export const recurrentModels: readonly Architecture[] = [
  {
    name: "two GRU layers that share their zero state",
    axes: ["7", "9"],
    build(b) {
      const x = transpose(b, b.input("x", [2, 5, 6]), [1, 0, 2]);
      const zeros = (hidden: number) => b.node("ConstantOfShape", [b.constant([1, 2, hidden])]);
      const first = gru(b, x, "one", 6, 9, zeros(9));
      b.output(linear(b, gru(b, first, "two", 9, 7, zeros(7)), "head", 7, 4));
    },
  },
  {
    name: "both directions of an LSTM",
    axes: ["5 in 2"],
    build(b) {
      const weights = [
        b.weight("W", [2, 20, 6]),
        b.weight("R", [2, 20, 5]),
        b.weight("B", [2, 40]),
      ];
      const [y] = b.nodes("LSTM", [b.input("x", [5, 2, 6]), ...weights], 3, {
        hidden_size: 5,
        direction: "bidirectional",
      });
      b.output(linear(b, reshape(b, transpose(b, y, [0, 2, 1, 3]), [5, 2, 10]), "head", 10, 4));
    },
  },
  {
    name: "last states of both directions side by side",
    axes: ["5 in 2"],
    build(b) {
      const weights = [
        b.weight("W", [2, 15, 6]),
        b.weight("R", [2, 15, 5]),
        b.weight("B", [2, 30]),
      ];
      const [, last] = b.nodes("GRU", [b.input("x", [5, 2, 6]), ...weights], 2, {
        hidden_size: 5,
        direction: "bidirectional",
      });
      const picked = [0, 1].map((i) =>
        b.node("Gather", [last, b.constant([i], "int64", [])], { axis: 0 }),
      );
      b.output(linear(b, b.node("Concat", picked, { axis: 1 }), "head", 10, 4));
    },
  },
  {
    name: "last states of both directions, each sliced and squeezed, side by side",
    axes: ["5 in 2"],
    build(b) {
      const weights = [
        b.weight("W", [2, 15, 6]),
        b.weight("R", [2, 15, 5]),
        b.weight("B", [2, 30]),
      ];
      const [, last] = b.nodes("GRU", [b.input("x", [5, 2, 6]), ...weights], 2, {
        hidden_size: 5,
        direction: "bidirectional",
      });
      const picked = [0, 1].map((i) => {
        const one = b.node("Slice", [last, b.constant([i]), b.constant([i + 1]), b.constant([0])]);
        return b.node("Squeeze", [one, b.constant([0])]);
      });
      b.output(linear(b, b.node("Concat", picked, { axis: 1 }), "head", 10, 4));
    },
  },
  {
    name: "last states of two layers end to end, of which those of the second are read",
    axes: ["5 in 2", "5 in 2"],
    build(b) {
      const layer = (x: string, name: string, from: number) => {
        const weights = [
          b.weight(`${name}.W`, [2, 15, from]),
          b.weight(`${name}.R`, [2, 15, 5]),
          b.weight(`${name}.B`, [2, 30]),
        ];
        const attributes = { hidden_size: 5, direction: "bidirectional" };
        return b.nodes("GRU", [x, ...weights], 2, attributes);
      };
      const [y, one] = layer(b.input("x", [5, 2, 6]), "one", 6);
      const [, two] = layer(reshape(b, transpose(b, y, [0, 2, 1, 3]), [5, 2, 10]), "two", 10);
      const states = b.node("Concat", [one, two], { axis: 0 });
      const picked = [-2, -1].map((i) =>
        b.node("Gather", [states, b.constant([i], "int64", [])], { axis: 0 }),
      );
      const extra = b.input("z", [2, 3]);
      b.output(linear(b, b.node("Concat", [...picked, extra], { axis: 1 }), "head", 13, 4));
    },
  },
  {
    name: "the same states with one of the first layer between them, which keeps no direction apart",
    axes: ["5"],
    build(b) {
      const layer = (x: string, name: string, from: number) => {
        const weights = [
          b.weight(`${name}.W`, [2, 15, from]),
          b.weight(`${name}.R`, [2, 15, 5]),
          b.weight(`${name}.B`, [2, 30]),
        ];
        const attributes = { hidden_size: 5, direction: "bidirectional" };
        return b.nodes("GRU", [x, ...weights], 2, attributes);
      };
      const [y, one] = layer(b.input("x", [5, 2, 6]), "one", 6);
      const [, two] = layer(reshape(b, transpose(b, y, [0, 2, 1, 3]), [5, 2, 10]), "two", 10);
      const states = b.node("Concat", [one, two], { axis: 0 });
      const picked = [2, 0, 3].map((i) =>
        b.node("Gather", [states, b.constant([i], "int64", [])], { axis: 0 }),
      );
      b.output(
        linear(b, b.node("Add", [b.node("Add", picked.slice(0, 2)), picked[2]]), "head", 5, 4),
      );
    },
  },
  {
    name: "last states of both directions added up, which ties the directions",
    axes: ["5"],
    build(b) {
      const weights = [
        b.weight("W", [2, 15, 6]),
        b.weight("R", [2, 15, 5]),
        b.weight("B", [2, 30]),
      ];
      const [, last] = b.nodes("GRU", [b.input("x", [5, 2, 6]), ...weights], 2, {
        hidden_size: 5,
        direction: "bidirectional",
      });
      const picked = [0, 1].map((i) =>
        b.node("Gather", [last, b.constant([i], "int64", [])], { axis: 0 }),
      );
      b.output(linear(b, b.node("Add", picked), "head", 5, 4));
    },
  },
  {
    name: "two bidirectional layers put together from separate tensors",
    axes: ["5", "5", "6", "6"],
    build(b) {
      const both = (name: string, shape: readonly number[]) => {
        const parts = ["forward", "backward"].map((part) =>
          b.node("Unsqueeze", [b.weight(`${name}.${part}`, shape), b.constant([0])]),
        );
        return b.node("Concat", parts, { axis: 0 });
      };
      const layer = (x: string, name: string, from: number, hidden: number) => {
        const weights = [
          both(`${name}.W`, [4 * hidden, from]),
          both(`${name}.R`, [4 * hidden, hidden]),
          both(`${name}.B`, [8 * hidden]),
        ];
        const [y] = b.nodes("LSTM", [x, ...weights], 3, {
          hidden_size: hidden,
          direction: "bidirectional",
        });
        return reshape(b, transpose(b, y, [0, 2, 1, 3]), [0, 0, -1]);
      };
      const first = layer(b.input("x", [5, 2, 7]), "one", 7, 5);
      b.output(linear(b, layer(first, "two", 10, 6), "head", 12, 4));
    },
  },
];
