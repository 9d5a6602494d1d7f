// The report of a merge: the loss along the straight path between two networks, as they are and after alignment, and the
// barriers on it (Frankle et al. 2020; Ainsworth et al. 2023). For one pair of networks, or for many pairs with standard deviations.

import { seriesColor } from "./canvas.ts";
import { type Html, html, htmlPage, trusted } from "./html.ts";
import type { Measured, MeasuredPath, PathPair } from "./measured-path.ts";
import { lossPaths } from "./path-figure.ts";
import { type Column, decimal, htmlTable, withStd } from "./table.ts";

/** Losses on the straight path between networks, as a report shows them. */
export interface MergeResult {
  readonly title: string;
  /** What was done, for people. */
  readonly summary: string;
  /** The command that reproduces it. */
  readonly command: string;
  /** Processor, cores, Node version. */
  readonly machine: string;
  /** Pairs of networks. */
  readonly pairs: number;
  readonly paths: readonly PathPair[];
}

const show = ({ mean, std }: Measured) => withStd(mean, std);
const dot = (index: number) =>
  html`<i class="dot" style="background: ${trusted(seriesColor(index))}"></i>`;

const middle = ({ points }: MeasuredPath) =>
  points.reduce((best, point) => (Math.abs(point.t - 0.5) < Math.abs(best.t - 0.5) ? point : best));

/** Mean of both ends. */
function ends({ points }: MeasuredPath): Measured {
  const [first, last] = [points[0], points[points.length - 1]];
  return { mean: (first.accuracy.mean + last.accuracy.mean) / 2, std: NaN };
}

function table(paths: readonly PathPair[]): Html {
  const columns: Column<PathPair>[] = [
    { label: "Networks", cell: ({ network }) => network, className: () => "name" },
    { label: "Examples", cell: ({ examples }) => examples },
    { label: "Barrier", cell: ({ plain }) => show(plain.barrier) },
    {
      label: "Aligned",
      cell: ({ aligned }) => show(aligned.barrier),
      className: () => "best",
    },
    { label: "Accuracy, ends", cell: ({ plain }) => show(ends(plain)) },
    { label: "Mean", cell: ({ plain }) => show(middle(plain).accuracy) },
    { label: "Mean, aligned", cell: ({ aligned }) => show(middle(aligned).accuracy) },
  ];
  return htmlTable(paths, columns);
}

function panel(pair: PathPair): Html {
  const { network, examples, plain, aligned } = pair;
  return html`<figure>
    ${trusted(lossPaths(pair))}
    <figcaption>
      <b>${network}</b>, ${examples}: barrier ${decimal(plain.barrier.mean)} as they are,
      ${decimal(aligned.barrier.mean)} aligned.
    </figcaption>
  </figure>`;
}

/** The report as one HTML page, complete in itself. */
export function mergeReport(result: MergeResult): string {
  const { title, summary, command, machine, pairs, paths } = result;
  const body = html`
    <p class="eyebrow">weightspace merge</p>
    <h1>${title}</h1>
    <p class="lead">${summary}</p>
    <h2>Barriers</h2>
    ${table(paths)}
    <p class="soft">
      The barrier is the largest rise of the mean cross-entropy (nats) over the straight line
      between the losses of the two ends; 0 means that every network on the path is as good as its
      ends promise. <em>Aligned</em>: the second network was first moved onto the first by a
      symmetry of the model, which does not change what it computes. <em>Mean</em>: accuracy
      half-way.${pairs > 1 ? ` Mean ± standard deviation over ${pairs} pairs of networks.` : ""}
    </p>
    <h2>Loss along the path</h2>
    <ul class="legend">
      <li>${dot(1)}as they are</li>
      <li>${dot(0)}aligned</li>
    </ul>
    ${paths.map(panel)}
    <h2>How to reproduce</h2>
    <pre>${command}</pre>
    <dl>
      <dt>machine</dt>
      <dd>${machine}</dd>
    </dl>
  `;
  return htmlPage(title, body);
}
