// A folder with images that do not come with the package: four IDX files, as MNIST and FashionMNIST are published.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EnvironmentError } from "../core/errors.ts";
import { readIdxBytes } from "../datasets/idx.ts";
import type { NamedFile } from "../datasets/image-set.ts";
import { packImages } from "../datasets/packed-images.ts";

/** Parts of a published set, those to learn from first. */
const parts = ["train", "t10k"];

/** A file of a folder, plain or gzipped. @throws {EnvironmentError} naming it when it is not there */
async function readOne(folder: string, name: string): Promise<NamedFile> {
  for (const file of [`${name}.gz`, name]) {
    try {
      return {
        name: join(folder, file),
        bytes: new Uint8Array(await readFile(join(folder, file))),
      };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== "ENOENT")
        throw new EnvironmentError(`cannot read ${join(folder, file)} (${message})`, {
          cause: error,
        });
    }
  }
  throw new EnvironmentError(
    `there is no ${name} or ${name}.gz in ${folder}; give the folder with the four IDX files of the set: ${parts.map((part) => `${part}-images-idx3-ubyte, ${part}-labels-idx1-ubyte`).join(", ")}`,
  );
}

/**
 * All images of a folder and their labels, packed: training images before test images.
 * @throws {EnvironmentError} when a file is missing; {FormatError} when one is damaged; {UnsupportedError} for other numbers
 */
export async function readImageFolder(folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const sets = [];
  for (const part of parts) {
    const images = await readOne(folder, `${part}-images-idx3-ubyte`);
    sets.push(readIdxBytes(images, await readOne(folder, `${part}-labels-idx1-ubyte`)));
  }
  return packImages(sets);
}
