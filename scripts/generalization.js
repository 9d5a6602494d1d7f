// The README's picture and table of the generalisation experiments, from the committed results: writes
// docs/images/generalization.svg, prints the table. Run it after docs/results/generalization-*.json change.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as Plot from "@observablehq/plot";
import { drawSvg, grid, seriesColor, softInk, standaloneSvg } from "../dist/report/canvas.js";
import { root } from "./sources.js";

const populations = [
  { file: "cnn", title: "CNNs" },
  { file: "gru", title: "GRU adders" },
  { file: "transformer", title: "Transformers" },
];

const readResult = (file) =>
  JSON.parse(readFileSync(join(root, `docs/results/generalization-${file}.json`), "utf8"));

/** Rows of all populations' results. */
const readRows = () =>
  populations.flatMap(({ file, title }) =>
    readResult(file).rows.map((row) => ({ ...row, population: title })),
  );

/** Models by what they lack, on average over their populations, to the best model of each. */
function orderModels(rows) {
  const models = [...new Set(rows.map(({ model }) => model))];
  const gap = (row) => {
    const all = rows.filter(({ population }) => population === row.population);
    return Math.max(...all.map(({ tauMean }) => tauMean)) - row.tauMean;
  };
  const mean = (model) => {
    const gaps = rows.filter((row) => row.model === model).map(gap);
    return gaps.reduce((sum, each) => sum + each, 0) / gaps.length;
  };
  return models.toSorted((a, b) => mean(a) - mean(b));
}

/** Markdown: a line per model, a column per population. */
export function generalizationTable() {
  const rows = readRows();
  const cell = (model, { title }) => {
    const row = rows.find((each) => each.model === model && each.population === title);
    return row ? `${row.tauMean.toFixed(3)} ± ${row.tauStd.toFixed(3)}` : "";
  };
  const lines = orderModels(rows).map(
    (model) => `| ${model} | ${populations.map((each) => cell(model, each)).join(" | ")} |`,
  );
  const head = `| functional | ${populations.map(({ title }) => title).join(" | ")} |`;
  return [head, "|---|---:|---:|---:|", ...lines].join("\n");
}

/** What every model gains over StatNN on the same test networks, with its 95 % interval. */
function gains() {
  return populations.flatMap(({ file, title }) => {
    const { rows, tables } = readResult(file);
    const { comparisons } = tables;
    return rows.map(({ model }) => {
      const better = comparisons.find((each) => each.model === model && each.other === "stat-nn");
      const worse = comparisons.find((each) => each.model === "stat-nn" && each.other === model);
      const gain = better?.differenceMean ?? (worse ? -worse.differenceMean : 0);
      const [low, high] =
        better !== undefined
          ? [better.differenceLow, better.differenceHigh]
          : worse !== undefined
            ? [-worse.differenceHigh, -worse.differenceLow]
            : [0, 0];
      return { population: title, model, gain, low, high };
    });
  });
}

/** Gains over StatNN, one panel per population; those left of the panel are written at its edge. */
export function generalizationFigure() {
  const models = orderModels(readRows());
  const [left, right] = [-0.08, 0.04];
  const ticks = [-0.06, -0.03, 0, 0.03];
  const all = gains();
  const inside = all.filter(({ gain }) => gain >= left);
  const color = ({ model }) => seriesColor(model.startsWith("unf") ? 0 : 1);
  const svg = drawSvg({
    ariaLabel: "Kendall's tau of every functional less that of StatNN, on three populations",
    width: 920,
    height: 64 + 26 * models.length,
    marginLeft: 132,
    marginRight: 24,
    marginBottom: 40,
    fx: { domain: populations.map(({ title }) => title), label: null, padding: 0.08 },
    x: { domain: [left, right] },
    y: { domain: models, padding: 0.5 },
    marks: [
      Plot.gridX({ ...grid, ticks }),
      Plot.axisX({
        tickSize: 0,
        color: softInk,
        ticks,
        tickFormat: (x) => (x > 0 ? `+${x}` : `${x}`.replace("-", "−")),
        label: "Kendall's tau less that of StatNN",
        labelArrow: "none",
        labelAnchor: "right",
      }),
      Plot.axisY({ tickSize: 0, label: null, fontSize: 13 }),
      Plot.axisFx({ label: null, fontSize: 14, fontWeight: 600 }),
      Plot.ruleX([0], { stroke: softInk }),
      Plot.ruleY(inside, {
        fx: "population",
        x1: ({ low }) => Math.max(low, left),
        x2: ({ high }) => Math.min(high, right),
        y: "model",
        stroke: color,
        strokeOpacity: 0.45,
        strokeWidth: 4,
        strokeLinecap: "round",
      }),
      Plot.dot(inside, { fx: "population", x: "gain", y: "model", r: 4.5, fill: color }),
      Plot.text(
        all.filter(({ gain }) => gain < left),
        {
          fx: "population",
          x: left,
          y: "model",
          text: ({ gain }) => `◂ −${Math.abs(gain).toFixed(2)}`,
          textAnchor: "start",
          fill: softInk,
        },
      ),
    ],
  });
  return standaloneSvg(svg);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(join(root, "docs/images/generalization.svg"), generalizationFigure());
  console.log(generalizationTable());
}
