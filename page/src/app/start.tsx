// The start: a place to drop files, and examples for those who have none at hand.

import { useState } from "preact/hooks";
import { Chooser } from "./chooser.tsx";
import { type Example, exampleFiles, examples } from "./examples.ts";

export interface StartProps {
  readonly give: (files: readonly File[]) => void;
}

export function Start({ give }: StartProps) {
  const [problem, setProblem] = useState("");
  const open = (example: Example) => {
    exampleFiles(example).then(give, (error: unknown) =>
      setProblem(error instanceof Error ? error.message : String(error)),
    );
  };
  return (
    <section class="start">
      <h1>What is this network, up&nbsp;to&nbsp;symmetry?</h1>
      <p class="lead">
        Put the hidden units of a network in another order and every number of its file moves, but
        the function stays. Drop a model here to see everything that may move, proved on the file
        itself. Drop two to learn whether they are one network.
      </p>
      <div class="drop">
        <Chooser label="Choose files" give={give} />
        <p>
          or drop them anywhere. ONNX, safetensors, PyTorch, NumPy, GGUF or Keras; two at once are
          compared. Files are read piece by piece; only an ONNX model, 2&nbsp;GiB at most, is held
          in memory whole.
        </p>
      </div>
      <p role="alert" class="soft">
        {problem}
      </p>
      <h2>No file at hand?</h2>
      <ul class="examples">
        {examples.map((example) => (
          <li>
            <button type="button" class="link" onClick={() => open(example)}>
              {example.title}
            </button>
            <span class="soft">{example.about}</span>
          </li>
        ))}
        <li>
          <a class="link" href="#group">
            Watch the group act
          </a>
          <span class="soft">reorder a network by hand and see what stands still</span>
        </li>
        <li>
          <a class="link" href="#picture">
            Read an image from weights
          </a>
          <span class="soft">draw a digit, and have it read from the numbers of a network</span>
        </li>
      </ul>
    </section>
  );
}
