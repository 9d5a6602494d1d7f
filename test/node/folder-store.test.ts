import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import {
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { folderStore } from "../../src/node/folder-store.ts";
import { writerMark } from "../../src/node/write-file.ts";
import { EnvironmentError, OptionError } from "../../src/core/errors.ts";
import { openZoo } from "../../src/zoo/open.ts";
import { memoryStore } from "../../src/core/store.ts";
import { build, digestsOf, smallZoo } from "../zoo/small-zoo.ts";

let place: string;
let expected: Record<string, string>;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-zoo-"));
  const store = memoryStore();
  await build(store);
  expected = await digestsOf(store);
});
afterAll(() => rm(place, { recursive: true, force: true }));

const builder = fileURLToPath(new URL("builder.js", import.meta.url));

/** Starts a builder in a process of its own. */
function startBuilder(folder: string, options: Record<string, unknown> = {}) {
  const child = spawn(process.execPath, [
    builder,
    folder,
    JSON.stringify({ ...smallZoo, workers: 2, ...options }),
  ]);
  let output = "";
  let errors = "";
  child.stdout.on("data", (text: Buffer) => (output += text.toString()));
  child.stderr.on("data", (text: Buffer) => (errors += text.toString()));
  const ended = new Promise<{ code: number | null; output: string; errors: string }>((resolve) => {
    child.on("close", (code) => resolve({ code, output, errors }));
  });
  /** Waits until the builder has told of so many events of a type. */
  const told = async (type: string, count: number) => {
    while (output.split(`"${type}"`).length <= count && child.exitCode === null) {
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  return { child, ended, told };
}

describe("building into a folder", () => {
  test("any number of worker threads gives the same bytes as none", async () => {
    for (const workers of [1, 3]) {
      const store = folderStore(join(place, `workers-${workers}`));
      await build(store, { workers });
      expect(await digestsOf(store)).toEqual(expected);
    }
  });

  test("killed with kill -9 again and again, it completes with the same bytes and nothing left over", async () => {
    const folder = join(place, "killed");
    let finished = 0;
    for (const [round, enough] of [0, 1, 2, 1].entries()) {
      const { child, ended, told } = startBuilder(folder);
      await told("shard", enough);
      await new Promise((resolve) => setTimeout(resolve, 30 * round));
      child.kill("SIGKILL");
      await ended;
      if (!existsSync(join(folder, "zoo.json"))) continue;
      const { rows, problems } = await openZoo(folderStore(folder));
      expect(problems).toEqual([]);
      expect(rows.length).toBeGreaterThanOrEqual(finished);
      finished = rows.length;
    }
    expect(finished).toBeGreaterThan(0);
    const store = folderStore(folder);
    await build(store, { workers: 2 });
    expect(await digestsOf(store)).toEqual(expected);
    expect((await readdir(folder)).sort()).toEqual(Object.keys(expected));
  });

  test("two builders at once: the second is told who is at work, the first is not disturbed", async () => {
    const folder = join(place, "two");
    const { child, ended, told } = startBuilder(folder);
    await told("start", 1);
    child.kill("SIGSTOP");
    const second = await startBuilder(folder).ended;
    expect(second.code).not.toBe(0);
    expect(second.errors).toContain(`is in use by process ${child.pid} on ${hostname()}`);
    child.kill("SIGCONT");
    expect((await ended).code).toBe(0);
    expect(await digestsOf(folderStore(folder))).toEqual(expected);
  });

  test("a worker that dies is one clear error, and nothing finished is lost", async () => {
    const folder = join(place, "dying");
    await build(folderStore(folder), { networks: 16 });
    const before = await digestsOf(folderStore(folder));
    const workerEntry = new URL("dying-worker.js", import.meta.url);
    const dying = build(folderStore(folder), { workers: 2, workerEntry });
    await expect(dying).rejects.toThrow(EnvironmentError);
    const after = await digestsOf(folderStore(folder));
    for (const name of Object.keys(before)) {
      if (name.startsWith("shard")) expect(after[name]).toBe(before[name]);
    }
    await build(folderStore(folder));
    expect(await digestsOf(folderStore(folder))).toEqual(expected);
  });

  test("an abort stops worker threads and gives the lock back", async () => {
    const store = folderStore(join(place, "aborted"));
    const controller = new AbortController();
    const options = { workers: 2, networks: 2000, shardSize: 1000, signal: controller.signal };
    setTimeout(() => controller.abort(new Error("enough")), 300);
    await expect(build(store, options)).rejects.toThrow("enough");
    await (
      await store.lock()
    )();
  });
});

describe("the lock", () => {
  test("is held once, within a process too", async () => {
    const unlock = await folderStore(join(place, "lock")).lock();
    await expect(folderStore(join(place, "lock")).lock()).rejects.toThrow(EnvironmentError);
    await unlock();
    await (
      await folderStore(join(place, "lock")).lock()
    )();
  });

  test("of a process that is gone, of an earlier process of the same number, or garbled, is taken over", async () => {
    const folder = join(place, "stale");
    await mkdir(folder);
    const host = hostname();
    const stale = [
      { pid: 2 ** 22 + 1, host, started: "1" },
      { pid: process.ppid, host, started: "not then" },
      { pid: process.pid, host, started: "1" },
    ];
    for (const text of [...stale.map((holder) => JSON.stringify(holder)), "", "null", "{"]) {
      await writeFile(join(folder, "zoo.lock"), text);
      const unlock = await folderStore(folder).lock();
      await unlock();
      expect(await readdir(folder)).toEqual([]);
    }
  });

  test.runIf(existsSync("/proc/self/stat"))("of a zombie is taken over", async () => {
    // A child of a shell that has become a program which waits for no child.
    const parent = spawn("sh", ["-c", "sleep 0.2 & echo $!; exec sleep 60"]);
    try {
      const pid = await new Promise<number>((resolve) => {
        parent.stdout.once("data", (text: Buffer) => resolve(Number(text.toString())));
      });
      const fields = async () => {
        const stat = await readFile(`/proc/${pid}/stat`, "utf8");
        return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      };
      while ((await fields())[0] !== "Z") await new Promise((resolve) => setTimeout(resolve, 5));
      const folder = join(place, "zombie");
      await mkdir(folder);
      const holder = { pid, host: hostname(), started: (await fields())[19] };
      await writeFile(join(folder, "zoo.lock"), JSON.stringify(holder));
      const unlock = await folderStore(folder).lock();
      await unlock();
    } finally {
      parent.kill("SIGKILL");
    }
  });

  test("of another machine is respected, with the way out", async () => {
    const folder = join(place, "elsewhere");
    await mkdir(folder);
    const text = JSON.stringify({ pid: 1, host: "elsewhere.example", started: null });
    await writeFile(join(folder, "zoo.lock"), text);
    await expect(folderStore(folder).lock()).rejects.toThrow(
      /elsewhere\.example.*delete zoo\.lock/,
    );
    expect(await readFile(join(folder, "zoo.lock"), "utf8")).toBe(text);
  });
});

describe("the lease of a lock", () => {
  /** A lock that was renewed so many minutes ago by its holder, whose clock is so many minutes ahead. */
  async function lockedElsewhere(folder: string, minutesAgo: number, ahead = 0, more = {}) {
    await mkdir(folder, { recursive: true });
    const renewed = Date.now() - (minutesAgo - ahead) * 60_000;
    const holder = { pid: 1, host: "elsewhere.example", started: null, renewed, ...more };
    await writeFile(join(folder, "zoo.lock"), JSON.stringify(holder));
    const seconds = Date.now() / 1000 - minutesAgo * 60;
    await utimes(join(folder, "zoo.lock"), seconds, seconds);
  }

  test.each([0, 60, -60])(
    "of another machine holds while it is renewed, and is taken over when it has ended, whatever its clock says (%d min)",
    async (ahead) => {
      const folder = join(place, `leased${ahead}`);
      await lockedElsewhere(folder, 9.5, ahead);
      await expect(folderStore(folder).lock()).rejects.toThrow(/elsewhere\.example.*in 1 min/);
      await lockedElsewhere(folder, 11, ahead);
      const unlock = await folderStore(folder).lock();
      expect(JSON.parse(await readFile(join(folder, "zoo.lock"), "utf8")).host).toBe(hostname());
      await unlock();
      expect(await readdir(folder)).toEqual([]);
    },
  );

  test.runIf(existsSync("/proc/self/ns/pid"))(
    "of another container with the same host name and process number holds, too",
    async () => {
      const folder = join(place, "container");
      const host = hostname();
      await lockedElsewhere(folder, 9.5, 0, { host, pid: 2 ** 22 + 1, space: "pid:[1]" });
      await expect(folderStore(folder).lock()).rejects.toThrow(/is in use by .*in 1 min/);
      await lockedElsewhere(folder, 0, 0, { host, pid: 2 ** 22 + 1 }); // control: of this one, and gone
      await (
        await folderStore(folder).lock()
      )();
    },
  );

  test("is written by its holder, who leaves a lock alone that another has taken over", async () => {
    const folder = join(place, "taken");
    const before = Date.now();
    const unlock = await folderStore(folder).lock();
    const { renewed } = JSON.parse(await readFile(join(folder, "zoo.lock"), "utf8"));
    expect(renewed).toBeGreaterThanOrEqual(before);
    await lockedElsewhere(folder, 0);
    await unlock();
    expect(await readFile(join(folder, "zoo.lock"), "utf8")).toContain("elsewhere.example");
  });

  test("is renewed while it is held", async () => {
    const folder = join(place, "renewed");
    const clocks = vi.useFakeTimers({ toFake: ["setInterval", "clearInterval", "Date"] });
    try {
      const unlock = await folderStore(folder).lock();
      const renewed = async () =>
        Number(JSON.parse(await readFile(join(folder, "zoo.lock"), "utf8")).renewed);
      const first = await renewed();
      clocks.advanceTimersByTime(61_000);
      while ((await renewed()) === first) await new Promise((resolve) => setTimeout(resolve, 5));
      expect((await renewed()) - first).toBeGreaterThanOrEqual(60_000);
      await unlock();
    } finally {
      clocks.useRealTimers();
    }
  });
});

describe("files that were being created", () => {
  test.each([0, 60 * 60_000])(
    "go with the next lock when their writer is gone or unknown for an hour; those of others stay (clock %d ms ahead)",
    async (ahead) => {
      const folder = join(place, `creating${ahead}`);
      await mkdir(folder);
      const mine = await writerMark();
      const [host] = mine.split("-");
      const gone = `a.safetensors.${host}-${2 ** 22 + 1}-1.0123abcd.new`;
      const earlier = `a.${host}-${process.pid}-1.0123abcd.new`; // an earlier process of the same number
      const elsewhere = "a.00000000-1-1.0123abcd.new";
      const [old, young] = ["a.safetensors.old.new", "a.safetensors.young.new"];
      const atWork = `a.${mine}.new`;
      // Workers that hold no lock write, too; and another process is just about to take the lock.
      const temporaries = [`b.${mine}.tmp`, "zoo.lock.77.tmp", "b.11111111-2222-3333.tmp"];
      for (const name of [gone, earlier, elsewhere, old, young, atWork, ...temporaries])
        await writeFile(join(folder, name), "");
      await utimes(join(folder, old), 0, 0);
      const store = folderStore(folder);
      const now = Date.now();
      const clock = vi.spyOn(Date, "now").mockImplementation(() => now + ahead + 60_000);
      const unlock = await store.lock();
      await unlock();
      clock.mockRestore();
      const stay = [elsewhere, atWork, young, temporaries[0], temporaries[1]];
      expect((await readdir(folder)).sort()).toEqual(stay.sort());
      expect(await store.list()).toEqual([]);
    },
  );
});

describe("names that lead out of the folder", () => {
  test.each(["../secret", "/etc/passwd", "a/../../secret", "a\0b", "..", "a\\b", "sub/file"])(
    "%j is read, measured, removed and written by no store",
    async (name) => {
      await writeFile(join(place, "secret"), "kept");
      const store = folderStore(join(place, "inside"));
      await store.write("file", Uint8Array.of(1));
      for (const use of ["read", "size", "remove"] as const)
        await expect(store[use](name)).rejects.toThrow(OptionError);
      for (const use of ["write", "create"] as const)
        await expect(store[use](name, Uint8Array.of(2))).rejects.toThrow(OptionError);
      expect(await readFile(join(place, "secret"), "utf8")).toBe("kept");
      expect(await store.read("file")).toEqual(Uint8Array.of(1)); // control
    },
  );

  test("a link in the folder is replaced by what is written, not followed", async () => {
    const folder = join(place, "linked");
    await mkdir(folder);
    await writeFile(join(place, "target"), "kept");
    await symlink(join(place, "target"), join(folder, "shard"));
    const store = folderStore(folder);
    expect(await store.create("shard", Uint8Array.of(1))).toBe(false);
    await store.write("shard", Uint8Array.of(2));
    expect(await store.read("shard")).toEqual(Uint8Array.of(2));
    expect(await readFile(join(place, "target"), "utf8")).toBe("kept");
  });
});

describe("a folder that fails", () => {
  test.runIf(existsSync("/dev/full"))(
    "a full disk is one clear error, and the older file survives",
    async () => {
      const folder = join(place, "full");
      const store = folderStore(folder);
      await store.write("a", Uint8Array.of(1, 2, 3));
      const name = "00000000-0000-4000-8000-000000000000";
      const drawn = vi.spyOn(crypto, "randomUUID").mockReturnValue(name);
      await symlink("/dev/full", join(folder, `a.${await writerMark()}.tmp`));
      const writing = store.write("a", new Uint8Array(100_000));
      await expect(writing).rejects.toThrow(EnvironmentError);
      await expect(writing).rejects.toThrow(/cannot write .*a: the disk is full; free some space/);
      expect(await store.read("a")).toEqual(Uint8Array.of(1, 2, 3));
      expect(await readdir(folder)).toEqual(["a"]);
      drawn.mockRestore();
    },
  );

  test("of several who create a file at once one is told so, and nothing is left beside it", async () => {
    const folder = join(place, "created");
    const stores = Array.from({ length: 16 }, () => folderStore(folder));
    const won = await Promise.all(
      stores.map((store, i) => store.create("a", Uint8Array.of(i, i, i))),
    );
    expect(won.filter(Boolean)).toHaveLength(1);
    const winner = won.indexOf(true);
    expect(await stores[0].read("a")).toEqual(Uint8Array.of(winner, winner, winner));
    expect(await readdir(folder)).toEqual(["a"]);
    await stores[0].write("a", Uint8Array.of(99)); // what create never does
    expect(await stores[0].read("a")).toEqual(Uint8Array.of(99));
    for (const name of ["../a", "", "a/b", ".."]) {
      await expect(stores[0].create(name, new Uint8Array(1))).rejects.toThrow(OptionError);
      await expect(stores[0].write(name, new Uint8Array(1))).rejects.toThrow(OptionError);
    }
  });

  test("a path through a file cannot be a folder", async () => {
    await writeFile(join(place, "file"), "");
    for (const folder of [join(place, "file"), join(place, "file", "zoo")]) {
      await expect(build(folderStore(folder))).rejects.toThrow(EnvironmentError);
      await expect(build(folderStore(folder))).rejects.toThrow(/choose another folder/);
    }
  });

  test("a folder that is not there reads as empty", async () => {
    const store = folderStore(join(place, "nowhere"));
    expect(await store.list()).toEqual([]);
    expect(await store.read("zoo.json")).toBeUndefined();
    expect(await store.size("zoo.json")).toBeUndefined();
    await expect(openZoo(store)).rejects.toThrow(/no zoo.json/);
  });

  test("parts of files can be read", async () => {
    const store = folderStore(join(place, "parts"));
    await store.write("a", Uint8Array.of(1, 2, 3, 4));
    expect(await store.read("a", 1, 3)).toEqual(Uint8Array.of(2, 3));
    expect(await store.read("a", 2, 99)).toEqual(Uint8Array.of(3, 4));
    await store.remove("a");
    await store.remove("a");
    expect(await store.read("a")).toBeUndefined();
  });
});
