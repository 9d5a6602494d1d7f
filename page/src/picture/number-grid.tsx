// All numbers of a network as cells in the order of its file: dark positive, red negative, stronger when larger.

import { useEffect, useRef } from "preact/hooks";

/** 79 x 15 cells: the 1,185 numbers of the network. */
const columns = 79;
/** Numbers from which on a cell has its full colour. */
const full = 2;

export interface NumberGridProps {
  /** In units of the root mean square of their tensor. */
  readonly numbers: readonly number[] | undefined;
}

export function NumberGrid({ numbers }: NumberGridProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const rows = 15;
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (canvas.current === null || context === null || context === undefined) return;
    context.clearRect(0, 0, columns, rows);
    if (numbers === undefined) return;
    const { color, borderColor } = getComputedStyle(canvas.current);
    const [positive, negative] = [color, borderColor].map((text) =>
      (text.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number),
    );
    const image = context.createImageData(columns, rows);
    for (const [i, value] of numbers.entries()) {
      const share = Math.min(1, Math.abs(value) / full);
      image.data.set([...(value < 0 ? negative : positive), 255 * share], 4 * i);
    }
    context.putImageData(image, 0, 0);
  }, [numbers]);
  return (
    <canvas
      ref={canvas}
      class="numbers"
      width={columns}
      height={rows}
      role="img"
      aria-label="The numbers of the network in the order of its file"
    />
  );
}
