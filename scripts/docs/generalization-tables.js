// Writes how well functionals predict generalisation into README.md and docs/guide/predict-generalisation.md, between two comments
// each, and their gains over StatNN into docs/images/generalization.svg. `npm run docs`; the figures lie in
// docs/results/generalization-*.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { namedRow } from "../../dist/report/table.js";
import { root } from "../sources.js";
import { readFigures, table, withPart } from "../support/doc-tables.js";
import {
  differenceTo,
  finalResults,
  isShown,
  modelsOfAll,
  populations,
  readStudy,
  trainingsOf,
} from "../support/generalization-results.js";
import { gainsFigure } from "../support/gains-figure.js";

const readme = "README.md";
const guide = "docs/guide/predict-generalisation.md";
const picture = "docs/images/generalization.svg";

const fixed = (value) => value.toFixed(3);
const signed = (value, digits = 3) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
const whole = (value) => Math.round(value).toLocaleString("en-US");
const probability = (p) => (p < 0.001 ? "< 0.001" : fixed(p));
const spread = ({ tauMean, tauStd }) => `${fixed(tauMean)} ± ${fixed(tauStd)}`;
const difference = ({ gain, low, high }) => `${signed(gain)} (${signed(low)} to ${signed(high)})`;
const bold = (text, holds) => (holds ? `**${text}**` : text);

/** Said of populations and studies without results. */
const notMeasured = (missing) =>
  missing.length === 0 ? [] : ["", `Not measured yet: ${missing.join(", ")}.`];

const missingPopulations = () =>
  populations.filter(({ name }) => readStudy(name) === undefined).map(({ title }) => title);

/** A functional's tau; bold where it is shown to be ahead of StatNN. */
function tauCell(model, { result }) {
  const toStatNN = differenceTo(result, model, "stat-nn");
  const ahead = toStatNN !== undefined && toStatNN.gain > 0 && isShown(toStatNN);
  return bold(spread(result.rows.find((row) => row.model === model)), ahead);
}

/** A line a model that ran everywhere, a column a population. */
function overview() {
  const measured = finalResults();
  const lines = modelsOfAll(measured.map(({ result }) => result)).map((model) => [
    `\`${model}\``,
    ...measured.map((each) => tauCell(model, each)),
  ]);
  const numbers = measured[0].result.tables.oneNumber.map(({ number }) => [
    `${number} alone`,
    ...measured.map(({ result }) =>
      fixed(result.tables.oneNumber.find((each) => each.number === number).tau),
    ),
  ]);
  return [
    table(["functional", ...measured.map(({ title }) => title)], [...lines, ...numbers]),
    ...notMeasured(missingPopulations()),
  ];
}

const nameOf = (row) => namedRow(row).replace(row.model, `\`${row.model}\``);

/** Where a study's figures lie and what made them. */
function sourceOf(name, { about, machine, commit }) {
  const { networks, runs, train, validation, test } = about.population;
  const file = `../results/generalization-${name}`;
  const trained = `${about.settings.seeds} trainings with ${whole(train)} networks, ${whole(validation)} for validation`;
  return `${whole(networks)} networks of ${whole(runs)} runs, ${whole(test)} held out; ${trained} ([figures](${file}.json), [report](${file}.html), \`npm run experiment:generalization -- ${name}\`, seed ${about.settings.seed}, ${machine}, commit ${commit.slice(0, 8)}):`;
}

/** A functional's figures by column. */
function functionalLine(row, toBase) {
  const known = row.tauMean !== null;
  return {
    name: nameOf(row),
    parameters: row.parameters === 0 ? "" : whole(row.parameters),
    seconds: whole(row.seconds),
    tau: known ? spread(row) : "",
    interval: known ? `${fixed(row.intervalLow)} to ${fixed(row.intervalHigh)}` : "",
    stage: known && row.stageTauMean !== undefined ? fixed(row.stageTauMean) : "",
    over: toBase === undefined ? "" : difference(toBase),
    p: toBase === undefined ? "" : probability(toBase.adjustedP),
  };
}

const numberLine = (row) => ({
  name: `${row.number} alone, ${row.direction} is better`,
  tau: fixed(row.tau),
  interval: `${fixed(row.tauLow)} to ${fixed(row.tauHigh)}`,
  stage: row.stageTau === undefined ? "" : fixed(row.stageTau),
});

