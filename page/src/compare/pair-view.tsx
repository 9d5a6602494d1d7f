// Are these two the same? The verdict first, then a picture that explains it, and the aligned file to keep.

import { useMemo, useState } from "preact/hooks";
import { Chooser } from "../app/chooser.tsx";
import { Problem } from "../app/problem.tsx";
import { Progress } from "../app/progress.tsx";
import { bytesText, counted, nameText, sentence } from "../app/text.ts";
import type { Dropped } from "../work/dropped.ts";
import { KeepAligned } from "./keep-aligned.tsx";
import { Norms } from "./norms.tsx";
import type { Pair, PairResult } from "./pair.ts";
import { Panels } from "./panels.tsx";
import { type PairState, usePairWork } from "./use-pair-work.ts";
import "../style/pair.css";

export interface PairViewProps extends Pair {
  readonly give: (files: readonly File[]) => void;
  readonly onLeave: () => void;
}

/** A longer list of moves is told below the verdict. */
const longestHeadline = 130;

export function PairView({ two: given, graph, give, onLeave }: PairViewProps) {
  const [key, setKey] = useState<string>();
  const two = useMemo(
    () =>
      key === undefined
        ? given
        : ([
            { ...given[0], key },
            { ...given[1], key },
          ] as const),
    [given, key],
  );
  const { work, pair, ask } = usePairWork(two, graph);
  const { result, isWhole, problem } = work;
  return (
    <article class="pair">
      <FileLine two={two} graph={graph} />
      {problem !== undefined && (
        <Problem
          title={result === undefined ? "These files are not compared" : "The rest is not drawn"}
          {...problem}
          onKey={setKey}
        />
      )}
      {(problem === undefined || result !== undefined) && (
        <h1 id="sentence" aria-live="polite">
          {result === undefined ? "Comparing …" : verdictOf(result)}
        </h1>
      )}
      {problem === undefined && result === undefined && <StepOf work={work} />}
      {result !== undefined && <p class="progress still">{explanationOf(result)}</p>}
      {result !== undefined && (
        <>
          {!isWhole && problem === undefined && <StepOf work={work} />}
          <Panels panels={result.panels} total={result.norms.length} />
          <Norms result={result} />
          <Notes notes={result.notes} />
        </>
      )}
      <div class="onward">
        {isWhole && result?.canAlign === true && (
          <KeepAligned pair={pair} ask={ask} stop={work.stop} />
        )}
        <Chooser quiet label="Compare other files" give={give} />
        <button type="button" class="quiet" onClick={onLeave}>
          Back to the start
        </button>
      </div>
    </article>
  );
}

/** The step that goes on, with a button that stops it. */
function StepOf({ work: { step, started, stop } }: { readonly work: PairState }) {
  const label = sentence(step?.step ?? "reading both files").replace(/\.$/, "");
  return <Progress label={label} share={step?.share} started={started} onStop={stop} />;
}

function FileLine({ two: [a, b], graph }: Pair) {
  const text = ({ file }: Dropped) => `${nameText(file.name)}, ${bytesText(file.size)}`;
  return (
    <p class="eyebrow">
      A: {text(a)} · B: {text(b)}
      {graph !== undefined && <> · graph: {nameText(graph.file.name)}</>}
    </p>
  );
}

function verdictOf({ verdict, sentence: said, moves }: PairResult): string {
  if (verdict !== "symmetric") return sentence(said);
  const after = /^symmetric after ([^:]+):/.exec(said)?.[1];
  const start = after === undefined ? "The same network" : `The same network after ${after}`;
  if (moves === "") return `${start}.`;
  return moves.length <= longestHeadline
    ? `${start}: ${moves}.`
    : `${start}, its units in another order or scale.`;
}

function explanationOf({ verdict, moves, similarity, differing, equal }: PairResult): string {
  const counts = `${counted(differing, "tensor differs", "tensors differ")}, ${counted(equal, "is equal", "are equal")}.`;
  switch (verdict) {
    case "identical":
      return "Nothing has to be aligned: the files hold the same numbers.";
    case "symmetric":
      return moves.length <= longestHeadline
        ? `${counts} Once B is moved back, every number is that of A up to rounding.`
        : `${sentence(moves)} Once B is moved back, every number is that of A up to rounding.`;
    case "reordered":
      return `${counts} The files hold the same numbers in another order.`;
    case "different":
      return similarity === undefined
        ? counts
        : `${counts} After the best alignment found, their similarity is ${similarity.toPrecision(3)}; 1 is equal.`;
  }
}

function Notes({ notes }: { readonly notes: readonly string[] }) {
  if (notes.length === 0) return null;
  return (
    <section class="notes" aria-labelledby="pair-notes">
      <h2 id="pair-notes">Worth knowing</h2>
      <ul>
        {notes.map((note) => (
          <li>{sentence(nameText(note))}</li>
        ))}
      </ul>
    </section>
  );
}
