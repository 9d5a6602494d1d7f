// What was not followed in a graph, and what a person should know before relying on the spec.

import { counted, nameText, sentence } from "../app/text.ts";
import type { Description } from "./description.ts";

export interface NotUnderstoodProps {
  readonly description: Description;
  readonly proofWarnings: readonly string[];
}

export function NotUnderstood({ description, proofWarnings }: NotUnderstoodProps) {
  const { from, notFollowed } = description;
  const known = new Set(notFollowed.map(({ node }) => node));
  const warnings = [...description.warnings, ...proofWarnings].filter(
    (warning) =>
      ![...known].some((node) => warning.includes(`"${node}"`) && warning.includes("fixed")),
  );
  return (
    <section class="notes" aria-labelledby="notes-title">
      <h2 id="notes-title">Not understood</h2>
      {notFollowed.length === 0 ? (
        <p>
          {from === "graph"
            ? "Every operation of the graph was followed."
            : "The file holds tensors only; there are no operations to follow."}
        </p>
      ) : (
        <>
          <p>
            {counted(notFollowed.length, "operation was", "operations were")} not followed; every
            axis that they touch is held still.
          </p>
          <ul>
            {notFollowed.slice(0, 50).map(({ operation, node, reason }) => (
              <li>
                <b>{nameText(operation)}</b> {nameText(node)}: {nameText(reason)}
              </li>
            ))}
          </ul>
        </>
      )}
      {warnings.length > 0 && (
        <>
          <h3>Worth knowing</h3>
          <ul>
            {warnings.slice(0, 50).map((warning) => (
              <li>{sentence(nameText(warning))}</li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}
