// `weightspace optimizer` as a person runs it: killed and run again, stopped by time, given what it cannot use.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { triedRates } from "../../src/optimizers/evaluate/entries.ts";
import { readTheta } from "../../src/optimizers/theta-file.ts";
import { checkResultFile } from "../../src/report/result-file.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";

const bin = fileURLToPath(new URL("../../bin/weightspace.js", import.meta.url));
const base = ["optimizer", "train", "--task", "digits-mlp", "--truncation", "5"];
const small = [...base, "--kind", "sgdm", "--pairs", "2", "--horizon", "10..40"];
const args = [...small, "--outer-steps", "60", "--checkpoint-every", "5"];

/** Starts a command and kills it with SIGKILL once a file is there. */
async function killedOnce(options: readonly string[], path: string): Promise<void> {
  const child = spawn(process.execPath, [bin, ...options], { stdio: "ignore" });
  const ended = new Promise<NodeJS.Signals | null>((resolve) =>
    child.on("exit", (_, signal) => resolve(signal)),
  );
  while (!existsSync(path) && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill("SIGKILL");
  expect(await ended).toBe("SIGKILL");
}

describe("weightspace optimizer train", () => {
  test("killed with kill -9 and run again, it writes the theta of a run in one piece", async () => {
    await inTemporaryFolder(async (folder) => {
      const thetaOf = async (name: string) => {
        const path = join(folder, name, "theta.safetensors");
        return readTheta(new Uint8Array(await readFile(path)));
      };
      const killed = [...args, "--workers", "2", "-o", join(folder, "killed")];
      await killedOnce(killed, join(folder, "killed", "meta.safetensors"));
      expect(existsSync(join(folder, "killed", "theta.safetensors"))).toBe(false);
      const again = await weightspace(killed);
      expect(again.code, again.stderr).toBe(0);
      const whole = await weightspace([...args, "--workers", "2", "-o", join(folder, "whole")]);
      expect(whole.code, whole.stderr).toBe(0);
      const [one, other] = [await thetaOf("killed"), await thetaOf("whole")];
      expect(one).toEqual(other);
      expect(Math.abs(one.theta["rule.alpha"].data[0])).toBeGreaterThan(1e-4); // control: it has moved
    });
  });
  test("--minutes stops at a checkpoint; the same command goes on", async () => {
    await inTemporaryFolder(async (folder) => {
      const options = [...small, "--outer-steps", "3", "--workers", "1", "-o", folder, "--json"];
      const first = JSON.parse((await weightspace([...options, "--minutes", "0.00001"])).stdout);
      expect(first).toMatchObject({ complete: false, outerSteps: 1 });
      const more = ["--snapshots", "2", "--checkpoint-every", "1"];
      const second = JSON.parse((await weightspace([...options, ...more])).stdout);
      expect(second).toMatchObject({ complete: true, outerSteps: 3 });
      const snapshot = await readFile(join(folder, "theta-2.safetensors"));
      expect((await readTheta(new Uint8Array(snapshot))).training).toMatchObject({ outerSteps: 2 });
      expect(existsSync(join(folder, "theta-1.safetensors"))).toBe(false);
    });
  });
  test("--parts: small files from which a run without its folder goes on, to the same theta", async () => {
    await inTemporaryFolder(async (folder) => {
      const parts = join(folder, "parts");
      const options = (name: string) => [...args, "--workers", "1", "-o", join(folder, name)];
      const thetaOf = async (name: string) =>
        (await readTheta(new Uint8Array(await readFile(join(folder, name, "theta.safetensors")))))
          .theta;
      expect((await weightspace(options("alone"))).code).toBe(0);
      const first = [...options("first"), "--parts", parts];
      expect((await weightspace(first)).code).toBe(0);
      const names = (await readdir(parts)).toSorted();
      expect(names).toEqual([
        "optimizer-train-settings.json",
        expect.stringMatching(/^steps-1-50-/),
        expect.stringMatching(/^steps-51-60-/),
      ]);
      expect((await readFile(join(parts, names[1]))).length).toBeLessThan(20_000);
      await rm(join(parts, names[2])); // as if cut at step 50, and its folder lost
      const second = await weightspace([...options("second"), "--parts", parts]);
      expect([second.code, second.stderr]).toEqual([0, expect.not.stringContaining("warning")]);
      expect(await thetaOf("second")).toEqual(await thetaOf("alone"));
      const wrong = await weightspace([...options("third"), "--parts", parts, "--seed", "9"]);
      expect(wrong.stderr).toMatch(/optimizer train: .* holds parts with seed 0, got 9/);
    });
  });
  test("what it cannot use is refused by name before any work, and nothing is written", async () => {
    await inTemporaryFolder(async (folder) => {
      const out = join(folder, "run");
      for (const [wrong, message] of [
        [[...base, "--kind", "unff"], /there is no learned optimizer "unff"/],
        [["optimizer", "train", "--kind", "unf", "--task", "fashion"], /there is no inner task/],
        [[...small, "--horizon", "2"], /horizon\[0\] expected a whole number from 5/],
        [[...small, "--horizon", "20..10"], /Expected a number, or two/],
        [[...small, "--estimator", "best"], /Allowed choices are pes, nres, es/],
        [[...small, "--data", join(folder, "nowhere")], /nowhere/],
      ] as const) {
        const { code, stderr } = await weightspace([...wrong, "-o", out]);
        expect(code).not.toBe(0);
        expect(stderr).toMatch(message);
        expect(stderr).not.toMatch(/ at .*\.js/);
        expect(existsSync(out)).toBe(false);
      }
    });
  });
  test("a folder with another run, or a damaged one, is left as it is", async () => {
    await inTemporaryFolder(async (folder) => {
      const options = [...small, "--outer-steps", "2", "--workers", "1", "-o", folder];
      expect((await weightspace(options)).code).toBe(0);
      const path = join(folder, "meta.safetensors");
      const bytes = await readFile(path);
      const other = await weightspace([...options, "--noise", "0.5"]);
      expect(other.stderr).toMatch(/holds a run with noise 0.01, got 0.5/);
      bytes[bytes.length - 1] ^= 1;
      await writeFile(path, bytes);
      expect((await weightspace(options)).stderr).toMatch(/checksum does not fit/);
      expect((await readFile(path)).equals(bytes)).toBe(true);
    });
  });
  test("images from IDX files of one's own are learnt from", async () => {
    await inTemporaryFolder(async (folder) => {
      const idx = (rank: number, sizes: readonly number[], data: readonly number[]) =>
        Uint8Array.from([0, 0, 8, rank, ...sizes.flatMap((n) => [0, 0, n >> 8, n & 255]), ...data]);
      await mkdir(join(folder, "images"));
      const [count, side] = [20, 10];
      for (const prefix of ["train", "t10k"]) {
        const pixels = Array.from({ length: count * side * side }, (_, i) => (i * 37) % 256);
        const labels = Array.from({ length: count }, (_, i) => i % 10);
        const path = (name: string) => join(folder, "images", `${prefix}-${name}`);
        await writeFile(path("images-idx3-ubyte"), idx(3, [count, side, side], pixels));
        await writeFile(path("labels-idx1-ubyte"), idx(1, [count], labels));
      }
      const own = ["--outer-steps", "1", "--workers", "1", "--data", join(folder, "images")];
      const { code, stderr } = await weightspace([...small, ...own, "-o", join(folder, "run")]);
      expect(code, stderr).toBe(0);
    });
  });
});

describe("weightspace optimizer evaluate", () => {
  test("a run's folder beside hand-made optimizers: rows, report, and nothing made twice", async () => {
    await inTemporaryFolder(async (folder) => {
      const run = join(folder, "run");
      const one = ["--outer-steps", "1", "--workers", "1", "-o", run];
      expect((await weightspace([...small, ...one])).code).toBe(0);
      const [out, report] = [join(folder, "figures", "o.json"), join(folder, "figures", "r.html")];
      const options = ["--seeds", "2", "--steps", "8", "--points", "2", "-o", out];
      const command = ["optimizer", "evaluate", run, "--against", "adam,sgdm", ...options];
      const first = await weightspace([...command, "--report", report, "--json"]);
      expect(first.code, first.stderr).toBe(0);
      const { rows } = JSON.parse(first.stdout) as { rows: { optimizer: string; task: string }[] };
      expect(rows.map(({ optimizer }) => optimizer)).toEqual(["adam", "sgdm", "meta-sgdm"]);
      expect(rows.map(({ task }) => task)).toEqual(["digits-mlp", "digits-mlp", "digits-mlp"]);
      expect(await readFile(report, "utf8")).toContain("meta-sgdm");
      const file = checkResultFile(JSON.parse(await readFile(out, "utf8")), out);
      expect(file).toMatchObject({ rows, about: { task: "digits-mlp", steps: 8, every: 4 } });
      expect(file.tables?.["tried"]).toHaveLength(2 * triedRates);
      expect((await weightspace(command)).stderr).toContain("o.json exists; give --force");
      const parts = join(folder, "parts");
      const rowsOf = async (...more: string[]): Promise<unknown> => {
        const { stdout } = await weightspace([...command, "--json", ...more]);
        return (JSON.parse(stdout) as { rows: unknown }).rows;
      };
      expect(await rowsOf("--force", "--parts", parts)).toEqual(rows); // known already
      await rm(join(folder, "figures"), { recursive: true });
      expect(await rowsOf("--parts", parts)).toEqual(rows); // the parts are enough
      await rm(parts, { recursive: true });
      await rm(join(folder, "figures"), { recursive: true });
      const anew = await rowsOf("--parts", parts);
      expect(anew).not.toEqual(rows); // control: measured again, in other seconds
      const kept = (await readdir(parts)).filter((name) => !name.includes("settings"));
      expect(kept.map((name) => name.replace(/-[0-9a-f]{16}\.json$/, "")).toSorted()).toEqual([
        "adam",
        "meta-sgdm",
        "sgdm",
      ]);
      expect(existsSync(join(folder, "figures", "units"))).toBe(false);
      expect(await rowsOf("--force", "--parts", parts)).toEqual(anew);
      const other = await weightspace([...command, "--force", "--parts", parts, "--seed", "1"]);
      expect(other.stderr).toMatch(/optimizer evaluate: .* holds parts with seed 0, got 1/);
    });
  });
  test("an optimizer that is not known, no task, and a tampered theta are refused by name", async () => {
    await inTemporaryFolder(async (folder) => {
      const out = ["-o", join(folder, "o.json")];
      const unknown = [
        "optimizer",
        "evaluate",
        "--task",
        "digits-mlp",
        "--against",
        "adan",
        ...out,
      ];
      expect((await weightspace(unknown)).stderr).toMatch(/there is no optimizer "adan"/);
      expect((await weightspace(["optimizer", "evaluate", ...out])).stderr).toMatch(/no task/);
      const path = join(folder, "t.safetensors");
      await writeFile(path, "not a theta");
      const broken = await weightspace(["optimizer", "evaluate", path, ...out]);
      expect([broken.code, existsSync(out[1])]).toEqual([1, false]);
    });
  });
});
