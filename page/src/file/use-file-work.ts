// The work on one file: a worker describes it, another one proves what it has found.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Dropped } from "../work/dropped.ts";
import {
  isStopped,
  type Job,
  type Line,
  openLine,
  startJob,
  type Trouble,
  troubleOf,
} from "../work/job.ts";
import type { AxisResult, Description, ProofResult } from "./description.ts";
import type { DescribeWork } from "./describe.worker.ts";
import type { ProofEvent, ProofWork } from "./proof.worker.ts";

/** How far the proof is. */
export interface ProofState {
  readonly state: "none" | "running" | "done" | "stopped" | "failed";
  readonly results: ReadonlyMap<string, AxisResult>;
  readonly done: number;
  readonly total: number;
  readonly started: number;
  readonly result?: ProofResult;
  readonly problem?: string;
  readonly warnings: readonly string[];
  readonly stop: () => void;
}

export interface FileWork {
  readonly description?: Description;
  readonly problem?: Trouble;
  readonly started: number;
  readonly proof: ProofState;
  readonly stop: () => void;
}

const noProof: ProofState = {
  state: "none",
  results: new Map(),
  done: 0,
  total: 0,
  started: 0,
  warnings: [],
  stop: () => undefined,
};

const describer = () =>
  new Worker(new URL("./describe.worker.ts", import.meta.url), { type: "module" });
const prover = () => new Worker(new URL("./proof.worker.ts", import.meta.url), { type: "module" });

const messageOf = (error: unknown): string =>
  error instanceof Error ? error.message : String(error);

/** The worker that proves stays for the next file: its runtime takes longer to start than most proofs take. */
let proofLine: Line<ProofWork> | undefined;

function startProof(dropped: Dropped, onEvent: (event: ProofEvent) => void): Job<ProofResult> {
  const line = (proofLine ??= openLine<ProofWork>(prover));
  const stop = () => {
    if (proofLine === line) proofLine = undefined;
    line.close();
  };
  return { result: line.ask(dropped, onEvent), stop };
}

const hasOnnxEnding = ({ file }: Dropped): boolean => file.name.toLowerCase().endsWith(".onnx");

/** Describes the file, and proves what was found on it where it has a graph: at once where its name promises one. */
export function useFileWork(dropped: Dropped): FileWork {
  const [description, setDescription] = useState<Description>();
  const [problem, setProblem] = useState<Trouble>();
  const [proof, setProof] = useState(noProof);
  const started = useRef(performance.now());
  const running = useRef<Job<unknown>[]>([]);
  const stop = () => {
    for (const job of running.current.splice(0)) job.stop();
  };
  useEffect(() => {
    setProblem(undefined);
    const run = <Result>(job: Job<Result>): Job<Result> => {
      running.current.push(job);
      const over = () => {
        running.current = running.current.filter((one) => one !== job);
      };
      job.result.then(over, over);
      return job;
    };
    const isEarly = hasOnnxEnding(dropped);
    if (isEarly) run(prove(dropped, setProof));
    run(startJob<DescribeWork>(describer, dropped)).result.then(
      (found) => {
        setDescription(found);
        if (found.from === "graph" && !isEarly) run(prove(dropped, setProof));
      },
      (error: unknown) =>
        setProblem(troubleOf(error, "Reading was stopped. Drop the file again to begin anew.")),
    );
    return stop;
  }, [dropped]);
  return {
    ...(description && { description }),
    ...(problem && { problem }),
    started: started.current,
    proof: { ...proof, stop },
    stop,
  };
}

type Update = (change: (last: ProofState) => ProofState) => void;

function prove(dropped: Dropped, update: Update): Job<ProofResult> {
  update((last) => ({ ...last, state: "running", started: performance.now() }));
  const job = startProof(dropped, ({ result, done, total }) =>
    update((last) => ({
      ...last,
      results: new Map([...last.results, [result.axis, result]]),
      done: Math.min(done, total - 1),
      total,
    })),
  );
  job.result.then(
    (result) => update((last) => ({ ...last, state: "done", result, warnings: result.warnings })),
    (error: unknown) =>
      update((last) =>
        isStopped(error)
          ? { ...last, state: "stopped" }
          : { ...last, state: "failed", problem: messageOf(error) },
      ),
  );
  return job;
}
