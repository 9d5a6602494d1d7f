// `weightspace/node`: what needs Node: files, folders, threads.

export { readPackageData } from "../node/package-data.ts";
export { readImageFolder } from "../node/image-folder.ts";
export { setArithmetic } from "../node/arithmetic.ts";
export type { Arithmetic } from "../kernels/wasm/fused-multiply-add.ts";
export { startEngine, type EngineOptions } from "../node/threads/start-engine.ts";
export { buildZoo, type NodeBuildOptions } from "../node/build-zoo.ts";
export {
  runClassification,
  runExperiment,
  type NodeExperimentOptions,
} from "../node/run-experiment.ts";
export { folderStore } from "../node/folder-store.ts";
export { openStore } from "../node/open-store.ts";
export { queueRunner, type HandOutOptions } from "../node/queue/hand-out.ts";
export { runWorker, type WorkerEvent, type WorkerSettings } from "../node/queue/worker.ts";
export { queueStatus, type ListStatus } from "../node/queue/status.ts";
export type { RetryOptions, UnitCounts } from "../node/queue/unit-queue.ts";
export { openWeights } from "../node/open-weights.ts";
export { writeFileAtomic, type Content, type WriteOptions } from "../node/write-file.ts";
export { loadPlugins } from "../node/load-plugins.ts";
export { openInnerTask, type InnerTaskSource } from "../node/open-inner-task.ts";
export { unrollThreads } from "../node/threads/unroll-threads.ts";
