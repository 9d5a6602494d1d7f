import { describe, expect, test } from "vitest";
import { parsePart } from "../../src/cli/machines/shard-option.ts";

const slurm = (id: number, first: number, last: number, count: number) => ({
  SLURM_ARRAY_TASK_ID: String(id),
  SLURM_ARRAY_TASK_MIN: String(first),
  SLURM_ARRAY_TASK_MAX: String(last),
  SLURM_ARRAY_TASK_COUNT: String(count),
});

describe("--shard", () => {
  test.each([
    ["2/3", {}, { part: 2, of: 3 }],
    ["2/3", slurm(7, 1, 8, 8), { part: 2, of: 3 }],
    [true, slurm(1, 1, 8, 8), { part: 1, of: 8 }],
    [true, slurm(0, 0, 3, 4), { part: 1, of: 4 }],
    [true, slurm(3, 0, 3, 4), { part: 4, of: 4 }],
    [true, slurm(15, 5, 25, 3), { part: 2, of: 3 }],
    [true, slurm(9, 9, 9, 1), { part: 1, of: 1 }],
    ["/8", { JOB_COMPLETION_INDEX: "0" }, { part: 1, of: 8 }],
    ["/8", { JOB_COMPLETION_INDEX: "7" }, { part: 8, of: 8 }],
  ] as const)("%j under %j is %j", (text, environment, part) => {
    expect(parsePart(text, environment)).toEqual(part);
  });

  test.each([
    ["4/3", {}, /from 1\/3 to 3\/3, got 4\/3/],
    ["0/3", {}, /got 0\/3/],
    ["x", {}, /expected a part such as 2\/3/],
    [true, {}, /no JOB_COMPLETION_INDEX \(Kubernetes\) and no SLURM_ARRAY_TASK_ID/],
    ["/8", {}, /give the part as i\/n/],
    [true, { JOB_COMPLETION_INDEX: "2" }, /job 3 of its array, .* --shard \/8/],
    ["/8", { JOB_COMPLETION_INDEX: "8" }, /got 9\/8/],
    [true, slurm(2, 1, 10, 4), /no even steps/],
  ] as const)("%j under %j is refused", (text, environment, says) => {
    expect(() => parsePart(text, environment)).toThrow(says);
  });
});