/** All models and single numbers of a study; tau in a stage where its runs have several. */
function studyTable(result, base) {
  const staged = result.rows.some(({ stageTauMean }) => stageTauMean !== undefined);
  const columns = {
    name: "functional",
    parameters: "parameters",
    seconds: "seconds",
    tau: "tau",
    interval: "95 %",
    ...(staged && { stage: "tau in a stage" }),
    over: `over \`${base}\``,
    p: "p, corrected",
  };
  const lines = [
    ...result.rows.map((row) => functionalLine(row, differenceTo(result, row.model, base))),
    ...result.tables.oneNumber.filter(({ tau }) => tau !== null).map(numberLine), // null: equal in all networks
  ];
  const cells = lines.map((line) => Object.keys(columns).map((column) => line[column] ?? ""));
  return [table(Object.values(columns), cells), ...machinesOf(result)];
}

/** Which rows have their seconds from other machines than the file's. */
function machinesOf({ rows }) {
  const others = [...new Set(rows.flatMap(({ machine }) => machine ?? []))];
  return others.flatMap((place) => {
    const models = rows
      .filter(({ machine }) => machine === place)
      .map(({ model }) => `\`${model}\``);
    return ["", `Seconds of ${models.join(", ")}: ${place}.`];
  });
}

/** Whether the functionals of a study learned, and whether they went on to learn their training networks by heart. */
function passesTable(name) {
  const lines = trainingsOf(name).map((each) => [
    `\`${each.model}\``,
    `${each.bestPass.toFixed(0)} of ${each.passes.toFixed(0)}`,
    ...[each.bestTrainLoss, each.bestValidLoss, each.lastTrainLoss, each.lastValidLoss].map(fixed),
  ]);
  const losses = ["best pass: training loss", "validation loss"];
  return table(
    ["functional", "passes to the best", ...losses, "last pass: training loss", "validation loss"],
    lines,
  );
}

/** A table of its own for every study that has been run; `more(name)` follows it. */
function studyTables(studies, base, more = () => []) {
  const parts = studies.flatMap(({ name, title }) => {
    const result = readStudy(name);
    if (result === undefined) return [];
    return [
      `**${title}**, ${sourceOf(name, result)}`,
      "",
      ...studyTable(result, base),
      "",
      ...more(name),
    ];
  });
  const missing = studies.filter(({ name }) => readStudy(name) === undefined);
  const lines = [...parts.slice(0, -1), ...notMeasured(missing.map(({ title }) => title))];
  return lines[0] === "" ? lines.slice(1) : lines;
}

/** What each change of UNF gains over `unf`: a line a change, a column a population. */
function ablations() {
  const studies = populations.map(({ name, title }) => ({
    name: `${name}-ablation`,
    title,
    result: readStudy(`${name}-ablation`),
  }));
  const measured = studies.filter(({ result }) => result !== undefined);
  const missing = studies.filter(({ result }) => result === undefined);
  const rest = notMeasured(missing.map(({ title }) => title));
  if (measured.length === 0) return rest.slice(1);
  const cell = (model, { result }) => {
    const found = differenceTo(result, model, "unf");
    if (found === undefined) return "diverged";
    if (found.low === 0 && found.high === 0) return "the same";
    return bold(difference(found), isShown(found));
  };
  const changes = measured[0].result.about.settings.models.map(({ name }) => name);
  const own = measured.map(({ result }) =>
    spread(result.rows.find(({ model }) => model === "unf")),
  );
  const lines = changes
    .filter((model) => model !== "unf")
    .map((model) => [`\`${model}\``, ...measured.map((each) => cell(model, each))]);
  return [
    table(
      ["change", ...measured.map(({ title }) => title)],
      [["`unf`, its tau", ...own], ...lines],
    ),
    "",
    ...measured.map(
      ({ name, title, result }) => `- ${title}: ${sourceOf(name, result).replace(/:$/, ".")}`,
    ),
    ...rest,
  ];
}

const interval = ({ correlation, low, high }) =>
  `${signed(correlation, 2)} (${signed(low, 2)} to ${signed(high, 2)})`;

/** A column a population that has been measured, a line a name. */
function correlationTable(head, rows, lineOf, columnOf) {
  const lines = [...new Set(rows.map(lineOf))];
  const columns = [...new Set(rows.map(columnOf))];
  const cell = (line, column) => {
    const found = rows.find((row) => lineOf(row) === line && columnOf(row) === column);
    return found === undefined ? "" : interval(found);
  };
  return table(
    [head, ...columns],
    lines.map((line) => [line, ...columns.map((column) => cell(line, column))]),
  );
}

