// The digits network needs no hand-written spec: tracing its own forward pass gives the one a person would write.

import { expect, it } from "vitest";
import { specDifference } from "../../src/symmetry/same-spec.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { digitsSpec as written } from "../support/digits-spec.ts";

it("the traced spec of the digits network is the hand-written one, and its task carries it", async () => {
  const traced = await digitsTasks.digits.spec();
  expect(specDifference(traced, written)).toBeNull();
  const task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
  expect(task.spec).toBe(traced);
  // Control: the same network without scales is another spec.
  expect(specDifference(traced, mlpSpec([64, 32, 10]))).not.toBeNull();
});
