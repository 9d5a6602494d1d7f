// The published figures of optimal transport: whole rows under the names that the guide promises, and what it says of them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

const read = (name: string): unknown =>
  JSON.parse(readFileSync(join(root, "docs/results", name), "utf8"));

interface PowerRow {
  readonly case: string;
  readonly dimension: number;
  readonly statistic: string;
  readonly power: number;
}

describe("transport-power.json", () => {
  const { rows, command } = read("transport-power.json") as { rows: PowerRow[]; command: string };
  const power = (name: string, dimension: number, statistic: string) =>
    rows.find((r) => r.case === name && r.dimension === dimension && r.statistic === statistic)
      ?.power ?? Number.NaN;
  test("has every case, dimension and statistic once", () => {
    const keys = rows.map((r) => `${r.case} ${r.dimension} ${r.statistic}`);
    expect(new Set(keys).size).toBe(6 * 4 * 4);
    expect(keys.length).toBe(6 * 4 * 4);
    expect([...new Set(rows.map((r) => r.case))].sort()).toEqual([
      "correlation",
      "mean",
      "modes",
      "null",
      "scale",
      "variance",
    ]);
    expect([...new Set(rows.map((r) => r.statistic))].sort()).toEqual([
      "db-tsw",
      "energy",
      "mmd",
      "sw1",
    ]);
    expect(command).toBe("npm run experiment:transport-power");
  });
  test("type I errors lie within the interval of 100 trials at level .05", () => {
    for (const row of rows.filter((r) => r.case === "null"))
      expect(row.power).toBeLessThanOrEqual(0.11);
  });
  test("Db-TSW is ahead on correlation and modes in two and three dimensions, and not on shifts", () => {
    for (const name of ["correlation", "modes"])
      for (const dimension of [2, 3])
        for (const other of ["sw1", "energy", "mmd"])
          expect(power(name, dimension, "db-tsw")).toBeGreaterThan(
            power(name, dimension, other) + 0.2,
          );
    expect(power("mean", 2, "db-tsw")).toBeLessThan(power("mean", 2, "energy") + 0.1);
  });
  test("the table of the guide shows these numbers", () => {
    const page = readPage("docs/guide/transport.md");
    expect(page).toContain(
      `| ${power("correlation", 2, "sw1").toFixed(2).slice(1)} | **${power("correlation", 2, "db-tsw").toFixed(2).slice(1)}** |`,
    );
  });
});

test("transport-flows.json: rows are means of the runs it keeps", () => {
  interface Flow {
    readonly dataset: string;
    readonly method: string;
    readonly rate: number;
  }
  const { rows, tables, about } = read("transport-flows.json") as {
    rows: (Flow & { iteration: number; seeds: number; w2Mean: number; w2Std: number | null })[];
    tables: { moments: (Flow & { seed: number; iteration: number; w2: number })[] };
    about: { settings: { every: number; tuningSeed: number; rates: readonly number[] } };
  };
  expect(tables.moments.every(({ iteration }) => iteration % about.settings.every === 0)).toBe(
    true,
  );
  expect(rows.length).toBeGreaterThan(0);
  for (const row of rows) {
    const all = tables.moments.filter(
      (r) =>
        r.dataset === row.dataset &&
        r.method === row.method &&
        r.rate === row.rate &&
        r.iteration === row.iteration,
    );
    const counted = all.filter(({ seed }) => seed !== about.settings.tuningSeed);
    const own = counted.length > 0 ? counted : all;
    expect(own.length).toBe(row.seeds);
    const values = own.map(({ w2 }) => w2);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    expect(Math.abs(row.w2Mean - mean)).toBeLessThanOrEqual(1e-9 * mean);
    expect(row.w2Std === null).toBe(row.seeds === 1);
  }
});

