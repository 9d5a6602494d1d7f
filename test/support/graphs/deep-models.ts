// Networks of any depth, for timing inference.

import { onnxBuilder } from "./onnx-builder.ts";
import { attend, conv, layerNorm, linear, mergeHeads, relu, splitHeads } from "./onnx-layers.ts";

/** A Transformer of at least `nodes` nodes: width 8, 2 heads, 4 tokens. */
export function deepTransformer(nodes: number): Uint8Array {
  const b = onnxBuilder(1);
  let x = linear(b, b.input("x", ["batch", 4, 3]), "in", 3, 8);
  const perBlock = 36;
  for (let block = 0; block < nodes / perBlock; block++) {
    const name = `block.${block}`;
    const normal = layerNorm(b, x, `${name}.n1`, 8);
    const [q, k, v] = ["q", "k", "v"].map((part) =>
      splitHeads(b, linear(b, normal, `${name}.${part}`, 8, 8), 4, 2, 4),
    );
    x = b.node("Add", [x, linear(b, mergeHeads(b, attend(b, q, k, v), 4, 8), `${name}.o`, 8, 8)]);
    const hidden = relu(b, linear(b, layerNorm(b, x, `${name}.n2`, 8), `${name}.f1`, 8, 10));
    x = b.node("Add", [x, linear(b, hidden, `${name}.f2`, 10, 8)]);
  }
  b.output(linear(b, x, "out", 8, 2));
  return b.bytes();
}

/** A U-Net without pooling whose every decoder layer reads its encoder layer too. */
export function deepUnet(nodes: number): Uint8Array {
  const b = onnxBuilder(1);
  const depth = Math.ceil(nodes / 5);
  const skips: string[] = [];
  let x = relu(b, conv(b, b.input("x", [1, 3, 4, 4]), "stem", 3, 6));
  for (let i = 0; i < depth; i++) {
    skips.push(x);
    x = relu(b, conv(b, x, `down.${i}`, 6, 6, { kernel: 1 }));
  }
  for (let i = depth - 1; i >= 0; i--) {
    x = relu(
      b,
      conv(b, b.node("Concat", [x, skips[i]], { axis: 1 }), `up.${i}`, 12, 6, { kernel: 1 }),
    );
  }
  b.output(conv(b, x, "out", 6, 2));
  return b.bytes();
}
