// Writes what was measured of networks that are images into docs/guide/networks-that-are-images.md, each table between two comments.
// `npm run docs`; the figures lie in docs/results/inr-*.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { root } from "../sources.js";
import { digits, readFigures, table, withPart } from "../support/doc-tables.js";

const page = "docs/guide/networks-that-are-images.md";
const notYet = ["Not measured yet."];
const settings = ["random", "shared", "meta"];
const percent = (mean, std) =>
  `${(100 * mean).toFixed(1)}${std == null ? "" : ` ± ${(100 * std).toFixed(1)}`}`;
const madeBy = ({ command, machine, commit }) =>
  `(\`${command}\`, ${machine}, commit ${commit.slice(0, 8)})`;

/** Accuracy of every model in every setting, as it is and after units were reordered and signs flipped. */
function classTable(name) {
  const record = readFigures(`docs/results/${name}.json`);
  if (record === undefined) return notYet;
  const { rows } = record;
  const there = settings.filter((setting) => rows.some((row) => row.setting === setting));
  const models = [...new Set(rows.map(({ model }) => model))];
  const cells = (model, setting) => {
    const row = rows.find((one) => one.model === model && one.setting === setting);
    return row === undefined
      ? ["–", "–"]
      : [percent(row.accuracyMean, row.accuracyStd), percent(row.signsMean)];
  };
  const ratios = record.tables.pictures.map(
    ({ setting, steps, psnrLowest, psnrMedian, psnrHighest }) =>
      `${setting} ${[psnrLowest, psnrMedian, psnrHighest].map((ratio) => ratio.toFixed(0)).join(", ")} dB (${steps} steps)`,
  );
  const networks = [...new Set(Object.values(record.about.networks))].join(" or ");
  return [
    `Test networks told rightly, %, mean and standard deviation over ${rows[0].seeds} trainings, of ${networks} networks a setting; *moved*: after the units of each were reordered and signs flipped; chance is 10 ${madeBy(record)}:`,
    "",
    table(
      ["model", ...there.flatMap((setting) => [setting, "moved"])],
      models.map((model) => [`\`${model}\``, ...there.flatMap((setting) => cells(model, setting))]),
    ),
    "",
    `Peak signal-to-noise ratio of the networks, lowest, median and highest: ${ratios.join("; ")}.`,
  ];
}

/** Errors of edited images with one output and with several. */
function editingTable() {
  const record = readFigures("docs/results/inr-editing.json");
  if (record === undefined) return notYet;
  const { rows, about } = record;
  const outputs = [...new Set(rows.map((row) => row.outputs))].sort((a, b) => a - b);
  const error = (row) => `${digits(row.mseMean, 3)} ± ${digits(row.mseStd, 2)}`;
  const pairs = [...new Set(rows.map(({ edit, model }) => `${edit} ${model}`))];
  const lines = pairs.map((pair) => {
    const [edit, model] = pair.split(" ");
    const found = outputs.map((count) =>
      rows.find((row) => row.edit === edit && row.model === model && row.outputs === count),
    );
    const less = 1 - found.at(-1).mseMean / found[0].mseMean;
    return [
      edit,
      `\`${model}\``,
      ...found.map(error),
      `${(100 * less).toFixed(0)} %`,
      digits(about.unedited[edit], 3),
    ];
  });
  return [
    `Mean squared error of test images, mean and standard deviation over ${rows[0].seeds} trainings ${madeBy(record)}:`,
    "",
    table(
      [
        "edit",
        "map",
        ...outputs.map((count) => (count === 1 ? "1 output" : `${count} outputs`)),
        "less",
        "not edited",
      ],
      lines,
    ),
  ];
}

/** Shares of the nearest test networks that show the same class. */
function retrievalTable() {
  const record = readFigures("docs/results/inr-retrieval.json");
  if (record === undefined) return notYet;
  const { rows, about } = record;
  const there = settings.filter((setting) => rows.some((row) => row.setting === setting));
  const of = (model, setting) => rows.find((row) => row.model === model && row.setting === setting);
  const baseline = (name) =>
    there.map((setting) => percent(about.baselines[`${rows[0].set}-${setting}`][name]));
  return [
    `Of the five nearest test networks, those that show the same class, %, mean and standard deviation over ${rows[0].seeds} trainings ${madeBy(record)}:`,
    "",
    table(
      ["read by", ...there],
      [
        ...[...new Set(rows.map(({ model }) => model))].map((model) => [
          `\`${model}\``,
          ...there.map((setting) =>
            percent(of(model, setting).precisionMean, of(model, setting).precisionStd),
          ),
        ]),
        ["the drawings themselves", ...baseline("drawings")],
        ["distance of weights", ...baseline("weights")],
        ["chance", ...baseline("chance")],
      ],
    ),
  ];
}

/** The page with all tables as the figures are now. */
export function imagesPage() {
  let text = readFileSync(join(root, page), "utf8");
  text = withPart(page, text, "fashion", classTable("inr-fashion-mnist"));
  text = withPart(page, text, "many", classTable("inr-fashion-mnist-10000"));
  text = withPart(page, text, "digits", classTable("inr-digits"));
  text = withPart(page, text, "editing", editingTable());
  return withPart(page, text, "retrieval", retrievalTable());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(root, page), imagesPage());
  console.log(page);
}
