// Draws what functionals gain over StatNN, a panel a population.

import * as Plot from "@observablehq/plot";
import { drawSvg, grid, seriesColor, softInk, standaloneSvg } from "../../dist/report/canvas.js";

const [left, right] = [-0.08, 0.08];
const ticks = [-0.06, -0.03, 0, 0.03, 0.06];

const signed = (x) => (x > 0 ? `+${x}` : `${x}`.replace("-", "−"));

const axes = () => [
  Plot.gridX({ ...grid, ticks }),
  Plot.axisX({
    tickSize: 0,
    color: softInk,
    ticks,
    tickFormat: signed,
    label: "Kendall's tau less that of StatNN",
    labelArrow: "none",
    labelAnchor: "right",
  }),
  Plot.axisY({ tickSize: 0, label: null, fontSize: 13 }),
  Plot.axisFx({ label: null, fontSize: 14, fontWeight: 600 }),
  Plot.ruleX([0], { stroke: softInk }),
];

/** SVG of gains `{ population, model, gain, low, high }`; those left of the panel are written at its edge. */
export function gainsFigure(gains) {
  const models = [...new Set(gains.map(({ model }) => model))];
  const titles = [...new Set(gains.map(({ population }) => population))];
  const inside = gains.filter(({ gain }) => gain >= left);
  const color = ({ model }) => seriesColor(model.startsWith("unf") ? 0 : 1);
  const svg = drawSvg({
    ariaLabel: `Kendall's tau of every functional less that of StatNN, on ${titles.join(", ")}`,
    width: 920,
    height: 64 + 26 * models.length,
    marginLeft: 132,
    marginRight: 24,
    marginBottom: 40,
    fx: { domain: titles, label: null, padding: 0.08 },
    x: { domain: [left, right] },
    y: { domain: models, padding: 0.5 },
    marks: [
      ...axes(),
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
        gains.filter(({ gain }) => gain < left),
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
