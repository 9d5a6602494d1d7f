// The error of the network over its steps, on a logarithmic scale.

import { steps } from "./siren.ts";

const width = 300;
const height = 96;
/** Exponents of ten that the scale spans, and where its labels stand. */
const [least, most] = [-3, 0];

const x = (step: number): number => (step / steps) * width;
const y = (loss: number): number => {
  const share = (Math.log10(loss) - least) / (most - least);
  return height * (1 - Math.min(1, Math.max(0, share)));
};

export function LossCurve({ losses }: { readonly losses: readonly number[] }) {
  const points = losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(" ");
  const last = losses.at(-1);
  const label =
    last === undefined
      ? "Error of the network; nothing is learnt yet"
      : `Error of the network over ${losses.length} steps, from ${losses[0].toPrecision(2)} to ${last.toPrecision(2)}`;
  return (
    <svg
      class="losses"
      viewBox={`-34 -6 ${width + 40} ${height + 12}`}
      role="img"
      aria-label={label}
    >
      {Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i)).map((value) => (
        <g key={value}>
          <line x1={0} x2={width} y1={y(value)} y2={y(value)} />
          <text x={-4} y={y(value)} dy="0.35em">
            {value}
          </text>
        </g>
      ))}
      <polyline points={points} />
      {last !== undefined && <circle cx={x(losses.length - 1)} cy={y(last)} r={3.5} />}
    </svg>
  );
}
