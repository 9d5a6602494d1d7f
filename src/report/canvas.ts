// Drawing with Observable Plot outside a browser: one document, one look, SVG text out.

import { plot, type PlotOptions } from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { lightColors } from "./html.ts";
import { decimal } from "./table.ts";

const { document } = parseHTML("<!doctype html><html><body></body></html>");

const baseColors = 8;

/** Colour of the series at this position: eight of their own, then the same mixed with more and more ink; no two are equal. */
export function seriesColor(index: number): string {
  const color = `var(--series-${(index % baseColors) + 1})`;
  const round = Math.floor(index / baseColors);
  if (round === 0) return color;
  return `color-mix(in oklab, ${color} ${(100 * 0.6 ** round).toFixed(1)}%, var(--ink))`;
}

export const softInk = "var(--soft)";
export const grid = { stroke: "var(--line)", strokeOpacity: 1 } as const;

/** SVG text of a plot; colours are CSS variables, so that a page's dark colours apply. */
export function drawSvg(options: PlotOptions & { ariaLabel: string }): string {
  const element = plot({
    ...options,
    document: document as unknown as Document,
    style: {
      background: "transparent",
      fontFamily: "inherit",
      fontSize: "12px",
      overflow: "visible",
    },
  });
  const svg = element.tagName.toLowerCase() === "svg" ? element : element.querySelector("svg");
  if (svg === null) throw new Error("drawSvg: the plot holds no svg element");
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  return svg.outerHTML;
}

/** The same SVG as a file of its own, in the light colours. */
export function standaloneSvg(svg: string): string {
  const style = `<style>svg { ${lightColors} color: var(--ink); font-family: sans-serif; }</style>`;
  return svg.replace(/^<svg[^>]*>/, (open) => `${open}${style}`);
}

/** The label of an axis; one that does not start at zero says where it starts. */
export const axisLabel = (name: string, [low]: readonly [number, number]): string =>
  low === 0 ? name : `${name}, axis from ${decimal(low, 2)}`;

/** Smallest and largest of many numbers, widened to hold `atLeast`. */
export function extent(
  values: readonly number[],
  atLeast: readonly number[] = [],
): [number, number] {
  const all = [...atLeast, ...values].filter(Number.isFinite);
  return all.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  );
}
