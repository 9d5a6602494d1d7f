// Help lists the registry: every model, every option, nothing else.

import { describe, expect, test } from "vitest";
import { entryNames } from "../../src/experiment/choose-models.ts";
import { optionInfos } from "../../src/models/options.ts";
import { modelNames, modelEntry } from "../../src/models/registry.ts";
import { weightspace } from "../support/command-line.ts";

/** The first words of the lines below a heading. */
function listed(help: string, heading: string): string[] {
  const [, behind = ""] = help.split(`\n${heading}\n`);
  const [section] = behind.split("\n\n");
  return section.split("\n").flatMap((line) => /^ {2}(\S+) /.exec(line)?.[1] ?? []);
}

const optionNames = [
  ...new Set(
    modelNames().flatMap((name) => optionInfos(modelEntry(name).options).map((one) => one.name)),
  ),
];

describe.each([
  ["train", ["train"], []],
  ["experiment generalization", ["experiment", "generalization"], ["nfn", "mlp", "unf-shared"]],
  ["experiment learning-curve", ["experiment", "learning-curve"], ["nfn", "mlp", "unf-shared"]],
])("%s --help", (_, command, further) => {
  test("lists the models and options of the registry, and no others", async () => {
    const { code, stdout } = await weightspace([...command, "--help"]);
    expect(code).toBe(0);
    expect(listed(stdout, "Models:")).toEqual(modelNames());
    expect(listed(stdout, "Further names:")).toEqual(further);
    if (further.length > 0) expect([...modelNames(), ...further]).toEqual(entryNames());
    const options = listed(stdout, "Options of models, in the file of --options:");
    expect([...new Set(options)].sort()).toEqual(optionNames.toSorted());
    for (const name of modelNames()) expect(stdout).toContain(modelEntry(name).summary);
    expect(listed(stdout, "No such heading:")).toEqual([]); // what is read is what is listed
  });
});
