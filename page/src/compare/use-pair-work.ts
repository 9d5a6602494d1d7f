// The work on two files: one worker compares them and stays, to move the second one when that is asked for.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Dropped } from "../work/dropped.ts";
import { type Line, openLine, type Trouble, troubleOf } from "../work/job.ts";
import type { Pair, PairResult, PairStep, PairWork } from "./pair.ts";

/** How far the comparison is. */
export interface PairState {
  /** The judgment: first without pictures, then whole. */
  readonly result?: PairResult;
  /** Whether pictures and norms are there. */
  readonly isWhole: boolean;
  readonly problem?: Trouble;
  readonly step?: PairStep;
  readonly started: number;
  readonly stop: () => void;
}

type PairLine = Line<PairWork>;
export type AskPair = PairLine["ask"];

const create = () => new Worker(new URL("./pair.worker.ts", import.meta.url), { type: "module" });

/** Compares, and gives the way to ask the same worker for more. */
export function usePairWork(
  two: readonly [Dropped, Dropped],
  graph: Dropped | undefined,
): { readonly work: PairState; readonly pair: Pair; readonly ask: AskPair } {
  const pair = useMemo(() => ({ two, graph }), [two, graph]);
  const line = useRef<PairLine | undefined>(undefined);
  const started = useRef(performance.now());
  const [result, setResult] = useState<PairResult>();
  const [problem, setProblem] = useState<Trouble>();
  const [step, setStep] = useState<PairStep>();
  const [isWhole, setIsWhole] = useState(false);
  useEffect(() => {
    setProblem(undefined);
    setResult(undefined);
    const opened = openLine<PairWork>(create);
    line.current = opened;
    setIsWhole(false);
    const follow = (now: PairStep) => {
      setStep(now);
      if (now.judged !== undefined) setResult(now.judged);
    };
    opened.ask({ kind: "compare", pair }, follow).then(
      (answer) => {
        setResult(answer as PairResult);
        setIsWhole(true);
      },
      (error: unknown) =>
        setProblem(troubleOf(error, "It was stopped. Drop the files again to begin anew.")),
    );
    return opened.close;
  }, [pair]);
  const ask: AskPair = (request, onEvent) => {
    if (line.current === undefined) throw new Error("the worker is not open yet");
    return line.current.ask(request, onEvent);
  };
  return {
    pair,
    ask,
    work: {
      isWhole,
      ...(result && { result }),
      ...(problem && { problem }),
      ...(step && { step }),
      started: started.current,
      stop: () => line.current?.close(),
    },
  };
}
