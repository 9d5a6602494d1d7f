// |A - B| of the tensors that differ most, as they are and after alignment, under the axis of their rows.

import type { DifferencePanel } from "weightspace/checkpoints";
import { countText, nameText, shapeText, shareText } from "../app/text.ts";
import { HeatMap } from "./heat-map.tsx";

export interface PanelsProps {
  readonly panels: readonly DifferencePanel[];
  /** Tensors that differ, with a picture or without. */
  readonly total: number;
}

/** Panels by the axis of their first dimension, in the order in which axes first appear. */
function byAxis(panels: readonly DifferencePanel[]): Map<string, DifferencePanel[]> {
  const groups = new Map<string, DifferencePanel[]>();
  for (const panel of panels) {
    const axis = panel.axes?.[0] ?? "no axis";
    groups.set(axis, [...(groups.get(axis) ?? []), panel]);
  }
  const names = [...groups.keys()].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return new Map(names.map((name) => [name, groups.get(name) ?? []]));
}

export function Panels({ panels, total }: PanelsProps) {
  if (panels.length === 0) return null;
  const hasAfter = panels.some(({ after }) => after !== undefined);
  return (
    <section class="panels" aria-labelledby="panels-title">
      <h2 id="panels-title">Where they differ</h2>
      <p class="soft">
        |A − B|, rows down and all other dimensions across, sorted by the axis of the rows
        {hasAfter ? "; on the left as the files are, on the right after B was moved onto A" : ""}.
        {total > panels.length && ` The ${panels.length} that differ most of ${countText(total)}.`}
      </p>
      {[...byAxis(panels)].map(([axis, ofAxis]) => (
        <div class="axis-group" key={axis}>
          <h3>{axis === "no axis" ? "without an axis" : `rows: ${nameText(axis)}`}</h3>
          <div class="grid">
            {ofAxis.map((panel) => (
              <Panel key={panel.tensor} panel={panel} />
            ))}
          </div>
        </div>
      ))}
    </section>
  );
}

function Panel({ panel }: { readonly panel: DifferencePanel }) {
  const { tensor, shape, before, after, relative, relativeAfter } = panel;
  const most = Math.max(1e-12, ...before.cells, ...(after?.cells ?? []));
  const name = nameText(tensor);
  return (
    <figure>
      <div class="maps">
        <HeatMap grid={before} most={most} label={`${name}, as the files are`} />
        {after !== undefined && (
          <HeatMap grid={after} most={most} label={`${name}, after alignment`} />
        )}
      </div>
      <figcaption>
        <b>{name}</b> <span class="soft">{shapeText(shape)}</span>
        <br />
        {shareText(relative)} of its norm
        {relativeAfter !== undefined && <>, then {shareText(relativeAfter)}</>}
      </figcaption>
    </figure>
  );
}
