// The page of the provenance experiment: which method finds where a network comes from, and how far apart related and
// unrelated networks lie.

import * as Plot from "@observablehq/plot";
import { drawSvg, grid, seriesColor, softInk } from "../src/report/canvas.ts";
import { type Html, html, htmlPage, trusted } from "../src/report/html.ts";
import type { ProvenanceResult, ProvenanceRow, SimilarityRange } from "./provenance-figures.ts";
import { type Column, count, decimal, htmlTable, withStd } from "../src/report/table.ts";

const axis = { tickSize: 0, color: softInk, labelArrow: "none", labelOffset: 34 } as const;

/** ROC curves, false positives on a square-root scale: what matters lies at the left. */
export function rocFigure(curves: ProvenanceResult["curves"]): string {
  const points = curves.flatMap(({ method, points: own }) =>
    own.map((point) => ({ method, ...point })),
  );
  const methods = curves.map(({ method }) => method);
  const chance = Array.from({ length: 101 }, (_, i) => ({ x: i / 100, y: i / 100 }));
  return drawSvg({
    ariaLabel: "Receiver operating characteristic of every method",
    width: 920,
    height: 420,
    marginBottom: 42,
    marginLeft: 46,
    marginRight: 20,
    x: { type: "sqrt", domain: [0, 1] },
    y: { domain: [0, 1] },
    color: { domain: methods, range: methods.map((_, i) => seriesColor(i)) },
    marks: [
      Plot.gridX({ ...grid }),
      Plot.gridY({ ...grid }),
      Plot.axisX({ ...axis, label: "unrelated pairs above the threshold", tickFormat: "%" }),
      Plot.axisY({ ...axis, label: "related pairs above it", tickFormat: "%" }),
      Plot.lineY(chance, { x: "x", y: "y", stroke: softInk, strokeDasharray: "3 4" }),
      Plot.lineY(points, {
        x: "falsePositives",
        y: "truePositives",
        z: "method",
        stroke: "method",
        strokeWidth: 2.5,
      }),
    ],
  });
}

/** Similarities of sketches by kind: all pairs thin, eight tenths of them thick, the median as a dot. */
export function similarityFigure(ranges: readonly SimilarityRange[]): string {
  const kinds = ranges.map(({ kind }) => kind);
  const color = ({ kind }: SimilarityRange) => (kind === "unrelated" ? softInk : seriesColor(0));
  return drawSvg({
    ariaLabel: "Similarity of sketches of related and unrelated networks",
    width: 920,
    height: 56 + 36 * kinds.length,
    marginBottom: 40,
    marginLeft: 190,
    marginRight: 20,
    x: { domain: [Math.min(0, ...ranges.map(({ low }) => low)), 1] },
    y: { domain: kinds, type: "point", padding: 0.6 },
    marks: [
      Plot.gridX({ ...grid }),
      Plot.axisX({ ...axis, label: "similarity of sketches", ticks: 6 }),
      Plot.axisY({ tickSize: 0, label: null, fontSize: 13, tickPadding: 10 }),
      Plot.ruleX([0], { stroke: softInk }),
      Plot.ruleY(ranges, { x1: "low", x2: "high", y: "kind", stroke: color, strokeWidth: 1.5 }),
      Plot.ruleY(ranges, { x1: "p10", x2: "p90", y: "kind", stroke: color, strokeWidth: 7 }),
      Plot.dot(ranges, { x: "median", y: "kind", fill: "var(--page)", stroke: color, r: 5 }),
    ],
  });
}

const dot = (index: number) =>
  html`<i class="dot" style="background: ${trusted(seriesColor(index))}"></i>`;

function resultTable(rows: readonly ProvenanceRow[]): Html {
  const methods = [...new Set(rows.map(({ method }) => method))];
  const kinds = [...new Set(rows.map(({ kind }) => kind))];
  const find = (kind: string, method: string) =>
    rows.find((row) => row.kind === kind && row.method === method);
  const columns: Column<string>[] = [
    { label: "Descendant", cell: (kind) => kind, className: () => "name" },
    ...methods.flatMap((method): Column<string>[] => [
      {
        label: `${method}: area`,
        cell: (kind) => {
          const row = find(kind, method);
          return row === undefined ? "–" : withStd(row.areaMean, row.areaStd, 4);
        },
      },
      {
        label: `${method}: first`,
        cell: (kind) => {
          const row = find(kind, method);
          return row === undefined ? "–" : withStd(row.topMean, row.topStd);
        },
      },
    ]),
  ];
  return htmlTable(kinds, columns);
}

/** The page as text, complete in itself. */
export function provenanceReport(result: ProvenanceResult): string {
  const { title, rows, curves, similarities, networks, descendants, seeds, accuracy } = result;
  const unrelated = similarities.find(({ kind }) => kind === "unrelated");
  const legend = curves.map(({ method }, i) => html`<li>${dot(i)}${method}</li>`);
  const trained = result.trainedOnAccuracies.map(
    ({ kind, accuracy: mean }) => html`, ${kind} ${decimal(mean)}`,
  );
  const body = html`
    <p class="eyebrow">weightspace experiment</p>
    <h1>${title}</h1>
    <p class="lead">
      ${count(networks)} networks learnt the same task independently. From each came a family of
      descendants: trained on, pruned, noised, reordered, rescaled, and combinations. Every
      descendant is compared with all ${count(networks)} networks; its parent should come first.
    </p>
    <h2>Results</h2>
    ${resultTable(rows)}
    <p class="soft">
      Area: under the ROC curve over all pairs of a descendant and a candidate, 1 is perfect and 0.5
      chance. First: share of descendants whose parent ranks first. Mean ± standard deviation over
      ${seeds.length} repetitions, each with ${count(networks)} networks and ${count(descendants)}
      descendants of its own.
    </p>
    <ul class="legend">
      ${legend}
    </ul>
    <figure>
      ${trusted(rocFigure(curves))}
      <figcaption>All kinds of descendants and all repetitions together.</figcaption>
    </figure>
    <h2>How far apart</h2>
    <figure>
      ${trusted(similarityFigure(similarities))}
      <figcaption>
        Similarities of sketches: of descendants with their parents, by kind, and of unrelated
        networks. Thin: all pairs; thick: from the 10th to the 90th per cent; dots: medians.
        ${unrelated === undefined ? "" : html`The most alike of all unrelated pairs reaches ${decimal(unrelated.high)}.`}
      </figcaption>
    </figure>
    <h2>How to reproduce</h2>
    <pre>${result.command}</pre>
    <dl>
      <dt>seeds</dt>
      <dd>${seeds.join(", ")}</dd>
      <dt>machine</dt>
      <dd>${result.machine}</dd>
      <dt>commit</dt>
      <dd>${result.commit}</dd>
      <dt>test accuracy</dt>
      <dd>parents ${decimal(accuracy.mean)} ± ${decimal(accuracy.std)}${trained}</dd>
    </dl>
  `;
  return htmlPage(title, body);
}
