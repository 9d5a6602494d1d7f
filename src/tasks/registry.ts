// Every task that zoos can be built of, by the name that recipes use; others are added by `registerTask`. Networks are loaded when they are needed, so that
// reading a recipe does not load the array engine.

import { OptionError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import { checkFunctions, openRegistry } from "../core/registry.ts";
import type { ImageSet } from "../datasets/image-set.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import type { addersTasks } from "./adders.ts";
import type { digitsTasks } from "./digits.ts";
import type { fashionTasks } from "./fashion.ts";
import { classifierMetrics } from "./labelled-data.ts";
import type { MetricInfo } from "../core/metric-info.ts";
import { pictureMetrics } from "./picture-metrics.ts";
import type { Pictures } from "./pictures.ts";
import type { Task } from "./task.ts";

/** What is known of a task before it is loaded. */
export interface TaskEntry {
  /** One line for help texts. */
  readonly summary: string;
  /**
   * The file of the package's data folder that the task reads; none when its examples are generated, or when `create` reads
   * them from elsewhere, as tasks of one's own do.
   */
  readonly dataFile?: string;
  /** What builders must give as `data` (`--data`), of tasks whose examples do not come with the package: a few words. */
  readonly givenData?: string;
  /** The images that networks learn, of tasks of pictures: run i learns image i. */
  readonly pictures?: (data: Uint8Array) => Promise<Pictures>;
  readonly spec: () => Promise<SymmetrySpec>;
  /** What functionals that run networks call its network. @default none, such functionals cannot read it */
  readonly networks?: string;
  /** What its networks are measured by; the same as the task's own. @default those of classifiers */
  readonly metrics?: readonly MetricInfo[];
  /** The metric that functionals predict unless they are asked for another. @default "testAccuracy" */
  readonly target?: string;
  /** The task from the bytes of its data file; none are read when there is no file. */
  readonly create: (data: Uint8Array) => Promise<Task>;
  /** Whether the task has `sines` or `kernelOf`, so that a kernel trains its networks. @default false */
  readonly hasKernel?: boolean;
}

const digitsFile = "uci-digits.csv.gz";
const fashionFile = "fashion-mnist-8x8.npz";

/** A task of pictures, which are read when they are needed. */
const onPictures = (
  name: string,
  entry: Pick<TaskEntry, "summary" | "dataFile" | "givenData"> &
    Required<Pick<TaskEntry, "pictures">>,
): TaskEntry => ({
  ...entry,
  networks: "pictures",
  hasKernel: true,
  spec: async () => (await import("./pictures.ts")).pictureSpec(),
  metrics: pictureMetrics,
  target: "psnr",
  create: async (data) =>
    (await import("./pictures.ts")).picturesTask(name, await entry.pictures(data)),
});

/** All digits, 8 x 8, training images before test images. */
async function digitPictures(data: Uint8Array): Promise<ImageSet> {
  const { parseDigits } = await import("../datasets/digits-data.ts");
  const { joinImages } = await import("./pictures.ts");
  const { train, test } = await parseDigits(data);
  const shape = [8, 8];
  return joinImages({ ...train, shape }, { ...test, shape });
}

/** A task of digits.ts, which is loaded when it is needed. */
const onDigits = (name: keyof typeof digitsTasks, summary: string): TaskEntry => ({
  summary,
  dataFile: digitsFile,
  networks: name,
  spec: async () => (await import("./digits.ts")).digitsTasks[name].spec(),
  create: async (data) => (await import("./digits.ts")).digitsTasks[name].create(data),
});

/** A task of adders.ts. */
const onAdders = (
  name: keyof typeof addersTasks,
  networks: string,
  numbers: string,
): TaskEntry => ({
  summary: `GRU encoder-decoders that add ${numbers}, character by character`,
  networks,
  hasKernel: true,
  spec: async () => (await import("./adders.ts")).addersTasks[name].spec(),
  create: async () => (await import("./adders.ts")).addersTasks[name].create(),
});

/** A task of fashion.ts. */
const onFashion = (
  name: keyof typeof fashionTasks,
  networks: string,
  summary: string,
): TaskEntry => ({
  summary: `${summary} on 8 x 8 pictures of clothing`,
  dataFile: fashionFile,
  networks,
  spec: async () => (await import("./fashion.ts")).fashionTasks[name].spec(),
  create: async (data) => (await import("./fashion.ts")).fashionTasks[name].create(data),
});

const builtIn = {
  digits: onDigits("digits", "64-32-10 ReLU networks on 8 x 8 digits"),
  "digits-cnn": onDigits("digits-cnn", "three-layer ReLU CNNs with global pooling on 8 x 8 digits"),
  "digits-cnn-tanh": onDigits(
    "digits-cnn-tanh",
    "three-layer tanh CNNs with global pooling on 8 x 8 digits",
  ),
  "digits-transformer": onDigits(
    "digits-transformer",
    "two-block Transformers with residuals on patches of 8 x 8 digits",
  ),
  "digits-transformer-plain": onDigits(
    "digits-transformer-plain",
    "two-block Transformers without residuals on patches of 8 x 8 digits",
  ),
  "fashion-cnn": onFashion(
    "fashion-cnn",
    "digits-cnn",
    "three-layer ReLU CNNs with global pooling",
  ),
  "fashion-transformer": onFashion(
    "fashion-transformer",
    "digits-transformer",
    "two-block Transformers with residuals on patches",
  ),
  "pictures-digits": onPictures("pictures-digits", {
    summary: "2-32-32-1 sine networks, each of which is one 8 x 8 digit",
    dataFile: digitsFile,
    pictures: digitPictures,
  }),
  "pictures-digits-28": onPictures("pictures-digits-28", {
    summary: "2-32-32-1 sine networks, each of which is one digit, enlarged to 28 x 28 pixels",
    dataFile: digitsFile,
    pictures: async (data) => {
      const { enlargeDigits } = await import("../datasets/enlarge.ts");
      return enlargeDigits(await digitPictures(data));
    },
  }),
  "pictures-fashion": onPictures("pictures-fashion", {
    summary: "2-32-32-1 sine networks, each of which is one 8 x 8 picture of clothing",
    dataFile: fashionFile,
    pictures: async (data) => {
      const { readFashionMnist } = await import("../datasets/fashion-mnist.ts");
      const { joinImages } = await import("./pictures.ts");
      const { train, test } = await readFashionMnist(data);
      return joinImages(train, test);
    },
  }),
  "pictures-fashion-mnist": onPictures("pictures-fashion-mnist", {
    summary: "2-32-32-1 sine networks, each of which is one 28 x 28 picture of clothing",
    givenData: "the folder with the four IDX files of FashionMNIST",
    pictures: async (data) => {
      const { unpackImages } = await import("../datasets/packed-images.ts");
      const { picturesOfBytes } = await import("./pictures.ts");
      return picturesOfBytes(unpackImages(data));
    },
  }),
  adders: onAdders("adders", "adder", "numbers up to 49"),
  "adders-99": onAdders("adders-99", "adder-99", "numbers up to 99"),
} satisfies Record<string, TaskEntry>;

const registry = openRegistry<TaskEntry>("task", builtIn);

/** A task of one's own, with the name that recipes give it. */
export interface NamedTask extends TaskEntry {
  readonly name: string;
}

/** The metrics of a task and its usual target. */
export interface Measures {
  readonly metrics: readonly MetricInfo[];
  readonly target: string;
}

/** The metrics and the usual target of a task that is not loaded. */
export const measuresOf = ({
  metrics = classifierMetrics,
  target = "testAccuracy",
}: {
  readonly metrics?: readonly MetricInfo[] | undefined;
  readonly target?: string | undefined;
}): Measures => ({ metrics, target });

/** @throws {OptionError} when names are no names of columns, come twice, the target is none of them, or an objective is no name */
function checkMetrics(task: string, { metrics, target }: Measures): void {
  const names = metrics.map(({ name }) => name);
  const wrong = names.find((name, i) => !metricName.test(name) || names.indexOf(name) !== i);
  if (wrong !== undefined || names.length === 0)
    throw new OptionError(
      `register: task "${task}" expected metrics with different names of letters and digits that begin with a small letter, got ${JSON.stringify(wrong) ?? "none"}`,
    );
  const unnamed = metrics.find(
    ({ objective }) => !["string", "undefined"].includes(typeof objective),
  );
  if (unnamed !== undefined)
    throw new OptionError(
      `register: metric "${unnamed.name}" of task "${task}" expected the name of an objective, got ${typeof unnamed.objective}`,
    );
  if (!names.includes(target))
    throw new OptionError(
      `register: task "${task}" has the target ${JSON.stringify(target)}, expected one of its metrics: ${names.join(", ")}`,
    );
}

const metricName = /^[a-z][A-Za-z0-9]{0,49}$/;

/** Names of all tasks, as recipes give them. */
export const taskNames = (): readonly string[] => registry.names();

/** Whether this process knows a task of that name. */
export const isTask = (name: string): boolean => registry.has(name);

/**
 * Adds a task, for this process; worker threads know it when it comes from a plug-in.
 * @throws {OptionError} when the name is taken, or `spec` or `create` is no function
 */
export function registerTask({ name, ...entry }: NamedTask): void {
  checkFunctions("task", { name, ...entry }, ["spec", "create"]);
  checkMetrics(name, measuresOf(entry));
  registry.add(name, Object.freeze({ ...entry, summary: entry.summary ?? name }));
}

/** The task of a name, not yet loaded. `hint` ends the message. @throws {OptionError} listing the names there are */
export function taskEntry(name: string, hint = ""): TaskEntry {
  const entry = registry.get(name);
  if (entry !== undefined) return entry;
  throw new OptionError(
    `taskEntry: ${noSuchName("task", name, taskNames())}; others come from registerTask or a plug-in${hint}`,
  );
}
