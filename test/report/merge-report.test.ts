// The report of a merge: complete in itself, every path and barrier there, escaped.

import { expect, test } from "vitest";
import { lossBarrier, pathPoints } from "../../src/align/merging/path.ts";
import { measuredPath } from "../../src/report/measured-path.ts";
import { mergeReport, type MergeResult } from "../../src/report/merge-report.ts";

const path = (height: number) =>
  pathPoints(5).map((t) => ({ t, loss: 0.1 + height * t * (1 - t), accuracy: 1 - height / 10 }));

const result = (network: string): MergeResult => ({
  title: "Two networks",
  summary: "From one to the other.",
  command: "npx weightspace merge a b --report x.html",
  machine: "a processor",
  pairs: 2,
  paths: ["training images", "test images"].map((examples) => ({
    network,
    examples,
    plain: measuredPath([path(4), path(2)]),
    aligned: measuredPath([path(0.4), path(0.2)]),
  })),
});

test("means and standard deviations are over pairs, point by point", () => {
  const { barrier, points } = measuredPath([path(4), path(2)]);
  expect(barrier.mean).toBeCloseTo(0.75, 10);
  expect(barrier.std).toBeCloseTo(Math.SQRT1_2 / 2, 10);
  expect(points[2].loss.mean).toBeCloseTo(0.85, 10);
  expect(lossBarrier(path(4))).toBeCloseTo(1, 10);
  expect(measuredPath([path(4)]).barrier.std).toBeNaN();
});

test("the page is complete in itself and shows every path and barrier", () => {
  const page = mergeReport(result("64-32-10"));
  expect(page).toMatch(/^<!doctype html>/);
  expect(page).not.toMatch(/<script|<link\s|<img|@import|\bsrc=|NaN|undefined|\[object/);
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(page).toMatch(/barrier 0\.750 as they are,\s+0\.075 aligned/);
  expect(page).toContain("test images");
  expect(page).toContain("npx weightspace merge a b --report x.html");
  expect(mergeReport(result("64-32-10"))).toBe(page);
});

test("names of files are escaped", () => {
  const page = mergeReport(result('<b onclick="x">.onnx'));
  expect(page).toContain("&lt;b onclick=&quot;x&quot;&gt;.onnx");
  expect(page).not.toContain('<b onclick="x">');
});
