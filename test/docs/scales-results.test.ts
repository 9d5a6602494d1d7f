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

describe("Transformers without residuals", () => {
  const all = rowsOf("transformer") as readonly (Row & { readonly threshold: number })[];
  const from = (threshold: number) => finder(all.filter((row) => row.threshold === threshold));
  const invariant = ["canonical:unf", "unf-products", "canonical:transformer-nfn"];
  const others = ["unf", "stat-nn", "transformer-nfn", "flat-mlp"];

  test.each([0, 0.2, 0.4, 0.6, 0.8])(
    "from accuracy %d on, three keep their figures to the digits, the others do not",
    (threshold) => {
      const of = from(threshold);
      for (const model of invariant)
        expect(of(model, "bases").tauMean).toBe(of(model, "0").tauMean);
      for (const model of others)
        expect(of(model, "bases").tauMean).not.toBe(of(model, "0").tauMean);
    },
  );

  test("the others lose at most 0.044 at thresholds 0 and 0.2", () => {
    const losses = [0, 0.2].flatMap((threshold) =>
      others.map((model) => {
        const of = from(threshold);
        return of(model, "0").tauMean - of(model, "bases").tauMean;
      }),
    );
    expect(Math.max(...losses)).toBeLessThan(0.044);
    expect(Math.max(...losses)).toBeGreaterThan(0.043);
  });

  test("of all networks the canonical form is level with StatNN, products are behind", () => {
    const of = from(0);
    const [canonical, statistics] = [of("canonical:unf", "0"), of("stat-nn", "0")];
    const products = of("unf-products", "0");
    expect(canonical.tauMean - statistics.tauMean).toBeGreaterThan(0);
    expect(canonical.tauMean - statistics.tauMean).toBeLessThan(statistics.tauStd);
    expect(statistics.tauMean - products.tauMean).toBeGreaterThan(products.tauStd);
    const told = [canonical, statistics, products, of("transformer-nfn", "0")];
    expect(told.map(({ tauMean }) => tauMean.toFixed(3))).toEqual([
      "0.643",
      "0.636",
      "0.588",
      "0.445",
    ]);
  });
});

describe("sine networks", () => {
  const of = finder(rowsOf("siren"));

  test("products and the canonical form are within the spread of trainings", () => {
    const [products, canonical] = [of("unf-products", "0"), of("canonical:unf", "0")];
    const apart = Math.abs(products.tauMean - canonical.tauMean);
    expect(apart).toBeLessThan(Math.max(products.tauStd, canonical.tauStd));
  });

  test("models that know of phases keep their figures, others lose them", () => {
    for (const model of ["unf-products", "canonical:unf"])
      expect(of(model, "phases").tauMean).toBeCloseTo(of(model, "0").tauMean, 3);
    for (const model of ["unf", "stat-nn"]) {
      const { tauMean, tauStd } = of(model, "phases");
      expect(Math.abs(tauMean)).toBeLessThan(tauStd);
    }
  });
});
