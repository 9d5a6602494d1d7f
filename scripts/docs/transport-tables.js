// Writes what was measured of optimal transport into docs/guide/transport.md, each table between two comments: speed, gradient flows,
// the generator. `npm run docs`; the figures lie in bench/results/transport.json and docs/results/transport-*.json.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { flowMethods } from "../../dist/transport/flows/flow-methods.js";
import { flowDatasets } from "../../dist/transport/flows/gradient-flow.js";
import { root } from "../sources.js";
import { digits, readFigures, table, withPart } from "../support/doc-tables.js";

const page = "docs/guide/transport.md";
/** Numbers of all sizes, as 6.8e-7 or 0.53. */
const short = (value) =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : digits(value);
const spread = (mean, std) => `${short(mean)} ± ${short(std)}`;

/** The least and the largest of a ratio over all sizes, as text. */
const rangeOf = (ratios) => `${digits(Math.min(...ratios))} to ${digits(Math.max(...ratios))}`;

const slicedAt = (of, i) => (of == null ? "–" : digits(of.cases[i].sw, 3));

/** How many times as long as SW the tree-sliced distance takes, over all sizes. */
const timesOf = ({ cases }) =>
  `${rangeOf(cases.map(({ sw, tsw }) => tsw / sw))} times as long as SW (with gradients ${rangeOf(cases.map(({ swGradient, tswGradient }) => tswGradient / swGradient))} times)`;

function speedTable() {
  const { results, machine, commit } = readFigures("bench/results/transport.json");
  const { roundedOnce, otherNode: other = null } = results;
  const rows = results.cases.map(({ n, d, plain, engine, ratio }, i) => [
    `${n} x ${d}`,
    digits(plain.sw, 3),
    slicedAt(results.allCores, i),
    slicedAt(results.roundedOnce, i),
    ...(other === null ? [] : [slicedAt(other, i)]),
    slicedAt(results.potOnOneCore, i),
    slicedAt(results.pot, i),
    digits(plain.tsw, 3),
    digits(ratio.plain.value),
    digits(ratio.plain.gradient),
    digits(engine.times.sw, 3),
    digits(ratio.engine.value),
  ]);
  const peer =
    results.pot == null
      ? "POT was not there"
      : `POT ${results.pot.version} with numpy ${results.pot.numpy} on the same machine`;
  const head = [
    "points x dimension",
    "SW",
    "SW, all cores",
    "SW, fused",
    ...(other === null ? [] : [`SW, Node ${other.node.split(".")[0]}`]),
    "POT, one core",
    "POT, all cores",
    "Db-TSW",
    "TSW / SW",
    "with gradient",
    "SW on the engine",
    "TSW / SW",
  ];
  return [
    `Milliseconds of a distance of two clouds along 100 directions, Db-TSW on 25 trees of 4 lines; fused: with products that round once (\`npm run bench -- transport\`, ${machine.processor}, ${machine.cores} cores, Node ${machine.node}${other === null ? "" : `, beside it Node ${other.node}`}, commit ${commit}; ${peer}; medians, the lowest of ${results.turns} turns):`,
    "",
    table(head, rows),
    "",
    `Fused, Db-TSW takes ${timesOf(roundedOnce)}${other === null ? "" : `, in Node ${other.node.split(".")[0]} ${timesOf(other)}`}.`,
    `Time grows as the ${digits(results.growth.exponentInNLogN.sw)}th power of n log n (1,000 to 16,000 points; TSW ${digits(results.growth.exponentInNLogN.tsw)}) and as the ${digits(results.growth.exponentInLines.sw)}th power of the number of lines (20 to 320; TSW ${digits(results.growth.exponentInLines.tsw)}).`,
  ];
}

/** Rows of several seeds, by dataset, method and rate; of each pair the rate that ended lowest with the tuning seed. */
function flowRows({ rows, tables, about: { settings } }) {
  const key = ({ dataset, method, rate }) => `${dataset}/${method}/${rate}`;
  const last = settings.iterations;
  const tried = tables.moments.filter(
    ({ seed, iteration }) => seed === settings.tuningSeed && iteration === last,
  );
  const bestRate = (dataset, method) =>
    tried
      .filter((run) => run.dataset === dataset && run.method === method)
      .toSorted((a, b) => a.w2 - b.w2)[0]?.rate;
  const at = new Map(rows.map((row) => [`${key(row)}/${row.iteration}`, row]));
  return (dataset, method, iteration, rate = bestRate(dataset, method)) => {
    const row = at.get(`${key({ dataset, method, rate })}/${iteration}`);
    return row?.seeds > 1 ? row : undefined;
  };
}

function flowTables() {
  const record = readFigures("docs/results/transport-flows.json");
  const row = flowRows(record);
  const { iterations, publishedRate } = record.about.settings;
  const datasets = Object.keys(flowDatasets).filter((name) =>
    record.rows.some(({ dataset }) => dataset === name),
  );
  const rate = (found) => digits(found.rate);
  const best = Object.entries(flowMethods).map(([method, { title }]) => [
    title,
    ...datasets.map((dataset) => {
      const found = row(dataset, method, iterations);
      return found === undefined ? "–" : `${spread(found.w2Mean, found.w2Std)} (${rate(found)})`;
    }),
  ]);
  const moments = [500, 1500, 2500];
  const published = Object.entries(flowMethods).map(([method, { title }]) => [
    title,
    ...["swiss-roll", "25-gaussians"].flatMap((dataset) =>
      moments.map((iteration) => {
        const found = row(dataset, method, iteration, publishedRate);
        return found === undefined ? "–" : short(found.w2Mean);
      }),
    ),
  ]);
  return [
    `W2 squared after ${iterations.toLocaleString("en-US")} iterations, mean ± std of 5 seeds, each distance at its own best rate of ${record.about.settings.rates.join(", ")}, chosen on a sixth seed (in brackets):`,
    "",
    table(["distance", ...datasets], best),
    "",
    `The same in the plane at the published rate, ${publishedRate}, after ${moments.map((n) => n.toLocaleString("en-US")).join(", ")} iterations:`,
    "",
    table(
      [
        "distance",
        ...["swiss-roll", "25-gaussians"].flatMap((d) => moments.map((n) => `${d}, ${n}`)),
      ],
      published,
    ),
  ];
}

function generatorTable() {
  const record = readFigures("docs/results/transport-generator.json");
  if (record === undefined) return ["The generator is not measured yet."];
  const secondsOf = (method) =>
    record.tables.runs.filter((run) => run.method === method).map(({ seconds }) => seconds);
  const rows = record.rows.map((row) => [
    flowMethods[row.method].title,
    row.seeds,
    ...["frechet", "energy", "nearest"].map((name) =>
      spread(row[`${name}Mean`], row[`${name}Std`]),
    ),
    digits(Math.min(...secondsOf(row.method))),
  ]);
  const floor = record.rows[0];
  return [
    `A generator of 8 x 8 digits after ${record.about.settings.steps.toLocaleString("en-US")} steps (Frechet distance of training images: ${digits(floor.frechetFloorMean)}; [all figures](../results/transport-generator.json)):`,
    "",
    table(["distance", "seeds", "Frechet", "energy", "nearest", "least seconds"], rows),
  ];
}

/** The page with all tables as the figures are now. */
export function transportPage() {
  let text = readFileSync(join(root, page), "utf8");
  text = withPart(page, text, "speed", speedTable());
  text = withPart(page, text, "flows", flowTables());
  return withPart(page, text, "generator", generatorTable());
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  writeFileSync(join(root, page), transportPage());
  console.log(page);
}
