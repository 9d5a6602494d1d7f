// Handwritten digits of 8 x 8 pixels from CSV bytes: "Optical Recognition of Handwritten Digits", E. Alpaydin and
// C. Kaynak, UCI Machine Learning Repository, 1998 (CC BY 4.0); see data/README.md.

import { FormatError } from "../core/errors.ts";
import { randomStream } from "../core/random.ts";
import { gunzip } from "../formats/archives/gzip.ts";
import type { Dataset } from "./examples.ts";

export const digitPixels = 64;
export const digitClasses = 10;
/** Images kept for training; the others test. */
export const trainingDigits = 1200;
const brightest = 16;
const splitSeed = 1998;

export interface DigitsData {
  readonly train: Dataset;
  readonly test: Dataset;
}

/**
 * Training and test images from the CSV file, plain or gzipped: lines of 64 pixels (0 to 16, divided by 16) and a
 * label, split the same way every time.
 * @throws {FormatError} naming the line, or when there are too few lines to split.
 */
export async function parseDigits(bytes: Uint8Array): Promise<DigitsData> {
  const lines = new TextDecoder().decode(gunzip(bytes, "digits")).trim().split(/\r?\n/);
  if (lines.length <= trainingDigits) {
    throw new FormatError(
      `digits: expected more than ${trainingDigits} lines, got ${lines.length}; use data/uci-digits.csv.gz`,
    );
  }
  const images = lines.map((line, at) => {
    const cells = line.split(",").map((cell) => (cell.trim() === "" ? NaN : Number(cell)));
    const valid = cells.every((value, i) => {
      const top = i === digitPixels ? digitClasses - 1 : brightest;
      return Number.isInteger(value) && value >= 0 && value <= top;
    });
    if (cells.length !== digitPixels + 1 || !valid) {
      throw new FormatError(
        `digits: line ${at + 1} must hold ${digitPixels} pixels from 0 to ${brightest} and a label from 0 to ${digitClasses - 1}, got ${JSON.stringify(line.slice(0, 60))}`,
      );
    }
    return cells;
  });
  const order = randomStream(splitSeed).permutation(images.length);
  const pick = (rows: readonly number[]): Dataset => {
    const inputs = new Float32Array(rows.length * digitPixels);
    const labels = new Uint8Array(rows.length);
    for (const [i, row] of rows.entries()) {
      for (let p = 0; p < digitPixels; p++)
        inputs[i * digitPixels + p] = images[row][p] / brightest;
      labels[i] = images[row][digitPixels];
    }
    return { count: rows.length, inputs, labels };
  };
  return { train: pick(order.slice(0, trainingDigits)), test: pick(order.slice(trainingDigits)) };
}
