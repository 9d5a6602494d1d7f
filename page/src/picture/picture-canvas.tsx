// A picture of 28 x 28 brightnesses, white on black as digits are.

import { useEffect, useRef } from "preact/hooks";
import { side } from "./drawing.ts";

export interface PictureCanvasProps {
  /** [28, 28], 0 to 1; undefined while there is none. */
  readonly picture: Float32Array | undefined;
  readonly label: string;
}

export function PictureCanvas({ picture, label }: PictureCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => paint(canvas.current, picture), [picture]);
  return (
    <canvas ref={canvas} class="pixels" width={side} height={side} role="img" aria-label={label} />
  );
}

/** Paints a picture on a canvas of its size; black where there is none. */
export function paint(canvas: HTMLCanvasElement | null, picture: Float32Array | undefined): void {
  const context = canvas?.getContext("2d");
  if (canvas === null || context === null || context === undefined) return;
  const image = context.createImageData(side, side);
  for (let i = 0; i < side * side; i++) {
    const grey = 255 * Math.min(1, Math.max(0, picture?.[i] ?? 0));
    image.data.set([grey, grey, grey, 255], 4 * i);
  }
  context.putImageData(image, 0, 0);
}
