// Threads that run a pass together: how they are told what to do, and when they pay. What starts them is given from
// outside, because every host has threads of its own.

import { EnvironmentError } from "../core/errors.ts";
import type { KernelProgram } from "./program.ts";
import { workOfPass } from "./work.ts";

/** Places at the beginning of the arena, in words of 32 bits. The first two belong to the module's own meeting point. */
export const places = { job: 2, pass: 3, batch: 4, ready: 5 } as const;

/** What every thread needs to run a program. */
export interface ThreadTask {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** Names of the passes, by number. */
  readonly passes: readonly string[];
  /** Number of this thread, from 1; the caller is 0. */
  readonly thread: number;
}

/** Starts a thread that runs {@link serve}, and says how to end it. */
export type StartThread = (task: ThreadTask) => () => void;

/** Runs in a thread: waits for jobs and does its part of each, for ever. Needs nothing from outside its own body. */
export function serve({ module, memory, passes, thread }: ThreadTask): void {
  const words = new Int32Array(memory.buffer, 0, 16);
  const { exports } = new WebAssembly.Instance(module, { host: { memory } });
  let done = Atomics.load(words, 2);
  Atomics.add(words, 5, 1);
  Atomics.notify(words, 5);
  for (;;) {
    Atomics.wait(words, 2, done);
    const job = Atomics.load(words, 2);
    if (job === done) continue;
    done = job;
    const pass = exports[passes[Atomics.load(words, 3)]] as (batch: number, thread: number) => void;
    pass(Atomics.load(words, 4), thread);
  }
}

export interface Crew {
  /** Runs a pass on all threads; returns when all are done. */
  run(pass: string, batch: number): void;
  end(): void;
}

/** Milliseconds that threads may take to start. */
const patience = 20_000;

/**
 * Starts the threads of a program beside the caller, which may sleep while it waits or, in the main thread of a page, must not.
 * @throws {EnvironmentError} when they do not start.
 */
export function startCrew(
  start: StartThread,
  task: Omit<ThreadTask, "thread">,
  { threads, sleeps }: { readonly threads: number; readonly sleeps: boolean },
  runHere: (pass: string, batch: number) => void,
): Crew {
  const words = new Int32Array(task.memory.buffer, 0, 16);
  const ends = Array.from({ length: threads - 1 }, (_, i) => start({ ...task, thread: i + 1 }));
  const end = () => ends.forEach((stop) => stop());
  const began = Date.now();
  for (let ready = 0; ready < threads - 1; ready = Atomics.load(words, places.ready)) {
    if (Date.now() - began > patience) {
      end();
      throw new EnvironmentError(
        `kernels: ${threads - 1 - ready} of ${threads - 1} threads did not start within ${patience / 1000} seconds; use one thread`,
      );
    }
    if (sleeps) Atomics.wait(words, places.ready, ready, 50);
  }
  return {
    run: (pass, batch) => {
      Atomics.store(words, places.pass, task.passes.indexOf(pass));
      Atomics.store(words, places.batch, batch);
      Atomics.add(words, places.job, 1);
      Atomics.notify(words, places.job);
      runHere(pass, batch);
    },
    end,
  };
}

/** Multiplications of a forward pass below which a second thread does not pay. */
const worthwhile = 5e7;

/** Threads that large programs may use. */
export interface KernelThreads {
  readonly start: StartThread;
  /** The caller included. */
  readonly threads: number;
  /** Whether the caller may sleep while it waits. */
  readonly sleeps: boolean;
  /** Whether threads are started where they are needed, so that who keeps some takes none from others. */
  readonly atNeed: boolean;
  /** Whether as many can be started now. */
  readonly free: () => boolean;
}

let available: KernelThreads | undefined;

/** Lets large programs of this process or page run on these threads; one thread, or undefined, ends that. */
export function useKernelThreads(threads: KernelThreads | undefined): void {
  available = threads !== undefined && threads.threads > 1 ? threads : undefined;
}

/** Threads that may be kept for good, where so many multiplications are worth them; undefined for one thread. */
export const lastingThreads = (multiplications: number): KernelThreads | undefined =>
  multiplications >= worthwhile && available?.atNeed === true && available.free()
    ? available
    : undefined;

/** The threads that a program is worth, for a batch; undefined for one thread. */
export function threadsFor(program: KernelProgram, batch: number): KernelThreads | undefined {
  if (available?.free() !== true) return undefined;
  return workOfPass(program, "forward") * batch >= worthwhile ? available : undefined;
}
