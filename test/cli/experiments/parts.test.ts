// The parts of the command line: Ctrl-C, progress, files, numbers on the command line, tables.

import { spawn } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, expect, test, vi } from "vitest";
import { positiveNumber, wholeNumber } from "../../../src/cli/app/arguments.ts";
import { fileError } from "../../../src/node/file-error.ts";
import { writeFileAtomic } from "../../../src/node/write-file.ts";
import { textTable } from "../../../src/cli/app/output.ts";
import { progress, timeLeft } from "../../../src/cli/app/progress.ts";
import { inTemporaryFolder } from "../../support/command-line.ts";

afterEach(() => {
  vi.useRealTimers();
});

/** Runs a command line whose one command works until it is told to stop, and sends it signals as it prints. */
function interruptedCommand(
  obeys: "returns" | "throws" | "never",
  signals: NodeJS.Signals[],
  args: readonly string[] = [],
) {
  const module = new URL("../../../dist/cli/main.js", import.meta.url).href;
  const program = `
    import { main } from ${JSON.stringify(module)};
    const work = (program, cli) => program.command("work").action(() => new Promise((resolve, reject) => {
      const timer = setInterval(() => {}, 1000);
      cli.progress.task("work", 10).update(3);
      cli.signal.addEventListener("abort", () => {
        if (${JSON.stringify(obeys)} === "never") return;
        clearInterval(timer);
        if (${JSON.stringify(obeys)} === "throws") reject(cli.signal.reason);
        else resolve();
      });
      process.stderr.write("ready\\n");
    }));
    process.exitCode = await main(${JSON.stringify(["work", ...args])}, [work]);`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program]);
  return new Promise<{ code: number | null; stderr: string }>((resolve) => {
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      const next = signals.shift();
      if (next !== undefined) child.kill(next);
    });
    child.on("close", (code) => resolve({ code, stderr }));
  });
}

test("the first Ctrl-C lets the work end: exit code 130 and how to resume; SIGTERM 143", async () => {
  const stderr = [
    "ready",
    "stopping at a safe place; Ctrl-C again stops at once",
    "interrupted; run the same command again to resume",
    "",
  ].join("\n");
  expect(await interruptedCommand("returns", ["SIGINT"])).toEqual({ code: 130, stderr });
  expect(await interruptedCommand("throws", ["SIGINT"])).toEqual({ code: 130, stderr });
  expect(await interruptedCommand("returns", ["SIGTERM"])).toEqual({ code: 143, stderr });
  const quiet = await interruptedCommand("returns", ["SIGINT"], ["--json"]);
  expect(quiet).toEqual({ code: 130, stderr: "ready\n" });
});

test("the second Ctrl-C ends the process at once", async () => {
  const { code, stderr } = await interruptedCommand("never", ["SIGINT", "SIGINT"]);
  expect(code).toBe(130);
  expect(stderr).not.toContain("to resume");
});

test("a file is replaced as a whole, and a failure leaves the old one and no leftovers", async () => {
  await inTemporaryFolder(async (folder) => {
    const path = join(folder, "a.txt");
    await writeFileAtomic(path, "one");
    await writeFileAtomic(path, new TextEncoder().encode("two"));
    expect(await readFile(path, "utf8")).toBe("two");
    await mkdir(join(folder, "taken"));
    await expect(writeFileAtomic(join(folder, "taken"), "x")).rejects.toThrow("it is a folder");
    await writeFile(join(folder, "b"), "");
    await expect(writeFileAtomic(join(folder, "b/c/d"), "x")).rejects.toThrow("is a file");
    expect((await readdir(folder)).toSorted()).toEqual(["a.txt", "b", "taken"]);
  });
});

test("the system's errors become one clear line each", () => {
  const say = (code: string) => {
    const error = Object.assign(new Error(`${code}: raw`), { code });
    return fileError("write", "out.html", error).message;
  };
  expect(say("ENOSPC")).toBe(
    "cannot write out.html: the disk is full; free some space and run again",
  );
  expect(say("EACCES")).toContain("permission denied");
  expect(say("EROFS")).toContain("read-only");
  expect(say("EWEIRD")).toBe("cannot write out.html: EWEIRD: raw");
});

function recorder(isTTY: boolean): { stream: PassThrough; text: () => string } {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  let text = "";
  stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  return { stream, text: () => text };
}

test("in a log, progress is a line now and then with rate and time left", () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) } as unknown as NodeJS.WritableStream;
  const task = progress("lines", stream).task("train unf", 100, { unit: "steps", start: 20 });
  for (let done = 21; done <= 100; done++) {
    vi.advanceTimersByTime(100);
    task.update(done, `loss 0.${done}`);
  }
  task.finish();
  expect(lines).toEqual([
    "train unf: 70/100 (70 %), 10 steps/s, 3 s left, loss 0.70\n",
    "train unf: 100/100 (100 %), 10 steps/s, done in 8 s, loss 0.100\n",
  ]);
});

test("time left does not count what comes before the first unit, such as compiling", () => {
  vi.useFakeTimers();
  const lines: string[] = [];
  const stream = { write: (text: string) => lines.push(text) } as unknown as NodeJS.WritableStream;
  const run = (compiling: number) => {
    lines.length = 0;
    const task = progress("lines", stream).task("train", 100);
    vi.advanceTimersByTime(compiling);
    task.update(1);
    for (let done = 2; done <= 61; done++) {
      vi.advanceTimersByTime(100);
      task.update(done);
    }
    return lines;
  };
  expect(run(0)).toEqual(["train: 51/100 (51 %), 10 steps/s, 5 s left\n"]);
  // A minute of compiling would make that 59 s.
  expect(run(60_000)).toEqual([
    "train: 1/100 (1 %), 0.02 steps/s\n",
    "train: 51/100 (51 %), 10 steps/s, 5 s left\n",
  ]);
});

test("on a terminal, progress is a bar that ends with its last note", async () => {
  const { stream, text } = recorder(true);
  const bars = progress("bars", stream);
  const task = bars.task("build zoo", 10, { unit: "networks" });
  task.update(4, "first");
  task.finish("all there");
  bars.stop();
  await new Promise((resolve) => setImmediate(resolve));
  expect(text()).toContain("build zoo");
  expect(text()).toContain("10/10");
  expect(text()).toContain("all there");
});

test("silent progress writes nothing", () => {
  const { stream, text } = recorder(true);
  const silent = progress("silent", stream);
  silent.task("x", 3).finish();
  silent.stop();
  expect(text()).toBe("");
});

test("numbers on the command line are whole, positive, and nothing else", () => {
  expect(wholeNumber()("12")).toBe(12);
  expect(wholeNumber(1, 8)("8")).toBe(8);
  for (const text of ["", "1.5", "1e3", "x", "-1", "0x10"]) {
    expect(() => wholeNumber()(text)).toThrow("Expected a whole number, 0 or more");
  }
  expect(() => wholeNumber(1, 8)("9")).toThrow("1 to 8");
  expect(positiveNumber("1e-3")).toBe(0.001);
  for (const text of ["", "0", "-2", "abc", "Infinity"]) {
    expect(() => positiveNumber(text)).toThrow("above 0");
  }
});

test("tables line up without frames", () => {
  const table = textTable(
    ["model", "tau"],
    [
      ["unf", 0.931],
      ["deep-sets", "0.9"],
    ],
  );
  expect(table).toBe("model        tau\nunf        0.931\ndeep-sets    0.9");
});

test("times left read well", () => {
  expect([8.2, 185, 7800, Infinity].map(timeLeft)).toEqual(["9 s", "3:05 min", "2:10 h", "–"]);
});
