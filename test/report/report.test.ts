// Reports: complete in themselves, escaped, honest about missing numbers.

import { describe, expect, test, vi } from "vitest";
import { standaloneSvg } from "../../src/report/canvas.ts";
import { averageCurves } from "../../src/report/curves.ts";
import { samplePoints, tauBars } from "../../src/report/figures.ts";
import { generalizationReport } from "../../src/report/generalization-report.ts";
import { escapeHtml, html } from "../../src/report/html.ts";
import { count, decimal, duration, magnitude, withStd } from "../../src/report/table.ts";
import { sampleExperiment } from "../support/reports/sample-experiment.ts";

const sample = sampleExperiment();
const page = generalizationReport(sample);

test("the page is complete in itself: no scripts, nothing loaded from outside", () => {
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).not.toMatch(/<script|<link\s|<img|@import|\bsrc=/);
  const outside = [...page.matchAll(/(?:https?:)?\/\/[a-z0-9.-]+/gi)].map(([url]) => url);
  expect(new Set(outside)).toEqual(new Set(["http://www.w3.org"])); // the SVG namespace names, never fetched
});

test("every model, number and figure is there, and the way to reproduce it", () => {
  for (const { model, tauMean } of sample.rows) {
    expect(page).toContain(model);
    expect(page).toContain(decimal(tauMean));
  }
  const figures = 4 + sample.rows.length;
  expect(page.match(/<svg/g)).toHaveLength(figures);
  expect(page.match(/role="img"/g)).toHaveLength(figures);
  expect(page).toContain(sample.command);
  expect(page).toContain("prefers-color-scheme: dark");
  expect(page).not.toMatch(/NaN|undefined|\[object/);
});

test("the same result gives the same page", () => {
  expect(generalizationReport(sampleExperiment())).toBe(page);
  expect(generalizationReport(sampleExperiment(1))).not.toBe(page);
});

test("text from outside is escaped everywhere", () => {
  const evil = `<script>alert("1")</script>`;
  const rows = sample.rows.map((row, i) => (i === 0 ? { ...row, model: evil } : row));
  const poisoned = generalizationReport({
    ...sample,
    title: evil,
    command: evil,
    machine: evil,
    population: { ...sample.population, description: evil },
    rows,
    scatter: sample.scatter.map((point) => ({ ...point, model: evil })),
    curves: sample.curves.map((curve) => ({ ...curve, model: evil })),
  });
  expect(poisoned).not.toContain("<script");
  expect(poisoned).toContain(escapeHtml("<script>"));
});

test("one seed, no curves, no points and undefined numbers still make a page", () => {
  const rows = sample.rows.map((row) => ({
    ...row,
    tauStd: Number.NaN,
    tauMovedStd: Number.NaN,
    r2Std: Number.NaN,
    r2Mean: Number.NaN,
    seeds: 1,
  }));
  const bare = generalizationReport({
    ...sample,
    population: { networks: 3, accuracies: [] },
    rows,
    scatter: [],
    curves: [],
  });
  expect(bare).not.toMatch(/NaN|undefined|Infinity/);
  expect(bare.match(/<svg/g)).toHaveLength(2);
});

test("curves are averaged over the seeds that reach an epoch", () => {
  const epochs = (...values: number[]) =>
    values.map((validTau, i) => ({ epoch: i + 1, trainLoss: 0, validTau }));
  const points = averageCurves([
    { model: "a", seed: 0, epochs: epochs(0.2, 0.4, 0.9) },
    { model: "a", seed: 1, epochs: epochs(0.4, 0.4) },
    { model: "b", seed: 0, epochs: epochs(Number.NaN, 0.1) },
  ]);
  expect(points.map(({ model, epoch }) => `${model}${epoch}`)).toEqual(["a1", "a2", "a3", "b2"]);
  expect(points[0].mean).toBeCloseTo(0.3, 12);
  expect(points[0].std).toBeCloseTo(Math.sqrt(0.02), 12);
  expect(points[2].std).toBeNaN();
});

describe("scatter plots of runs with several checkpoints", () => {
  const [runs, checkpoints] = [320, 4];
  const points = Array.from({ length: runs * checkpoints }, (_, i) => ({
    run: Math.floor(i / checkpoints),
    checkpoint: i % checkpoints,
  }));
  const seen = (shown: readonly { checkpoint: number }[]) =>
    Array.from({ length: checkpoints }, (_, c) => shown.filter((p) => p.checkpoint === c).length);

  test("show all checkpoints about equally, the same ones for the same seed", () => {
    const shown = samplePoints(points, 0);
    expect(new Set(shown).size).toBe(400);
    for (const count of seen(shown)) expect(Math.abs(count - 100)).toBeLessThan(35); // four deviations
    expect(samplePoints(points, 0)).toEqual(shown);
    expect(samplePoints(points, 1)).not.toEqual(shown);
    expect(samplePoints(points.slice(0, 400), 0)).toEqual(points.slice(0, 400));
    // Control: every n-th point, as these plots were once drawn, is the first checkpoint of every run.
    const stride = Math.ceil(points.length / 400);
    expect(seen(points.filter((_, i) => i % stride === 0))).toEqual([320, 0, 0, 0]);
  });

  test("say how many of how many, and draw that many", () => {
    const scatter = sample.rows.flatMap(({ model }) =>
      points.map(({ checkpoint, run }) => {
        const actual = (run + checkpoint / 5) / runs;
        return { model, actual, predicted: actual, moved: actual };
      }),
    );
    const many = generalizationReport({ ...sample, scatter });
    expect(many.match(/400 of 1,280 networks/g)).toHaveLength(sample.rows.length);
    expect(page.match(/240 of 240 networks/g)).toHaveLength(sample.rows.length);
    const panels = many.slice(many.indexOf("Predicted and true accuracy"));
    const grid = panels.slice(0, panels.indexOf("<h2>", 10));
    expect(grid.match(/<circle/g)).toHaveLength(400 * sample.rows.length);
  });
});

test("tau within stages and one-number baselines have their columns, or the reason why not", () => {
  const staged = sample.rows.map((row, i) => ({
    ...row,
    ...(i > 0 && { stageTauMean: 0.4321, stageTauStd: 0.01 }),
  }));
  const oneNumber = [
    {
      number: "weight norm",
      direction: "lower",
      tau: 0.6543,
      tauInterval: [0.6, 0.7],
      stageTau: 0.1234,
    },
    {
      number: "training step",
      direction: "higher",
      tau: Number.NaN,
      tauInterval: [Number.NaN, Number.NaN],
    },
  ] as const;
  const several = { ...sample.population, runs: 300 };
  const full = generalizationReport({ ...sample, rows: staged, oneNumber, population: several });
  expect(full.match(/0.432 <small>± 0.010/g)).toHaveLength(sample.rows.length - 1);
  for (const text of ["weight norm", "0.654", "0.123", "tau in a stage"])
    expect(full).toContain(text);
  expect(full).not.toMatch(/NaN|undefined/);
  const missing = generalizationReport({ ...sample, population: several });
  expect(missing).toContain("Tau within one checkpoint is not known");
  for (const text of ["tau in a stage", "not known", "One number"])
    expect(page).not.toContain(text);
});

test("an SVG of its own carries its colours", () => {
  const svg = standaloneSvg(tauBars(sample.rows));
  expect(svg).toMatch(/^<svg[^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"[^>]*><style>/);
  expect(svg).toContain("--series-1: #");
});

test("numbers read well", () => {
  expect([decimal(0.12345), decimal(-0.5, 1), decimal(-0.0001), decimal(Number.NaN)]).toEqual([
    "0.123",
    "−0.5",
    "0.000",
    "–",
  ]);
  expect([count(41603), count(999), count(1234567)]).toEqual(["41,603", "999", "1,234,567"]);
  expect([duration(4.23), duration(42), duration(185)]).toEqual(["4.2 s", "42 s", "3 min 05 s"]);
  expect([magnitude(0), magnitude(1.2e-7), magnitude(0.25)]).toEqual(["0", "1.2e−7", "0.250"]);
  expect(withStd(0.9, Number.NaN).markup).toBe("0.900");
  expect(html`<p>${"<&>"}${[html`<b>x</b>`, 1]}</p>`.markup).toBe("<p>&lt;&amp;&gt;<b>x</b>1</p>");
});

test("curves of a single epoch are drawn without a warning", () => {
  const warned = vi.spyOn(console, "warn").mockImplementation(() => undefined);
  const curves = sample.curves.map((curve) => ({ ...curve, epochs: curve.epochs.slice(0, 1) }));
  const single = generalizationReport({ ...sample, curves });
  expect(warned).not.toHaveBeenCalled();
  expect(single).not.toContain("⚠");
  warned.mockRestore();
});

test("a report says who ran the networks, and what a mean of predictions is", () => {
  const sample = sampleExperiment();
  const [first, second, ...rest] = sample.rows;
  const mean = { ...first, model: "network-probes + unf" };
  const probes = { ...second, model: "network-probes", options: { networks: "digits" } };
  const text = (result: typeof sample) =>
    generalizationReport(result)
      .replaceAll(/<[^>]*>/g, "")
      .replaceAll(/\s+/g, " ");
  const said = text({ ...sample, rows: [mean, probes, ...rest], together: [mean.model] });
  expect(said).toContain("but network-probes, and means with it, ran it at inputs");
  expect(said).toContain("network-probes + unf: the mean of what these predict");
  const plain = text(sample); // control
  expect(plain).toContain("from its weights alone, without ever running it. Kendall's");
  expect(plain).not.toContain("the mean of what these predict");
});
