// Makes data/fashion-mnist-8x8.npz from the four IDX files of FashionMNIST: `node scripts/fashion-mnist-8x8.js <folder>`, after
// `npm run build`. Every pixel of the small images is the mean brightness of the 3.5 x 3.5 pixels that it covers, rounded to
// a whole number from 0 to 255.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { zipSync } from "fflate";
import { readIdxImages } from "../dist/datasets/idx.js";
import { root } from "./sources.js";

const [from, to] = [28, 8];

/** Images as bytes and their labels, of the files of one part. */
function readPart(folder, prefix) {
  const file = (name) => ({
    name,
    bytes: new Uint8Array(readFileSync(join(folder, `${name}.gz`))),
  });
  const { inputs, labels } = readIdxImages(
    file(`${prefix}-images-idx3-ubyte`),
    file(`${prefix}-labels-idx1-ubyte`),
  );
  return { images: Uint8Array.from(inputs, (value) => Math.round(value * 255)), labels };
}

/** Row-major [to, from]: which share of a small pixel each large one is, along one side. */
const shares = Array.from({ length: to }, (_, small) =>
  Array.from({ length: from }, (_, large) => {
    const width = from / to;
    const overlap = Math.min((small + 1) * width, large + 1) - Math.max(small * width, large);
    return Math.max(0, overlap) / width;
  }),
);

function shrink(images) {
  const count = images.length / (from * from);
  const small = new Uint8Array(count * to * to);
  for (let i = 0; i < count; i++) {
    const image = images.subarray(i * from * from, (i + 1) * from * from);
    for (let row = 0; row < to; row++) {
      for (let column = 0; column < to; column++) {
        let sum = 0;
        for (let y = 0; y < from; y++) {
          if (shares[row][y] === 0) continue;
          for (let x = 0; x < from; x++)
            sum += shares[row][y] * shares[column][x] * image[y * from + x];
        }
        small[(i * to + row) * to + column] = Math.round(sum);
      }
    }
  }
  return small;
}

/** An array of bytes in NumPy's format. */
function npy(data, shape) {
  const size = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${size}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const bytes = new Uint8Array(10 + header.length + data.length);
  bytes.set([
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    1,
    0,
    header.length & 255,
    header.length >> 8,
  ]);
  bytes.set(new TextEncoder().encode(header), 10);
  bytes.set(data, 10 + header.length);
  return bytes;
}

const [folder] = process.argv.slice(2);
if (folder === undefined)
  throw new Error("usage: node scripts/fashion-mnist-8x8.js <folder of the IDX files>");
const files = {};
for (const [part, prefix] of [
  ["train", "train"],
  ["test", "t10k"],
]) {
  const { images: large, labels } = readPart(folder, prefix);
  const images = shrink(large);
  files[`${part}_images.npy`] = npy(images, [labels.length, to, to]);
  files[`${part}_labels.npy`] = npy(labels, [labels.length]);
}
const path = join(root, "data/fashion-mnist-8x8.npz");
writeFileSync(path, zipSync(files, { level: 9, mtime: new Date("2017-08-25T00:00:00") }));
console.log(`wrote ${path}`);
