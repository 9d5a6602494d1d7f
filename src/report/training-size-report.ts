// The report of a learning curve over training sizes: what more training networks bring, model by model.

import * as Plot from "@observablehq/plot";
import { axisLabel, drawSvg, grid, seriesColor, softInk } from "./canvas.ts";
import { tauDomain } from "./figures.ts";
import { type Html, html, htmlPage, trusted } from "./html.ts";
import { type Column, count, decimal, htmlTable, withStd } from "./table.ts";
import type { TrainingSizeResult, TrainingSizeRow } from "./training-size.ts";

/** Tau by number of training networks, on a logarithmic axis, in bands of one standard deviation over splits and seeds. */
export function trainingSizeCurves(rows: readonly TrainingSizeRow[]): string {
  const models = [...new Set(rows.map(({ model }) => model))];
  const finite = rows.filter(({ tauMean }) => Number.isFinite(tauMean));
  const ends = finite.flatMap(({ tauMean, tauStd }) => [
    tauMean - (tauStd || 0),
    tauMean + (tauStd || 0),
  ]);
  const domain = tauDomain(ends);
  const axis = { tickSize: 0, color: softInk, labelArrow: "none", labelOffset: 34 } as const;
  return drawSvg({
    ariaLabel: "Kendall's tau on held-out networks by number of training networks",
    width: 920,
    height: 370,
    marginBottom: 40,
    marginLeft: 46,
    marginRight: 20,
    x: { type: "log" },
    y: { domain },
    color: { domain: models, range: models.map((_, i) => seriesColor(i)) },
    marks: [
      Plot.gridY({ ...grid }),
      Plot.axisY({ ...axis, label: axisLabel("Kendall's tau", domain), ticks: 6 }),
      Plot.axisX([...new Set(finite.map(({ networks }) => networks))], {
        ...axis,
        label: "training networks, logarithmic",
        text: (networks: number) => count(networks), // a format would leave out most of them
      }),
      Plot.areaY(finite, {
        x: "networks",
        y1: ({ tauMean, tauStd }: TrainingSizeRow) => tauMean - (tauStd || 0),
        y2: ({ tauMean, tauStd }: TrainingSizeRow) => tauMean + (tauStd || 0),
        z: "model",
        fill: "model",
        fillOpacity: 0.16,
      }),
      Plot.lineY(finite, {
        x: "networks",
        y: "tauMean",
        z: "model",
        stroke: "model",
        strokeWidth: 2,
      }),
      Plot.dot(finite, { x: "networks", y: "tauMean", fill: "model", r: 3.5 }),
    ],
  });
}

/** A row for each model, a column for each share, so that many models fit a page. */
function sizeTable(rows: readonly TrainingSizeRow[]): Html {
  const models = [...new Set(rows.map(({ model }) => model))];
  const shares = [...new Set(rows.map(({ share }) => share))];
  const rowOf = (model: string, share: number) =>
    rows.find((row) => row.model === model && row.share === share);
  const networks = (share: number) => rows.find((row) => row.share === share)?.networks ?? 0;
  const isStaged = rows.some(({ stageTauMean }) => stageTauMean !== undefined);
  const inStage = ({ stageTauMean }: Partial<TrainingSizeRow>) =>
    isStaged ? html`, ${decimal(stageTauMean ?? Number.NaN)}` : "";
  const columns: Column<string>[] = [
    { label: "Model", cell: (model) => model, className: () => "name" },
    ...shares.map((share) => ({
      label: `${share}: ${count(networks(share))} networks`,
      cell: (model: string) => {
        const row = rowOf(model, share) ?? {};
        const { tauMean = Number.NaN, tauStd = Number.NaN } = row as Partial<TrainingSizeRow>;
        return html`${withStd(tauMean, tauStd)}${inStage(row)}`;
      },
    })),
  ];
  return html`${htmlTable(models, columns)}
    <p class="soft">
      Columns: shares of the training runs, and how many networks that are. Mean ± standard
      deviation of Kendall's tau over splits and
      seeds${isStaged ? "; after the comma, the mean of tau among networks of one checkpoint" : ""}.
    </p>`;
}

/** The report as one HTML page, complete in itself. */
export function trainingSizeReport(result: TrainingSizeResult): string {
  const { title, population, rows, splits, seeds, command, commit, machine, seed } = result;
  const models = [...new Set(rows.map(({ model }) => model))];
  const legend = models.map(
    (model, i) =>
      html`<li><i class="dot" style="background: ${trusted(seriesColor(i))}"></i>${model}</li>`,
  );
  const body = html`
    <p class="eyebrow">weightspace experiment</p>
    <h1>${title}</h1>
    <p class="lead">
      Functionals learnt to predict the ${population.target?.summary ?? "test accuracy"} of networks
      (${population.description}) from their weights, each on several shares of the training runs.
      In one split every share is judged on the same held-out networks, and a smaller share is part
      of a larger one.
    </p>
    <h2>Kendall's tau by training size</h2>
    <ul class="legend">
      ${legend}
    </ul>
    <figure>
      ${trusted(trainingSizeCurves(rows))}
      <figcaption>
        Mean over ${splits} splits and ${seeds} seeds of each; the band is one standard deviation
        over all of them.
      </figcaption>
    </figure>
    ${sizeTable(rows)}
    <h2>How to reproduce</h2>
    <pre>${command}</pre>
    <dl>
      ${
        commit === undefined
          ? ""
          : html`<dt>version</dt>
              <dd>${commit}</dd>`
      }
      <dt>seed</dt>
      <dd>${seed}</dd>
      <dt>machine</dt>
      <dd>${machine}</dd>
      <dt>networks</dt>
      <dd>${count(population.networks)} from ${count(population.runs)} training runs</dd>
      <dt>each split</dt>
      <dd>
        ${count(population.validation)} to choose the epoch, ${count(population.test)} held out
      </dd>
    </dl>
  `;
  return htmlPage(title, body);
}
