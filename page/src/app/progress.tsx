// A line about work that goes on: what, how far, how long it may still take, and a button that stops it.

import { durationText } from "./text.ts";

export interface ProgressProps {
  readonly label: string;
  /** In [0, 1]; undefined where nothing tells. */
  readonly share?: number | undefined;
  /** When the work began, as `performance.now()` tells. */
  readonly started: number;
  readonly onStop: () => void;
}

/** Before this much time and share have passed, nothing is said of the time left. */
const soonest = { milliseconds: 800, share: 0.03 };

function timeLeft(share: number | undefined, started: number): string {
  const passed = performance.now() - started;
  if (share === undefined || share < soonest.share || passed < soonest.milliseconds) return "";
  return `about ${durationText((passed * (1 - share)) / share)} left`;
}

export function Progress({ label, share, started, onStop }: ProgressProps) {
  const left = timeLeft(share, started);
  return (
    <div class="progress">
      <progress aria-label={label} {...(share === undefined ? {} : { value: share })} max={1} />
      <p role="status">
        {label} <span class="soft">{left}</span>
      </p>
      <button type="button" class="quiet" onClick={onStop}>
        Stop
      </button>
    </div>
  );
}
