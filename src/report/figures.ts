// The figures of reports, each a function from plain data to SVG text. Models keep the colour of their position.

import * as Plot from "@observablehq/plot";
import { deriveSeed, randomStream } from "../core/random.ts";
import { axisLabel, drawSvg, extent, grid, seriesColor, softInk } from "./canvas.ts";
import type { ExperimentRow, LearningCurve, ScatterPoint } from "./experiment.ts";
import { averageCurves } from "./curves.ts";
import { decimal } from "./table.ts";

const width = 920;
const axis = { tickSize: 0, color: softInk, labelArrow: "none", labelOffset: 34 } as const;

/** Room for the longest model name beside an axis. */
const nameMargin = (names: readonly string[]): number =>
  28 + 7 * Math.max(4, ...names.map((name) => name.length));

const colors = (models: readonly string[]) => ({
  domain: [...models],
  range: models.map((_, i) => seriesColor(i)),
});

const tau = "Kendall's tau";

const finite = (...values: readonly number[]): number[] => values.filter(Number.isFinite);

/** Limits of an axis of tau close around all values, so that differences show; the axis says where it starts. */
export function tauDomain(values: readonly number[]): [number, number] {
  const lowest = Math.min(...finite(...values), 1);
  const highest = Math.max(...finite(...values), 0);
  const low = Math.floor(lowest * 20 - 0.5) / 20;
  return [low, Math.max(Math.ceil(highest * 20 + 0.5) / 20, low + 0.1)];
}

/** Horizontal bars of Kendall's tau on held-out networks, with whiskers of one standard deviation over seeds. */
export function tauBars(rows: readonly ExperimentRow[]): string {
  const models = rows.map(({ model }) => model);
  const severalRuns = rows.filter((row) => Number.isFinite(row.tauStd));
  const label = (row: ExperimentRow) =>
    row.tauMean + (Number.isFinite(row.tauStd) ? row.tauStd : 0);
  const domain = tauDomain(
    rows.flatMap((r) => finite(r.tauMean - (r.tauStd || 0), r.tauMean + (r.tauStd || 0))),
  );
  return drawSvg({
    ariaLabel: "Kendall's tau of every model on held-out networks",
    width,
    height: 56 + 40 * rows.length,
    marginBottom: 40,
    marginLeft: nameMargin(models),
    marginRight: 56,
    x: { domain },
    y: { domain: models, padding: 0.36 },
    color: colors(models),
    marks: [
      Plot.gridX({ ...grid }),
      Plot.axisX({ ...axis, label: axisLabel(tau, domain), ticks: 6 }),
      Plot.axisY({ tickSize: 0, label: null, fontSize: 13, tickPadding: 10 }),
      Plot.barX(rows, { x1: () => domain[0], x2: "tauMean", y: "model", fill: "model", rx2: 4 }),
      Plot.ruleY(severalRuns, {
        x1: (row: ExperimentRow) => row.tauMean - row.tauStd,
        x2: (row: ExperimentRow) => row.tauMean + row.tauStd,
        y: "model",
        stroke: "var(--ink)",
        strokeWidth: 1.5,
      }),
      Plot.text(rows, {
        x: label,
        y: "model",
        text: (row: ExperimentRow) => decimal(row.tauMean),
        textAnchor: "start",
        dx: 8,
        fill: "currentColor",
        fontWeight: 600,
        fontSize: 13,
      }),
      Plot.ruleX([domain[0]], { stroke: softInk }),
    ],
  });
}

/** Tau before (filled) and after (hollow) a random group element acted on every test network, joined by a line. */
export function beforeAfter(rows: readonly ExperimentRow[]): string {
  const models = rows.map(({ model }) => model);
  const values = rows.flatMap((row) => finite(row.tauMean, row.tauMovedMean));
  const domain = tauDomain(values);
  return drawSvg({
    ariaLabel: "Kendall's tau before and after a random symmetry acted on every test network",
    width,
    height: 56 + 36 * rows.length,
    marginBottom: 40,
    marginLeft: nameMargin(models),
    marginRight: 56,
    x: { domain },
    y: { domain: models, type: "point", padding: 0.6 },
    color: colors(models),
    marks: [
      Plot.gridX({ ...grid }),
      Plot.ruleY(models, { y: (model: string) => model, stroke: "var(--line)" }),
      Plot.axisX({ ...axis, label: axisLabel(tau, domain), ticks: 6 }),
      Plot.axisY({ tickSize: 0, label: null, fontSize: 13, tickPadding: 10 }),
      Plot.ruleX([domain[0]], { stroke: softInk }),
      Plot.link(rows, {
        x1: "tauMean",
        x2: "tauMovedMean",
        y1: "model",
        y2: "model",
        stroke: "var(--moved)",
        strokeWidth: 2.5,
      }),
      Plot.dot(rows, { x: "tauMean", y: "model", fill: "model", r: 6 }),
      Plot.dot(rows, {
        x: "tauMovedMean",
        y: "model",
        fill: "none",
        stroke: "var(--moved)",
        strokeWidth: 2,
        r: 9,
      }),
    ],
  });
}

