// Writes how predictors bear scales, signs, bases and phases into docs/products.md, a table a population between two comments.
// `npm run docs`; the figures lie in docs/results/scales-*.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../sources.js";
import { readFigures, table, withPart } from "../support/doc-tables.js";

const page = "docs/products.md";

/** What the networks of a population are, and what tau tells about them. */
const populations = {
  "cnn-tanh": "CNNs with tanh that read digits: their accuracy on held-out digits",
  "cnn-relu": "CNNs with ReLU that read digits: their accuracy on held-out digits",
  transformer: "Transformers without residuals that read digits: their accuracy on held-out digits",
  siren:
    "sine networks that draw digits: the peak signal-to-noise ratio of what they draw; biases moved by up to 40 times pi / 30, neurons flipped and reordered",
};

/** A mean and its standard deviation; of a functional whose trainings all diverged there is none. */
const cell = (row) => {
  if (row === undefined) return "–";
  if (row.tauMean === null) return "diverged";
  return `${row.tauMean.toFixed(3)} ± ${row.tauStd.toFixed(3)}`;
};

/** Positive factors from 1 to 10^K. */
const factors = (power) => `factors up to ${(10 ** Number(power)).toLocaleString("en-US")}`;

/** How a column's networks were moved. */
const heading = (move) => {
  if (move === "0") return "as they are";
  return /^\d+$/.test(move) ? factors(move) : move;
};

/** A training and a threshold, as text; empty for networks as they are, all of them. */
const settingOf = ({ training = "as they are", threshold = 0 }) =>
  [
    ...(training === "as they are" ? [] : [`trained with ${factors(training.split(":")[1])}`]),
    ...(threshold > 0 ? [`accuracy from ${threshold}`] : []),
  ].join(", ");

const distinct = (values) => [...new Set(values)];

/** The table of a population: a line a functional and setting, a column a move; nothing where there are no figures. */
function populationTable(population) {
  const record = readFigures(`docs/results/scales-${population}.json`);
  if (record === undefined) return [];
  const { rows, about, command, machine, seed, commit } = record;
  const moves = distinct(rows.map(({ scaling }) => scaling));
  const lines = distinct(rows.map((row) => settingOf(row))).flatMap((setting) => {
    const own = rows.filter((row) => settingOf(row) === setting);
    return distinct(own.map(({ model }) => model)).map((model) => [
      `\`${model}\`${setting === "" ? "" : `, ${setting}`}`,
      ...moves.map((move) => cell(own.find((row) => row.model === model && row.scaling === move))),
    ]);
  });
  const trained = rows.map((row) => row.seeds).filter((count) => count > 0);
  const seeds = distinct(trained).join(" or ");
  return [
    `${populations[population][0].toUpperCase()}${populations[population].slice(1)}; ${about.networks.toLocaleString("en-US")} networks, last checkpoints, mean and standard deviation of tau over ${seeds} trainings ([figures](results/scales-${population}.json), [report](results/scales-${population}.html), \`${command}\`, seed ${seed}, ${machine}, commit ${commit.slice(0, 8)}):`,
    "",
    table(["functional", ...moves.map(heading)], lines),
    "",
  ];
}

/** The page with all tables as the figures are now. */
export function productsPage() {
  const text = readFileSync(join(root, page), "utf8");
  const tables = Object.keys(populations).map(populationTable);
  const missing = Object.keys(populations).filter((_, i) => tables[i].length === 0);
  const rest =
    missing.length === 0
      ? []
      : [`Not measured yet: ${missing.map((name) => `\`${name}\``).join(", ")}.`];
  const lines = [...tables.flat(), ...rest];
  return withPart(page, text, "scales", lines.at(-1) === "" ? lines.slice(0, -1) : lines);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(root, page), productsPage());
  console.log(page);
}
