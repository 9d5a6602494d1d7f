// What the guide says of networks that are images follows from the published figures.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

interface Row {
  readonly setting: string;
  readonly model: string;
  readonly accuracyMean: number;
  readonly accuracyStd: number;
  readonly signsMean: number;
}

const page = "docs/guide/networks-that-are-images.md";
const { rows } = JSON.parse(
  readFileSync(join(root, "docs/results/inr-fashion-mnist.json"), "utf8"),
) as { rows: readonly Row[] };
const of = (model: string, setting: string): Row => {
  const row = rows.find((one) => one.model === model && one.setting === setting);
  if (row === undefined) throw new Error(`no row of ${model}, ${setting}`);
  return row;
};
const functionals = [
  "stat-nn",
  "deep-sets",
  "nfn-np",
  "nfn-hnp",
  "unf",
  "unf-hybrid",
  "unf-products",
];
const chance = 0.1;

describe.each(["random", "shared", "meta"])("FashionMNIST, %s starts", (setting) => {
  test("probes have higher figures than everything that reads weights, by more than its spread", () => {
    for (const model of [...functionals, "flat-mlp"])
      expect(of("probes", setting).accuracyMean).toBeGreaterThan(
        of(model, setting).accuracyMean + of(model, setting).accuracyStd,
      );
  });
  test("of functionals the one with products is highest, and alone stands still when signs flip", () => {
    const products = of("unf-products", setting);
    expect(Math.abs(products.signsMean - products.accuracyMean)).toBeLessThan(1e-9);
    for (const model of functionals.filter((name) => name !== "unf-products")) {
      const other = of(model, setting);
      expect(products.accuracyMean).toBeGreaterThan(other.accuracyMean);
      expect(Math.abs(other.signsMean - other.accuracyMean)).toBeGreaterThan(1e-4);
    }
  });
  test("raw weights tell images from a common start only, and not once they are moved", () => {
    const { accuracyMean, signsMean } = of("flat-mlp", setting);
    expect(Math.abs(signsMean - chance)).toBeLessThan(0.05);
    if (setting === "random") expect(Math.abs(accuracyMean - chance)).toBeLessThan(0.05);
    else expect(accuracyMean).toBeGreaterThan(0.5);
  });
});

test("the nearer the start, the better every functional reads weights", () => {
  for (const model of functionals) {
    expect(of(model, "shared").accuracyMean).toBeGreaterThan(of(model, "random").accuracyMean);
    expect(of(model, "meta").accuracyMean).toBeGreaterThan(of(model, "shared").accuracyMean);
  }
});

describe("editing with one and with eight averaged outputs", () => {
  const editing = JSON.parse(readFileSync(join(root, "docs/results/inr-editing.json"), "utf8")) as {
    rows: { edit: string; model: string; outputs: number; mseMean: number }[];
  };
  const error = (edit: string, model: string, outputs: number) =>
    editing.rows.find((row) => row.edit === edit && row.model === model && row.outputs === outputs)
      ?.mseMean ?? Number.NaN;
  test.each(["nfn-np", "nfn-hnp", "unf"])(
    "%s: a third less for thicker images, nothing for contrast",
    (map) => {
      expect(error("dilate", map, 8)).toBeLessThan(0.65 * error("dilate", map, 1));
      const change = error("contrast", map, 8) / error("contrast", map, 1);
      expect(Math.abs(change - 1)).toBeLessThan(0.03);
    },
  );
});

test("the guide shows the tables that these figures give", async () => {
  const script: { imagesPage: () => string } = await import(
    pathToFileURL(join(root, "scripts/docs/inr-tables.js")).href
  );
  expect(tablesOf(script.imagesPage())).toEqual(tablesOf(readPage(page)));
});
