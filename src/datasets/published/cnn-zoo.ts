// The small CNN zoo (Unterthiner, Keysers, Gelly, Bousquet and Tolstikhin 2020): `weights.npy` with a row per checkpoint,
// `metrics.csv.gz` with what is known of each, `layout.csv` with the variables of a row. Its split file is not read: it
// begins with a header line "0" that, taken for a position, puts the first checkpoint into the split twice.

import { FormatError } from "../../core/errors.ts";
import { sizeOf } from "../../core/shapes.ts";
import { gunzip } from "../../formats/archives/gzip.ts";
import type { ZooStore } from "../../core/store.ts";
import { cnnLayoutSpec, readCnnLayout, storedOrder } from "./cnn-layout.ts";
import { parseCsv } from "./csv.ts";
import { openNpyMatrix } from "./npy-rows.ts";
import {
  type Candidate,
  chooseCandidates,
  publishedDataset,
  type PublishedOptions,
  type PublishedPopulation,
} from "./population.ts";

const weightsName = "weights.npy";
const layoutName = "layout.csv";
const metricsNames = ["metrics.csv.gz", "metrics.csv"];

/** Whether a folder with these files is such a population. */
export const isCnnZoo = (names: readonly string[]): boolean =>
  [weightsName, layoutName].every((name) => names.includes(name)) &&
  metricsNames.some((name) => names.includes(name));

interface Row extends Candidate {
  readonly row: number;
}

async function readText(store: ZooStore, names: readonly string[]): Promise<[string, string]> {
  for (const name of names) {
    const bytes = await store.read(name);
    const where = `${name} in ${store.location}`;
    if (bytes !== undefined) {
      return [new TextDecoder().decode(gunzip(bytes, where)), where];
    }
  }
  throw new FormatError(
    `${store.location} has no ${names.join(" or ")}; fetch the whole population`,
  );
}

/** The runs of a table: by folder of the run, else by the settings it was trained with. */
function readMetrics(text: string, where: string): Row[] {
  return parseCsv(text, where).map(({ cells, line }, row): Row => {
    const number = (column: string) => {
      const value = cells[column]?.trim();
      if (value === undefined || value === "" || !Number.isFinite(Number(value))) {
        throw new FormatError(
          `${where} line ${line}: ${column} expected a number, got ${value === undefined ? "no such column" : JSON.stringify(value)}; fetch the file again`,
        );
      }
      return Number(value);
    };
    const accuracy = number("test_accuracy");
    if (accuracy < 0 || accuracy > 1)
      throw new FormatError(
        `${where} line ${line}: test_accuracy expected a number from 0 to 1, got ${accuracy}; fetch the file again`,
      );
    const settings = Object.entries(cells).filter(([column]) => column.startsWith("config."));
    const run = cells["modeldir"] ?? JSON.stringify(settings);
    const step = number("step");
    return { row, name: `row ${row}`, run, step, accuracy, columns: cells };
  });
}

/**
 * Reads the networks that are asked for; of `weights.npy` only their rows.
 * @throws {FormatError} {UnsupportedError} {OptionError} naming the file, and where in it
 */
export async function readCnnZoo(
  store: ZooStore,
  options: PublishedOptions = {},
): Promise<PublishedPopulation> {
  const variables = readCnnLayout(...(await readText(store, [layoutName])));
  const [metricsText, metricsWhere] = await readText(store, metricsNames);
  const rows = readMetrics(metricsText, metricsWhere);
  const matrix = await openNpyMatrix(store, weightsName);
  const width = Math.max(0, ...variables.map(({ end }) => end));
  const covered = variables.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  if (matrix.rows !== rows.length || matrix.columns !== width || covered !== width) {
    throw new FormatError(
      `${weightsName} in ${store.location}: expected ${rows.length} rows as in the metrics and ${covered} columns as in the layout, got ${matrix.rows} and ${matrix.columns}; fetch the three files of one population`,
    );
  }
  const spec = options.spec ?? cnnLayoutSpec(variables);
  const chosen = chooseCandidates(rows, options);
  const places = variables.map((variable) => storedOrder(variable));
  const data = variables.map(({ shape }) => new Float32Array(chosen.length * sizeOf(shape)));
  const finite: Row[] = [];
  const skipped: string[] = [];
  const byRow = new Map(chosen.map((row) => [row.row, row]));
  await matrix.readRows([...byRow.keys()], (at, numbers) => {
    const row = byRow.get(at) as Row;
    if (!numbers.every(Number.isFinite)) {
      skipped.push(row.name);
      return;
    }
    for (const [v, { start, shape }] of variables.entries()) {
      const into = finite.length * sizeOf(shape);
      for (let i = 0; i < places[v].length; i++) data[v][into + i] = numbers[start + places[v][i]];
    }
    finite.push(row);
  });
  const stacks = variables.map(({ name, shape }, v) => ({ name, shape, data: data[v] }));
  const { dataset, copies } = publishedDataset(spec, finite, stacks);
  return {
    dataset,
    copies,
    notes: [],
    names: finite.map(({ name }) => name),
    skipped,
    description: `convolutional networks of ${width} weights`,
  };
}
