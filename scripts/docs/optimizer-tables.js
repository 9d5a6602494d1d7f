// Writes how optimizers did into docs/guide/learned-optimizers.md, a table a task between two comments. `npm run docs`; the figures lie in
// docs/results/optimizers-*.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../sources.js";
import { digits, readFigures, table, withPart } from "../support/doc-tables.js";

const page = "docs/guide/learned-optimizers.md";
const tasks = [
  "fashion-mlp",
  "fashion-cnn",
  "text-irnn",
  "text-transformer",
  "fashion-wide",
  "digits-mlp",
];

const rateOf = ({ rate, optimizer }) => {
  if (rate === null) return "as it is";
  return optimizer.endsWith("-tuned") ? `times ${digits(rate, 3)}` : digits(rate, 3);
};
const stepsOf = ({ stepsToAdamMean, stepsToAdamStd, reached, seeds }) =>
  stepsToAdamMean === null
    ? `${reached} of ${seeds} seeds`
    : `${stepsToAdamMean.toFixed(0)} ± ${stepsToAdamStd.toFixed(0)}`;
const ratioOf = (value) => (value === null ? "–" : value.toFixed(2));

/** The table of a task; nothing where there are no figures. */
function taskTable(task) {
  const record = readFigures(`docs/results/optimizers-${task}.json`);
  if (record === undefined) return [];
  const { rows, about, machine, commit } = record;
  return [
    `\`${task}\`, ${about.summary}: ${about.steps.toLocaleString("en-US")} steps, ${about.seeds} seeds; test loss ± standard deviation over seeds ([figures and command](../results/optimizers-${task}.json), [curves](../results/optimizers-${task}.html), ${machine}, commit ${commit.slice(0, 8)}):`,
    "",
    table(
      ["optimizer", "rate", "steps to Adam's best", "speed-up", "in seconds", "final loss"],
      rows.map((row) => [
        `\`${row.optimizer}\``,
        rateOf(row),
        stepsOf(row),
        ratioOf(row.speedup),
        ratioOf(row.speedupInSeconds),
        `${row.finalLossMean.toFixed(4)} ± ${row.finalLossStd.toFixed(4)}`,
      ]),
    ),
    "",
  ];
}

/** The page with all tables as the figures are now. */
export function optimizersPage() {
  const text = readFileSync(join(root, page), "utf8");
  const tables = tasks.map(taskTable);
  const missing = tasks.filter((_, i) => tables[i].length === 0);
  const rest =
    missing.length === 0
      ? []
      : [`Not measured yet: ${missing.map((name) => `\`${name}\``).join(", ")}.`];
  const lines = [...tables.flat(), ...rest];
  return withPart(page, text, "optimizers", lines.at(-1) === "" ? lines.slice(0, -1) : lines);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(root, page), optimizersPage());
  console.log(page);
}
