// The network as it is drawn in books: units in columns, a line for every weight.

import type { GroupElement, Weights } from "weightspace";
import { layers, sizes, spec } from "./network.ts";
import { unitsAt } from "./path.ts";

const width = 440;
const height = 300;
const radius = 13;

export interface NetworkDrawingProps {
  readonly weights: Weights;
  readonly element: GroupElement;
  /** Whether only the first layer was moved. */
  readonly torn: boolean;
}

const columnAt = (column: number): number => 36 + (column * (width - 72)) / (sizes.length - 1);
const rowAt = (row: number, size: number): number => height / 2 + (row - (size - 1) / 2) * 46;

/** The axis of a column; undefined for the input and the output. */
const hiddenAxes = layers.map((layer) => {
  const [axis] = spec.tensors[`${layer}.bias`].axes;
  return axis.kind === "axis" && spec.axes[axis.name].group !== "fixed" ? axis.name : undefined;
});

export function NetworkDrawing({ weights, element, torn }: NetworkDrawingProps) {
  const largest = Math.max(
    ...layers.flatMap((layer) => [...weights[`${layer}.weight`].data].map(Math.abs)),
  );
  return (
    <svg
      class="network"
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={labelOf(element)}
    >
      {layers.map((layer, at) => (
        <Lines key={layer} weights={weights} at={at} largest={largest} />
      ))}
      {sizes.map((size, column) => (
        <Units key={column} column={column} size={size} units={placesOf(column, element, torn)} />
      ))}
    </svg>
  );
}

const labelOf = (element: GroupElement): string =>
  `Network of ${sizes.join(", ")} units. ${hiddenAxes
    .flatMap((axis) =>
      axis === undefined
        ? []
        : [
            `Order of ${axis}: ${unitsAt(element, axis)
              .map((unit) => unit + 1)
              .join(" ")}.`,
          ],
    )
    .join(" ")}`;

/** Which unit stands where in a hidden column; undefined elsewhere. */
function placesOf(column: number, element: GroupElement, torn: boolean): number[] | undefined {
  const axis = column === 0 ? undefined : hiddenAxes[column - 1];
  if (axis === undefined || (torn && column > 1))
    return axis === undefined ? undefined : [...Array(sizes[column]).keys()];
  return unitsAt(element, axis);
}

function Lines({
  weights,
  at,
  largest,
}: {
  readonly weights: Weights;
  readonly at: number;
  readonly largest: number;
}) {
  const { shape, data } = weights[`${layers[at]}.weight`];
  const [rows, columns] = shape;
  return (
    <g>
      {Array.from(data, (value, i) => {
        const [to, from] = [Math.floor(i / columns), i % columns];
        const share = Math.abs(value) / largest;
        return (
          <line
            key={i}
            class={value < 0 ? "negative" : "positive"}
            x1={columnAt(at)}
            y1={rowAt(from, columns)}
            x2={columnAt(at + 1)}
            y2={rowAt(to, rows)}
            stroke-width={(0.4 + 5 * share).toFixed(2)}
            stroke-opacity={(0.25 + 0.75 * share).toFixed(2)}
          />
        );
      })}
    </g>
  );
}

interface UnitsProps {
  readonly column: number;
  readonly size: number;
  readonly units: readonly number[] | undefined;
}

function Units({ column, size, units }: UnitsProps) {
  const names = column === 0 ? ["x", "y"] : ["?"];
  return (
    <g>
      {Array.from({ length: size }, (_, row) => {
        const unit = units?.[row];
        const hasMoved = unit !== undefined && unit !== row;
        return (
          <g key={row} class={hasMoved ? "unit away" : "unit"}>
            <circle cx={columnAt(column)} cy={rowAt(row, size)} r={radius} />
            <text x={columnAt(column)} y={rowAt(row, size)} dy="0.35em">
              {unit === undefined ? names[row] : unit + 1}
            </text>
          </g>
        );
      })}
    </g>
  );
}
