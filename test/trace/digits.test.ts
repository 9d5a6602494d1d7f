// The digits network needs no hand-written spec: tracing its own forward pass gives the one its task declares.

import { numpy as np } from "@jax-js/jax";
import { expect, it } from "vitest";
import { specDifference } from "../../src/spec/same-spec.ts";
import { digitsSpec, digitsTask } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/tasks/package-data.ts";
import { inferSpecFromFunction } from "../../src/trace/infer-function.ts";

it("tracing the digits network gives its hand-written spec", async () => {
  const task = await digitsTask(await readPackageData("uci-digits.csv.gz"));
  const { spec, unsupported } = await inferSpecFromFunction(
    (weights, images) => {
      // The task runs a batch of networks at once: a batch of one.
      const batch = Object.entries(weights).map(
        ([name, w]) => [name, np.expandDims(w, 0)] as const,
      );
      return task.logits(Object.fromEntries(batch), np.expandDims(images, 0));
    },
    digitsSpec.tensors,
    [{ shape: [5, 64] }],
  );
  expect(unsupported).toEqual([]);
  expect(specDifference(spec, digitsSpec)).toBeNull();
});
