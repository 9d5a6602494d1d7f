import { describe, expect, test } from "vitest";
import { runUnits, type UnitNews } from "../../src/work/run-units.ts";
import { type Runner, workList } from "../../src/work/work-list.ts";

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** A runner that counts: how many at a time, what was started, and whether it was closed. */
function counting(width: number, run: Runner<number, string, string>["run"]) {
  const seen = { started: [] as number[], running: 0, most: 0, closed: 0 };
  const runner: Runner<number, string, string> = {
    width,
    run: async (request, signal, onEvent) => {
      seen.started.push(request);
      seen.most = Math.max(seen.most, ++seen.running);
      try {
        return await run(request, signal, onEvent);
      } finally {
        seen.running--;
      }
    },
    close: async () => {
      expect(seen.running).toBe(0); // nothing runs any more when the runner is closed
      seen.closed++;
    },
  };
  return { runner, seen };
}

const ten = Array.from({ length: 10 }, (_, i) => i);

describe("units", () => {
  test("are done once each, the runner's width at a time, in the order they are given", async () => {
    const { runner, seen } = counting(3, async (request, _, onEvent) => {
      onEvent(`half of ${request}`);
      await sleep(5 * (request % 3));
      return `${request} done`;
    });
    const news: UnitNews<number, string, string>[] = [];
    for await (const item of runUnits(ten, runner)) if (item.kind !== "tick") news.push(item);
    expect(seen).toMatchObject({ started: ten, most: 3, closed: 1 });
    const outcomes = news.flatMap((item) => (item.kind === "done" ? [item.outcome] : []));
    expect(new Set(outcomes)).toEqual(new Set(ten.map((request) => `${request} done`)));
    expect(outcomes).toHaveLength(10);
    expect(news.filter(({ kind }) => kind === "event")).toHaveLength(10);
  });

  test("that fail are told of, and the others go on", async () => {
    const { runner, seen } = counting(2, async (request) => {
      if (request === 4) throw new Error("four");
      return "done";
    });
    const failed: unknown[] = [];
    let done = 0;
    for await (const item of runUnits(ten, runner)) {
      if (item.kind === "failed") failed.push([item.request, item.error]);
      if (item.kind === "done") done++;
    }
    expect(failed).toEqual([[4, new Error("four")]]);
    expect([done, seen.closed]).toEqual([9, 1]);
  });

  test.each(["abort", "leaving the loop"])(
    "%s starts no other, and waits for those that run",
    async (how) => {
      const controller = new AbortController();
      const { runner, seen } = counting(2, async (_, signal) => {
        for (let i = 0; i < 20 && !signal.aborted; i++) await sleep(1);
        await sleep(10);
        return "done";
      });
      for await (const { kind } of runUnits(ten, runner, controller.signal)) {
        if (kind !== "done") continue;
        if (how === "abort") controller.abort();
        else break;
      }
      expect(seen.started.length).toBeLessThan(ten.length);
      expect(seen).toMatchObject({ running: 0, closed: 1 });
    },
  );

  test("without any, the runner is closed all the same", async () => {
    const { runner, seen } = counting(2, async () => "done");
    for await (const item of runUnits([], runner)) expect(item).toBeUndefined();
    expect(seen).toMatchObject({ started: [], closed: 1 });
  });
});

test("a list's digest depends on its units and the place of their results, and on nothing else", async () => {
  const units = [
    { id: "a", name: "one" },
    { id: "b", name: "two" },
  ];
  const { digest } = await workList("zoo", "here", units);
  expect(digest).toMatch(/^[0-9a-f]{64}$/);
  expect((await workList("zoo", "here", [...units])).digest).toBe(digest);
  const others = [
    workList("zoo", "there", units),
    workList("zoo", "here", units.slice(1)),
    workList("zoo", "here", units.toReversed()),
    workList("other", "here", units),
  ];
  for (const other of await Promise.all(others)) expect(other.digest).not.toBe(digest);
});
