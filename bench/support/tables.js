// Writes what benchmarks measured into docs/results/speed.md, and the shorter part into the README, each between two comments: layers
// beside other programs, commands from a cold start, memory of a long training, and trainings on both backends.
// `npm run bench:table`; figures that are not there are said to be missing.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const inRoot = (path) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const results = new URL("../results/", import.meta.url);
const begin = "<!-- measured: npm run bench:table -->";
const end = "<!-- end of measured -->";

const number = (value) => Number(value.toPrecision(3)).toString();
const plusMinus = (value, std) =>
  std == null ? number(value) : `${number(value)} ± ${number(std)}`;
const seconds = (ms) => `${number(ms / 1000)} s`;

/** Where and when the figures of a file come from. */
const origin = ({ command, date, commit, machine, load }) =>
  `\`${command}\`, ${machine.processor}, ${machine.cores} cores, Node ${machine.node}, commit ${commit}, ${date}, load ${number(load)} at the start.`;

const line = (cells) => `| ${cells.join(" | ")} |`;
const table = (head, rows, right) => [
  line(head),
  line(head.map((_, i) => (right.includes(i) ? "---:" : "---"))),
  ...rows.map(line),
];

/** The lines about layers beside other programs, from the content of peers.json; undefined when it was not measured. */
export function peerLines(record) {
  if (record === undefined)
    return ["`npm run bench -- peers` times layers beside other programs; not measured yet."];
  const { turns, rows } = record.results;
  const timed = rows.map((row) => [
    row.workload,
    row.direction === "backward" ? "with backward" : "forward",
    row.threads,
    `${row.node}${row.arithmetic === "plain" ? ", plain" : ""}`,
    plusMinus(row.oursMs, row.oursMsStd),
    row.peerMs == null ? `– (${row.peerCompiled})` : plusMinus(row.peerMs, row.peerMsStd),
    row.ratio == null ? "–" : plusMinus(row.ratio, row.ratioStd),
    `${number(row.oursMegabytes)} / ${row.peerMegabytes == null ? "–" : number(row.peerMegabytes)}`,
  ]);
  const first = rows.filter((row) => row.terms !== undefined);
  const peers = [...new Set(rows.map(({ peerName }) => peerName))];
  return [
    `Milliseconds of one pass, median ± std over ${turns} turns, ours and theirs in alternation; the ratio is ours over theirs, below 1 where ours is faster.`,
    `Theirs: ${peers.join("; ")}.`,
    "Memory is the largest of each process, in MB.",
    "",
    ...table(
      ["workload", "", "threads", "Node", "ours, ms", "theirs, ms", "ratio", "MB"],
      timed,
      [2, 4, 5, 6, 7],
    ),
    ...(first.length === 0
      ? []
      : [
          "",
          "The time to the first result, which compiles:",
          "",
          ...table(
            ["workload", "", "terms", "Node", "ours", "theirs"],
            first.map((row) => [
              row.workload,
              row.direction === "backward" ? "with backward" : "forward",
              row.terms.toLocaleString("en"),
              row.node,
              row.oursFirstMs == null ? "–" : seconds(row.oursFirstMs),
              theirFirst(row),
            ]),
            [2, 4, 5],
          ),
        ]),
    ...shareLines(rows),
    "",
    origin(record),
  ];
}

/** The part of the time outside of WebAssembly, of the rows that have it. */
function shareLines(rows) {
  const known = rows.filter(({ javascriptShare }) => javascriptShare != null);
  if (known.length === 0) return [];
  return [
    "",
    "The part of the time of steady passes that one thread spends outside of WebAssembly: in JavaScript, in collecting garbage and in the host (V8's profiler, a look every 0.2 ms for 2 s):",
    "",
    ...table(
      ["workload", "", "Node", "outside"],
      known.map(({ workload, direction, node, javascriptShare }) => [
        workload,
        direction === "backward" ? "with backward" : "forward",
        node,
        `${(100 * javascriptShare).toFixed(2)} %`,
      ]),
      [3],
    ),
  ];
}

/** The same in short: times and ratios where both were measured, on the Node version that ran the benchmark. */
export function shortPeerLines(record) {
  if (record === undefined) return peerLines(record);
  const { machine, results } = record;
  const rows = results.rows.filter(({ node, ratio }) => node === machine.node && ratio != null);
  return [
    `Milliseconds of one pass, median ± std over ${results.turns} turns, ours and theirs in alternation; the ratio is ours over theirs, below 1 where ours is faster.`,
    `Theirs: ${[...new Set(rows.map(({ peerName }) => peerName))].join("; ")}.`,
    "",
    ...table(
      ["workload", "", "threads", "ours, ms", "theirs, ms", "ratio"],
      rows.map((row) => [
        row.workload,
        row.direction === "backward" ? "with backward" : "forward",
        row.threads,
        plusMinus(row.oursMs, row.oursMsStd),
        plusMinus(row.peerMs, row.peerMsStd),
        plusMinus(row.ratio, row.ratioStd),
      ]),
      [2, 3, 4, 5],
    ),
    "",
    origin(record),
    "[All rows](docs/results/speed.md): another Node version, memory, larger Transformers, and the first call, which compiles.",
  ];
}

