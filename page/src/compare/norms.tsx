// How far every tensor differs: the norm of the difference over the norm of the tensor, before and after alignment.

import { useState } from "preact/hooks";
import { countText, nameText, shareText } from "../app/text.ts";
import type { PairResult } from "./pair.ts";

const few = 24;

export function Norms({ result }: { readonly result: PairResult }) {
  const [all, setAll] = useState(false);
  const { norms, canAlign } = result;
  if (norms.length === 0) return null;
  const most = Math.max(
    Number.MIN_VALUE,
    ...norms.map(({ relative }) => (Number.isFinite(relative) ? relative : 0)),
  );
  const shown = all ? norms : norms.slice(0, few);
  return (
    <section class="norms" aria-labelledby="norms-title">
      <h2 id="norms-title">Tensor by tensor</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label="Table of norms">
        <table>
          <thead>
            <tr>
              <th scope="col">tensor</th>
              <th scope="col">norm of the difference / norm</th>
              <th scope="col" class="number">
                as it is
              </th>
              {canAlign && (
                <th scope="col" class="number">
                  aligned
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {shown.map(({ tensor, relative, relativeAfter, notFinite }) => (
              <tr key={tensor}>
                <th scope="row">{nameText(tensor)}</th>
                <td>
                  <Bar before={relative / most} after={(relativeAfter ?? 0) / most} />
                </td>
                <td class="number">{notFinite ? "NaN or infinite" : shareText(relative)}</td>
                {canAlign && <td class="number">{afterText(relativeAfter)}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {norms.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          Show all {countText(norms.length)} tensors
        </button>
      )}
    </section>
  );
}

const afterText = (share: number | undefined): string =>
  share === undefined ? "" : shareText(share);

const percent = (share: number): number => Math.max(0, Math.min(100, 100 * share));

function Bar({ before, after }: { readonly before: number; readonly after: number }) {
  return (
    <svg class="bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
      <rect class="before" width={percent(before)} height="8" />
      <rect class="after" width={percent(after)} height="8" />
    </svg>
  );
}
