// Images and labels in the IDX format of MNIST (LeCun, Cortes and Burges) and FashionMNIST, plain or gzipped: a magic
// number, big-endian sizes, one byte a pixel. Left out: number formats other than unsigned bytes, which no such set uses.

import { FormatError, UnsupportedError } from "../core/errors.ts";
import { formatShape, sizeOf } from "../core/shapes.ts";
import { gunzip } from "../formats/archives/gzip.ts";
import type { ByteImages, ImageSet, NamedFile } from "./image-set.ts";

const unsignedBytes = 0x08;

/** The sizes and the bytes of one IDX file. */
function readIdx(file: NamedFile, rank: number): { shape: number[]; data: Uint8Array } {
  const { name } = file;
  const bytes = gunzip(file.bytes, name);
  const fail = (offset: number, what: string): never => {
    throw new FormatError(
      `readIdx: ${name} at byte ${offset}: ${what}; fetch the file again, or give images and labels in their order`,
    );
  };
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < 4) return fail(0, `expected a magic number of 4 bytes, got ${bytes.length}`);
  if (bytes[0] !== 0 || bytes[1] !== 0)
    return fail(0, `expected two zeros, got ${bytes[0]} and ${bytes[1]}`);
  if (bytes[2] !== unsignedBytes) {
    throw new UnsupportedError(
      `readIdx: ${name} at byte 2: expected number format 8 (unsigned bytes), got ${bytes[2]}; convert it to unsigned bytes`,
    );
  }
  if (bytes[3] !== rank) return fail(3, `expected ${rank} dimensions, got ${bytes[3]}`);
  if (bytes.length < headerBytes)
    return fail(
      4,
      `expected ${rank} sizes up to byte ${headerBytes}, the file has ${bytes.length}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = headerBytes + sizeOf(shape);
  if (bytes.length !== expected) {
    return fail(
      headerBytes,
      `expected ${expected} bytes in all for sizes ${formatShape(shape)}, got ${bytes.length}`,
    );
  }
  return { shape, data: bytes.subarray(headerBytes) };
}

/**
 * Images [count, height, width] and their labels from two IDX files, such as `train-images-idx3-ubyte.gz` and
 * `train-labels-idx1-ubyte.gz`.
 * @throws {FormatError} naming the file, the byte and what was expected there; {UnsupportedError} for other numbers.
 */
export function readIdxImages(images: NamedFile, labels: NamedFile): ImageSet {
  const { pixels, ...set } = readIdxBytes(images, labels);
  return { ...set, inputs: Float32Array.from(pixels, (value) => value / 255) };
}

/** The same with brightness as it is in the files, a byte a pixel. @throws {FormatError} {UnsupportedError} as {@link readIdxImages} */
export function readIdxBytes(images: NamedFile, labels: NamedFile): ByteImages {
  const pixels = readIdx(images, 3);
  const classes = readIdx(labels, 1);
  const [count, ...shape] = pixels.shape;
  if (classes.shape[0] !== count) {
    throw new FormatError(
      `readIdx: ${labels.name} at byte 4: expected ${count} labels for the images of ${images.name}, got ${classes.shape[0]}; give two files of one set`,
    );
  }
  return { count, shape, pixels: pixels.data, labels: classes.data.slice() };
}
