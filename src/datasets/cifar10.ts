// CIFAR-10 (Krizhevsky 2009) in its binary version: data_batch_1.bin to data_batch_5.bin and test_batch.bin, records of a
// label and 32 x 32 pixels in red, green and blue planes.

import { FormatError } from "../core/errors.ts";
import { gunzip } from "../formats/archives/gzip.ts";
import type { ImageSet, NamedFile } from "./image-set.ts";

const side = 32;
const plane = side * side;
const recordBytes = 1 + 3 * plane;
const classes = 10;

/** How images of CIFAR-10 are read. */
export interface Cifar10Options {
  /** One channel of brightness, as the published CNN zoo on "CIFAR-10-GS" was trained on. @default false */
  readonly greyScale?: boolean;
}

/** Weights of red, green and blue in brightness (ITU-R BT.601, as TensorFlow's conversion rounds them). */
const brightness = [0.2989, 0.587, 0.114] as const;

/**
 * Images [3, 32, 32], or [1, 32, 32] in grey, of all the files in their order.
 * @throws {FormatError} naming the file, the byte and what was expected there.
 */
export function readCifar10(
  files: readonly NamedFile[],
  { greyScale = false }: Cifar10Options = {},
): ImageSet {
  const batches = files.map(({ name, bytes }) => ({ name, bytes: gunzip(bytes, name) }));
  const count = batches.reduce((sum, { bytes }) => sum + Math.floor(bytes.length / recordBytes), 0);
  const channels = greyScale ? 1 : 3;
  const inputs = new Float32Array(count * channels * plane);
  const labels = new Uint8Array(count);
  let image = 0;
  for (const { name, bytes } of batches) {
    const fail = (offset: number, what: string): never => {
      throw new FormatError(
        `readCifar10: ${name} at byte ${offset}: ${what}; fetch the binary version of CIFAR-10 again`,
      );
    };
    const rest = bytes.length % recordBytes;
    if (rest !== 0 || bytes.length === 0)
      fail(
        bytes.length - rest,
        `expected records of ${recordBytes} bytes, got ${bytes.length === 0 ? "an empty file" : `${rest} bytes at the end`}`,
      );
    for (let at = 0; at < bytes.length; at += recordBytes, image++) {
      const label = bytes[at];
      if (label >= classes) fail(at, `expected a label from 0 to ${classes - 1}, got ${label}`);
      labels[image] = label;
      const into = image * channels * plane;
      const pixels = bytes.subarray(at + 1, at + recordBytes);
      if (!greyScale) {
        for (let i = 0; i < pixels.length; i++) inputs[into + i] = pixels[i] / 255;
        continue;
      }
      for (let i = 0; i < plane; i++) {
        const grey = brightness.reduce((sum, part, c) => sum + part * pixels[c * plane + i], 0);
        inputs[into + i] = grey / 255;
      }
    }
  }
  return { count, shape: [channels, side, side], inputs, labels };
}
