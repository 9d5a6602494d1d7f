// Networks of images, with the axes they must give.

import type { Architecture } from "./architecture.ts";
import type { OnnxBuilder } from "./onnx-builder.ts";
import {
  batchNorm,
  conv,
  gemm,
  layerNorm,
  linear,
  relu,
  reshape,
  squeezeExcite,
  transpose,
} from "./onnx-layers.ts";

const image = (b: OnnxBuilder) => b.input("image", ["batch", 3, 8, 8]);

function inverted(
  b: OnnxBuilder,
  x: string,
  name: string,
  from: number,
  inner: number,
  to: number,
): string {
  const wide = relu(
    b,
    batchNorm(b, conv(b, x, `${name}.expand`, from, inner, { kernel: 1 }), `${name}.bn1`, inner),
  );
  const deep = relu(
    b,
    batchNorm(
      b,
      conv(b, wide, `${name}.depth`, inner, inner, { group: inner }),
      `${name}.bn2`,
      inner,
    ),
  );
  const out = conv(b, deep, `${name}.project`, inner, to, { kernel: 1 });
  return from === to ? b.node("Add", [x, out]) : out;
}

export const imageModels: readonly Architecture[] = [
  {
    name: "squeeze and excite",
    axes: ["12", "5", "7"],
    build(b) {
      const x = squeezeExcite(b, relu(b, conv(b, image(b), "a", 3, 12)), "se", 12, 5);
      b.output(conv(b, relu(b, conv(b, x, "b", 12, 7)), "c", 7, 2));
    },
  },
  {
    name: "U-Net with concatenation, transposed convolution and resize",
    axes: ["10", "5", "6", "7", "8", "9"],
    build(b) {
      const pool = (x: string) => b.node("MaxPool", [x], { kernel_shape: [2, 2], strides: [2, 2] });
      const one = relu(b, conv(b, image(b), "a", 3, 6));
      const two = relu(b, conv(b, pool(one), "b", 6, 8));
      const three = relu(b, conv(b, pool(two), "c", 8, 10));
      const up = b.node(
        "ConvTranspose",
        [three, b.weight("up.weight", [10, 9, 2, 2]), b.weight("up.bias", [9])],
        {
          kernel_shape: [2, 2],
          strides: [2, 2],
        },
      );
      const four = relu(b, conv(b, b.node("Concat", [up, two], { axis: 1 }), "d", 17, 7));
      const scales = b.constant([1, 1, 2, 2], "float");
      const wide = b.node("Resize", [four, "", scales], { mode: "nearest" });
      b.output(
        conv(
          b,
          relu(b, conv(b, b.node("Concat", [wide, one], { axis: 1 }), "e", 13, 5)),
          "f",
          5,
          2,
        ),
      );
    },
  },
  {
    name: "inverted residuals",
    axes: ["10", "20", "24", "30", "8"],
    build(b) {
      let x = conv(b, image(b), "stem", 3, 8);
      x = inverted(b, x, "one", 8, 24, 8);
      x = inverted(b, x, "two", 8, 20, 10);
      x = inverted(b, x, "three", 10, 30, 10);
      b.output(gemm(b, b.node("Flatten", [b.node("GlobalAveragePool", [x])]), "head", 10, 4));
    },
  },
  {
    name: "MLP-Mixer",
    axes: ["10", "13", "6"],
    build(b) {
      const patches = b.node(
        "Conv",
        [image(b), b.weight("patch.weight", [10, 3, 4, 4]), b.weight("patch.bias", [10])],
        {
          kernel_shape: [4, 4],
          strides: [4, 4],
        },
      );
      let x = transpose(b, reshape(b, patches, [0, 0, -1]), [0, 2, 1]);
      const tokens = transpose(b, layerNorm(b, x, "n1", 10), [0, 2, 1]);
      const mixed = linear(b, b.node("Erf", [linear(b, tokens, "t1", 4, 6)]), "t2", 6, 4);
      x = b.node("Add", [x, transpose(b, mixed, [0, 2, 1])]);
      const hidden = b.node("Sigmoid", [linear(b, layerNorm(b, x, "n2", 10), "c1", 10, 13)]);
      x = b.node("Add", [x, linear(b, hidden, "c2", 13, 10)]);
      b.output(
        linear(
          b,
          b.node("ReduceMean", [layerNorm(b, x, "n", 10)], { axes: [1], keepdims: 0 }),
          "head",
          10,
          4,
        ),
      );
    },
  },
  {
    name: "ConvNeXt block with layer scale",
    axes: ["24", "6"],
    build(b) {
      const x = conv(b, image(b), "stem", 3, 6);
      const deep = transpose(b, conv(b, x, "dw", 6, 6, { kernel: 7, group: 6 }), [0, 2, 3, 1]);
      const wide = b.node(
        "Gelu",
        [linear(b, layerNorm(b, deep, "n", 6), "a", 6, 24)],
        {},
        "com.microsoft",
      );
      const scaled = b.node("Mul", [linear(b, wide, "b", 24, 6), b.weight("gamma", [6])]);
      const sum = b.node("Add", [x, transpose(b, scaled, [0, 3, 1, 2])]);
      b.output(conv(b, sum, "head", 6, 2));
    },
  },
  {
    name: "grouped convolutions around a group normalisation",
    axes: ["2", "3 in 2", "4 in 2"],
    build(b) {
      const x = conv(b, relu(b, conv(b, image(b), "a", 3, 6, { kernel: 1 })), "b", 6, 8, {
        group: 2,
      });
      const grouped = reshape(b, x, [0, 2, -1]);
      const ones = [b.constant([1, 1], "float"), b.constant([0, 0], "float")];
      const normal = b.node("Reshape", [
        b.node("InstanceNormalization", [grouped, ...ones]),
        b.node("Shape", [x]),
      ]);
      b.output(conv(b, b.node("Mul", [normal, b.weight("gamma", [8, 1, 1])]), "c", 8, 2));
    },
  },
  {
    name: "per-channel slopes, padding of channels, average pooling",
    axes: ["4", "6"],
    build(b) {
      const x = b.node("PRelu", [conv(b, image(b), "a", 3, 4), b.weight("slope", [4, 1, 1])]);
      const wide = b.node("Pad", [x, b.constant([0, 1, 0, 0, 0, 1, 0, 0])]);
      const pooled = b.node("AveragePool", [conv(b, wide, "b", 6, 6)], {
        kernel_shape: [2, 2],
        strides: [2, 2],
      });
      b.output(conv(b, b.node("Add", [pooled, conv(b, pooled, "d", 6, 6)]), "c", 6, 2));
    },
  },
  {
    name: "channel shuffle between grouped convolutions",
    axes: ["2", "2", "2 in 2", "3 in 2", "4 in 2"],
    build(b) {
      const x = relu(b, conv(b, relu(b, conv(b, image(b), "a", 3, 8)), "b", 8, 8, { group: 2 }));
      const apart = transpose(b, reshape(b, x, [-1, 2, 4, 8, 8]), [0, 2, 1, 3, 4]);
      const shuffled = reshape(b, apart, [-1, 8, 8, 8]);
      b.output(conv(b, relu(b, conv(b, shuffled, "c", 8, 6, { group: 2 })), "d", 6, 2));
    },
  },
  {
    name: "pixel shuffle moves whole blocks, and its inverse too",
    axes: ["2", "5", "9"],
    build(b) {
      const up = b.node("DepthToSpace", [conv(b, image(b), "a", 3, 8)], {
        blocksize: 2,
        mode: "CRD",
      });
      const five = relu(b, conv(b, relu(b, up), "b", 2, 5));
      const down = b.node("SpaceToDepth", [five], { blocksize: 2 });
      b.output(conv(b, relu(b, conv(b, down, "c", 20, 9)), "d", 9, 2));
    },
  },
];
