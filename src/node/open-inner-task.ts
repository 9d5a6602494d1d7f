// Inner tasks in Node: their data from the package, or images from a folder of IDX files.

import { join } from "node:path";
import { OptionError } from "../core/errors.ts";
import { readIdxImages } from "../datasets/idx.ts";
import type { ImageSet } from "../datasets/image-set.ts";
import type { InnerTask } from "../tasks/inner/inner-task.ts";
import { innerTaskEntry } from "../tasks/inner/registry.ts";
import { readBytes } from "./files.ts";
import { readPackageData } from "./package-data.ts";

/** Which task, and where its images come from. */
export interface InnerTaskSource {
  readonly task: string;
  /** A folder with the four IDX files of MNIST or FashionMNIST, gzipped or not. @default the package's own data */
  readonly data?: string;
}

async function idxPart(folder: string, prefix: string): Promise<ImageSet> {
  const files = await Promise.all(
    [`${prefix}-images-idx3-ubyte`, `${prefix}-labels-idx1-ubyte`].map(async (name) => {
      const bytes = await readBytes(join(folder, `${name}.gz`)).catch(() =>
        readBytes(join(folder, name)),
      );
      return { name, bytes };
    }),
  );
  return readIdxImages(files[0], files[1]);
}

/**
 * An inner task, ready to run; the engine must have been started.
 * @throws {OptionError} for an unknown task, or images for a task that reads none; {FormatError} {EnvironmentError} for its files
 */
export async function openInnerTask({ task, data }: InnerTaskSource): Promise<InnerTask> {
  const { dataFile, create, createOn } = innerTaskEntry(task);
  if (data === undefined)
    return create(dataFile === undefined ? new Uint8Array() : await readPackageData(dataFile));
  if (createOn === undefined)
    throw new OptionError(`openInnerTask: the task "${task}" reads no images; leave out --data`);
  return createOn({ train: await idxPart(data, "train"), test: await idxPart(data, "t10k") });
}
