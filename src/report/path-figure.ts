// The figure of a merge: loss against the place on the straight path between two networks, as they are and aligned.

import * as Plot from "@observablehq/plot";
import { drawSvg, extent, grid, seriesColor, softInk } from "./canvas.ts";
import type { PathPair } from "./measured-path.ts";

const axis = { tickSize: 0, color: softInk, labelArrow: "none", labelOffset: 34 } as const;
const labels = ["aligned", "as they are"] as const;

/** Two lines, mean loss in a band of one standard deviation over pairs of networks. */
export function lossPaths({ network, examples, plain, aligned }: PathPair): string {
  const points = [
    ...aligned.points.map((point) => ({ path: labels[0], ...point })),
    ...plain.points.map((point) => ({ path: labels[1], ...point })),
  ].map(({ path, t, loss }) => {
    const std = Number.isFinite(loss.std) ? loss.std : 0;
    return {
      path,
      t,
      loss: loss.mean,
      low: Math.max(0, loss.mean - std),
      high: loss.mean + std,
    };
  });
  const top = extent(
    points.map(({ high }) => high),
    [0],
  );
  return drawSvg({
    ariaLabel: `Loss along the path between two networks ${network} on ${examples}, as they are and aligned`,
    width: 920,
    height: 320,
    marginBottom: 40,
    marginLeft: 52,
    marginRight: 20,
    x: { domain: [0, 1] },
    y: { domain: top, nice: true },
    color: { domain: [...labels], range: [seriesColor(0), seriesColor(1)] },
    marks: [
      Plot.gridY({ ...grid, ticks: 5 }),
      Plot.axisY({ ...axis, label: "cross-entropy", ticks: 5 }),
      Plot.axisX({ ...axis, label: "share of the second network", ticks: 5 }),
      Plot.areaY(points, {
        x: "t",
        y1: "low",
        y2: "high",
        z: "path",
        fill: "path",
        fillOpacity: 0.16,
      }),
      Plot.lineY(points, { x: "t", y: "loss", z: "path", stroke: "path", strokeWidth: 2.5 }),
      Plot.dot(points, { x: "t", y: "loss", fill: "path", r: 2.5 }),
      Plot.ruleY([0], { stroke: softInk }),
    ],
  });
}
