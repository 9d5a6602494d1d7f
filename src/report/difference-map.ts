// A page about where two networks differ: a picture of |a - b| for the tensors that differ most, before and after alignment;
// and for many files a picture of how far each is from each.

import type { DifferencePanel } from "../checkpoints/difference-panels.ts";
import { type DifferenceGrid, gridSide } from "../compare/difference-grid.ts";
import { type Html, html, htmlPage, trusted } from "./html.ts";
import { type Column, decimal, htmlTable } from "./table.ts";

/** Pixels of a picture along its longer side. */
const side = 240;

export interface DifferencePage {
  readonly title: string;
  /** The verdict in a sentence. */
  readonly verdict: string;
  readonly command: string;
  readonly panels: readonly DifferencePanel[];
  readonly layers: readonly {
    readonly layer: string;
    readonly relative: number;
    readonly aligned?: number;
  }[];
}

/** A picture of a grid; the strongest cell has the value `largestCell`. */
function picture(
  { rows, columns, cells }: DifferenceGrid,
  largestCell: number,
  label: string,
): Html {
  const size = Math.max(2, Math.floor(side / Math.max(rows, columns)));
  const rects = Array.from(cells, (value, i) => {
    const share = largestCell === 0 ? 0 : Math.min(1, value / largestCell);
    if (share < 0.004) return "";
    const [x, y] = [(i % columns) * size, Math.floor(i / columns) * size];
    return `<rect x="${x}" y="${y}" width="${size}" height="${size}" fill="var(--moved)" fill-opacity="${share.toFixed(2)}"/>`;
  });
  const [width, height] = [columns * size, rows * size];
  const frame = `<rect width="${width}" height="${height}" fill="none" stroke="var(--line)"/>`;
  return html`<svg
    xmlns="http://www.w3.org/2000/svg"
    role="img"
    aria-label="${label}"
    width="${width}"
    height="${height}"
    viewBox="0 0 ${width} ${height}"
  >
    ${trusted(frame + rects.join(""))}
  </svg>`;
}

const largest = ({ cells }: DifferenceGrid): number =>
  cells.reduce((largestValue, x) => Math.max(largestValue, x), 0);
const percent = (share: number) => `${decimal(100 * share, 1)}%`;

function panelHtml(panel: DifferencePanel): Html {
  const { tensor, shape, before, after, relative, relativeAfter } = panel;
  const largestCell = Math.max(largest(before), after === undefined ? 0 : largest(after));
  return html`<figure>
    <div style="display: flex; gap: 24px; flex-wrap: wrap">
      <div>${picture(before, largestCell, `${tensor}: difference as it is`)}</div>
      ${
        after === undefined
          ? ""
          : html`<div>${picture(after, largestCell, `${tensor}: difference after alignment`)}</div>`
      }
    </div>
    <figcaption>
      <b>${tensor}</b> [${shape.join(", ")}]: ${percent(relative)} of its norm
      ${relativeAfter === undefined ? "" : `on the left, ${percent(relativeAfter)} after alignment on the right`}.
      Strongest cell: ${decimal(largestCell, 3)} of the tensor's root mean square.
    </figcaption>
  </figure>`;
}

/** The page of two files. */
export function differenceReport(page: DifferencePage): string {
  const { title, verdict, command, panels, layers } = page;
  const columns: Column<DifferencePage["layers"][number]>[] = [
    { label: "Layer", cell: ({ layer }) => layer, className: () => "name" },
    { label: "Difference / norm", cell: ({ relative }) => percent(relative) },
    ...(layers.some(({ aligned }) => aligned !== undefined)
      ? [
          {
            label: "After alignment",
            cell: ({ aligned }: DifferencePage["layers"][number]) => percent(aligned ?? 0),
          },
        ]
      : []),
  ];
  const body = html`<p class="eyebrow">weightspace compare</p>
    <h1>${title}</h1>
    <p class="lead">${verdict}</p>
    <h2>Layer by layer</h2>
    ${layers.length === 0 ? html`<p>No layer differs.</p>` : htmlTable(layers, columns)}
    <h2>The tensors that differ most</h2>
    <p class="soft">
      |a - b|, rows down and all other dimensions across; at most ${gridSide} cells a side, each the
      mean of its numbers.
    </p>
    ${panels.map(panelHtml)}
    <h2>Command</h2>
    <pre><code>${command}</code></pre>`;
  return htmlPage(title, body);
}

export interface MatrixPage {
  readonly title: string;
  readonly command: string;
  readonly files: readonly string[];
  /** By row and column; undefined where nothing can be compared. */
  readonly differences: readonly (readonly (number | undefined)[])[];
  /** Sentences about groups. */
  readonly groups: readonly string[];
}

/** The page of many files. */
export function matrixReport({ title, command, files, differences, groups }: MatrixPage): string {
  const values = differences.flat().map((value) => value ?? 0);
  const largestCell = values.reduce((largestValue, x) => Math.max(largestValue, x), 0);
  const grid = { rows: files.length, columns: files.length, cells: Float64Array.from(values) };
  const body = html`<p class="eyebrow">weightspace compare</p>
    <h1>${title}</h1>
    ${groups.map((text) => html`<p>${text}</p>`)}
    <figure>
      <div style="max-width: 480px">
        ${picture(grid, largestCell, "how far each file is from each")}
      </div>
      <figcaption>
        Rows and columns are the files in the order below. Faint is near. Strongest:
        ${decimal(largestCell, 3)}; unrelated networks are at about 1.4.
      </figcaption>
    </figure>
    <ol>
      ${files.map((file) => html`<li>${file}</li>`)}
    </ol>
    <h2>Command</h2>
    <pre><code>${command}</code></pre>`;
  return htmlPage(title, body);
}
