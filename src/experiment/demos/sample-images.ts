// Two small images that the program draws itself, for colour transfer: an evening by the sea, and a wood.

import { randomStream } from "../../core/random.ts";
import type { ColourImage } from "../../transport/flows/colour-transfer.ts";

type Colour = readonly [number, number, number];

const [width, height] = [96, 64];

const mix = (a: Colour, b: Colour, share: number): Colour => [
  a[0] + share * (b[0] - a[0]),
  a[1] + share * (b[1] - a[1]),
  a[2] + share * (b[2] - a[2]),
];

/** An image from a colour for every point of [0, 1] x [0, 1], with a little grain. */
function draw(seed: number, colourAt: (x: number, y: number) => Colour): ColourImage {
  const random = randomStream(seed);
  const data = new Uint8Array(3 * width * height);
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const colour = colourAt(column / width, row / height);
      const grain = 6 * random.normal();
      for (let c = 0; c < 3; c++)
        data[3 * (row * width + column) + c] = Math.min(255, Math.max(0, colour[c] + grain));
    }
  return { width, height, data };
}

/** An orange sky with a low sun over dark blue water. */
const evening = (): ColourImage =>
  draw(1, (x, y) => {
    const sun = Math.hypot(1.5 * (x - 0.65), y - 0.5);
    if (y > 0.58) {
      const glitter = Math.abs(x - 0.65) < 0.03 + 0.12 * (y - 0.58) && Math.sin(90 * y) > 0;
      return glitter ? [250, 190, 110] : mix([70, 60, 110], [15, 25, 60], (y - 0.58) / 0.42);
    }
    if (sun < 0.09) return [255, 244, 200];
    return mix(mix([120, 60, 120], [255, 150, 60], y / 0.58), [255, 210, 120], Math.exp(-9 * sun));
  });

/** Trunks before green leaves, with light from above. */
const wood = (): ColourImage =>
  draw(2, (x, y) => {
    const trunk = Math.sin(37 * x + 1.3) + 0.5 * Math.sin(11 * x) > 1.05 && y > 0.25;
    if (trunk) return mix([90, 66, 44], [40, 28, 20], y);
    if (y > 0.82) return mix([96, 110, 50], [50, 56, 28], (y - 0.82) / 0.18);
    const leaves = 0.5 + 0.5 * Math.sin(23 * x + 5 * Math.sin(17 * y)) * Math.cos(31 * y);
    return mix(mix([190, 225, 150], [30, 90, 45], y), [20, 60, 35], 0.6 * leaves);
  });

export const sampleImages = (): readonly [ColourImage, ColourImage] => [evening(), wood()];
