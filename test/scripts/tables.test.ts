// The figures in the README and on the page of speed are those of the files of results, and read as they should.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
// @ts-expect-error plain JavaScript without types
import * as tables from "../../bench/support/tables.js";

interface Tables {
  readonly peerLines: (record: unknown) => string[];
  readonly coldLines: (record: unknown) => string[];
  readonly fitLines: (record: unknown) => string[];
  readonly shortPeerLines: (record: unknown) => string[];
  readonly measuredPages: () => Readonly<Record<string, string[]>>;
  readonly withMeasured: (text: string, lines: readonly string[]) => string;
}
const { peerLines, coldLines, fitLines, shortPeerLines, measuredPages, withMeasured } =
  tables as Tables;

const head = {
  command: "npm run bench -- x",
  date: "2026-11-29",
  commit: "abc1234",
  machine: { processor: "a processor", cores: 2, node: "24.21.0" },
  load: 0.123,
};

test("pages hold the figures of the files that there are", () => {
  const pages = Object.entries(measuredPages());
  expect(pages.map(([page]) => page)).toEqual(["README.md", "docs/results/speed.md"]);
  for (const [page, lines] of pages) {
    const text = readFileSync(page, "utf8");
    expect(withMeasured(text, lines)).toBe(text);
    expect(withMeasured(text, ["something else"])).not.toBe(text);
  }
});

const row = {
  workload: "an MLP",
  direction: "backward",
  threads: 2,
  node: "24.21.0",
  arithmetic: "fma",
  oursMs: 12.345,
  oursMsStd: 0.5,
  peerMs: 40,
  peerMsStd: 2,
  peerName: "a peer",
  ratio: 0.3086,
  ratioStd: 0.02,
  oursMegabytes: 120.4,
  peerMegabytes: 770,
};

test("a row gives both times, the ratio and both memories", () => {
  const lines = peerLines({ ...head, results: { turns: 15, rows: [row] } });
  expect(lines).toContain(
    "| an MLP | with backward | 2 | 24.21.0 | 12.3 ± 0.5 | 40 ± 2 | 0.309 ± 0.02 | 120 / 770 |",
  );
  expect(lines.at(-1)).toContain("a processor, 2 cores, Node 24.21.0, commit abc1234");
});

test("the short table leaves out other Node versions and peers without a time", () => {
  const rows = [row, { ...row, node: "20.20.2" }, { ...row, peerMs: null, ratio: null }];
  const lines = shortPeerLines({ ...head, results: { turns: 15, rows } });
  const kept = "| an MLP | with backward | 2 | 12.3 ± 0.5 | 40 ± 2 | 0.309 ± 0.02 |";
  expect(lines.filter((line) => line.startsWith("| an MLP"))).toEqual([kept]);
});

test("a peer that did not compile has no time and no ratio, and says so", () => {
  const alone = {
    ...row,
    terms: 60_876,
    peerMs: null,
    peerMsStd: null,
    ratio: null,
    ratioStd: null,
    peerMegabytes: null,
    oursFirstMs: 1400,
    peerFirstMs: null,
    peerFirstMsExtrapolated: 1_200_000,
    peerCompiled: "not tried",
  };
  const text = peerLines({ ...head, results: { turns: 15, rows: [alone] } }).join("\n");
  expect(text).toContain("| – (not tried) | – | 120 / – |");
  expect(text).toContain(
    "| 60,876 | 24.21.0 | 1.4 s | not tried; 1200 s in proportion to the terms |",
  );
});

test("the part of the time outside of WebAssembly is told where it was measured, and only there", () => {
  const rows = [{ ...row, javascriptShare: 0.0123 }, { ...row, javascriptShare: null }, row];
  const lines = peerLines({ ...head, results: { turns: 15, rows } });
  expect(lines.filter((line) => line.endsWith(" % |"))).toEqual([
    "| an MLP | with backward | 24.21.0 | 1.23 % |",
  ]);
  const without = peerLines({ ...head, results: { turns: 15, rows: [row] } }).join("\n");
  expect(without).not.toContain("outside of WebAssembly");
});

test("what is missing is said to be missing, with the command", () => {
  for (const [lines, name] of [
    [peerLines, "peers"],
    [coldLines, "cold"],
    [fitLines, "fit"],
  ] as const)
    expect(lines(undefined).join("\n")).toMatch(new RegExp(`bench -- ${name}.*not measured yet`));
});
