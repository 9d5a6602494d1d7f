import { test } from "vitest";
import { readOnnx } from "../../src/formats/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { walkGraph } from "../../src/infer/run.ts";
import { deepTransformer, deepUnet } from "../support/deep-models.ts";
test("x", () => {
  for (const make of [deepTransformer, deepUnet])
    for (const n of [500, 2500, 5000, 10000, 20000]) {
      const b = make(n);
      const t = performance.now();
      const g = readOnnx(b);
      const t1 = performance.now();
      walkGraph(
        g,
        g.inputs.map((i) => i.shape!.map((s) => (typeof s === "number" ? s : 2))),
      );
      const t2 = performance.now();
      const r = inferSpec(g);
      const t3 = performance.now();
      console.log(
        make.name,
        g.nodes.length,
        "read",
        (t1 - t).toFixed(0),
        "walk",
        (t2 - t1).toFixed(0),
        "infer",
        (t3 - t2).toFixed(0),
        Object.keys(r.spec.axes).length,
      );
    }
});
