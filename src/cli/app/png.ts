// PNG files as images of three bytes a pixel, and back; what a file says about itself is checked before its pixels are unpacked.

import { decode, encode } from "fast-png";
import { FormatError, UnsupportedError } from "../../core/errors.ts";
import type { ColourImage } from "../../transport/flows/colour-transfer.ts";

/** Pixels of an image that is taken. */
const maxPixels = 4_000_000;

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

/** Width and height from the header, before anything is unpacked. */
function sizeOfPng(bytes: Uint8Array, path: string): void {
  if (bytes.length < 33 || signature.some((byte, i) => bytes[i] !== byte))
    throw new FormatError(`${path} is not a PNG file; give a .png`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  if (width === 0 || height === 0) throw new FormatError(`${path} has ${width} x ${height} pixels`);
  if (width * height > maxPixels)
    throw new UnsupportedError(
      `${path} has ${width} x ${height} pixels, at most ${maxPixels} in all are taken; make it smaller`,
    );
}

/**
 * The colours of a PNG file; transparency is left out, grey and palettes become colours, 16 bits become 8.
 * @throws {FormatError} for a file that is no PNG or damaged; {UnsupportedError} for more than 4,000,000 pixels
 */
export function readPng(bytes: Uint8Array, path: string): ColourImage {
  sizeOfPng(bytes, path);
  let png: ReturnType<typeof decode>;
  try {
    png = decode(bytes);
  } catch (error) {
    throw new FormatError(
      `${path} is a damaged PNG file: ${(error as Error).message.slice(0, 100)}`,
    );
  }
  const { width, height, channels, depth, palette } = png;
  const unit = depth === 16 ? 257 : 1;
  const pixels = width * height;
  if (depth < 8 || png.data.length < pixels * channels)
    throw new UnsupportedError(`${path} has ${depth} bits a channel, expected 8 or 16; save it so`);
  const data = new Uint8Array(3 * pixels);
  for (let i = 0; i < pixels; i++)
    for (let c = 0; c < 3; c++) {
      const value = png.data[i * channels + (channels < 3 ? 0 : c)];
      data[3 * i + c] = palette ? (palette[value]?.[c] ?? 0) : Math.round(value / unit);
    }
  return { width, height, data };
}

/** The bytes of a PNG file. */
export const writePng = ({ width, height, data }: ColourImage): Uint8Array =>
  encode({ width, height, data, channels: 3, depth: 8 });
