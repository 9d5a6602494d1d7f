// The entry of worker threads: one training run at a time; events go out and an abort comes in through a port.

import type { MessagePort } from "node:worker_threads";
import { type JobRequest, runJob } from "./job.ts";

export default async function work({ request, port }: { request: JobRequest; port: MessagePort }): Promise<void> {
  const controller = new AbortController();
  port.on("message", () => controller.abort());
  try {
    for await (const event of runJob(request, controller.signal)) port.postMessage(event);
  } finally {
    port.close();
  }
}
