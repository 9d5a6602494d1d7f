// The symmetries of the digits network as a person writes them, to hold what tracing finds against.

import { defineSpec } from "../../src/symmetry/spec.ts";

export const digitsSpec = defineSpec({
  axes: {
    in: { size: 64, group: "fixed" },
    h: { size: 32, group: "permutation", scale: "positive" },
    out: { size: 10, group: "fixed" },
  },
  tensors: {
    "fc1.weight": ["h", "in"],
    "fc1.bias": ["h"],
    "fc2.weight": ["out", "h^-1"],
    "fc2.bias": ["out"],
  },
});
