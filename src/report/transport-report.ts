// The page of the transport demonstration: how far each flow got, where its points went, images in each other's colours,
// and images of a small generator.

import * as Plot from "@observablehq/plot";
import { drawSvg, grid, seriesColor, softInk } from "./canvas.ts";
import { html, htmlPage, trusted } from "./html.ts";
import { htmlTable } from "./table.ts";

export interface ReportedFlow {
  readonly dataset: string;
  readonly method: string;
  readonly target: readonly (readonly number[])[];
  readonly moments: readonly {
    readonly iteration: number;
    readonly w2: number;
    readonly points: readonly (readonly number[])[];
  }[];
}

export interface ReportedImage {
  readonly caption: string;
  /** The picture as a data address. */
  readonly address: string;
}

export interface TransportReport {
  readonly command: string;
  readonly flows: readonly ReportedFlow[];
  readonly images: readonly ReportedImage[];
  /** Images of the generator, one picture for each distance. */
  readonly digits: readonly ReportedImage[];
  readonly transfers: readonly {
    readonly method: string;
    readonly direction: string;
    readonly before: number;
    readonly after: number;
  }[];
}

const axis = { tickSize: 0, color: softInk, labelArrow: "none", labelOffset: 34 } as const;

/** W2 squared by iteration on a logarithmic axis, one line a method. */
function flowCurves(flows: readonly ReportedFlow[]): string {
  const rows = flows.flatMap(({ method, moments }) =>
    moments.map(({ iteration, w2 }) => ({ method, iteration, w2: Math.max(w2, 1e-9) })),
  );
  const methods = flows.map(({ method }) => method);
  return drawSvg({
    ariaLabel: "W2 squared to the target by iteration",
    width: 920,
    height: 340,
    marginBottom: 40,
    marginLeft: 60,
    y: { type: "log" },
    color: { domain: methods, range: methods.map((_, i) => seriesColor(i)) },
    marks: [
      Plot.gridY({ ...grid }),
      Plot.axisY({ ...axis, label: "W2 squared, logarithmic", tickFormat: String }),
      Plot.axisX({ ...axis, label: "iteration" }),
      Plot.lineY(rows, { x: "iteration", y: "w2", z: "method", stroke: "method", strokeWidth: 2 }),
    ],
  });
}

/** The last points of a flow over its target. */
function lastPoints({ method, target, moments }: ReportedFlow, color: string): string {
  const last = moments[moments.length - 1].points;
  return drawSvg({
    ariaLabel: `points of ${method} over the target`,
    width: 280,
    height: 280,
    aspectRatio: 1,
    marks: [
      Plot.dot(target as [number, number][], { r: 4, stroke: softInk }),
      Plot.dot(last as [number, number][], { r: 2.2, fill: color }),
    ],
  });
}

function flowSection(dataset: string, flows: readonly ReportedFlow[]) {
  const legend = flows.map(
    ({ method }, i) =>
      html`<li><span class="dot" style="background: ${seriesColor(i)}"></span>${method}</li>`,
  );
  return html`<h2>Gradient flows: ${dataset}</h2>
    <figure>
      ${trusted(flowCurves(flows))}
      <ul class="legend">
        ${legend}
      </ul>
      <figcaption>
        Exact W2 squared between the moving points and their target, whatever distance they follow.
        All methods have one learning rate here; the experiment tunes it for each.
      </figcaption>
    </figure>
    <div class="grid">
      ${flows.map(
        (flow, i) =>
          html`<figure>
            <figcaption>${flow.method}</figcaption>
            ${trusted(lastPoints(flow, seriesColor(i)))}
          </figure>`,
      )}
    </div>`;
}

const pictures = (images: readonly ReportedImage[]) =>
  html`<div class="grid">
    ${images.map(
      ({ caption, address }) =>
        html`<figure>
          <figcaption>${caption}</figcaption>
          <img src="${address}" alt="${caption}" style="width: 100%; image-rendering: pixelated" />
        </figure>`,
    )}
  </div>`;

/** The whole page as text. */
export function transportReport({
  command,
  flows,
  images,
  digits,
  transfers,
}: TransportReport): string {
  const datasets = [...new Set(flows.map(({ dataset }) => dataset))];
  return htmlPage(
    "Optimal transport",
    html`<p class="eyebrow">weightspace</p>
      <h1>Optimal transport: flows and colours</h1>
      <p class="lead">
        Points move down a distance to a target. TSW-SL with constant splitting is sliced W1, so
        their lines lie together; the gap to sliced W2 comes from the exponent.
      </p>
      ${datasets.map((dataset) =>
        flowSection(
          dataset,
          flows.filter((flow) => flow.dataset === dataset),
        ),
      )}
      <h2>Colour transfer</h2>
      ${pictures(images)}
      ${htmlTable(transfers, [
        { label: "direction", cell: ({ direction }) => direction },
        { label: "distance", cell: ({ method }) => method, className: () => "text" },
        { label: "W2 squared before", cell: ({ before }) => before.toPrecision(3) },
        { label: "after", cell: ({ after }) => after.toPrecision(3) },
      ])}
      <h2>A small generator of digits</h2>
      ${pictures(digits)}
      <p class="soft">
        Images of 8 x 8 pixels from 8 random numbers each. Each distance was the loss between
        mini-batches of generated and of real images.
      </p>
      <pre>${command}</pre>`,
  );
}