describe("the gradient flows", () => {
  interface Moment {
    readonly dataset: string;
    readonly method: string;
    readonly rate: number;
    readonly seed: number;
    readonly iteration: number;
    readonly w2: number;
  }
  const { tables, about } = read("transport-flows.json") as {
    tables: { moments: Moment[] };
    about: { settings: { iterations: number; tuningSeed: number } };
  };
  const moments = (dataset: string, method: string, iteration: number) =>
    tables.moments.filter(
      (m) => m.dataset === dataset && m.method === method && m.iteration === iteration,
    );
  const { iterations, tuningSeed } = about.settings;

  test("order 1 ends below 2e-6 on 25 Gaussians by iteration 1,500 with every seed; order 2 does not", () => {
    for (const method of ["sw-1", "tsw-sl", "db-tsw"]) {
      const reached = moments("25-gaussians", method, 1500).filter(({ rate }) => rate === 0.005);
      expect(reached.length).toBe(6);
      for (const { w2 } of reached) expect(w2).toBeLessThan(2e-6);
    }
    const others = moments("25-gaussians", "sw-2", 1500).filter(({ rate }) => rate === 0.005);
    expect(Math.min(...others.map(({ w2 }) => w2))).toBeGreaterThan(2e-6);
  });

  test("in 50 dimensions sliced distances stop alike at the published rate, and order 2 ends lowest at its own", () => {
    const at = (method: string, wanted: number) =>
      moments("gaussian-50", method, iterations).find(
        ({ rate, seed }) => rate === wanted && seed === tuningSeed,
      )?.w2 ?? NaN;
    const alike = ["sw-1", "sw-2", "tsw-sl", "tsw-sl-2", "db-tsw", "db-tsw-2", "lcv"];
    for (const method of alike) {
      expect(at(method, 0.005)).toBeGreaterThan(50);
      expect(at(method, 0.005)).toBeLessThan(58);
    }
    expect(at("sw-2", 0.05)).toBeLessThan(1e-20);
    for (const method of ["tsw-sl", "db-tsw"]) expect(at(method, 0.05)).toBeGreaterThan(0.05);
  });

  test("the guide shows the tables that these figures give", async () => {
    const script: { transportPage: () => string } = await import(
      pathToFileURL(join(root, "scripts/docs/transport-tables.js")).href
    );
    expect(tablesOf(script.transportPage())).toEqual(tablesOf(readPage("docs/guide/transport.md")));
  });
});

describe("bench/results/transport.json", () => {
  interface Times {
    readonly cases: readonly { readonly n: number; readonly d: number; readonly sw: number }[];
  }
  interface Measured extends Record<"allCores" | "pot" | "potOnOneCore", Times> {
    readonly cases: readonly { readonly plain: Times["cases"][number] }[];
  }
  const { results } = JSON.parse(
    readFileSync(join(root, "bench/results/transport.json"), "utf8"),
  ) as { results: Measured };
  /** How many times as long POT takes, from the least to the most. */
  const timesAsLong = (pot: Times, own: Times["cases"]) =>
    pot.cases.map(({ sw }, i) => sw / own[i].sw).toSorted((a, b) => a - b);

  test("POT takes longer at every size, on one core and on all, by the factors of README and guide", () => {
    const onOne = timesAsLong(
      results.potOnOneCore,
      results.cases.map(({ plain }) => plain),
    );
    const onAll = timesAsLong(results.pot, results.allCores.cases);
    for (const factors of [onOne, onAll]) expect(factors[0]).toBeGreaterThan(1);
    const guide = readPage("docs/guide/transport.md");
    const ends = ([least, ...more]: readonly number[]) =>
      `${least.toFixed(2)} to ${more[more.length - 1].toFixed(1)} times as long`;
    expect(guide).toContain(`POT takes ${ends(onOne)}`);
    expect(guide).toContain(`with all cores for both, ${ends(onAll)}`);
    const [least] = onOne;
    expect(readPage("README.md")).toContain(
      `POT on one core takes ${least.toFixed(2)} (500 points in 1,000 dimensions) to ${onOne[onOne.length - 1].toFixed(1)} times as long`,
    );
  });
});
