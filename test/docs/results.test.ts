// Every committed file of results has the shape that its writer checks, and names models as the registry does.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readExperiment } from "../../src/cli/experiments/experiment-file.ts";
import { modelNames } from "../../src/models/registry.ts";
import { checkResultFile, resultText } from "../../src/report/result-file.ts";
import { root } from "./pages.ts";

const folder = join(root, "docs/results");
const names = readdirSync(folder).filter((name) => name.endsWith(".json"));
const textOf = (name: string): string => readFileSync(join(folder, name), "utf8");

test("there are results", () => expect(names.length).toBeGreaterThan(8));

describe.each(names)("%s", (name) => {
  const file = checkResultFile(JSON.parse(textOf(name)), name);

  test("is what its writer would write", () => {
    expect(resultText(file, name)).toBe(textOf(name));
  });

  test("names models of the registry, or says which model an entry is", () => {
    const { models = [] } = (file.about?.["settings"] ?? {}) as {
      models?: { name: string; model?: string }[];
    };
    const { fromElsewhere = [], together = [] } = (file.about ?? {}) as Record<
      "fromElsewhere" | "together",
      string[] | undefined
    >;
    const known = (name: string) => {
      if ([...fromElsewhere, ...together].includes(name)) return true;
      const entry = models.find((each) => each.name === name);
      return modelNames().includes(entry?.model ?? name);
    };
    const named = [file.rows, ...Object.values(file.tables ?? {})]
      .flat()
      .flatMap(({ model, other }) => [model, other])
      .filter((model) => typeof model === "string");
    expect(named.filter((model) => !known(model))).toEqual([]);
    expect(known("a model of nobody")).toBe(false); // control
  });
});

test("the reader of experiments gives back what was written", async () => {
  for (const name of names.filter((each) => /^(demo|generalization)/.test(each))) {
    const result = await readExperiment(join(folder, name));
    const file = checkResultFile(JSON.parse(textOf(name)), name);
    expect(result.rows.map(({ model, tauMean, tauStd }) => ({ model, tauMean, tauStd }))).toEqual(
      file.rows.map(({ model, tauMean, tauStd }) => ({
        model,
        tauMean: tauMean ?? Number.NaN,
        tauStd: tauStd ?? Number.NaN,
      })),
    );
    expect(result.comparisons?.map(({ difference }) => difference)).toEqual(
      file.tables?.["comparisons"]?.map(({ differenceMean }) => differenceMean),
    );
    expect(result.population).toMatchObject(file.about?.["population"] as object);
  }
});
