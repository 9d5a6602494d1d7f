// The page on products of weights shows what the code prints.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { deriveProducts } from "../../src/plan/products/derive-products.ts";
import { mergeTensors } from "../../src/plan/merge-tensors.ts";
import { planLowered } from "../../src/plan/plan-spec.ts";
import { printPlan } from "../../src/plan/print.ts";
import { lowerSpec } from "../../src/symmetry/lower.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { defineSpec } from "../../src/symmetry/spec.ts";
import type { SymmetrySpec } from "../../src/symmetry/types.ts";
import { printDerived } from "../../src/plan/print.ts";
import { modelSpec } from "../support/networks.ts";

const page = readFileSync(new URL("../../docs/products.md", import.meta.url), "utf8");

const residual: SymmetrySpec = defineSpec({
  axes: {
    in: { size: 3, group: "fixed" },
    out: { size: 10, group: "fixed" },
    res: { size: 16, group: "permutation", scale: "positive" },
    mid: { size: 16, group: "permutation", scale: "positive" },
  },
  tensors: {
    "stem.weight": ["res", "in", "3", "3"],
    "block.conv1.weight": ["mid", "res^-1", "3", "3"],
    "block.conv1.bias": ["mid"],
    "block.conv2.weight": ["res", "mid^-1", "3", "3"],
    "fc.weight": ["out", "res^-1"],
    "fc.bias": ["out"],
  },
});

test.each([
  ["an MLP", mlpSpec([2, 32, 32, 3], { scale: "positive" })],
  ["a residual CNN", residual],
  ["a Transformer block", modelSpec("vit_block.onnx")],
])("%s", (_, spec) => {
  const derived = deriveProducts(lowerSpec(spec));
  const merged = mergeTensors(derived);
  const plan = printPlan(merged, planLowered(merged, "respect").plan);
  for (const line of [...printDerived(derived).split("\n"), ...plan.split("\n")])
    expect(page).toContain(line);
  const other = deriveProducts(lowerSpec(spec), { maxDerived: 3 });
  const [heading] = printDerived(other).split("\n");
  expect(page).not.toContain(heading);
});
