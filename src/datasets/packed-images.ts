// Labelled grey images as the bytes of one file, in one way only, so that a digest of the bytes says which images they are: the form
// in which images that do not come with the package reach the threads that learn them.

import { FormatError } from "../core/errors.ts";
import { equalShapes, formatShape, sizeOf } from "../core/shapes.ts";
import { writeSafetensors } from "../formats/safetensors/safetensors-write.ts";
import { readSafetensors } from "../formats/safetensors/safetensors.ts";
import type { ByteImages } from "./image-set.ts";

/** The images of several sets of one shape, one set after the other. @throws {FormatError} when their shapes differ */
export function packImages(sets: readonly ByteImages[]): Uint8Array<ArrayBuffer> {
  const [{ shape }] = sets;
  const other = sets.find((set) => !equalShapes(set.shape, shape));
  if (other !== undefined)
    throw new FormatError(
      `packImages: expected images of one shape, got ${formatShape(shape)} and ${formatShape(other.shape)}; give files of one set`,
    );
  const count = sets.reduce((sum, set) => sum + set.count, 0);
  const pixels = new Uint8Array(count * sizeOf(shape));
  const labels = new Uint8Array(count);
  let from = 0;
  for (const set of sets) {
    pixels.set(set.pixels, from * sizeOf(shape));
    labels.set(set.labels, from);
    from += set.count;
  }
  return writeSafetensors({
    images: { dtype: "U8", shape: [count, ...shape], data: pixels },
    labels: { dtype: "U8", shape: [count], data: labels },
  }) as Uint8Array<ArrayBuffer>;
}

/** What {@link packImages} packed; pixels are a view of the bytes. @throws {FormatError} when the bytes are of something else */
export function unpackImages(bytes: Uint8Array): ByteImages {
  const { tensors } = readSafetensors(bytes);
  const [images, labels] = [tensors.get("images"), tensors.get("labels")];
  const [count, ...shape] = images?.shape ?? [];
  if (
    images?.dtype !== "U8" ||
    labels?.dtype !== "U8" ||
    shape.length !== 2 ||
    !equalShapes(labels.shape, [count])
  )
    throw new FormatError(
      "unpackImages: expected images [count, height, width] and as many labels, a byte each; give the bytes that packImages made",
    );
  return { count, shape, pixels: images.data, labels: Uint8Array.from(labels.data) };
}
