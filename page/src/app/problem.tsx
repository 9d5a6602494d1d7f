// An error as a person meets it: the sentence of the library, and what may be done.

import { withoutFunctionNames } from "weightspace";
import { nameText } from "./text.ts";

export interface ProblemProps {
  readonly title: string;
  readonly message: string;
  /** Dictionaries of a PyTorch file among which a person may choose. */
  readonly keys?: readonly string[];
  readonly onKey?: (key: string) => void;
}

export function Problem({ title, message, keys = [], onKey }: ProblemProps) {
  const [first, ...rest] = withoutFunctionNames(message).split("\n");
  return (
    <div class="problem" role="alert">
      <h2>{title}</h2>
      <p>{nameText(first)}</p>
      {rest.length > 0 && (
        <ul>
          {rest.map((line) => (
            <li>{nameText(line.replace(/^\s*- /, ""))}</li>
          ))}
        </ul>
      )}
      {keys.map((key) => (
        <button type="button" class="quiet" onClick={() => onKey?.(key)}>
          Read {nameText(key)}
        </button>
      ))}
    </div>
  );
}
