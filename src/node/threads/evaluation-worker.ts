// The entry of worker threads that measure optimizers: one single-threaded engine each, one optimizer at a time.

import { workerData } from "piscina";
import type { EvaluationUnit } from "../../optimizers/evaluate/evaluate.ts";
import { inheritArithmetic } from "../arithmetic.ts";
import { loadPluginFiles, type PluginFile } from "../load-plugins.ts";
import type { EvaluationRequest } from "./evaluation-threads.ts";

inheritArithmetic();

export default async function work({
  optimizer,
  task,
  ...options
}: EvaluationRequest): Promise<EvaluationUnit> {
  await loadPluginFiles(workerData as readonly PluginFile[]);
  const { startEngine } = await import("../../engine/start.ts");
  await startEngine();
  const { entryOf } = await import("../../optimizers/evaluate/evaluation-list.ts");
  const { measureOptimizer } = await import("../../optimizers/evaluate/evaluate.ts");
  const { openInnerTask } = await import("../open-inner-task.ts");
  const opened = await openInnerTask({ task });
  return measureOptimizer(await entryOf(optimizer), { ...options, task: opened });
}
