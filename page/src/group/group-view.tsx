// Watch the group act: a network is reordered by hand; its file changes, its function and a functional stand still.

import { useEffect, useMemo, useState } from "preact/hooks";
import { Problem } from "../app/problem.tsx";
import { isStopped, type Line, openLine } from "../work/job.ts";
import { DecisionMap } from "./decision-map.tsx";
import { FileStrip } from "./file-strip.tsx";
import type { GroupWork, Readings, Trained } from "./group.worker.ts";
import { mapOf, moved, numbersOf } from "./network.ts";
import { NetworkDrawing } from "./network-drawing.tsx";
import { axes, cyclesText, steps, walk } from "./path.ts";
import { Readers } from "./readers.tsx";
import "../style/group.css";

const seed = 5;

type GroupLine = Line<GroupWork>;

interface Work {
  readonly trained?: Trained;
  /** What both readers say along the whole walk. */
  readonly whole?: Readings;
  /** The same with the tie broken. */
  readonly torn?: Readings;
  readonly problem?: string;
}

const elements = walk(seed);

/** Trains the network, then has it read at every step of the walk. */
async function follow(line: GroupLine, tell: (work: Work) => void): Promise<void> {
  const trained = (await line.ask({ kind: "train", seed })) as Trained;
  tell({ trained });
  const read = async (torn: boolean) => {
    const networks = elements.map((element) => moved(trained.weights, element, torn));
    return (await line.ask({ kind: "read", networks })) as Readings;
  };
  tell({ trained, whole: await read(false), torn: await read(true) });
}

function useWork(): Work {
  const [work, setWork] = useState<Work>({});
  useEffect(() => {
    const create = () =>
      new Worker(new URL("./group.worker.ts", import.meta.url), { type: "module" });
    const line = openLine<GroupWork>(create);
    follow(line, setWork)
      .catch((error: unknown) => {
        const problem = error instanceof Error ? error.message : String(error);
        if (!isStopped(error)) setWork((last) => ({ ...last, problem }));
      })
      .finally(line.close);
    return line.close;
  }, []);
  return work;
}

export function GroupView() {
  const work = useWork();
  return (
    <article class="group">
      <h1>Reorder its neurons. The file changes, the function does not.</h1>
      <p class="lead">
        This small network was trained in your browser a moment ago to tell two half moons apart.
        Pull the slider: each step swaps two hidden neurons together with all their connections. The
        numbers of the file jump, the picture in the middle stands still.
      </p>
      {work.problem !== undefined && (
        <Problem title="Something does not run here" message={work.problem} />
      )}
      {work.trained === undefined ? (
        <p class="hold" role="status">
          Training it …
        </p>
      ) : (
        <Stage {...work} trained={work.trained} />
      )}
    </article>
  );
}

function Stage({
  trained: { examples, weights },
  whole,
  torn: apart,
}: Work & { readonly trained: Trained }) {
  const [step, setStep] = useState(0);
  const [torn, setTorn] = useState(false);
  const now = useMemo(() => moved(weights, elements[step], torn), [weights, step, torn]);
  const original = useMemo(() => mapOf(weights), [weights]);
  const map = useMemo(() => mapOf(now), [now]);
  const change = map.reduce((most, value, i) => Math.max(most, Math.abs(value - original[i])), 0);
  const still = change < 1e-4;
  return (
    <>
      <Controls {...{ step, setStep, torn, setTorn }} />
      <div class="cards">
        <section class="card" aria-labelledby="card-network">
          <h2 id="card-network">The network</h2>
          <p class="soft">
            Lines are weights: dark positive, red negative. Numbers name the neurons.
          </p>
          <NetworkDrawing weights={now} element={elements[step]} torn={torn} />
          <p class="mono soft">
            {(torn ? axes.slice(0, 1) : axes)
              .map((axis) => `${axis} in cycles: ${cyclesText(elements[step], axis)}`)
              .join("\n")}
          </p>
        </section>
        <section class="card" aria-labelledby="card-function">
          <h2 id="card-function">What it computes</h2>
          <p class="soft">Its answer at every point of the plane, with the points it learnt.</p>
          <DecisionMap map={map} examples={examples} />
          <p class={still ? "says" : "says broken"} role="status" id="function-says">
            {still ? "Stands still" : "Another function"}
            <span class="soft">
              {" "}
              · largest change {change < 1e-6 ? "below 1e-6" : change.toFixed(3)}
            </span>
          </p>
        </section>
        <Readers whole={whole} apart={apart} step={step} torn={torn} />
        <FileStrip now={numbersOf(now)} original={numbersOf(weights)} />
      </div>
    </>
  );
}

interface ControlsProps {
  readonly step: number;
  readonly setStep: (step: number) => void;
  readonly torn: boolean;
  readonly setTorn: (torn: boolean) => void;
}

function Controls({ step, setStep, torn, setTorn }: ControlsProps) {
  return (
    <div class="controls">
      <label for="walk">
        Swaps of two neurons: <output for="walk">{step}</output>
      </label>
      <input
        id="walk"
        type="range"
        min={0}
        max={steps}
        step={1}
        value={step}
        onInput={({ currentTarget }) => setStep(currentTarget.valueAsNumber)}
      />
      <label class="check">
        <input
          type="checkbox"
          checked={torn}
          onChange={({ currentTarget }) => setTorn(currentTarget.checked)}
        />
        Break the tie: move the first layer only
      </label>
    </div>
  );
}
