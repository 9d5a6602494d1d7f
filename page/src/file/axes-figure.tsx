// The axes of a file: a table whose rows are the nodes of its graph, and beside it an arc for the tensors that tie two axes.

import { useState } from "preact/hooks";
import { countText, nameText, smallText } from "../app/text.ts";
import { arcsOf, arcWidth } from "./arcs.ts";
import type { AxisResult, DescribedAxis, Description } from "./description.ts";
import type { ProofState } from "./use-file-work.ts";

/** Height of a row, in pixels; the style sheet has the same. */
const row = 36;
const head = 52;
const gutter = 112;
/** Rows that the longest arc is taken to lead over at least, so that short arcs stay near. */
const leastReach = 4;
/** Axes that are shown before a person asks for all of them. */
const fewAxes = 40;

export interface AxesFigureProps {
  readonly description: Description;
  /** The axis whose tensors are lit. */
  readonly lit: string | undefined;
  readonly pinned: string | undefined;
  readonly proof: ProofState;
  readonly onHover: (axis: string | undefined) => void;
  readonly onPin: (axis: string) => void;
}

export function AxesFigure(props: AxesFigureProps) {
  const { description, onHover, proof } = props;
  const [all, setAll] = useState(false);
  const { axes, tensors } = description;
  const shown = all ? axes : axes.slice(0, fewAxes);
  const hasProof = description.from === "graph" && proof.state !== "none";
  return (
    <section class="axes" aria-labelledby="axes-title">
      <h2 id="axes-title">Axes</h2>
      <p class="soft">
        <span class="of-arcs">Each arc is a tensor that has two axes. </span>Point at an axis to
        light up its tensors.
      </p>
      <div class="arc-table" onMouseLeave={() => onHover(undefined)}>
        <Arcs axes={shown} tensors={tensors} lit={props.lit} />
        <div class="scroll" tabIndex={0} role="group" aria-label="Table of axes">
          <table>
            <thead>
              <tr>
                <th scope="col">axis</th>
                <th scope="col" class="number">
                  size
                </th>
                <th scope="col">group</th>
                {hasProof && (
                  <th scope="col" class="number">
                    output
                    <br />
                    moved by
                  </th>
                )}
                {hasProof && (
                  <th scope="col" class="number">
                    one tensor
                    <br />
                    moved alone
                  </th>
                )}
              </tr>
            </thead>
            <tbody>
              {shown.map((axis) => (
                <AxisRow key={axis.name} {...props} axis={axis} hasProof={hasProof} />
              ))}
            </tbody>
          </table>
        </div>
      </div>
      {axes.length > shown.length && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          Show all {countText(axes.length)} axes
        </button>
      )}
    </section>
  );
}

interface AxisRowProps extends AxesFigureProps {
  readonly axis: DescribedAxis;
  readonly hasProof: boolean;
}

function AxisRow({ axis, lit, pinned, proof, onHover, onPin, hasProof }: AxisRowProps) {
  const { name, size, group, free, why } = axis;
  const result = proof.results.get(name);
  const classes = [free ? "free" : "fixed", ...(lit === name ? ["lit"] : [])].join(" ");
  return (
    <tr class={classes} onMouseEnter={() => onHover(name)}>
      <th scope="row">
        <button
          type="button"
          class="axis"
          aria-pressed={pinned === name}
          title={why === "" ? undefined : nameText(why)}
          onClick={() => onPin(name)}
          onFocus={() => onHover(name)}
          onBlur={() => onHover(undefined)}
        >
          {nameText(name)}
        </button>
      </th>
      <td class="number">{countText(size)}</td>
      <td class="group">
        <GroupText group={nameText(group)} />
      </td>
      {hasProof && <td class="number">{free && <ErrorText result={result} />}</td>}
      {hasProof && <td class="number soft">{controlText(result)}</td>}
    </tr>
  );
}

/** `S_6 with positive scales`, the number below the line. */
function GroupText({ group }: { readonly group: string }) {
  const [, size, rest] = /^S_(\d+)(.*)$/.exec(group) ?? [];
  if (size === undefined) return <>{group}</>;
  return (
    <>
      S<sub>{size}</sub>
      {rest}
    </>
  );
}

function ErrorText({ result }: { readonly result: AxisResult | undefined }) {
  if (result === undefined) return <span class="soft">…</span>;
  return result.holds ? (
    <>{smallText(result.error)}</>
  ) : (
    <strong class="broken">{smallText(result.error)}, broken</strong>
  );
}

const controlText = (result: AxisResult | undefined): string =>
  result === undefined
    ? ""
    : result.control === null
      ? "none shows"
      : smallText(result.control.error);

interface ArcsProps extends Pick<Description, "axes" | "tensors"> {
  readonly lit: string | undefined;
}

function Arcs({ axes, tensors, lit }: ArcsProps) {
  const arcs = arcsOf(axes, tensors);
  const at = (index: number) => head + row * (index + 0.5);
  const furthest = Math.max(leastReach, ...arcs.map(({ from, to }) => to - from));
  return (
    <svg
      class="arcs"
      width={gutter}
      height={head + row * axes.length}
      viewBox={`0 0 ${gutter} ${head + row * axes.length}`}
      aria-hidden="true"
    >
      {arcs.map(({ from, to, names, tensors: count }) => {
        const reach = (gutter - 16) * Math.sqrt((to - from) / furthest) * 0.98;
        const isLit = lit !== undefined && names.includes(lit);
        return (
          <path
            key={`${from}-${to}`}
            class={isLit ? "arc lit" : "arc"}
            d={`M${gutter - 6} ${at(from)} C${gutter - 6 - reach * 1.3} ${at(from)} ${gutter - 6 - reach * 1.3} ${at(to)} ${gutter - 6} ${at(to)}`}
            stroke-width={arcWidth(count)}
          />
        );
      })}
      {axes.map(({ name, free }, index) => (
        <circle
          key={name}
          class={`node${free ? " free" : ""}${lit === name ? " lit" : ""}`}
          cx={gutter - 6}
          cy={at(index)}
          r={free ? 4.5 : 3.5}
        />
      ))}
    </svg>
  );
}
