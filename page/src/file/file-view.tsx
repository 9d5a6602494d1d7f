// What is this file? The sentence a person wants, then its axes, its tensors, and what was not understood.

import { useMemo, useState } from "preact/hooks";
import { Chooser } from "../app/chooser.tsx";
import { keepFile } from "../app/keep-file.ts";
import { Problem } from "../app/problem.tsx";
import { Progress } from "../app/progress.tsx";
import { bytesText, counted, nameText } from "../app/text.ts";
import type { Dropped } from "../work/dropped.ts";
import { AxesFigure } from "./axes-figure.tsx";
import type { Description } from "./description.ts";
import { headlineOf, leadOf } from "./headline.ts";
import { NotUnderstood } from "./not-understood.tsx";
import { TensorList } from "./tensor-list.tsx";
import { type FileWork, useFileWork } from "./use-file-work.ts";

export interface FileViewProps {
  readonly dropped: Dropped;
  readonly give: (files: readonly File[]) => void;
  readonly onLeave: () => void;
}

export function FileView({ dropped: given, give, onLeave }: FileViewProps) {
  const [key, setKey] = useState<string>();
  const dropped = useMemo(() => (key === undefined ? given : { ...given, key }), [given, key]);
  const work = useFileWork(dropped);
  const { description, problem } = work;
  return (
    <article class="file">
      <FactLine file={dropped.file} description={description} />
      {problem !== undefined && (
        <Problem title="This file is not read" {...problem} onKey={setKey} />
      )}
      {problem === undefined && (
        <h1 id="sentence" aria-live="polite">
          {description === undefined ? "Reading …" : headlineOf(description, work.proof)}
        </h1>
      )}
      <Status work={work} />
      {description !== undefined && <Findings description={description} work={work} />}
      <Onward {...{ dropped, give, onLeave, description }} />
    </article>
  );
}

const formatNames: Readonly<Record<string, string>> = {
  onnx: "ONNX",
  pytorch: "PyTorch",
  npz: "NumPy archive",
  npy: "NumPy array",
  gguf: "GGUF",
  keras: "Keras",
  hdf5: "HDF5",
};

function FactLine({
  file,
  description,
}: {
  readonly file: File;
  readonly description: Description | undefined;
}) {
  const facts = [
    nameText(file.name),
    bytesText(file.size),
    ...(description === undefined
      ? []
      : [
          formatNames[description.format] ?? description.format,
          counted(description.tensors.length, "tensor"),
          counted(description.numbers, "number"),
        ]),
  ];
  return <p class="eyebrow">{facts.join("  ·  ")}</p>;
}

/** One line that is always there: work that goes on, or what came of it. */
function Status({ work }: { readonly work: FileWork }) {
  const { description, problem, proof } = work;
  if (problem !== undefined) return null;
  if (description === undefined)
    return <Progress label="Reading the file" started={work.started} onStop={work.stop} />;
  if (proof.state === "running")
    return (
      <Progress
        label={
          proof.total === 0
            ? "Loading the runtime that proves it"
            : `Proving axis ${proof.done + 1} of ${proof.total}`
        }
        share={proof.total === 0 ? undefined : proof.done / proof.total}
        started={proof.started}
        onStop={proof.stop}
      />
    );
  return <p class="progress still">{leadOf(description, proof)}</p>;
}

function Findings({
  description,
  work,
}: {
  readonly description: Description;
  readonly work: FileWork;
}) {
  const [hovered, setHovered] = useState<string>();
  const [pinned, setPinned] = useState<string>();
  const lit = hovered ?? pinned;
  return (
    <>
      <div class="findings">
        {description.axes.length > 0 && (
          <AxesFigure
            {...{ description, lit, pinned, onHover: setHovered }}
            onPin={(axis) => setPinned((last) => (last === axis ? undefined : axis))}
            proof={work.proof}
          />
        )}
        <TensorList tensors={description.tensors} lit={lit} />
      </div>
      <NotUnderstood description={description} proofWarnings={work.proof.warnings} />
    </>
  );
}

interface OnwardProps extends FileViewProps {
  readonly description: Description | undefined;
}

/** What to do next: keep the spec, compare, look at another file. */
function Onward({ dropped, give, onLeave, description }: OnwardProps) {
  const spec = description?.spec;
  const stem = dropped.file.name.replace(/\.[^.]+$/, "");
  return (
    <div class="onward">
      {spec !== undefined && (
        <button
          type="button"
          class="main"
          onClick={() => keepFile(`${stem}.spec.json`, [spec], "application/json")}
        >
          Keep the spec
        </button>
      )}
      {description !== undefined && (
        <Chooser
          quiet
          label="Compare with another file"
          give={(files) => give([dropped.file, ...dropped.beside, ...files])}
        />
      )}
      <Chooser quiet label="Look at another file" give={give} />
      <button type="button" class="quiet" onClick={onLeave}>
        Back to the start
      </button>
    </div>
  );
}
