// Tables that tests with servers of their own measure: files of docs/results, in the shape of all of them.

import { writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { codeVersion, machine } from "../../../src/cli/app/build-info.ts";
import { resultText } from "../../../src/report/result-file.ts";

export interface MeasuredTable {
  readonly title: string;
  readonly command: string;
  readonly seed: number;
  readonly rows: Record<string, unknown>[];
}

/** Writes docs/results/<name>.json; the load of the machine stands beside the figures. */
export async function writeMeasured(name: string, table: MeasuredTable): Promise<void> {
  const path = `docs/results/${name}.json`;
  const about = { load: Number(loadavg()[0].toFixed(1)) };
  const draft = { ...table, commit: await codeVersion(), machine: machine(), about };
  await writeFile(path, resultText(draft, path));
}
