// FashionMNIST (Xiao, Rasul and Vollgraf 2017, Zalando SE, MIT licence): articles of clothing in ten classes, as 8 x 8 pixels from
// data/fashion-mnist-8x8.npz; see data/README.md.

import { FormatError } from "../core/errors.ts";
import { formatShape } from "../core/shapes.ts";
import { openNpz } from "../formats/npz-source.ts";
import type { TensorSource } from "../formats/tensor-source.ts";
import type { ImageSet } from "./image-set.ts";

export const fashionClasses = 10;
const brightest = 255;

async function readPart(source: TensorSource, part: string): Promise<ImageSet> {
  const names = [`${part}_images`, `${part}_labels`];
  const [shape, labelShape] = names.map((name) => {
    const entry = source.entries.get(name);
    if (entry?.dtype === "U8") return entry.shape;
    throw new FormatError(
      `readFashionMnist: expected an array "${name}" of unsigned bytes, got ${entry?.dtype ?? "none"}; give data/fashion-mnist-8x8.npz`,
    );
  });
  if (shape.length !== 3 || labelShape.length !== 1 || labelShape[0] !== shape[0])
    throw new FormatError(
      `readFashionMnist: expected ${part} images [count, height, width] and as many labels, got ${formatShape(shape)} and ${formatShape(labelShape)}; give data/fashion-mnist-8x8.npz`,
    );
  const [images, labels] = [await source.read(names[0]), await source.read(names[1])];
  const wrong = labels.data.find((label) => label >= fashionClasses);
  if (wrong !== undefined)
    throw new FormatError(
      `readFashionMnist: a ${part} label is ${wrong}, expected 0 to ${fashionClasses - 1}; the file is damaged`,
    );
  return {
    count: shape[0],
    shape: shape.slice(1),
    inputs: Float32Array.from(images.data, (value) => value / brightest),
    labels: Uint8Array.from(labels.data),
  };
}

/**
 * Training and test images, brightness from 0 to 1, from the bytes of a .npz file with `train_images`, `train_labels`, `test_images` and
 * `test_labels`.
 * @throws {FormatError} naming what is missing or damaged
 */
export async function readFashionMnist(
  bytes: Uint8Array,
): Promise<{ readonly train: ImageSet; readonly test: ImageSet }> {
  const source = await openNpz(bytes);
  return { train: await readPart(source, "train"), test: await readPart(source, "test") };
}
