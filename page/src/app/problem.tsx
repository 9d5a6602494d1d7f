// An error as a person meets it: the sentence of the library, and what may be done.

import { nameText } from "./text.ts";

export interface ProblemProps {
  readonly title: string;
  readonly message: string;
  /** Dictionaries of a PyTorch file among which a person may choose. */
  readonly keys?: readonly string[];
  readonly onKey?: (key: string) => void;
}

/** Names of functions that stand before messages of the library say nothing to a reader of the page. */
const withoutFunction = (message: string): string => message.replace(/^[a-z]\w*: (?=\S)/, "");

export function Problem({ title, message, keys = [], onKey }: ProblemProps) {
  const [first, ...rest] = withoutFunction(message).split("\n");
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
