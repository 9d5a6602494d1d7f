// `weightspace/zoo`: populations of small networks, built, opened and joined.

export {
  digitsRecipe,
  parseRecipe,
  type HyperParameters,
  type OptimizerName,
  type Recipe,
} from "../zoo/recipe.ts";
export { recipeNamed, recipeNames, recipes, registerRecipe } from "../zoo/recipes.ts";
export { mergeZoos, type MergedZoo } from "../zoo/merge.ts";
export { buildZoo, type BuildEvent, type BuildOptions } from "../zoo/build.ts";
export { openZoo, type ReadTensor, type Zoo } from "../zoo/open.ts";
export type { ShardUnit } from "../zoo/units.ts";
export type { HandOut, ListPart, Runner, WorkList, WorkUnit } from "../work/work-list.ts";
export { s3Store, type S3StoreOptions } from "../remote/s3-store.ts";
export type { S3Access } from "../remote/s3-client.ts";
export type { Patience } from "../remote/patient-request.ts";
export type { Arithmetic } from "../kernels/wasm/fused-multiply-add.ts";
export { memoryStore, type ZooStore } from "../core/store.ts";
export { zooDataset, type ZooDataset, type ZooDatasetOptions } from "../zoo/zoo-dataset.ts";
export type { Classifier, ClassifierTask } from "../tasks/classifier.ts";
export type { ZooManifest } from "../zoo/manifest.ts";
export type { StackedTensor, Stacks } from "../zoo/training/population.ts";
export type { Run, ZooRow } from "../zoo/training/run.ts";
export type { ShardRequest, ShardTrainer } from "../zoo/training/train-shard.ts";
export type { Batch, Evaluation, RunData, RunDraw, SineFit, Task } from "../tasks/task.ts";
export type { Mover } from "../kernels/networks/move-writer.ts";
export type { NetworkKernel } from "../kernels/networks/network-kernel.ts";
export type { MoveNumbers } from "../kernels/optimizers/population-move.ts";
export type { SineFitShape, SineFitTensor } from "../kernels/sine-fits/layout.ts";
export type { PopulationBackend } from "../kernels/backend.ts";
export {
  classifierMetrics,
  drawLabelled,
  labelledData,
  type ClassifierEvaluation,
  type LabelledData,
} from "../tasks/labelled-data.ts";
export { classifierTask } from "../tasks/classifier.ts";
export type { ShardPlan } from "../zoo/shard.ts";
export type { Dataset, Examples } from "../datasets/examples.ts";
export {
  registerTask,
  taskEntry,
  taskNames,
  type NamedTask,
  type TaskEntry,
} from "../tasks/registry.ts";
export type { Pictures } from "../tasks/pictures.ts";
export type { MetricInfo } from "../core/metric-info.ts";
export type { PluginRecord } from "../core/plugins.ts";
