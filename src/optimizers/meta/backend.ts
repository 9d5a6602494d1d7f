// What inner steps run on: kernels where the kind and the task have them, else the array engine. A run goes on with what it was begun with, since
// last digits differ.

import { EnvironmentError, FormatError, OptionError } from "../../core/errors.ts";
import { parseJson } from "../../core/json-limits.ts";
import type { ZooStore } from "../../core/store.ts";
import {
  type Arithmetic,
  hostArithmetic,
  otherArithmetic,
} from "../../kernels/wasm/fused-multiply-add.ts";
import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import { optimizerKind } from "../registry.ts";
import type { UpdateProgram } from "../update-program.ts";
import { metaFile, readMetaCheckpoint } from "./meta-checkpoint.ts";
import { metaPartsSettings } from "./meta-parts.ts";
import type { MetaSettings } from "./settings.ts";

/** What inner steps run on. */
export type MetaBackend = "kernels" | "engine";

/** Whether unrolls of a kind on a task can run on kernels. */
export const hasKernels = (task: InnerTask, program: UpdateProgram): boolean =>
  task.classifier !== undefined && program.stepKernel !== undefined;

/** The setting `kernels` of the run in a store, or of its parts; null where there is no run. */
async function begunWith(
  store: ZooStore,
  parts: ZooStore | undefined,
): Promise<Arithmetic | undefined | null> {
  const checkpoint = await store.read(metaFile);
  if (checkpoint !== undefined) return (await readMetaCheckpoint(checkpoint)).settings.kernels;
  const kept = await parts?.read(metaPartsSettings);
  if (kept === undefined) return null;
  const fail = (problem: string) => new FormatError(`metaTrain: ${metaPartsSettings} ${problem}`);
  return (parseJson(kept, { bytes: 2 ** 24, fail }) as MetaSettings).kernels;
}

/**
 * The settings with what inner steps run on: `backend`, by default what the run in the store (or of the parts) was begun with, for a new run
 * kernels where there are some.
 * @throws {OptionError} for kernels where the kind or the task has none
 */
export async function chooseBackend(
  settings: MetaSettings,
  {
    task,
    store,
    parts,
    backend,
  }: {
    readonly task: InnerTask;
    readonly store: ZooStore;
    readonly parts?: ZooStore | undefined;
    readonly backend?: MetaBackend | undefined;
  },
): Promise<MetaSettings> {
  const { kernels: _, ...rest } = settings;
  if (backend === "engine") return rest;
  const begun = await begunWith(store, parts);
  if (backend === undefined && begun === undefined) return rest;
  if (typeof begun === "string") return { ...rest, kernels: begun };
  const possible = hasKernels(task, optimizerKind(settings.kind).program(task.spec));
  if (possible) return { ...rest, kernels: hostArithmetic() };
  if (backend === undefined) return rest;
  throw new OptionError(
    `metaTrain: backend "kernels" expected a kind and a task with kernels, got ${settings.kind} on ${task.name}; take backend "engine"`,
  );
}

/** @throws {EnvironmentError} where kernels of this program round other than the settings say */
export function checkArithmetic({ kernels }: MetaSettings): void {
  const here = hostArithmetic();
  if (kernels !== undefined && kernels !== here)
    throw new EnvironmentError(`metaTrain: the run ${otherArithmetic(kernels, here)}`);
}

/** What is said of a run that was begun with another backend. */
export const otherBackend = (begun: Arithmetic | undefined): string =>
  begun === undefined
    ? "whose inner steps run on the array engine; go on with backend engine, or choose another folder"
    : `whose inner steps run on kernels (${begun}); go on with backend kernels, or choose another folder`;
