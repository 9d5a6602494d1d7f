// What makes a report readable: colours that tell models apart, axes that show differences, tables that fit.

import { expect, test } from "vitest";
import { seriesColor } from "../../src/report/canvas.ts";
import { beforeAfter, tauBars } from "../../src/report/figures.ts";
import { htmlTable } from "../../src/report/table.ts";
import { sampleExperiment } from "../support/reports/sample-experiment.ts";

test("no two of 40 models share a colour", () => {
  expect(new Set(Array.from({ length: 40 }, (_, i) => seriesColor(i))).size).toBe(40);
  expect(seriesColor(0)).toBe("var(--series-1)");
});

test("axes start near the lowest tau and say where; one that starts at zero says nothing", () => {
  const { rows } = sampleExperiment();
  const at = (...taus: number[]) =>
    taus.map((tau, i) => ({ ...rows[i], tauMean: tau, tauMovedMean: tau, tauStd: 0.001 }));
  for (const draw of [tauBars, beforeAfter]) {
    expect(draw(at(0.73, 0.74))).toContain("Kendall's tau, axis from 0.70");
    expect(draw(at(0.73, -0.2))).toContain("Kendall's tau, axis from −0.25");
    expect(draw(at(0.04, 0.7))).not.toContain("axis from");
  }
});

test("every cell of a table says its column, for pages that are too narrow for a table", () => {
  const { markup: table } = htmlTable(
    [{ n: 7 }],
    [{ label: "networks", cell: ({ n }) => String(n) }],
  );
  expect(table).toMatch(/<td class="" data-label="networks">\s*7\s*<\/td>/);
});
