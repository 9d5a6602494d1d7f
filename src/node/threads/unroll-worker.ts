// The entry of worker threads that unroll: one group of pairs each, with an engine of its own. Requests come in one at a time and are
// answered by their number.

import { parentPort, workerData } from "node:worker_threads";
import type { HostRecord } from "../../engine/arrays.ts";
import type { GroupRequest } from "../../optimizers/meta/unroll-pool.ts";
import type { TruncationRequest, UnrollGroup } from "../../optimizers/meta/unrolls.ts";
import { inheritArithmetic } from "../arithmetic.ts";
import { loadPluginFiles, type PluginFile } from "../load-plugins.ts";
import { type InnerTaskSource, openInnerTask } from "../open-inner-task.ts";

/** What a thread is started with. */
export interface UnrollWorkerData extends GroupRequest {
  readonly source: InnerTaskSource;
  readonly plugins: readonly PluginFile[];
}

/** What it is asked. */
export type UnrollCall =
  | { readonly call: "run"; readonly request: TruncationRequest }
  | { readonly call: "save" }
  | { readonly call: "load"; readonly saved: HostRecord };

inheritArithmetic();

async function openGroup(): Promise<UnrollGroup> {
  const { source, plugins, settings, pairs } = workerData as UnrollWorkerData;
  await loadPluginFiles(plugins);
  const { startEngine } = await import("../../engine/start.ts");
  await startEngine();
  const { unrollInPlace } = await import("../../optimizers/meta/unroll-pool.ts");
  return unrollInPlace(await openInnerTask(source)).open({ settings, pairs });
}

const group = openGroup();

async function answer(call: UnrollCall): Promise<unknown> {
  const { run, save, load } = await group;
  if (call.call === "run") return run(call.request);
  return call.call === "save" ? save() : load(call.saved);
}

parentPort?.on("message", ({ id, ...call }: UnrollCall & { id: number }) => {
  answer(call).then(
    (result) => parentPort?.postMessage({ id, result }),
    (error: unknown) => parentPort?.postMessage({ id, error }),
  );
});