/** Validation tau by epoch: the mean over seeds, in a band of one standard deviation. */
export function learningCurves(
  curves: readonly LearningCurve[],
  models: readonly string[],
): string {
  const points = averageCurves(curves);
  const ends = models.flatMap((model) => points.findLast((point) => point.model === model) ?? []);
  const domain = tauDomain(points.map(({ mean }) => mean));
  return drawSvg({
    ariaLabel: "Kendall's tau on validation networks by training epoch",
    width,
    height: 370,
    marginBottom: 40,
    marginLeft: 46,
    marginRight: 20,
    y: { domain, clamp: true },
    color: colors(models),
    marks: [
      Plot.gridY({ ...grid }),
      Plot.axisY({ ...axis, label: axisLabel("validation tau", domain), ticks: 6 }),
      Plot.axisX({ ...axis, label: "epoch" }),
      Plot.areaY(points, {
        x: "epoch",
        y1: (point) => point.mean - (point.std || 0),
        y2: (point) => point.mean + (point.std || 0),
        z: "model", // said, because Plot warns on standard error when it has to guess
        fill: "model",
        fillOpacity: 0.16,
      }),
      Plot.lineY(points, { x: "epoch", y: "mean", z: "model", stroke: "model", strokeWidth: 2 }),
      Plot.dot(ends, { x: "epoch", y: "mean", fill: "model", r: 3 }),
    ],
  });
}

/** Points that a scatter plot shows: more hide one another. */
const maxPoints = 400;

/**
 * The points a scatter plot shows: all, or 400 drawn without replacement by the seed, in their order. Never every n-th: the
 * checkpoints of a run follow each other, and a stride may see the same checkpoint of every run.
 */
export function samplePoints<Point>(points: readonly Point[], seed: number): readonly Point[] {
  if (points.length <= maxPoints) return points;
  const drawn = randomStream(deriveSeed(seed, "scatter")).permutation(points.length);
  const places = Array.from(drawn.slice(0, maxPoints)).sort((a, b) => a - b);
  return places.map((place) => points[place]);
}

/**
 * Predicted against true targets of one model: dots before the group element, rings after it where the prediction has
 * moved visibly.
 */
export function scatter(
  shown: readonly ScatterPoint[],
  color: string,
  domain: readonly [number, number],
  called = "accuracy",
): string {
  const visible = 0.005 * (domain[1] - domain[0]);
  const movedVisibly = shown.filter(
    ({ predicted, moved }) => Math.abs(moved - predicted) > visible,
  );
  const limits = { domain: [...domain], clamp: true, ticks: 4 };
  return drawSvg({
    ariaLabel: `Predicted against true ${called} of held-out networks`,
    width: 300,
    height: 296,
    marginLeft: 38,
    marginRight: 10,
    marginBottom: 40,
    marginTop: 24,
    x: limits,
    y: limits,
    marks: [
      Plot.gridX({ ...grid, ticks: 4 }),
      Plot.gridY({ ...grid, ticks: 4 }),
      Plot.axisX({ ...axis, label: `true ${called}`, ticks: 4 }),
      Plot.axisY({ ...axis, label: "predicted", ticks: 4 }),
      Plot.link([domain], {
        x1: "0",
        y1: "0",
        x2: "1",
        y2: "1",
        stroke: softInk,
        strokeDasharray: "3 4",
      }),
      Plot.dot(movedVisibly, {
        x: "actual",
        y: "moved",
        stroke: "var(--moved)",
        strokeOpacity: 0.65,
        r: 3,
      }),
      Plot.dot(shown, { x: "actual", y: "predicted", fill: color, fillOpacity: 0.6, r: 2.4 }),
    ],
  });
}

/** How many networks of the population reach which accuracy, or which value of another target. */
export function accuracyHistogram(accuracies: readonly number[], label?: string): string {
  return drawSvg({
    ariaLabel:
      label === undefined
        ? "Test accuracies of the networks in the population"
        : `${label} of the networks in the population`,
    width,
    height: 210,
    marginBottom: 40,
    marginLeft: 46,
    marginRight: 20,
    x: { domain: label === undefined ? extent(accuracies, [0, 1]) : extent(accuracies) },
    marks: [
      Plot.gridY({ ...grid, ticks: 4 }),
      Plot.axisY({ ...axis, label: "networks", ticks: 4 }),
      Plot.axisX({ ...axis, label: label ?? "test accuracy" }),
      Plot.rectY(accuracies, {
        ...Plot.binX({ y: "count" }, { thresholds: 40 }),
        fill: seriesColor(0),
        fillOpacity: 0.8,
      }),
      Plot.ruleY([0], { stroke: softInk }),
    ],
  });
}
