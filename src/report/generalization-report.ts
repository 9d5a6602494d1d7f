// The report of a generalization experiment: how well each model predicts the accuracy of networks from their weights
// alone, and what remains when every test network is replaced by an equivalent one.

import { extent, seriesColor } from "./canvas.ts";
import { comparisonSection, tuningSection } from "./comparison-tables.ts";
import type { ExperimentResult, ExperimentRow, OneNumberRow } from "./experiment.ts";
import {
  accuracyHistogram,
  beforeAfter,
  learningCurves,
  samplePoints,
  scatter,
  tauBars,
} from "./figures.ts";
import { type Html, html, htmlPage, trusted } from "./html.ts";
import {
  type Column,
  count,
  decimal,
  namedRow,
  duration,
  htmlTable,
  magnitude,
  range,
  withStd,
} from "./table.ts";

const dot = (index: number) =>
  html`<i class="dot" style="background: ${trusted(seriesColor(index))}"></i>`;

/** Below this a change of a prediction is rounding, not a different opinion. */
const rounding = 1e-3;
const changed = (row: ExperimentRow) => row.maxPredictionChange > rounding;

const isStaged = ({ stageTauMean }: ExperimentRow) => stageTauMean !== undefined;

/** Why the table has no tau within stages, where a population has stages; empty elsewhere. */
function stageNote({ rows, population }: ExperimentResult): Html | string {
  if (rows.some(isStaged)) {
    return html`<em>In a stage</em>: tau among networks of one checkpoint, the mean over
      checkpoints; what is left when "later checkpoints are better" does not help.`;
  }
  return runsOf(population) === ""
    ? ""
    : html`Tau within one checkpoint is not known: these results were kept without it.`;
}

/** Baselines of one number a network; empty without any. */
function oneNumberTable({ oneNumber = [] }: ExperimentResult): Html {
  if (oneNumber.length === 0) return html``;
  const columns: Column<OneNumberRow>[] = [
    { label: "One number alone", cell: ({ number }) => number, className: () => "name" },
    { label: "better is", cell: ({ direction }) => direction },
    { label: "Kendall's tau", cell: ({ tau }) => decimal(tau) },
    { label: "95 %", cell: ({ tauInterval }) => range(tauInterval) },
    ...(oneNumber.some(({ stageTau }) => stageTau !== undefined)
      ? [
          {
            label: "tau in a stage",
            cell: ({ stageTau = Number.NaN }: OneNumberRow) => decimal(stageTau),
          },
        ]
      : []),
  ];
  return html`${htmlTable(oneNumber, columns)}
    <p class="soft">
      The held-out networks in the order of one number each, without training; whether more or less
      is better is read off the training networks.
    </p>`;
}

function mainTable(rows: readonly ExperimentRow[]): Html {
  const best = Math.max(...rows.map(({ tauMean }) => tauMean).filter(Number.isFinite));
  const columns: Column<ExperimentRow>[] = [
    {
      label: "Model",
      cell: (row) => html`${dot(rows.indexOf(row))}${namedRow(row)}`,
      className: () => "name",
    },
    {
      label: "Kendall's tau",
      cell: (row) => withStd(row.tauMean, row.tauStd),
      className: (row) => (row.tauMean === best ? "best" : undefined),
    },
    ...(rows.some(({ tauInterval }) => tauInterval !== undefined)
      ? [{ label: "95 %", cell: (row: ExperimentRow) => range(row.tauInterval) }]
      : []),
    ...(rows.some(isStaged)
      ? [
          {
            label: "tau in a stage",
            cell: (row: ExperimentRow) =>
              withStd(row.stageTauMean ?? Number.NaN, row.stageTauStd ?? Number.NaN),
          },
        ]
      : []),
    {
      label: "tau, reordered",
      cell: (row) => withStd(row.tauMovedMean, row.tauMovedStd),
      className: (row) => (row.tauMean - row.tauMovedMean > 0.01 ? "fell" : undefined),
    },
    {
      label: "largest change",
      cell: (row) => magnitude(row.maxPredictionChange),
      className: (row) => (changed(row) ? "fell" : undefined),
    },
    {
      label: "agreement",
      cell: (row) => decimal(row.agreement),
      className: (row) => (row.agreement < 0.99 ? "fell" : undefined),
    },
    { label: "R²", cell: (row) => withStd(row.r2Mean, row.r2Std) },
    { label: "parameters", cell: (row) => count(row.parameters) },
    { label: "training", cell: (row) => duration(row.seconds) },
  ];
  return htmlTable(rows, columns);
}

