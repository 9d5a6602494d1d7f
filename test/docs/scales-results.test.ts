// What docs/products.md says of scales, signs and phases follows from the published figures.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

interface Row {
  readonly model: string;
  readonly scaling: string;
  readonly tauMean: number;
  readonly seeds: number;
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

describe("CNNs with ReLU", () => {
  interface ScaledRow extends Row {
    readonly training: string;
  }
  const all = rowsOf("cnn-relu") as readonly ScaledRow[];
  const trainedOn = (training: string) => finder(all.filter((row) => row.training === training));
  const [plain, moved] = [trainedOn("as they are"), trainedOn("scales:2")];
  const scales = ["0", "1", "2", "3", "4"];
  const blind = ["unf", "stat-nn", "nfn-hnp"];

  test("models that know of scales keep their figures to the digits, others lose more and more", () => {
    for (const of of [plain, moved])
      for (const model of ["unf-products", "canonical:unf", "monomial"])
        for (const scale of scales) expect(of(model, scale).tauMean).toBe(of(model, "0").tauMean);
    for (const model of blind) {
      const taus = scales.map((scale) => plain(model, scale).tauMean);
      expect(taus).toEqual(taus.toSorted((a, b) => b - a));
    }
    expect(plain("unf", "0").tauMean - plain("unf", "4").tauMean).toBeCloseTo(0.291, 3);
  });

  test("products are level with StatNN as they are, and above all that do not know of scales elsewhere", () => {
    const products = plain("unf-products", "0");
    const [statistics, unf] = [plain("stat-nn", "0"), plain("unf", "0")];
    expect(statistics.tauMean - products.tauMean).toBeLessThan(statistics.tauStd);
    expect(unf.tauMean - products.tauMean).toBeLessThan(products.tauStd);
    const ahead = scales.map((scale) => {
      const best = Math.max(...blind.map((model) => plain(model, scale).tauMean));
      return products.tauMean - best;
    });
    for (const by of ahead.slice(1)) expect(by).toBeGreaterThan(products.tauStd);
    expect([ahead[1], ahead[4]].map((by) => by.toFixed(3))).toEqual(["0.070", "0.278"]);
    expect(ahead[0]).toBeLessThan(0); // control
  });

  test("who learns from moved networks knows those scales alone", () => {
    for (const model of blind) {
      const own = moved(model, "2").tauMean;
      for (const scale of ["0", "1", "3", "4"])
        expect(moved(model, scale).tauMean).toBeLessThan(own);
    }
    const told = ["2", "0"].map((scale) => moved("unf", scale).tauMean.toFixed(3));
    expect(told).toEqual(["0.640", "0.230"]);
  });

  test("the quasi-equivariant one loses up to 0.033; MAGEP could not be trained", () => {
    const losses = [plain, moved].flatMap((of) =>
      scales.map(
        (scale) => of("quasi:unf-products", "0").tauMean - of("quasi:unf-products", scale).tauMean,
      ),
    );
    expect(Math.max(...losses)).toBeLessThan(0.033);
    expect(Math.max(...losses)).toBeGreaterThan(0.032);
    for (const of of [plain, moved]) {
      expect(of("magep", "0")).toMatchObject({ seeds: 0, tauMean: null });
      expect(of("monomial", "0").tauMean).toBeLessThan(0.4);
    }
  });
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

test("on Transformers products fit training networks best and validation networks worst", () => {
  const path = "docs/results/scales-transformer-training-predictions.json.gz";
  const { trainings } = JSON.parse(gunzipSync(readFileSync(join(root, path))).toString()) as {
    trainings: readonly { model: string; trainLoss: number; validLoss: number }[];
  };
  const meanOf = (model: string, loss: "trainLoss" | "validLoss") => {
    const own = trainings.filter((training) => training.model === model);
    return (own.reduce((sum, training) => sum + training[loss], 0) / own.length).toFixed(3);
  };
  const models = ["unf-products", "unf", "canonical:unf"];
  expect(models.map((model) => meanOf(model, "trainLoss"))).toEqual(["0.573", "0.587", "0.595"]);
  expect(models.map((model) => meanOf(model, "validLoss"))).toEqual(["0.634", "0.627", "0.621"]);
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
