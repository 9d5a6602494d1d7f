// The entry of worker threads: one training run at a time. Progress and checkpoints go out through a port as they come,
// an abort comes in; the last checkpoint and the result are the return value, which cannot be lost.

import type { MessagePort } from "node:worker_threads";
import { workerData } from "piscina";
import { inheritArithmetic } from "../arithmetic.ts";
import { loadPluginFiles, type PluginFile } from "../load-plugins.ts";
import { type JobOutcome, type JobRequest, runJob } from "../../experiment/job.ts";

inheritArithmetic();

export default async function work({
  request,
  port,
}: {
  request: JobRequest;
  port: MessagePort;
}): Promise<JobOutcome> {
  await loadPluginFiles(workerData as readonly PluginFile[]);
  const controller = new AbortController();
  port.on("message", () => controller.abort());
  let outcome: JobOutcome = {};
  try {
    for await (const event of runJob(request, controller.signal)) {
      if (event.type === "result") outcome = { ...outcome, result: event.result };
      else port.postMessage(event);
      if (event.type === "checkpoint") outcome = { ...outcome, checkpoint: event.bytes };
    }
  } finally {
    port.close();
  }
  return outcome;
}
