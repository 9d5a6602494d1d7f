// A provenance experiment of toy size: descendants are what they are called, and the page shows every number.

import { beforeAll, expect, test } from "vitest";
import { type Families, makeFamilies } from "../../experiments/descendants.ts";
import { runProvenance } from "../../experiments/provenance-experiment.ts";
import type { ProvenanceResult } from "../../experiments/provenance-figures.ts";
import { provenanceReport } from "../../experiments/provenance-report.ts";
import { digitsTasks } from "../../src/tasks/digits.ts";
import { readPackageData } from "../../src/node/package-data.ts";
import type { Task } from "../../src/tasks/task.ts";

const networks = 4;
const effort = 0.1;
let task: Task;
let families: Families;
let result: ProvenanceResult;
beforeAll(async () => {
  task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
  families = await makeFamilies({ task, networks, effort, seed: 5 });
  const measured = await runProvenance({ task, networks, effort, seeds: [5, 6] });
  result = { title: "<toy>", command: "a test", machine: "any", commit: "none", ...measured };
});

const flat = (weights: Families["parents"][number]) =>
  Object.values(weights).flatMap(({ data }) => Array.from(data));
const distance = (a: readonly number[], b: readonly number[]) =>
  Math.hypot(...a.map((x, i) => x - b[i])) / Math.hypot(...a);

test("parents learn the task; descendants differ from them by what happened to them", () => {
  expect(Math.min(...families.accuracies)).toBeGreaterThan(0.6);
  for (const [i, parent] of families.parents.entries()) {
    const own = flat(parent);
    const far = (kind: keyof Families["descendants"]) =>
      distance(own, flat(families.descendants[kind][i]));
    expect(far("fine-tuned")).toBeGreaterThan(0.001);
    expect(far("trained on hard")).toBeGreaterThan(far("fine-tuned"));
    expect(far("noised")).toBeGreaterThan(0.005);
    expect(far("noised")).toBeLessThan(0.12);
    expect(far("permuted")).toBeGreaterThan(0.5);
    const zeros = (data: ArrayLike<number>) =>
      Array.from(data).filter((x) => x === 0).length / data.length;
    const before = zeros(parent["fc1.weight"].data);
    const after = zeros(families.descendants.pruned[i]["fc1.weight"].data);
    expect(after).toBeGreaterThan(Math.max(0.29, before));
    expect(after).toBeLessThan(0.51);
    const sorted = (x: readonly number[]) => x.toSorted((a, b) => a - b);
    expect(sorted(flat(families.descendants.permuted[i]))).toEqual(sorted(own));
  }
});

test("the same seed gives the same families, another one others", async () => {
  const again = await makeFamilies({ task, networks: 2, effort, seed: 5 });
  expect(again.parents).toEqual(families.parents.slice(0, 2));
  expect(again.descendants["all of it"]).toEqual(families.descendants["all of it"].slice(0, 2));
  expect(flat(families.parents[0])).not.toEqual(flat(families.parents[1]));
});

test("sketches find permuted parents where raw weights do not; every row is there", () => {
  const methods = ["sketch", "raw cosine", "StatNN statistics"];
  expect([...new Set(result.rows.map(({ method }) => method))]).toEqual(methods);
  expect(result.rows).toHaveLength(3 * 9);
  const row = (method: string, kind: string) =>
    result.rows.find((each) => each.method === method && each.kind === kind);
  expect(row("sketch", "permuted and rescaled")).toMatchObject({ areaMean: 1, topMean: 1 });
  expect(row("raw cosine", "permuted and rescaled")?.areaMean).toBeLessThan(0.95);
  expect(row("raw cosine", "noised")?.areaMean).toBe(1);
  expect(result.curves).toHaveLength(3);
});

test("the page is complete, escaped and shows every number", () => {
  const page = provenanceReport(result);
  expect(page.match(/<svg/g)).toHaveLength(2);
  expect(page).not.toMatch(/NaN|undefined|\[object|<toy>/);
  for (const { areaMean } of result.rows) expect(page).toContain(areaMean.toFixed(4));
  expect(page).toContain("a test");
});
