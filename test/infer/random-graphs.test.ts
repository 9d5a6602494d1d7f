import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { onnxRuntime } from "../../src/runtime/onnx-runtime.ts";
import { proveSpec } from "../../src/infer/proof/prove.ts";
import { randomGraph } from "../support/graphs/random-graph.ts";

const count = Number(process.env["WEIGHTSPACE_GRAPHS"] ?? 100);
const start = Number(process.env["WEIGHTSPACE_GRAPHS_SEED"] ?? 0);

describe("random networks", () => {
  test(`whatever is claimed of ${count} of them is proved`, { timeout: 3_000_000 }, async () => {
    const executor = await onnxRuntime();
    const refuted: string[] = [];
    let axes = 0;
    let structured = 0;
    for (let seed = start; seed < start + count; seed++) {
      const bytes = randomGraph(seed);
      const inference = inferSpec(readOnnx(bytes));
      const proof = await proveSpec(bytes, inference, executor, { seed });
      axes += proof.axes.length;
      structured += Object.values(inference.spec.axes).filter(
        ({ within }) => within !== undefined,
      ).length;
      if (proof.verdict === "refuted") {
        refuted.push(
          `${seed}: ${JSON.stringify(proof.axes.filter(({ holds }) => !holds))} ${proof.together}`,
        );
        if (process.env["WEIGHTSPACE_KEEP"])
          writeFileSync(`${process.env["WEIGHTSPACE_KEEP"]}/${seed}.onnx`, bytes);
      }
    }
    expect(refuted).toEqual([]);
    // The networks are not so entangled that there is nothing to claim.
    expect(axes).toBeGreaterThan(count);
    expect(structured).toBeGreaterThan(count / 20);
  });
});
