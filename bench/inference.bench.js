// Time to read and infer generated graphs of growing depth: the curve and its slope.

import { readOnnx } from "../dist/formats/onnx/onnx.js";
import { inferSpec } from "../dist/infer/infer.js";
import { deepTransformer, deepUnet } from "../.build/test/support/graphs/deep-models.js";

const depths = [500, 1000, 2500, 5000, 10_000, 20_000];

function measure(bytes) {
  const began = performance.now();
  const graph = readOnnx(bytes);
  const { spec } = inferSpec(graph);
  const seconds = (performance.now() - began) / 1000;
  return { nodes: graph.nodes.length, axes: Object.keys(spec.axes).length, seconds };
}

export async function run() {
  const curves = [];
  for (const [name, make] of [
    ["Transformer", deepTransformer],
    ["U-Net", deepUnet],
  ]) {
    const files = depths.map(make);
    measure(files[1]); // warm
    const points = files.map((bytes) => {
      const runs = [measure(bytes), measure(bytes), measure(bytes)].sort(
        (a, b) => a.seconds - b.seconds,
      );
      return { ...runs[1], seconds: Number(runs[1].seconds.toPrecision(3)) };
    });
    const [small, large] = [points[2], points.at(-1)];
    const exponent = Math.log(large.seconds / small.seconds) / Math.log(large.nodes / small.nodes);
    curves.push({ name, points, growthExponent: Number(exponent.toPrecision(3)) });
  }
  return curves;
}
