// Two readers of the file along the whole walk: one that respects the group, one that reads the numbers in a row.

import type { Readings } from "./group.worker.ts";

export interface ReadersProps {
  /** Along the walk, with the tie whole. */
  readonly whole: Readings | undefined;
  /** The same with the tie broken. */
  readonly apart: Readings | undefined;
  readonly step: number;
  readonly torn: boolean;
}

const width = 300;
const height = 70;

export function Readers({ whole, apart, step, torn }: ReadersProps) {
  const reader = (kind: keyof Readings) => ({
    values: (torn ? apart : whole)?.[kind],
    range: rangeOf([...(whole?.[kind] ?? []), ...(apart?.[kind] ?? [])]),
    step,
  });
  return (
    <section class="card readers" aria-labelledby="card-readers">
      <h2 id="card-readers">What others read in its file</h2>
      <p class="soft">Two networks give one number for the file. Neither was trained.</p>
      <Reader
        name="A functional that respects the group"
        says={torn ? "sees that it is another network" : "the same for every order"}
        {...reader("functional")}
      />
      <Reader
        name="A plain network on the list of numbers"
        says={torn ? "another number again" : "another number at every swap"}
        {...reader("plain")}
      />
    </section>
  );
}

const rangeOf = (values: readonly number[]): readonly [number, number] => [
  Math.min(...values),
  Math.max(...values),
];

interface ReaderProps {
  readonly name: string;
  readonly says: string;
  readonly values: readonly number[] | undefined;
  readonly range: readonly [number, number];
  readonly step: number;
}

const readingText = (value: number): string => value.toFixed(4).replace("-", "−");

function Reader({ name, says, values, range, step }: ReaderProps) {
  return (
    <div class="reader">
      <h3>{name}</h3>
      <p class="reading">{values === undefined ? "…" : readingText(values[step])}</p>
      <p class="soft">{says}</p>
      <Curve {...{ values, range, step, name }} />
    </div>
  );
}

function Curve({ values, range: [low, high], step, name }: Omit<ReaderProps, "says">) {
  const frame = { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "xMinYMid meet" };
  if (values === undefined) return <svg {...frame} aria-hidden="true" />;
  const x = (i: number) => 6 + (i * (width - 12)) / (values.length - 1);
  const y = (value: number) => 8 + (1 - (value - low) / (high - low || 1)) * (height - 16);
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  return (
    <svg {...frame} role="img" aria-label={`${name}, along the slider`}>
      <polyline points={points} />
      <circle cx={x(step)} cy={y(values[step])} r={5} />
    </svg>
  );
}
