// Image sets in files written here after the descriptions of their formats: what they hold comes out, and what is wrong
// with a file is said by file, byte and expectation.

import { gzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { readCifar10 } from "../../src/datasets/cifar10.ts";
import { readIdxBytes, readIdxImages } from "../../src/datasets/idx.ts";
import { packImages, unpackImages } from "../../src/datasets/packed-images.ts";
import { idxFile as idx } from "../support/files/idx-files.ts";

const pixels = Array.from({ length: 3 * 2 * 4 }, (_, i) => (i * 11) % 256);
const images = { name: "images-idx3", bytes: idx([3, 2, 4], pixels) };
const labels = { name: "labels-idx1", bytes: idx([3], [7, 0, 9]) };

describe("IDX", () => {
  test.each([
    ["plain", images, labels],
    [
      "gzipped",
      { ...images, bytes: gzipSync(images.bytes) },
      { ...labels, bytes: gzipSync(labels.bytes) },
    ],
  ])("%s files give images between 0 and 1 and their labels", (_, a, b) => {
    const set = readIdxImages(a, b);
    expect(set).toMatchObject({ count: 3, shape: [2, 4] });
    expect([...set.labels]).toEqual([7, 0, 9]);
    expect([...set.inputs]).toEqual(pixels.map((value) => Math.fround(value / 255)));
  });

  test.each([
    [
      images.bytes.subarray(0, 3),
      /images-idx3 at byte 0: expected a magic number of 4 bytes, got 3/,
    ],
    [Uint8Array.of(1, 0, 8, 3), /at byte 0: expected two zeros, got 1 and 0/],
    [idx([3, 8], pixels), /at byte 3: expected 3 dimensions, got 2/],
    [images.bytes.subarray(0, 10), /at byte 4: expected 3 sizes up to byte 16, the file has 10/],
    [
      images.bytes.subarray(0, 39),
      /at byte 16: expected 40 bytes in all for sizes \[3, 2, 4\], got 39/,
    ],
    [Uint8Array.from([...images.bytes, 0]), /expected 40 bytes in all .* got 41/],
    [gzipSync(images.bytes).subarray(0, 30), /images-idx3: .*; fetch the file again/],
    [Uint8Array.of(0x1f, 0x8b, 8), /a gzip file of 3 bytes is cut short/],
  ])("damage %# is named by file, byte and expectation", (bytes, message) => {
    const read = () => readIdxImages({ ...images, bytes }, labels);
    expect(read).toThrow(FormatError);
    expect(read).toThrow(message);
  });

  test("other numbers and labels of another set are refused", () => {
    const floats = { ...images, bytes: idx([3, 2, 4], pixels, 0x0d) };
    expect(() => readIdxImages(floats, labels)).toThrow(UnsupportedError);
    const few = { ...labels, bytes: idx([2], [7, 0]) };
    expect(() => readIdxImages(images, few)).toThrow(
      /expected 3 labels for the images of images-idx3, got 2/,
    );
    expect(() => readIdxImages(labels, images)).toThrow(
      /labels-idx1 at byte 3: expected 3 dimensions, got 1/,
    );
  });
});

describe("CIFAR-10", () => {
  const plane = 1024;
  /** A record: its label, then red, green and blue planes of one value each but for the first pixel. */
  const record = (label: number, [r, g, b]: readonly number[], first: number) => [
    label,
    ...[r, g, b].flatMap((value) => [first, ...Array.from({ length: plane - 1 }, () => value)]),
  ];
  const one = { name: "data_batch_1.bin", bytes: Uint8Array.from(record(3, [255, 0, 51], 102)) };
  const two = {
    name: "data_batch_2.bin",
    bytes: Uint8Array.from([...record(9, [0, 255, 0], 0), ...record(0, [0, 0, 255], 255)]),
  };

  test("batches give planes of red, green and blue between 0 and 1", () => {
    const set = readCifar10([one, two]);
    expect(set).toMatchObject({ count: 3, shape: [3, 32, 32] });
    expect([...set.labels]).toEqual([3, 9, 0]);
    const at = (image: number, channel: number, pixel: number) =>
      set.inputs[(image * 3 + channel) * plane + pixel];
    expect([at(0, 0, 0), at(0, 0, 1), at(0, 1, 1), at(0, 2, 1)]).toEqual(
      [0.4, 1, 0, 0.2].map(Math.fround),
    );
    expect([at(1, 1, 5), at(2, 2, 1023), at(2, 0, 1023)]).toEqual([1, 1, 0]);
  });

  test("grey is the weighted brightness: white stays white, green is brighter than blue", () => {
    const grey = readCifar10(
      [two, { name: "w", bytes: Uint8Array.from(record(1, [255, 255, 255], 255)) }],
      {
        greyScale: true,
      },
    );
    expect(grey.shape).toEqual([1, 32, 32]);
    expect(grey.inputs).toHaveLength(3 * plane);
    expect(grey.inputs[1]).toBeCloseTo(0.587, 6);
    expect(grey.inputs[plane + 1]).toBeCloseTo(0.114, 6);
    expect(grey.inputs[2 * plane + 1]).toBeCloseTo(1, 3);
  });

  test.each([
    [
      one.bytes.subarray(0, 3000),
      /data_batch_1.bin at byte 0: expected records of 3073 bytes, got 3000 bytes at the end/,
    ],
    [new Uint8Array(0), /got an empty file/],
    [
      Uint8Array.from([...two.bytes, ...record(10, [0, 0, 0], 0)]),
      /at byte 6146: expected a label from 0 to 9, got 10/,
    ],
  ])("damage %# is named by file, byte and expectation", (bytes, message) => {
    expect(() => readCifar10([two, { ...one, bytes }])).toThrow(message);
  });
});

describe("packed images", () => {
  const set = readIdxBytes(images, labels);
  test("are those of all sets, one after another, in the same bytes every time", () => {
    const packed = packImages([set, set]);
    const { count, shape, pixels: found, labels: classes } = unpackImages(packed);
    expect([count, ...shape]).toEqual([6, 2, 4]);
    expect([...found]).toEqual([...pixels, ...pixels]);
    expect([...classes]).toEqual([7, 0, 9, 7, 0, 9]);
    expect(packImages([set, set])).toEqual(packed);
    expect(packImages([set])).not.toEqual(packed);
  });

  test("of two shapes, and bytes of something else, are refused", () => {
    const other = { ...set, shape: [4, 2] };
    expect(() => packImages([set, other])).toThrow(/one shape, got \[2, 4\] and \[4, 2\]/);
    expect(() => unpackImages(new Uint8Array(20))).toThrow(FormatError);
  });
});
