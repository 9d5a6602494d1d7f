// Every inner task by name, with the data that it reads; others are added by `registerInnerTask`.

import { OptionError } from "../../core/errors.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import { checkFunctions, openRegistry } from "../../core/registry.ts";
import type { ImageData } from "./images.ts";
import type { InnerTask } from "./inner-task.ts";

/** What is known of an inner task before it is loaded. */
export interface InnerTaskEntry {
  /** One line for help texts. */
  readonly summary: string;
  /** The file of the package's data folder that the task reads; none when its examples come from elsewhere. */
  readonly dataFile?: string;
  /** The task from the bytes of its data file; none are read when there is no file. */
  readonly create: (data: Uint8Array) => Promise<InnerTask>;
  /** The same task on images that a person gives. @default images are refused */
  readonly createOn?: (images: ImageData) => Promise<InnerTask>;
}

const fashionFile = "fashion-mnist-8x8.npz";
const digitsFile = "uci-digits.csv.gz";

const images = () => import("./images.ts");
const fashion = async (bytes: Uint8Array): Promise<ImageData> =>
  (await import("../../datasets/fashion-mnist.ts")).readFashionMnist(bytes);
const classes = 10;

async function digits(bytes: Uint8Array): Promise<ImageData> {
  const { parseDigits, digitPixels } = await import("../../datasets/digits-data.ts");
  const { train, test } = await parseDigits(bytes);
  const side = Math.sqrt(digitPixels);
  const square = { shape: [side, side] };
  const copied = (labels: Uint8Array) => Uint8Array.from(labels);
  return {
    train: { ...train, ...square, labels: copied(train.labels) },
    test: { ...test, ...square, labels: copied(test.labels) },
  };
}

const mlpOf = (
  name: string,
  summary: string,
  hidden: readonly number[],
  dataFile: string,
  read: (bytes: Uint8Array) => Promise<ImageData>,
): InnerTaskEntry => {
  const createOn = async (data: ImageData) => (await images()).mlpTask(name, data, hidden, classes);
  return { summary, dataFile, createOn, create: async (bytes) => createOn(await read(bytes)) };
};

const cnnOf = (
  name: string,
  summary: string,
  dataFile: string,
  read: (bytes: Uint8Array) => Promise<ImageData>,
): InnerTaskEntry => {
  const createOn = async (data: ImageData) => (await images()).cnnTask(name, data, classes);
  return { summary, dataFile, createOn, create: async (bytes) => createOn(await read(bytes)) };
};

const builtIn: Readonly<Record<string, InnerTaskEntry>> = {
  "fashion-mlp": mlpOf(
    "fashion-mlp",
    "64-32-10 ReLU networks on FashionMNIST at 8 x 8",
    [32],
    fashionFile,
    fashion,
  ),
  "fashion-cnn": cnnOf(
    "fashion-cnn",
    "CNNs of 16 and 32 channels on FashionMNIST at 8 x 8",
    fashionFile,
    fashion,
  ),
  "fashion-wide": mlpOf(
    "fashion-wide",
    "64-128-128-10 ReLU networks on FashionMNIST at 8 x 8",
    [128, 128],
    fashionFile,
    fashion,
  ),
  "digits-mlp": mlpOf(
    "digits-mlp",
    "64-32-10 ReLU networks on 8 x 8 digits",
    [32],
    digitsFile,
    digits,
  ),
  "digits-cnn": cnnOf(
    "digits-cnn",
    "CNNs of 16 and 32 channels on 8 x 8 digits",
    digitsFile,
    digits,
  ),
};

const textFile = "tinyshakespeare.txt.gz";
const text = async (bytes: Uint8Array) => (await import("../../datasets/text.ts")).readText(bytes);

const textTasks: Readonly<Record<string, InnerTaskEntry>> = {
  "text-irnn": {
    summary:
      "recurrent models of the next character of Shakespeare, 32 units, 16 characters at a time",
    dataFile: textFile,
    create: async (bytes) => (await import("./texts.ts")).irnnTask("text-irnn", await text(bytes)),
  },
  "text-transformer": {
    summary: "Transformers of two blocks on the same text, width 32, two heads, feed-forward 64",
    dataFile: textFile,
    create: async (bytes) =>
      (await import("./texts.ts")).textTransformerTask("text-transformer", await text(bytes)),
  },
};

const registry = openRegistry<InnerTaskEntry>("inner task", {
  ...builtIn,
  ...textTasks,
});

/** An inner task of one's own, with its name. */
export interface NamedInnerTask extends InnerTaskEntry {
  readonly name: string;
}

/** Names of all inner tasks. */
export const innerTaskNames = (): readonly string[] => registry.names();

/**
 * Adds an inner task, for this process; worker threads know it when it comes from a plug-in.
 * @throws {OptionError} when the name is taken, or `create` is no function
 */
export function registerInnerTask({ name, ...entry }: NamedInnerTask): void {
  checkFunctions("inner task", { name, ...entry }, ["create"]);
  registry.add(name, Object.freeze({ ...entry, summary: entry.summary ?? name }));
}

/** The inner task of a name, not yet loaded. @throws {OptionError} listing the names there are */
export function innerTaskEntry(name: string): InnerTaskEntry {
  const entry = registry.get(name);
  if (entry !== undefined) return entry;
  throw new OptionError(`innerTaskEntry: ${noSuchName("inner task", name, innerTaskNames())}`);
}
