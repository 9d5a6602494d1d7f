// What runs of faults came to, kept one by one where a table is asked for, so that many repeats can be stopped and go on.

import { mkdirSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeVersion } from "../../src/cli/app/build-info.ts";
import { writeMeasured } from "../support/servers/write-table.ts";

/** What one run of a fault came to; a run that lost something or did it twice has failed and left none. */
interface Outcome {
  readonly fault: string;
  readonly seed: number;
  readonly seconds: number;
  readonly said: string;
  /** The version of the code that ran. */
  readonly commit: string;
}

const folder = "runs/faults";
const fileOf = (fault: string, seed: number): string =>
  join(folder, `${fault.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")}-${seed}.json`);

function read(path: string): Outcome | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Outcome;
  } catch {
    return undefined; // it has not been run, or was killed while it was written
  }
}

/** The outcomes of a test file. */
export function keptOutcomes() {
  const isTable = process.env.FAULTS_TABLE !== undefined;
  if (isTable) mkdirSync(folder, { recursive: true });
  const expected: { readonly fault: string; readonly seed: number }[] = [];
  const version = codeVersion();
  return {
    /** Announces a run, and gives what wraps it: it is timed and kept, or not run where it is kept already. */
    expect: (fault: string, seed: number) => {
      expected.push({ fault, seed });
      return (run: () => Promise<string>) => async (): Promise<void> => {
        const commit = await version;
        const path = fileOf(fault, seed);
        if (isTable && read(path)?.commit === commit) return;
        const began = performance.now();
        const said = await run();
        const seconds = (performance.now() - began) / 1000;
        const outcome: Outcome = { fault, seed, seconds, said, commit };
        if (isTable) await writeFile(path, JSON.stringify(outcome));
      };
    },
    /** Writes the table when every run that was announced is kept, of this version of the code. */
    writeTable: async (): Promise<void> => {
      if (!isTable) return;
      const commit = await version;
      const runs = expected.flatMap(({ fault, seed }) => {
        const outcome = read(fileOf(fault, seed));
        return outcome?.commit === commit ? [outcome] : [];
      });
      process.stdout.write(`${runs.length} of ${expected.length} runs are kept in ${folder}\n`);
      if (runs.length < expected.length) return;
      const rows = [...new Set(runs.map(({ fault }) => fault))].map((fault) => {
        const own = runs.filter((run) => run.fault === fault);
        const seconds = own.map((run) => run.seconds).sort((a, b) => a - b);
        return {
          fault,
          runs: own.length,
          medianSeconds: Number(seconds[seconds.length >> 1].toFixed(1)),
          longestSeconds: Number(seconds.at(-1)?.toFixed(1)),
          said: [...new Set(own.map(({ said }) => said))].slice(0, 3).join(" | "),
        };
      });
      await writeMeasured("faults", {
        title: "Faults on purpose: nothing lost, nothing twice",
        command: `FAULTS_REPEATS=${process.env.FAULTS_REPEATS ?? 1} FAULTS_TABLE=1 npm run test:faults -- faults.test`,
        seed: 0,
        rows,
      });
    },
  };
}
