// Small sets of images in IDX files, as MNIST and FashionMNIST are published.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "fflate";

/** An IDX file: two zeros, the number format, the rank, big-endian sizes, the numbers. */
export function idxFile(
  shape: readonly number[],
  data: readonly number[],
  format = 8,
): Uint8Array<ArrayBuffer> {
  const sizes = shape.flatMap((size) => [24, 16, 8, 0].map((shift) => (size >>> shift) & 255));
  return Uint8Array.from([0, 0, format, shape.length, ...sizes, ...data]);
}

/** Brightness of a pixel of image `i`: a spot whose place follows from the class. */
const spot = (i: number, pixel: number, side: number): number => {
  const [x, y] = [
    (pixel % side) - ((i % 10) % 5),
    Math.floor(pixel / side) - Math.floor((i % 10) / 5),
  ];
  return Math.round(255 * Math.exp(-(x * x + y * y) / 6) * (0.8 + 0.02 * (i % 7)));
};

/** Writes four files of square images into a folder; image i of both parts together is of class i % 10. */
export async function writeImageFolder(
  folder: string,
  { side = 6, train = 24, test = 12, change = 0 } = {},
): Promise<string> {
  await mkdir(folder, { recursive: true });
  const parts = [
    { part: "train", from: 0, count: train },
    { part: "t10k", from: train, count: test },
  ];
  for (const { part, from, count } of parts) {
    const numbers = Array.from({ length: count }, (_, i) => from + i);
    const pixels = numbers.flatMap((i) =>
      Array.from({ length: side * side }, (_, pixel) => (spot(i, pixel, side) + change) % 256),
    );
    const labels = numbers.map((i) => i % 10);
    const images = join(folder, `${part}-images-idx3-ubyte.gz`);
    await writeFile(images, gzipSync(idxFile([count, side, side], pixels)));
    await writeFile(join(folder, `${part}-labels-idx1-ubyte`), idxFile([count], labels));
  }
  return folder;
}