/** How alike the errors of functionals are, and with which settings of a network's training they go. */
function missed() {
  const { rows, tables, about, commit, machine } = readFigures(
    "docs/results/missed-by-functionals.json",
  );
  const titleOf = ({ population }) => populations.find(({ name }) => name === population).title;
  return [
    correlationTable(
      "error, with that of `stat-nn`",
      rows,
      ({ functional }) => `\`${functional}\``,
      titleOf,
    ),
    "",
    correlationTable(
      "error, with",
      tables.settings,
      ({ setting }) => (losses.has(setting) ? setting : `\`${setting}\``),
      (row) => `${titleOf(row)}: ${row.read === "weights" ? "of weights" : `\`${row.read}\``}`,
    ),
    "",
    `\`npm run experiment:missed\`, ${whole(about.draws)} draws of training runs for each interval, seed 0, ${machine}, commit ${commit.slice(0, 8)} ([figures](../results/missed-by-functionals.json)).`,
  ];
}

/** Numbers of networks that are no columns of a population. */
const losses = new Set(["training loss"]);

const togetherStudies = [
  { name: "fashion-cnn-together", title: "CNNs (seed 3)" },
  { name: "fashion-transformer-together", title: "Transformers (seed 3)" },
];

/** The mean of two kinds of functionals beside its members and StatNN, a column a population that was judged after the choice. */
function togetherOverview() {
  const mean = "unf-hybrid + network-probes";
  const studies = [...togetherStudies, ...populations.filter(({ name }) => name === "gru-adders")];
  const results = studies.map((study) => ({ ...study, result: readStudy(study.name) }));
  const measured = results.filter(({ result }) => result !== undefined);
  const missing = results.filter(({ result }) => result === undefined);
  const rest = notMeasured(missing.map(({ title }) => title));
  if (measured.length === 0) return rest.slice(1);
  const lines = [mean, "network-probes", "unf-hybrid", "stat-nn"].map((model) => [
    `\`${model}\``,
    ...measured.map((each) => tauCell(model, each)),
  ]);
  const gains = measured.map(({ result }) => differenceTo(result, mean, "stat-nn"));
  const head = ["functional", ...measured.map(({ title }) => title)];
  return [
    table(head, [
      ...lines,
      ["the mean over `stat-nn`", ...gains.map(difference)],
      [
        "p, corrected for all pairs of the table",
        ...gains.map((gain) => probability(gain.adjustedP)),
      ],
    ]),
    ...rest,
  ];
}

const publishedStudies = [
  { name: "gru-published-recipe", title: "Adders by the published recipe" },
  { name: "gru-published-predictors", title: "Adders with settings varied widely" },
];

/** The README with both tables as the figures are now. */
export function readmePage() {
  const text = readFileSync(join(root, readme), "utf8");
  const page = withPart(readme, text, "generalization", overview());
  return withPart(readme, page, "together", togetherOverview());
}

/** The guide with all tables as the figures are now. */
export function guidePage() {
  const text = readFileSync(join(root, guide), "utf8");
  const parts = {
    "final tables": studyTables(populations, "stat-nn"),
    missed: missed(),
    together: studyTables(togetherStudies, "stat-nn"),
    ablations: ablations(),
    "published predictors": studyTables(publishedStudies, "stat-nn-published", (name) => [
      passesTable(name),
      "",
    ]),
  };
  return Object.entries(parts).reduce(
    (page, [name, lines]) => withPart(guide, page, name, lines),
    text,
  );
}

/** What every functional gains over StatNN, as a picture. */
export function gainsPicture() {
  const measured = finalResults();
  const models = modelsOfAll(measured.map(({ result }) => result));
  const gains = measured.flatMap(({ title, result }) =>
    models.map((model) => ({
      population: title,
      model,
      ...(differenceTo(result, model, "stat-nn") ?? { gain: 0, low: 0, high: 0 }),
    })),
  );
  return gainsFigure(gains);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const [path, text] of [
    [readme, readmePage()],
    [guide, guidePage()],
    [picture, gainsPicture()],
  ]) {
    writeFileSync(join(root, path), text);
    console.log(path);
  }
}
