// Every task that zoos can be built of, by the name that recipes use. Networks are loaded when they are needed, so that
// reading a recipe does not load the array engine.

import type { SymmetrySpec } from "../symmetry/types.ts";
import type { Task } from "./task.ts";

export interface TaskEntry {
  /** One line for help texts. */
  readonly summary: string;
  /** The file of the package's data folder that the task reads; none when its examples are generated. */
  readonly dataFile?: string;
  readonly spec: () => Promise<SymmetrySpec>;
  /** The task from the bytes of its data file; none are read when there is no file. */
  readonly create: (data: Uint8Array) => Promise<Task>;
}

const digitsFile = "uci-digits.csv.gz";

export const tasks = {
  digits: {
    summary: "64-32-10 ReLU networks on 8 x 8 digits",
    dataFile: digitsFile,
    spec: async () => (await import("./digits.ts")).digitsSpec(),
    create: async (data) => (await import("./digits.ts")).digitsTask(data),
  },
  "digits-cnn": {
    summary: "three-layer ReLU CNNs with global pooling on 8 x 8 digits",
    dataFile: digitsFile,
    spec: async () => (await import("./digits-cnn.ts")).digitsCnnSpec("relu"),
    create: async (data) => (await import("./digits-cnn.ts")).digitsCnnTask(data, "relu"),
  },
  "digits-cnn-tanh": {
    summary: "three-layer tanh CNNs with global pooling on 8 x 8 digits",
    dataFile: digitsFile,
    spec: async () => (await import("./digits-cnn.ts")).digitsCnnSpec("tanh"),
    create: async (data) => (await import("./digits-cnn.ts")).digitsCnnTask(data, "tanh"),
  },
  "digits-transformer": {
    summary: "two-block Transformers with residuals on patches of 8 x 8 digits",
    dataFile: digitsFile,
    spec: async () => (await import("./digits-transformer.ts")).digitsTransformerSpec(true),
    create: async (data) =>
      (await import("./digits-transformer.ts")).digitsTransformerTask(data, true),
  },
  "digits-transformer-plain": {
    summary: "two-block Transformers without residuals on patches of 8 x 8 digits",
    dataFile: digitsFile,
    spec: async () => (await import("./digits-transformer.ts")).digitsTransformerSpec(false),
    create: async (data) =>
      (await import("./digits-transformer.ts")).digitsTransformerTask(data, false),
  },
  adders: {
    summary: "GRU encoder-decoders that add numbers character by character",
    spec: async () => (await import("./adders.ts")).addersSpec(),
    create: async () => (await import("./adders.ts")).addersTask(),
  },
} as const satisfies Record<string, TaskEntry>;

export type TaskName = keyof typeof tasks;

/** Names of all tasks, as recipes give them. */
export const taskNames = Object.keys(tasks) as TaskName[];

/** The task of a name, not yet loaded. */
export const taskEntry = (name: TaskName): TaskEntry => tasks[name];
