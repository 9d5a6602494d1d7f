// Every automatic family of the names door against the traced network it describes: two doors, one spec.

import { describe, expect, it } from "vitest";
import { inferSpecFromNames } from "../../../src/infer/names/infer-names.ts";
import type { NamedShape } from "../../../src/infer/names/template.ts";
import { specDifference } from "../../../src/symmetry/same-spec.ts";
import { inferSpecFromFunction } from "../../../src/trace/infer-function.ts";
import { familyCases } from "../../support/families/family-cases.ts";
import { moreFamilies } from "../../support/families/more-families.ts";
import { withoutFactors, withoutPartScales } from "../../support/structure.ts";
import { verdictOn } from "../../support/graphs/function-oracle.ts";

const weightsOf = (list: readonly NamedShape[]) =>
  Object.fromEntries(list.map(({ name, shape }) => [name, { shape }]));

describe("a family's template says what the traced network says", () => {
  it.each([...familyCases, ...moreFamilies])("$name", async (one) => {
    const { tensors: list, options, fn, input, warns } = one;
    const named = inferSpecFromNames(list, options);
    if (warns === undefined) expect(named.warnings).toEqual([]);
    else expect(named.warnings.join()).toMatch(warns);
    expect(named.unknown).toEqual([]);
    if (one.traced === undefined) {
      const traced = await inferSpecFromFunction((w, x) => fn(w, x), weightsOf(list), [
        { shape: input },
      ]);
      expect(traced.unsupported).toEqual([]);
      expect(
        specDifference(withoutFactors(named.spec), withoutFactors(withoutPartScales(traced.spec))),
      ).toBeNull();
    }
    const { axes, together, control } = await verdictOn(fn, input, named.spec, 5);
    for (const [axis, error] of Object.entries(axes)) expect(error, axis).toBeLessThan(1e-4);
    expect(together).toBeLessThan(2e-4);
    expect(control).toBeGreaterThan(1e-3);
  });
});