function theirFirst({ peerFirstMs, peerFirstMsExtrapolated, peerCompiled, peerCompileCpuSeconds }) {
  if (peerFirstMs != null)
    return peerCompiled === "in this run"
      ? seconds(peerFirstMs)
      : `${number(peerCompileCpuSeconds)} CPU s, ${peerCompiled}`;
  if (peerFirstMsExtrapolated == null) return peerCompiled;
  return `${peerCompiled}; ${seconds(peerFirstMsExtrapolated)} in proportion to the terms`;
}

/** The lines about commands from a cold start. */
export function coldLines(record) {
  if (record === undefined)
    return ["`npm run bench -- cold` measures commands from a cold start; not measured yet."];
  return [
    "Commands in a process of their own, from start to end, CPU seconds of all threads:",
    "",
    ...table(
      ["command", "CPU seconds, median (least to most)", "peak, MiB"],
      record.results.map((row) => [
        row.name,
        `${number(row.cpuSeconds)} (${number(row.cpuSecondsLeast)} to ${number(row.cpuSecondsMost)})`,
        row.peakMiB,
      ]),
      [1, 2],
    ),
    "",
    origin(record),
  ];
}

/** The lines about memory of a long training. */
export function fitLines(record) {
  if (record === undefined)
    return ["`npm run bench -- fit` reads the memory of 10,000 steps; not measured yet."];
  return [
    ...record.results.map(
      ({ name, backend, steps, rows, heapMiBPerThousandSteps, rssMiBPerThousandSteps }) => {
        const [first, last] = [rows[0], rows[rows.length - 1]];
        return `${steps.toLocaleString("en")} steps of training (${name}, ${backend}): ${first.liveArrays} arrays alive after ${first.step.toLocaleString("en")} steps and ${last.liveArrays} at the end, heap ${number(first.heapMiB)} and ${number(last.heapMiB)} MiB, resident ${number(first.rssMiB)} and ${number(last.rssMiB)} MiB; over the second half ${number(heapMiBPerThousandSteps)} and ${number(rssMiBPerThousandSteps)} MiB more every 1,000 steps.`;
      },
    ),
    "",
    origin(record),
  ];
}

/** The lines about whole trainings on the array engine and on kernels, from the content of docs/results/backends.json. */
export function backendLines(record) {
  if (record === undefined)
    return ["`npm run experiment:backends` trains functionals on both backends; not measured yet."];
  const { about, command, commit, machine, rows } = record;
  return [
    `Functionals trained on ${about.networks} runs of a population, ${about.seeds} seeds, on the array engine and on kernels: Kendall's tau on held-out runs, mean ± std over seeds, and seconds of one training, two at once:`,
    "",
    ...table(
      [
        "population",
        "functional",
        "tau, engine",
        "tau, kernels",
        "s, engine",
        "s, kernels",
        "times faster",
      ],
      rows.map((row) => [
        row.population,
        row.model,
        `${row.engineTauMean.toFixed(3)} ± ${row.engineTauStd.toFixed(3)}`,
        `${row.kernelsTauMean.toFixed(3)} ± ${row.kernelsTauStd.toFixed(3)}`,
        number(row.engineSeconds),
        number(row.kernelsSeconds),
        number(row.timesFaster),
      ]),
      [2, 3, 4, 5, 6],
    ),
    "",
    `\`${command}\`, ${machine}, commit ${commit.replace(/^([0-9a-f]{8})[0-9a-f]*/, "$1")}.`,
  ];
}

/** The text of a page with new lines between the two comments. */
export function withMeasured(text, lines) {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`tables: the page has no "${begin}" before "${end}"`);
  return `${text.slice(0, from + begin.length)}\n\n${lines.join("\n")}\n\n${text.slice(to)}`;
}

/** The lines of every page, from the files that there are. */
export function measuredPages(folder = results) {
  const read = (name) => {
    const path = new URL(`${name}.json`, folder);
    return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
  };
  const others = ["", ...coldLines(read("cold")), "", ...fitLines(read("fit"))];
  return {
    "README.md": [...shortPeerLines(read("peers")), ...others],
    "docs/results/speed.md": [
      ...peerLines(read("peers")),
      ...others,
      "",
      ...backendLines(read("../../docs/results/backends")),
    ],
  };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  for (const [page, lines] of Object.entries(measuredPages())) {
    writeFileSync(inRoot(page), withMeasured(readFileSync(inRoot(page), "utf8"), lines));
    console.log(page);
  }
}
