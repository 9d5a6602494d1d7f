// Every input file of a command is opened once, and an ONNX model, which can only be read whole, is read whole once.
//
// Two things are no second opening: a written output that is opened again to be verified under its temporary name, and a
// file of more than 24 that are held open at once, which is given back and opened again when it is read.

import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";

interface Reads {
  readonly commands: readonly (readonly string[])[];
  readonly inputFolder: () => string;
  readonly countReads: (
    bin: string,
    folder: string,
    args: readonly string[],
  ) => {
    readonly status: number;
    readonly stderr: string;
    readonly files: readonly {
      readonly name: string;
      readonly opens: number;
      readonly wholeReads: number;
      readonly lengths: number;
    }[];
  };
}

const url = new URL("../../scripts/count-reads.js", import.meta.url);
const { commands, countReads, inputFolder } = (await import(url.href)) as Reads;
const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));
const twice = fileURLToPath(new URL("../fixtures/programs/reads-twice.js", import.meta.url));

describe("input files are opened once", () => {
  const folder = inputFolder();
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(commands.map((args) => [args.join(" "), args] as const))("%s", (_, args) => {
    const { status, stderr, files } = countReads(bin, folder, args);
    expect([0, 10, 12], stderr).toContain(status);
    expect(files.length).toBeGreaterThan(0);
    for (const { name, opens, wholeReads, lengths } of files) {
      expect({ name, opens }).toEqual({ name, opens: 1 });
      expect(lengths).toBeGreaterThan(0);
      if (name.endsWith(".onnx")) expect({ name, wholeReads }).toEqual({ name, wholeReads: 1 });
    }
  });

  test("the counter sees a program that opens its file twice", () => {
    const { status, files } = countReads(twice, folder, ["a.onnx"]);
    expect(status).toBe(0);
    expect(files).toEqual([{ name: "a.onnx", opens: 2, wholeReads: 2, lengths: 1 }]);
  });
});
