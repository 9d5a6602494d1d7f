// The threads of a worker: a pool for each kind of work and each arithmetic, started when it is first needed, so that the main thread is
// free to renew the locks of units.

import { OptionError } from "../../core/errors.ts";
import type { JobPool } from "../../experiment/job-pool.ts";
import {
  type Arithmetic,
  hostArithmetic,
  otherArithmetic,
} from "../../kernels/wasm/fused-multiply-add.ts";
import type { ShardTrainer } from "../../zoo/training/train-shard.ts";
import { type EvaluationPool, evaluationPool } from "../threads/evaluation-threads.ts";
import { jobThreadPool } from "../threads/job-thread-pool.ts";
import { workerPool } from "../threads/zoo-worker-pool.ts";

/** Pools whose threads round alike. */
export interface WorkPools {
  readonly shards: () => ShardTrainer;
  readonly jobs: () => JobPool;
  readonly evaluations: () => EvaluationPool;
}

/** The pools of a worker. */
export interface AllPools {
  /**
   * Pools that round in one way.
   * @param location of the work, for messages
   * @throws {OptionError} when this worker cannot, or was told not to
   */
  readonly rounding: (arithmetic: Arithmetic, location: string) => WorkPools;
  readonly close: () => Promise<void>;
}

/** Pools of so many threads each, which round as they are asked to; in one way only where `only` says so. */
export function workPools(workers: number, only?: Arithmetic): AllPools {
  const opened: { close(): Promise<void> }[] = [];
  const once = <Pool extends { close(): Promise<void> }>(open: () => Pool) => {
    let pool: Pool | undefined;
    return (): Pool => {
      if (pool === undefined) opened.push((pool = open()));
      return pool;
    };
  };
  const own = hostArithmetic();
  const pools = (arithmetic: Arithmetic): WorkPools =>
    Object.freeze({
      shards: once(() => workerPool(workers, undefined, arithmetic)),
      jobs: once(() => jobThreadPool(workers, undefined, arithmetic)),
      evaluations: once(() => evaluationPool(workers, undefined, arithmetic)),
    });
  const known = { fma: pools("fma"), plain: pools("plain") };
  return Object.freeze({
    rounding: (arithmetic: Arithmetic, location: string) => {
      // Threads of a process that has the fused instruction can do without it.
      const can = arithmetic === (only ?? arithmetic) && (arithmetic === "plain" || own === "fma");
      if (can) return known[arithmetic];
      throw new OptionError(`${location} ${otherArithmetic(arithmetic, only ?? own)}`);
    },
    close: async () => void (await Promise.all(opened.map((pool) => pool.close()))),
  });
}
