// The report of an evaluation of optimizers: curves with bands, and the table beside them.

import * as Plot from "@observablehq/plot";
import type { OptimizerCurve, OptimizerResult, OptimizerRow } from "../optimizers/evaluate/rows.ts";
import { axisLabel, drawSvg, extent, grid, seriesColor, softInk } from "./canvas.ts";
import { html, htmlPage, trusted } from "./html.ts";
import { type Column, count, decimal, htmlTable, withStd } from "./table.ts";

interface Point {
  readonly optimizer: string;
  readonly step: number;
  readonly mean: number;
  readonly std: number;
}

/** Points of finite losses. */
function pointsOf(curves: readonly OptimizerCurve[], part: "test" | "train"): Point[] {
  return curves.flatMap(({ optimizer, steps, ...curve }) =>
    steps.flatMap((step, at): Point[] => {
      const mean = curve[`${part}Mean`][at];
      if (mean === null) return [];
      return [{ optimizer, step, mean, std: curve[`${part}Std`][at] ?? 0 }];
    }),
  );
}

/** Losses by step, in bands of one standard deviation over seeds; the axis ends where most curves begin to matter. */
export function optimizerCurvesFigure(
  curves: readonly OptimizerCurve[],
  part: "test" | "train",
): string {
  const names = curves.map(({ optimizer }) => optimizer);
  const points = pointsOf(curves, part);
  const low = Math.min(...points.map(({ mean }) => mean));
  const starts = names.flatMap((name) => points.find(({ optimizer }) => optimizer === name) ?? []);
  const high = starts.toSorted((a, b) => a.mean - b.mean)[Math.floor(starts.length / 2)]?.mean ?? 1;
  const clipped = points.filter(({ mean }) => mean <= high);
  const ends = clipped.flatMap(({ mean, std }) => [mean - std, Math.min(mean + std, high)]);
  const axis = { tickSize: 0, color: softInk, labelArrow: "none", labelOffset: 34 } as const;
  const name = part === "test" ? "test loss" : "training loss";
  const domain: [number, number] = ends.length > 0 ? extent(ends, [low]) : [0, 1];
  return drawSvg({
    ariaLabel: `${name} by step, one line an optimizer`,
    width: 920,
    height: 400,
    marginBottom: 40,
    marginLeft: 52,
    marginRight: 20,
    x: { type: "linear" },
    y: { domain },
    color: { domain: names, range: names.map((_, i) => seriesColor(i)) },
    marks: [
      Plot.gridY({ ...grid }),
      Plot.axisY({ ...axis, label: axisLabel(name, domain), ticks: 6 }),
      Plot.axisX({ ...axis, label: "steps" }),
      Plot.areaY(clipped, {
        x: "step",
        y1: ({ mean, std }: Point) => mean - std,
        y2: ({ mean, std }: Point) => Math.min(mean + std, high),
        z: "optimizer",
        fill: "optimizer",
        fillOpacity: 0.14,
      }),
      Plot.lineY(clipped, {
        x: "step",
        y: "mean",
        z: "optimizer",
        stroke: "optimizer",
        strokeWidth: 2,
      }),
    ],
  });
}

const columns: Column<OptimizerRow>[] = [
  { label: "optimizer", cell: ({ optimizer }) => optimizer, className: () => "name" },
  {
    label: "rate",
    cell: ({ rate }) => (rate === null ? "not tuned" : String(Number(rate.toPrecision(3)))),
  },
  {
    label: "steps to Adam's best",
    cell: ({ stepsToAdamMean, stepsToAdamStd, reached, seeds }) =>
      stepsToAdamMean === null
        ? `${reached} of ${seeds} seeds`
        : withStd(stepsToAdamMean, stepsToAdamStd ?? Number.NaN, 0),
  },
  { label: "speed-up in steps", cell: ({ speedup }) => decimal(speedup ?? Number.NaN, 2) },
  {
    label: "in seconds",
    cell: ({ speedupInSeconds }) => decimal(speedupInSeconds ?? Number.NaN, 2),
  },
  {
    label: "final test loss",
    cell: ({ finalLossMean, finalLossStd }) =>
      withStd(finalLossMean ?? Number.NaN, finalLossStd ?? Number.NaN, 4),
  },
  {
    label: "best test loss",
    cell: ({ bestLossMean, bestLossStd }) =>
      withStd(bestLossMean ?? Number.NaN, bestLossStd ?? Number.NaN, 4),
  },
  {
    label: "final training loss",
    cell: ({ finalTrainLossMean, finalTrainLossStd }) =>
      withStd(finalTrainLossMean ?? Number.NaN, finalTrainLossStd ?? Number.NaN, 4),
  },
  { label: "ms a step", cell: ({ secondsPerStep }) => decimal(1000 * secondsPerStep, 2) },
];

/** The report as one HTML page, complete in itself. */
export function optimizerReport(result: OptimizerResult): string {
  const { title, summary, steps, every, seeds, seed, triedRates, rows, curves } = result;
  const legend = curves.map(
    ({ optimizer }, i) =>
      html`<li><i class="dot" style="background: ${trusted(seriesColor(i))}"></i>${optimizer}</li>`,
  );
  const figures = (["test", "train"] as const).map(
    (part) =>
      html`<figure>
        ${trusted(optimizerCurvesFigure(curves, part))}
        <figcaption>
          Mean
          ${part === "test" ? "loss on held-out examples" : "loss of the batches since the point before"}
          over ${seeds} seeds; the band is one standard deviation.
        </figcaption>
      </figure>`,
  );
  const body = html`
    <p class="eyebrow">weightspace optimizer</p>
    <h1>${title}</h1>
    <p class="lead">
      ${summary}: ${count(steps)} steps, a test loss every ${every}. Every hand-made optimizer chose
      one of ${triedRates} rates by its lowest test loss on a seed of its own; learned ones are used
      as they are.
    </p>
    <ul class="legend">
      ${legend}
    </ul>
    ${figures} ${htmlTable(rows, columns)}
    <p>
      Steps to Adam's best: until a run's test loss is at most the lowest mean test loss of tuned
      Adam. The speed-up is Adam's steps to that loss over the optimizer's, both on mean curves;
      more than 1 is faster. Seconds are those of one network that was trained beside the others.
    </p>
    <h2>How to reproduce</h2>
    <pre>${result.command}</pre>
    <dl>
      <dt>version</dt>
      <dd>${result.commit}</dd>
      <dt>seed</dt>
      <dd>${seed}</dd>
      <dt>machine</dt>
      <dd>${result.machine}</dd>
    </dl>
  `;
  return htmlPage(title, body);
}
