// A small grid of numbers as a picture: nothing is the colour of the paper, the largest number that of the accent.

import { useEffect, useRef } from "preact/hooks";
import type { DifferenceGrid } from "weightspace/checkpoints";

export interface HeatMapProps {
  readonly grid: DifferenceGrid;
  /** The number that has the full colour. */
  readonly most: number;
  readonly label: string;
}

/** Longer side of a picture, in pixels of the page. */
const side = 132;
/** A cell is never wider than this, so that a bias of three numbers stays small. */
const widest = 22;

export function HeatMap({ grid, most, label }: HeatMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { rows, columns, cells } = grid;
  const scale = Math.min(widest, side / Math.max(rows, columns));
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (canvas.current === null || context === null || context === undefined) return;
    const image = context.createImageData(columns, rows);
    const [red, green, blue] = accentOf(canvas.current);
    for (const [i, value] of cells.entries()) {
      const share = Math.min(1, value / most);
      image.data.set([red, green, blue, Math.round(255 * share ** 0.7)], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }, [grid, most]);
  return (
    <canvas
      ref={canvas}
      class="heat"
      role="img"
      aria-label={label}
      width={columns}
      height={rows}
      style={{ width: `${Math.round(columns * scale)}px`, height: `${Math.round(rows * scale)}px` }}
    />
  );
}

/** The accent colour of the page where an element stands. */
function accentOf(element: Element): [number, number, number] {
  const [red = 0, green = 0, blue = 0] =
    getComputedStyle(element).color.match(/\d+/g)?.map(Number) ?? [];
  return [red, green, blue];
}
