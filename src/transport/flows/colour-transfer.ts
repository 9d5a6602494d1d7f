// Colour transfer: the colours of one image flow to those of another down a distance, and every pixel follows the sampled
// colour nearest to it.

import { OptionError } from "../../core/errors.ts";
import { deriveSeed, randomStream } from "../../core/random.ts";
import type { Rows } from "./flow-methods.ts";
import { exactW2Squared, moveCloud, type MoveOptions } from "./gradient-flow.ts";

/** Pixels in rows, three bytes each: red, green, blue. */
export interface ColourImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export interface ColourTransferOptions extends Omit<MoveOptions, "every"> {
  /** Colours drawn from each image. @default 200 */
  readonly samples?: number;
}

export interface ColourTransfer {
  readonly image: ColourImage;
  /** Exact W2 squared between sampled colours, in [0, 1]^3, before and after. */
  readonly before: number;
  readonly after: number;
}

/** @throws {OptionError} unless the data are width times height times three bytes */
export function checkImage(
  caller: string,
  name: string,
  { width, height, data }: ColourImage,
): void {
  if (!(width >= 1 && height >= 1) || data.length !== 3 * width * height)
    throw new OptionError(
      `${caller}: ${name} has ${data.length} bytes for ${width} x ${height} pixels, expected three a pixel and at least one pixel`,
    );
}

/** Colours of random pixels, in [0, 1]. */
function sampleColours({ width, height, data }: ColourImage, count: number, seed: number): Rows {
  const random = randomStream(seed);
  return Array.from({ length: count }, () => {
    const at = 3 * random.integer(width * height);
    return [data[at] / 255, data[at + 1] / 255, data[at + 2] / 255];
  });
}

/** The number of the nearest colour. */
function nearest(colours: Rows, red: number, green: number, blue: number): number {
  let [best, smallest] = [0, Infinity];
  for (let i = 0; i < colours.length; i++) {
    const [r, g, b] = colours[i];
    const squares = (r - red) ** 2 + (g - green) ** 2 + (b - blue) ** 2;
    if (squares < smallest) [best, smallest] = [i, squares];
  }
  return best;
}

/**
 * The first image in the colours of the second.
 * @throws {OptionError} for images whose data do not fit their size, and bad options
 */
export function transferColours(
  from: ColourImage,
  to: ColourImage,
  { samples = 200, seed, iterations = 300, ...options }: ColourTransferOptions,
): ColourTransfer {
  checkImage("transferColours", "the first image", from);
  checkImage("transferColours", "the second image", to);
  const colours = sampleColours(from, samples, deriveSeed(seed, "from"));
  const target = sampleColours(to, samples, deriveSeed(seed, "to"));
  const flow = { ...options, seed, iterations, every: iterations };
  const moments = [...moveCloud(colours, target, flow)];
  const moved = moments[moments.length - 1].points;
  const data = new Uint8Array(from.data.length);
  for (let at = 0; at < data.length; at += 3) {
    const pixel = [0, 1, 2].map((c) => from.data[at + c] / 255);
    const i = nearest(colours, pixel[0], pixel[1], pixel[2]);
    for (let c = 0; c < 3; c++) {
      const value = pixel[c] + moved[i][c] - colours[i][c];
      data[at + c] = Math.round(255 * Math.min(1, Math.max(0, value)));
    }
  }
  return {
    image: { width: from.width, height: from.height, data },
    before: moments[0].w2,
    after: exactW2Squared(moved, target),
  };
}
