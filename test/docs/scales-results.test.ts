// What docs/products.md says of scales, signs and phases follows from the published figures.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

interface Row {
  readonly model: string;
  readonly scaling: string;
  readonly tauMean: number;
  readonly tauStd: number;
}

const rowsOf = (population: string): readonly Row[] =>
  JSON.parse(readFileSync(join(root, `docs/results/scales-${population}.json`), "utf8")).rows;
const finder = (rows: readonly Row[]) => (model: string, scaling: string) => {
  const row = rows.find((one) => one.model === model && one.scaling === scaling);
  if (row === undefined) throw new Error(`no row of ${model}, ${scaling}`);
  return row;
};

test("the page is what the figures give", async () => {
  const script: { productsPage: () => string } = await import(
    pathToFileURL(join(root, "scripts/docs/scales-tables.js")).href
  );
  expect(tablesOf(script.productsPage())).toEqual(tablesOf(readPage("docs/products.md")));
});

describe("CNNs with tanh", () => {
  const of = finder(rowsOf("cnn-tanh"));

  test("models that know of signs keep their figures to the digits, others do not", () => {
    for (const model of ["unf-products", "magep", "monomial", "canonical:unf"])
      expect(of(model, "signs").tauMean).toBe(of(model, "0").tauMean);
    for (const model of ["unf", "stat-nn", "nfn-hnp"])
      expect(of(model, "signs").tauMean).not.toBe(of(model, "0").tauMean);
  });

  test("products have the highest figure, by more than the spread of trainings", () => {
    const best = of("unf-products", "0");
    for (const model of ["magep", "canonical:unf", "unf", "monomial", "stat-nn", "nfn-hnp"]) {
      const other = of(model, "0");
      expect(best.tauMean - other.tauMean).toBeGreaterThan(Math.max(best.tauStd, other.tauStd));
    }
    expect(of("nfn-hnp", "0").tauMean - of("nfn-hnp", "signs").tauMean).toBeCloseTo(0.022, 3);
  });
});

describe("sine networks", () => {
  const of = finder(rowsOf("siren"));

  test("models that know of phases keep their figures, others lose them", () => {
    for (const model of ["unf-products", "canonical:unf"])
      expect(of(model, "phases").tauMean).toBeCloseTo(of(model, "0").tauMean, 3);
    for (const model of ["unf", "stat-nn"]) {
      const { tauMean, tauStd } = of(model, "phases");
      expect(Math.abs(tauMean)).toBeLessThan(tauStd);
    }
  });
});
