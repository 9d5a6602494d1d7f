// The second file moved onto the first, looked at and run before it is offered.

import { useRef, useState } from "preact/hooks";
import type { Verification } from "weightspace/checkpoints";
import { keepFile } from "../app/keep-file.ts";
import { nameText, sentence, smallText } from "../app/text.ts";
import { type Job, startJob, troubleOf } from "../work/job.ts";
import type { AlignedFile, Pair } from "./pair.ts";
import type { AskPair } from "./use-pair-work.ts";
import type { VerifyWork } from "./verify.worker.ts";

export interface KeepAlignedProps {
  readonly pair: Pair;
  readonly ask: AskPair;
  /** Ends the worker that moves the file. */
  readonly stop: () => void;
}

type State =
  | { readonly kind: "none" }
  | { readonly kind: "working"; readonly text: string }
  | { readonly kind: "ready"; readonly file: AlignedFile; readonly verification: Verification }
  | { readonly kind: "failed"; readonly text: string };

const verifier = () =>
  new Worker(new URL("./verify.worker.ts", import.meta.url), { type: "module" });

async function makeAligned(
  { pair, ask }: KeepAlignedProps,
  tell: (text: string) => void,
  onJob: (job: Job<Verification>) => void,
) {
  const file = (await ask({ kind: "align" }, ({ step }) => tell(step))) as AlignedFile;
  tell("running it before and after");
  const job = startJob<VerifyWork>(verifier, { second: pair.two[1], aligned: file });
  onJob(job);
  return { file, verification: await job.result };
}

export function KeepAligned(props: KeepAlignedProps) {
  const [state, setState] = useState<State>({ kind: "none" });
  const running = useRef<Job<Verification> | undefined>(undefined);
  const make = () => {
    setState({ kind: "working", text: "moving the second file" });
    const tell = (text: string) => setState({ kind: "working", text });
    makeAligned(props, tell, (job) => (running.current = job)).then(
      (made) => setState({ kind: "ready", ...made }),
      (error: unknown) =>
        setState({
          kind: "failed",
          text: troubleOf(error, "It was stopped; drop the files again to align them").message,
        }),
    );
  };
  const stop = () => {
    running.current?.stop();
    props.stop();
  };
  if (state.kind === "ready") {
    const { file, verification } = state;
    return (
      <>
        <button
          type="button"
          class="main"
          onClick={() => keepFile(file.name, [file.bytes], "application/octet-stream")}
        >
          Keep {nameText(file.name)}
        </button>
        <p role="status" class="soft wide">
          {checkedText(file, verification)}
        </p>
      </>
    );
  }
  return (
    <>
      <button type="button" class="main" disabled={state.kind === "working"} onClick={make}>
        Align B with A
      </button>
      {state.kind === "working" && (
        <button type="button" class="quiet" onClick={stop}>
          Stop
        </button>
      )}
      <p role="status" class="soft wide">
        {state.kind === "none" ? "" : sentence(nameText(state.text))}
      </p>
    </>
  );
}

function checkedText({ movedBack }: AlignedFile, verification: Verification): string {
  const { largestDeviation } = movedBack;
  const back =
    largestDeviation === 0
      ? "Moved back it is B again, every number equal."
      : `Moved back it is B again, up to ${smallText(largestDeviation)} of a tensor's root mean square.`;
  return "reason" in verification
    ? `${back} Not run: ${sentence(nameText(verification.reason))}`
    : `${back} Run before and after on ${verification.inputs} inputs, the outputs agree to ${verification.error === 0 ? "the last bit" : smallText(verification.error)}.`;
}
