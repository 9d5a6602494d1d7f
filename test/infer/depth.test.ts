// Deep networks are followed to their end; how long that takes is in bench/.

import { describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { deepTransformer, deepUnet } from "../support/graphs/deep-models.ts";

describe("deep networks", () => {
  test.for([
    ["Transformer", deepTransformer, 4],
    ["U-Net", deepUnet, 2],
  ] as const)("a %s of 10,000 nodes has the axes of every block", ([, make, axesPerBlock]) => {
    const graph = readOnnx(make(10_000));
    const { spec } = inferSpec(graph);
    const moving = Object.values(spec.axes).filter(({ group }) => group !== "fixed").length;
    expect(graph.nodes.length).toBeGreaterThan(9500);
    expect(moving).toBeGreaterThan((graph.nodes.length / 40) * axesPerBlock * 0.9);
  });
});
