// Small grey images made larger with sharp edges, so that a stroke of an 8 x 8 digit looks drawn and not out of focus.

import { OptionError } from "../core/errors.ts";
import type { ImageSet } from "./image-set.ts";

/** How {@link enlargeImages} makes images larger. */
export interface EnlargeOptions {
  /** Pixels along one side that a pixel becomes. */
  readonly factor: number;
  /** Black pixels around the result. @default 0 */
  readonly border?: number;
  /** Brightness that becomes black, and brightness that becomes white; between them it rises smoothly. @default [0.25, 0.65] */
  readonly edge?: readonly [black: number, white: number];
}

/**
 * Images [height, width] as images [factor * height + 2 * border, factor * width + 2 * border]: brightness is linear between the
 * centres of pixels, black outside, and then what lies between both numbers of `edge` is stretched over all of black to white.
 * @throws {OptionError} when images are not grey ones, or a number is out of its range
 */
export function enlargeImages(
  { count, shape, inputs, labels }: ImageSet,
  { factor, border = 0, edge: [black, white] = [0.25, 0.65] }: EnlargeOptions,
): ImageSet {
  const [height, width] = shape;
  if (shape.length !== 2 || !Number.isInteger(factor) || factor < 1 || !(border >= 0))
    throw new OptionError(
      `enlargeImages: expected grey images [height, width], a whole factor from 1 and a border from 0, got [${shape.join(", ")}], ${factor} and ${border}`,
    );
  if (!(black < white))
    throw new OptionError(
      `enlargeImages: expected an edge from a darker to a brighter number, got ${black} and ${white}`,
    );
  const [rows, columns] = [factor * height + 2 * border, factor * width + 2 * border];
  const result = new Float32Array(count * rows * columns);
  const place = (i: number) => (i - border + 0.5) / factor - 0.5;
  for (let image = 0, at = 0; image < count; image++) {
    const first = image * height * width;
    const pixel = (row: number, column: number) =>
      row < 0 || column < 0 || row >= height || column >= width
        ? 0
        : inputs[first + row * width + column];
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++, at++) {
        const [row, column] = [Math.floor(place(i)), Math.floor(place(j))];
        const [down, right] = [place(i) - row, place(j) - column];
        const mix = (y: number) => (1 - right) * pixel(y, column) + right * pixel(y, column + 1);
        const bright = (1 - down) * mix(row) + down * mix(row + 1);
        const share = Math.min(1, Math.max(0, (bright - black) / (white - black)));
        result[at] = share * share * (3 - 2 * share);
      }
  }
  return { count, shape: [rows, columns], inputs: result, labels };
}

/** Digits of 8 x 8 pixels as the recipes `pictures-digits-28` have them: 24 x 24 pixels in a border of 2. */
export const enlargeDigits = (digits: ImageSet): ImageSet =>
  enlargeImages(digits, { factor: 3, border: 2 });
