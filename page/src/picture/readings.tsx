// What every reader says of the network, in the state that is chosen.

import { percentText } from "../app/text.ts";
import type { ReaderNote } from "./readers.ts";
import type { Seen } from "./read.worker.ts";

interface About {
  readonly title: string;
  readonly how: string;
}

/** Readers in words. */
const about: Readonly<Record<string, About>> = {
  "unf-products": {
    title: "A functional that respects the symmetries",
    how: "reads the numbers, and cannot tell an order or a sign from another",
  },
  "stat-nn": {
    title: "Statistics",
    how: "reads mean, spread and five quantiles of every tensor, nothing else",
  },
  "flat-mlp": {
    title: "A plain network",
    how: "reads the numbers as one list",
  },
  probes: {
    title: "Probes",
    how: "runs the network at 64 places: reads the function, not the weights",
  },
};

/** A reader's title within a sentence. */
export const readerTitle = (name: string): string =>
  about[name].title.charAt(0).toLowerCase() + about[name].title.slice(1);

export interface ReadingsProps {
  readonly readers: readonly ReaderNote[];
  readonly seen: Seen | undefined;
  /** What they said of the network as it was taught, where that is to be compared. */
  readonly before: Seen | undefined;
}

export function Readings({ readers, seen, before }: ReadingsProps) {
  return (
    <ul class="readings">
      {readers.map(({ name, accuracy, moved }, at) => (
        <li key={name} data-reader={name}>
          <Said probabilities={seen?.said[at]} />
          <div>
            <h3>
              {about[name].title}
              <Change now={seen?.said[at]} before={before?.said[at]} />
            </h3>
            <p class="soft">
              {about[name].how}. Right on {percentText(accuracy)} of test networks
              {percentText(moved) === percentText(accuracy)
                ? ", moved or not."
                : `, on ${percentText(moved)} of them when they are moved.`}
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

const likeliest = (probabilities: readonly number[]): number =>
  probabilities.indexOf(Math.max(...probabilities));

interface ChangeProps {
  readonly now: readonly number[] | undefined;
  readonly before: readonly number[] | undefined;
}

/** Whether a reader still says what it said before. */
function Change({ now, before }: ChangeProps) {
  if (now === undefined || before === undefined) return null;
  const most = Math.max(...now.map((value, digit) => Math.abs(value - before[digit])));
  const [digit, last] = [likeliest(now), likeliest(before)];
  const isStill = most < 0.005;
  const same = isStill ? "stands still" : `still ${digit}, less or more sure`;
  return (
    <span class={isStill ? "change" : "change moved"}>
      {digit === last ? same : `said ${last} before`}
    </span>
  );
}

/** The likeliest digit in large, and a bar for each of the ten. */
function Said({ probabilities }: { readonly probabilities: readonly number[] | undefined }) {
  const best = probabilities && likeliest(probabilities);
  const label =
    probabilities === undefined || best === undefined
      ? "nothing read yet"
      : `${best}, with ${percentText(probabilities[best])}`;
  return (
    <div class="said" role="img" aria-label={label}>
      <output aria-hidden="true">{best ?? "–"}</output>
      <svg viewBox="0 0 100 44" aria-hidden="true">
        {Array.from({ length: 10 }, (_, digit) => {
          const tall = 30 * (probabilities?.[digit] ?? 0);
          return (
            <g key={digit} class={digit === best ? "best" : ""}>
              <rect x={10 * digit + 1} y={31 - tall} width={8} height={tall + 1} />
              <text x={10 * digit + 5} y={42}>
                {digit}
              </text>
            </g>
          );
        })}
      </svg>
    </div>
  );
}
