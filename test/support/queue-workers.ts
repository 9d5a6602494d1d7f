// Workers of a queue for tests: in this process, or in one of their own.

import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { runWorker, type WorkerEvent, type WorkerSettings } from "../../src/node/queue/worker.ts";
import { queueRunner, type HandOutOptions } from "../../src/node/queue/hand-out.ts";
import type { HandOut } from "../../src/work/work-list.ts";

export interface StartedWorkers {
  readonly events: WorkerEvent[];
  /** Ends them and gives what they told. */
  readonly stop: () => Promise<readonly WorkerEvent[]>;
}

/** So many workers in this process, with a thread each. */
export function startWorkers(
  count: number,
  settings: Omit<WorkerSettings, "signal" | "workers">,
): StartedWorkers {
  const controller = new AbortController();
  const events: WorkerEvent[] = [];
  const run = async (): Promise<void> => {
    const { signal } = controller;
    for await (const event of runWorker({ workers: 1, ...settings, signal })) events.push(event);
  };
  const running = Promise.all(Array.from({ length: count }, run));
  running.catch(() => undefined);
  return {
    events,
    stop: async () => {
      controller.abort();
      await running;
      return events;
    },
  };
}

/** What hands shards out, quickly. */
export const handOutTo =
  (options: HandOutOptions): HandOut =>
  (list, isDone) =>
    queueRunner(list, isDone, { poll: 50, patience: 60, pause: 100, ...options });

const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));

export interface WorkerProcess {
  readonly child: ChildProcess;
  readonly output: () => string;
  readonly ended: Promise<number | null>;
  /** Waits until the worker has told of so many events of a type. @throws {Error} when it has not within 60 s */
  readonly told: (type: string, count?: number) => Promise<void>;
}

const tellSeconds = 60;

/** A command of weightspace in a process of its own. */
export function startCommand(
  args: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string>> },
): WorkerProcess {
  const child = spawn(process.execPath, [bin, ...args], {
    cwd,
    env: { ...process.env, ...env, FORCE_COLOR: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  const told = async (type: string, count = 1): Promise<void> => {
    const end = performance.now() + 1000 * tellSeconds;
    while (output.split(`"type":"${type}"`).length <= count) {
      if (performance.now() > end || child.exitCode !== null)
        throw new Error(`never told of ${count} "${type}": ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  return { child, output: () => output, ended, told };
}

/** `weightspace worker` with a short lock, in a process of its own. */
export const startWorkerProcess = (
  queue: string,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
  lock = 3,
): WorkerProcess =>
  startCommand(["--json", "worker", "--queue", queue, "--workers", "1", "--lock", String(lock)], {
    cwd,
    env,
  });
