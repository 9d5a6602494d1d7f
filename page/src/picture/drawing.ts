// What a person draws, as pictures: as it stands in the box, and brought to the size and the sharpness of the pictures that the
// readers know.

import { enlargeDigits, imageEdits } from "weightspace/datasets";

/** Points of one line of the pen, in pixels of the box. */
export type Stroke = readonly (readonly [x: number, y: number])[];

/** Pixels along a side of the box, and of every picture that networks learn. */
export const side = 28;
/** Width of the pen in the box. */
const pen = 2.4;

/** How digits were prepared for the set: bitmaps of 32 x 32, counted in cells of 4 x 4 (UCI optical digits). */
const bitmap = 32;
const cells = 8;
/** Width of its strokes, and the widest and the middle column of its digits, measured over all of them in pixels of the bitmap. */
const digit = { pen: 4.4, width: 24, middle: 16.3 } as const;
/** Brightness has this many steps in the set. */
const levels = 16;

/** Distance of a point from a line between two points. */
function distance(
  x: number,
  y: number,
  [ax, ay]: Stroke[number],
  [bx, by]: Stroke[number],
): number {
  const [dx, dy] = [bx - ax, by - ay];
  const length = dx * dx + dy * dy;
  const share =
    length === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / length));
  return Math.hypot(x - ax - share * dx, y - ay - share * dy);
}

/** The strokes with a round pen on black, [size, size], 0 to 1. */
function inked(strokes: readonly Stroke[], size: number, width: number): Float32Array<ArrayBuffer> {
  const image = new Float32Array(size * size);
  for (const stroke of strokes)
    for (const [i, from] of stroke.entries()) {
      const to = stroke[i + 1] ?? from;
      if (i > 0 && i === stroke.length - 1) continue; // the line before ends here
      const reach = width / 2 + 1;
      const low = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - reach));
      const high = (a: number, b: number) => Math.min(size - 1, Math.ceil(Math.max(a, b) + reach));
      for (let y = low(from[1], to[1]); y <= high(from[1], to[1]); y++)
        for (let x = low(from[0], to[0]); x <= high(from[0], to[0]); x++) {
          const off = distance(x + 0.5, y + 0.5, from, to);
          const bright = Math.min(1, Math.max(0, width / 2 + 0.5 - off));
          image[y * size + x] = Math.max(image[y * size + x], bright);
        }
    }
  return image;
}

/** The drawing as it stands in the box: [28, 28], 0 to 1. */
export const boxed = (strokes: readonly Stroke[]): Float32Array<ArrayBuffer> =>
  inked(strokes, side, pen);

/** The smallest drawing that is still enlarged to full height, in pixels of the box. */
const smallest = 3;

/** The strokes as large as digits of the set, in pixels of its bitmaps: full height, in the middle. */
function fitted(strokes: readonly Stroke[]): Stroke[] {
  const points = strokes.flat();
  const range = (values: readonly number[]) => [Math.min(...values), Math.max(...values)] as const;
  const [left, right] = range(points.map(([x]) => x));
  const [top, bottom] = range(points.map(([, y]) => y));
  const free = { width: digit.width - digit.pen, height: bitmap - digit.pen };
  const scale = Math.min(
    free.height / Math.max(smallest, bottom - top),
    free.width / Math.max(smallest, right - left),
  );
  const move = ([x, y]: Stroke[number]) =>
    [
      digit.middle + scale * (x - (left + right) / 2),
      bitmap / 2 + scale * (y - (top + bottom) / 2),
    ] as const;
  return strokes.map((stroke) => stroke.map(move));
}

/** The drawing as the set would hold it: [8, 8], 0 to 1 in steps of 1/16. */
export function asDigit(strokes: readonly Stroke[]): Float32Array<ArrayBuffer> {
  const ink = inked(fitted(strokes), bitmap, digit.pen);
  const cell = bitmap / cells;
  return Float32Array.from({ length: cells * cells }, (_, at) => {
    const [row, column] = [Math.floor(at / cells) * cell, (at % cells) * cell];
    let sum = 0;
    for (let y = row; y < row + cell; y++)
      for (let x = column; x < column + cell; x++) sum += ink[y * bitmap + x];
    return Math.round((levels * sum) / cell ** 2) / levels;
  });
}

/** A digit of the set as networks learn it: [28, 28], 0 to 1. */
export const enlarged = (inputs: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> =>
  enlargeDigits({ count: 1, shape: [cells, cells], inputs, labels: new Uint8Array(1) }).inputs;

/** What "thicker" asks for. */
export const thicker = (picture: Float32Array): Float32Array =>
  imageEdits.dilate(picture, [side, side]);
