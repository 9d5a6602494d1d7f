// Tables for pages, and numbers as people read them.

import type { ExperimentRow } from "./experiment.ts";
import { html, type Html } from "./html.ts";

export interface Column<Row> {
  readonly label: string;
  cell(row: Row): Html | string;
  /** Class of the cell: `name`, `text`, `best`, `fell`. */
  className?(row: Row): string | undefined;
}

/** A table; on a phone every row is a card with a line for each cell, which says its column. */
export function htmlTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): Html {
  const isText = (column: Column<Row>) => rows.length > 0 && column.className?.(rows[0]) === "text";
  const head = columns.map(
    (column) => html`<th scope="col" class="${isText(column) ? "text" : ""}">${column.label}</th>`,
  );
  const body = rows.map((row) => {
    const cells = columns.map(
      (column) =>
        html`<td class="${column.className?.(row) ?? ""}" data-label="${column.label}">
          ${column.cell(row)}
        </td>`,
    );
    return html`<tr>
      ${cells}
    </tr> `;
  });
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </div>`;
}

/** `0.912`; an undefined number is a dash, a minus sign is a minus sign. */
export function decimal(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "–";
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

/** `0.912 ± 0.004`, without the second part where there is no standard deviation. */
export function withStd(mean: number, std: number, digits = 3): Html {
  if (!Number.isFinite(std)) return html`${decimal(mean, digits)}`;
  return html`${decimal(mean, digits)} <small>± ${decimal(std, digits)}</small>`;
}

/** `magep (5 of 5 trainings diverged, 3 networks unread)`, or the name alone. */
export function namedRow(
  row: Pick<ExperimentRow, "model" | "seeds" | "diverged" | "unread">,
): string {
  const { model, seeds, diverged = 0, unread = 0 } = row;
  const notes = [
    ...(diverged > 0 ? [`${diverged} of ${seeds + diverged} trainings diverged`] : []),
    ...(unread > 0 ? [`${unread} network${unread === 1 ? "" : "s"} unread`] : []),
  ];
  return notes.length === 0 ? model : `${model} (${notes.join(", ")})`;
}

/** `0.701 to 0.748`; a dash where there is none. */
export function range(interval: readonly [number, number] | undefined, digits = 3): string {
  if (interval === undefined || !interval.every(Number.isFinite)) return "–";
  return `${decimal(interval[0], digits)} to ${decimal(interval[1], digits)}`;
}

/** `41,603`. */
export function count(value: number): string {
  return Number.isFinite(value) ? String(value).replace(/\B(?=(\d{3})+$)/g, ",") : "–";
}

/** `4.2 s`, `3 min 05 s`. */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 99.5) return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
  const rounded = Math.round(seconds);
  return `${Math.floor(rounded / 60)} min ${String(rounded % 60).padStart(2, "0")} s`;
}

/** Very small numbers keep their order of magnitude: `0`, `1.2e-7`, `0.031`. */
export function magnitude(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  return Math.abs(value) < 1e-3 ? value.toExponential(1).replace("-", "−") : decimal(value);
}

/** A p value to three digits, as small ones are read; a dash where it is not defined. */
export function chance(p: number | undefined): string {
  if (p === undefined || Number.isNaN(p)) return "–";
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}
