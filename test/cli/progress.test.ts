// How long work still takes, as lines of a log say it.

import { PassThrough } from "node:stream";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { progress, timeLeft } from "../../src/cli/app/progress.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["performance"] }));
afterEach(() => void vi.useRealTimers());

/** What a log says of a task of 100 units whose first one ends after `first` seconds, each further one after `further`. */
function linesOf(first: number, units: number, further = 1): string[] {
  const stream = new PassThrough();
  const task = progress("lines", stream).task("training", 100, { unit: "units" });
  for (let done = 1; done <= units; done++) {
    vi.advanceTimersByTime(1000 * (done === 1 ? first : further));
    task.update(done);
  }
  return String(stream.read() ?? "")
    .split("\n")
    .filter((line) => line !== "");
}

test("time left ignores what came before the first unit: a minute of compiling is not in it", () => {
  const slow = linesOf(60, 20);
  const left = slow.flatMap((line) => /, (\d+) s left/.exec(line)?.slice(1).map(Number) ?? []);
  expect(left.length).toBeGreaterThan(2);
  for (const [i, line] of slow.filter((text) => text.includes("left")).entries()) {
    const done = Number(/(\d+)\/100/.exec(line)?.[1]);
    expect(left[i]).toBe(100 - done);
  }
  // Control: what the units after the first take does count.
  expect(linesOf(60, 20, 2).some((line) => line.includes("80 s left"))).toBe(false);
  expect(linesOf(60, 20, 2).some((line) => line.includes("2:42 min left"))).toBe(true);
});

test("nothing is said of time left before there is more than one unit", () => {
  expect(linesOf(60, 1).join()).toContain("1/100");
  expect(linesOf(60, 1).join()).not.toContain("left");
});

test("seconds, minutes and hours", () => {
  expect([8, 185, 7800, Number.POSITIVE_INFINITY].map(timeLeft)).toEqual([
    "8 s",
    "3:05 min",
    "2:10 h",
    "–",
  ]);
});
