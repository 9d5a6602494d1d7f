import { describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { deepTransformer, deepUnet } from "../support/deep-models.ts";

const timed = (bytes: Uint8Array) => {
  // Time of this process, not of the clock: other work on the machine does not count.
  const start = process.cpuUsage();
  const graph = readOnnx(bytes);
  const { spec } = inferSpec(graph);
  const moving = Object.values(spec.axes).filter(({ group }) => group !== "fixed").length;
  const used = process.cpuUsage(start);
  return { nodes: graph.nodes.length, moving, took: (used.user + used.system) / 1000 };
};

describe("deep networks", () => {
  test.for([
    ["Transformer", deepTransformer, 4],
    ["U-Net", deepUnet, 2],
  ] as const)(
    "a %s of 10,000 nodes within 5 seconds, time linear in nodes",
    ([, make, axesPerBlock]) => {
      timed(make(1000));
      const small = timed(make(2500));
      const large = timed(make(10_000));
      expect(large.nodes).toBeGreaterThan(9500);
      expect(large.moving).toBeGreaterThan((large.nodes / 40) * axesPerBlock * 0.9);
      expect(large.took).toBeLessThan(5000);
      expect(large.took).toBeLessThan(10 * Math.max(small.took, 50));
    },
  );
});
