// What docs/guide/learned-optimizers.md says of optimizers follows from the published figures.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

interface Row {
  readonly optimizer: string;
  readonly speedup: number | null;
  readonly stepsToAdamMean: number | null;
  readonly finalLossMean: number;
  readonly secondsPerStep: number;
  readonly rate: number | null;
}

function finder(file: string) {
  const text = readFileSync(join(root, "docs/results", file), "utf8");
  const { rows } = JSON.parse(text) as { rows: readonly Row[] };
  return (name: string): Row => {
    const row = rows.find(({ optimizer }) => optimizer === name);
    if (row === undefined) throw new Error(`no row of ${name}`);
    return row;
  };
}
const of = finder("optimizers-fashion-mlp.json");
const after = finder("optimizers-fashion-mlp-outer-steps.json");

test("the guide shows the tables that these figures give", async () => {
  const script: { optimizersPage: () => string } = await import(
    pathToFileURL(join(root, "scripts/docs/optimizer-tables.js")).href
  );
  expect(tablesOf(script.optimizersPage())).toEqual(
    tablesOf(readPage("docs/guide/learned-optimizers.md")),
  );
});

test("four that were meta-trained alike never reach Adam's best loss, nor end below momentum", () => {
  for (const name of ["sgdm-meta", "deep-sets", "nfn", "unf"]) expect(of(name).speedup).toBeNull();
  for (const name of ["deep-sets", "nfn", "unf"])
    expect(of(name).finalLossMean).toBeGreaterThan(of("sgdm-meta").finalLossMean);
  expect(of("nfn").finalLossMean).toBe(of("unf").finalLossMean);
});

test("Celo2 with an equivariant layer gets there before Adam, and ends below Celo2", () => {
  for (const ending of ["", "-tuned"]) {
    const own = of(`celo2-unf${ending}`);
    expect(own.speedup).toBeGreaterThan(1);
    expect(own.finalLossMean).toBeLessThan(of(`celo2${ending}`).finalLossMean);
    expect(own.secondsPerStep / of("adam").secondsPerStep).toBeGreaterThan(5);
    expect(own.secondsPerStep / of("adam").secondsPerStep).toBeLessThan(7);
  }
});

test("more outer steps of more pairs make it faster, by the factors of the text", () => {
  const speedups = ["celo2-unf-long", "celo2-unf-long-tuned"].map((name) => of(name).speedup ?? 0);
  expect(speedups.map((speedup) => speedup.toFixed(2))).toEqual(["1.54", "1.90"]);
  for (const ending of ["", "-tuned"])
    expect(of(`celo2-unf-long${ending}`).finalLossMean).toBeLessThan(
      of(`celo2-unf${ending}`).finalLossMean,
    );
});

test("Adam's rate is the highest of its grid; two without anything learned need half of the steps", () => {
  expect(of("adam").rate).toBe(0.01);
  for (const name of ["schedule-free", "muon"])
    expect(
      (of(name).stepsToAdamMean ?? NaN) / (of("celo2-unf-tuned").stepsToAdamMean ?? NaN),
    ).toBeCloseTo(0.5, 1);
});

test("losses after more outer steps are those of the text; the last ones are those of the table", () => {
  const loss = (name: string) => Number(after(name).finalLossMean.toFixed(3));
  expect(["celo2-unf-250", "celo2-unf-2000", "unf-250", "unf-2000"].map(loss)).toEqual([
    0.598, 0.484, 0.525, 0.51,
  ]);
  const late = after("celo2-unf-1750").finalLossMean - after("celo2-unf-2000").finalLossMean;
  expect(late).toBeCloseTo(0.001, 3);
  expect(loss("unf-500")).toBeGreaterThan(loss("unf-250")); // back and forth
  for (const kind of ["unf", "celo2-unf"])
    expect(after(`${kind}-2000`).finalLossMean).toBe(of(kind).finalLossMean);
});
