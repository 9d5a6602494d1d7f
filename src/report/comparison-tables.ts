// The parts of a report that say how far differences can be trusted: models against each other on the same test
// networks, and the configurations tried for each.

import type { PairedComparison, TuningRow } from "./experiment.ts";
import { type Html, html } from "./html.ts";
import {
  chance,
  type Column,
  count,
  decimal,
  duration,
  htmlTable,
  range,
  withStd,
} from "./table.ts";

const significance = 0.05;

/** Whether other test networks and trainings would hardly turn it round, all pairs considered; of older results, whether its interval leaves out 0. */
const isClear = ({ interval: [low, high], adjustedP }: PairedComparison) =>
  adjustedP === undefined ? low > 0 || high < 0 : adjustedP < significance;

/** Every pair of models; empty without pairs. */
export function comparisonSection(comparisons: readonly PairedComparison[]): Html {
  if (comparisons.length === 0) return html``;
  const columns: Column<PairedComparison>[] = [
    { label: "Pair", cell: ({ model, other }) => `${model} − ${other}`, className: () => "name" },
    {
      label: "difference in tau",
      cell: ({ difference, std }) => withStd(difference, std),
      className: (pair) => (isClear(pair) ? "best" : undefined),
    },
    { label: "95 %", cell: ({ interval }) => range(interval) },
    { label: "p, corrected", cell: ({ adjustedP }) => chance(adjustedP) },
    { label: "seeds won", cell: ({ wins, seeds }) => `${wins} of ${seeds}` },
  ];
  return html`<h2>Model against model</h2>
    ${htmlTable(comparisons, columns)}
    <p class="soft">
      Kendall's tau of the first minus that of the second, seed by seed on the same held-out
      networks: mean ± standard deviation over seeds. The interval says where the mean difference
      would lie for other held-out runs of the population and other trainings; p is that of no
      difference, corrected for the number of pairs (Holm), and those below 0.05 are bold.
    </p>`;
}

const optionText = (options: Readonly<Record<string, unknown>>): string =>
  Object.entries(options)
    .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
    .join(", ") || "usual";

/** A few digits of a rate. */
const compactNumber = (value: number): string => String(Number(value.toPrecision(3)));

/** How many configurations every model tried, and for how long. */
function halvingText(tuning: readonly TuningRow[]): string {
  const models = [...new Set(tuning.map(({ model }) => model))];
  const tried = models.map((model) => {
    const rows = tuning.filter((row) => row.model === model);
    const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
    return `${model} ${rows.length} in ${duration(seconds)}`;
  });
  return `Successive halving, as long for every model, until rates on both sides of the best one were tried (trials: ${tried.join(", ")})`;
}

/** Every configuration tried, by model; empty without any. */
export function tuningSection(tuning: readonly TuningRow[]): Html {
  if (tuning.length === 0) return html``;
  const isHalving = tuning.some(({ passes }) => passes !== undefined);
  const decay: Column<TuningRow>[] = isHalving
    ? [
        { label: "decay", cell: ({ weightDecay = 0 }) => compactNumber(weightDecay) },
        { label: "passes", cell: ({ passes }) => String(passes ?? "") },
      ]
    : [];
  const columns: Column<TuningRow>[] = [
    { label: "Model", cell: ({ model }) => model, className: () => "name" },
    { label: "rate", cell: ({ rate }) => compactNumber(rate) },
    ...decay,
    { label: "options", cell: ({ options }) => optionText(options), className: () => "text" },
    { label: "parameters", cell: ({ parameters }) => count(parameters) },
    {
      label: "validation tau",
      cell: ({ validTau, diverged }) => (diverged === undefined ? decimal(validTau) : "diverged"),
      className: ({ chosen }) => (chosen ? "best" : undefined),
    },
    { label: "validation loss", cell: ({ validLoss }) => decimal(validLoss, 4) },
    { label: "best epoch", cell: ({ bestEpoch }) => String(bestEpoch) },
    { label: "training", cell: ({ seconds }) => duration(seconds) },
  ];
  return html`<h2>Tuning</h2>
    ${htmlTable(tuning, columns)}
    <p class="soft">
      ${isHalving ? halvingText(tuning) : "The same number of configurations for every model"}, one
      seed each, chosen by the validation networks (bold); only the chosen one was trained with all
      seeds and saw the held-out networks.
    </p>`;
}