const figure = (svg: string, caption: Html): Html =>
  html`<figure>
    ${trusted(svg)}
    <figcaption>${caption}</figcaption>
  </figure>`;

const fact = (value: Html | string, label: string): Html =>
  html`<div><b>${value}</b><span>${label}</span></div>`;

/** How pages call what is predicted, where it is not an accuracy. */
function targetOf({ target }: ExperimentResult["population"]) {
  const { name = "testAccuracy", unit = "", summary = "test accuracy" } = target ?? {};
  return {
    isAccuracy: name === "testAccuracy",
    called: summary,
    unit: unit === "" ? "" : ` ${unit}`,
    label: unit === "" ? summary : `${summary} (${unit})`,
  };
}

function facts({ population, rows }: ExperimentResult): Html {
  const ranked = rows
    .filter(({ tauMean }) => Number.isFinite(tauMean))
    .toSorted((a, b) => b.tauMean - a.tauMean);
  const fallen = rows.filter(changed).toSorted((a, b) => a.agreement - b.agreement);
  const { accuracies } = population;
  const [low, high] = extent(accuracies);
  const { isAccuracy, called, unit } = targetOf(population);
  const percent = (value: number) => (100 * value).toFixed(0);
  const range = isAccuracy
    ? `${percent(low)}–${percent(high)} %`
    : `${decimal(low, 2)}–${decimal(high, 2)}${unit}`;
  return html`<div class="facts">
    ${fact(count(population.networks), "trained networks in the population")}
    ${accuracies.length > 0 ? fact(range, isAccuracy ? "range of their test accuracies" : `range of their ${called}`) : ""}
    ${ranked.length > 0 ? fact(decimal(ranked[0].tauMean), `best Kendall's tau: ${ranked[0].model}`) : ""}
    ${fallen.length > 0 ? fact(html`1 → <em class="fell">${decimal(fallen[0].agreement, 2)}</em>`, `${fallen[0].model}'s agreement with itself, once neurons are reordered`) : ""}
  </div>`;
}

function scatters({ rows, scatter: points, seed, population }: ExperimentResult): Html {
  const all = points.flatMap(({ actual, predicted }) => [actual, predicted]);
  if (all.length === 0) return html``;
  const { isAccuracy, label, called } = targetOf(population);
  const domain = isAccuracy ? extent(all, [0, 1]) : extent(all);
  const panels = rows.map(({ model }, i) => {
    const ofModel = points.filter((point) => point.model === model);
    if (ofModel.length === 0) return html``;
    const shown = samplePoints(ofModel, seed);
    const svg = trusted(scatter(shown, seriesColor(i), domain, isAccuracy ? "accuracy" : label));
    return html`<figure>
      <figcaption>
        ${dot(i)}${model} <small>${count(shown.length)} of ${count(ofModel.length)} networks</small>
      </figcaption>
      ${svg}
    </figure>`;
  });
  return html`<h2>Predicted and true ${isAccuracy ? "accuracy" : called}</h2>
    <p class="soft">
      Each dot is a held-out network; of many, a random sample is drawn, the same for every model. A
      ring shows the same network after reordering, drawn only where the prediction has moved: a
      model without rings sees one network where a model with rings sees two.
    </p>
    <div class="grid">${panels}</div>`;
}

function curvesSection({ rows, curves }: ExperimentResult): Html {
  if (!curves.some(({ epochs }) => epochs.length > 0)) return html``;
  const models = rows.map(({ model }) => model);
  const legend = models.map((model, i) =>
    curves.some((curve) => curve.model === model) ? html`<li>${dot(i)}${model}</li>` : html``,
  );
  const caption = html`Mean over seeds; the band is one standard deviation. Lines end where training
  stopped early.`;
  return html`<h2>Learning</h2>
    <ul class="legend">
      ${legend}
    </ul>
    ${figure(learningCurves(curves, models), caption)}`;
}

/** Machines of the trainings, where they are others than that of the page; empty otherwise. */
function elsewhere({ machine, rows }: ExperimentResult): Html {
  const places = new Set(rows.flatMap((row) => row.machine?.split("; ") ?? []));
  if (places.size === 0 || (places.size === 1 && places.has(machine))) return html``;
  return html`<dt>trained on</dt>
    <dd>${[...places].join("; ")}</dd>`;
}

function reproduction(result: ExperimentResult): Html {
  const { command, commit, machine, seed, population } = result;
  const { train, validation, test } = population;
  const parts =
    train !== undefined && validation !== undefined && test !== undefined
      ? html`<dt>split</dt>
          <dd>
            ${count(train)} to train, ${count(validation)} to choose the epoch, ${count(test)} held
            out
          </dd>`
      : html``;
  return html`<h2>How to reproduce</h2>
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
      ${elsewhere(result)}
      <dt>networks</dt>
      <dd>
        ${count(population.networks)}${runsOf(population)}${population.description === undefined ? "" : `: ${population.description}`}
      </dd>
      ${parts}
    </dl>`;
}

const runsOf = ({ networks, runs = networks }: ExperimentResult["population"]): string =>
  runs < networks ? ` from ${count(runs)} training runs` : "";

/** What models are told of a network. */
function readings({ rows, together = [] }: ExperimentResult): string {
  const runs = rows.filter(({ options }) => options?.["networks"] !== undefined);
  if (runs.length === 0) return "its weights alone, without ever running it";
  const names = runs.map(({ model }) => model).join(" and ");
  const means = together.some((name) =>
    runs.some(({ model }) => name.split(" + ").includes(model)),
  );
  return `its weights alone, without ever running it; but ${names}${means ? ", and means with it," : ""} ran it at inputs that training chose`;
}

/** What rows with a plus in their names are; empty where there is none. */
function togetherNote({ together = [] }: ExperimentResult): Html {
  if (together.length === 0) return html``;
  return html`${together.join(", ")}: the mean of what these predict, training by training, with
  their parameters and seconds added up.`;
}

/** Says that functionals are missing, while they are being trained; empty at the end. */
function unfinishedNote({ unfinished }: ExperimentResult): Html {
  if (unfinished === undefined) return html``;
  const { finished, models } = unfinished;
  return html`<p class="fell">
    Not finished: ${finished} of ${models} models ${finished === 1 ? "has" : "have"} all training
    runs so far. The others are missing on this page, which is written again when they end.
  </p>`;
}

/** The report as one HTML page, complete in itself: figures inside, nothing loaded, light and dark. */
export function generalizationReport(result: ExperimentResult): string {
  const { title, population, rows } = result;
  const what = population.description ?? "small classifiers";
  const { isAccuracy, called, label } = targetOf(population);
  const body = html`
    <p class="eyebrow">weightspace experiment</p>
    <h1>${title}</h1>
    <p class="lead">
      ${count(population.networks)} networks (${what}) were trained with different settings, and
      each model below learnt to predict a network's ${called} from ${readings(result)}. Kendall's
      tau says how well the predictions rank networks the model has not seen: 1 is a perfect order,
      0 is chance. Every test network was then replaced by an equivalent one with its hidden neurons
      reordered, which changes nothing about what the network computes: a model that respects this
      symmetry must not change its answer.
    </p>
    ${unfinishedNote(result)} ${facts(result)}
    <h2>Results</h2>
    ${mainTable(rows)}
    <p class="soft">
      Mean ± standard deviation over ${[...new Set(rows.map(({ seeds }) => seeds))].join(" or ")}
      training runs, on held-out networks. <em>Reordered</em>: the same networks after a random
      group element; <em>largest change</em>: how far any single prediction moved (values near 1e−6
      are rounding of 32-bit numbers); <em>agreement</em>: tau between a model's own predictions
      before and after, 1 when it keeps their order. <em>R²</em>: share of the variance of
      ${isAccuracy ? "accuracy" : called} explained. <em>Parameters</em>: trainable numbers of the
      model.
      ${rows.some(({ tauInterval }) => tauInterval !== undefined) ? html`<em>95 %</em>: where tau would lie for other held-out runs of the same population and other trainings.` : ""}
      ${stageNote(result)} ${togetherNote(result)}
    </p>
    ${oneNumberTable(result)}
    ${figure(tauBars(rows), html`Kendall's tau on held-out networks; whiskers are one standard deviation over seeds.`)}
    <h2>What survives a reordering of neurons</h2>
    ${figure(beforeAfter(rows), html`Dots: tau on the test networks. Rings: tau after reordering. A ring around its dot means that the ranking is as good as before; whether it is the same ranking is the agreement above.`)}
    ${comparisonSection(result.comparisons ?? [])} ${scatters(result)} ${curvesSection(result)}
    ${tuningSection(result.tuning ?? [])}
    ${
      population.accuracies.length > 0
        ? html`<h2>The population</h2>
            ${figure(accuracyHistogram(population.accuracies, isAccuracy ? undefined : label), html`${isAccuracy ? "Test accuracies" : label} of all ${count(population.networks)} networks, the numbers to be predicted.`)}`
        : ""
    }
    ${reproduction(result)}
  `;
  return htmlPage(title, body);
}
