// How a program's products round: as it asks, once, before anything is computed. Each case is a process of its own.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { root } from "../docs/pages.ts";

const moduleOf = (path: string): string =>
  JSON.stringify(pathToFileURL(join(root, "dist", path)).href);

/** What a program prints that asks for arithmetic where `ask` stands, computes, and shows how one product rounded. */
async function printed(before: string, after = ""): Promise<string> {
  const program = `
    const { setArithmetic } = await import(${moduleOf("exports/node.js")});
    const { hostArithmetic } = await import(${moduleOf("kernels/wasm/fused-multiply-add.js")});
    const { startEngine } = await import(${moduleOf("exports/engine.js")});
    const { projectAll } = await import(${moduleOf("transport/numeric/projection.js")});
    /** The product of 1 + 2^-30 and 1 - 2^-30 less 1, which is 0 when the product is rounded by itself. */
    const rounded = () => {
      const data = new Float64Array(16);
      const direction = new Float64Array(16);
      data.set([-1, 1 + 2 ** -30]);
      direction.set([1, 1 - 2 ** -30]);
      const [[sum]] = projectAll({ size: 1, dimension: 16, data }, [direction]);
      return sum === 0 ? "twice" : "once";
    };
    const ask = (wanted) => {
      try { setArithmetic(wanted); return "set"; } catch (error) { return error.name + ": " + error.message; }
    };
    ${before}
    console.log(rounded());
    ${after}
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "-e",
    program,
  ]);
  return stdout.trim();
}

test("products round once or twice, as was asked first", async () => {
  expect(await printed(`console.log(ask("plain"));`)).toBe("set\ntwice");
  expect(await printed(`console.log(ask("fma"), hostArithmetic());`)).toMatch(
    /^(set fma\nonce|EnvironmentError: .*no fused multiply-add.*plain\ntwice)$/,
  );
});

test("asked again for the same, nothing happens; for the other after a product, it is refused", async () => {
  const again = `console.log(ask("plain")); console.log(ask("fma"));`;
  const lines = (await printed(`ask("plain");`, again)).split("\n");
  expect(lines.slice(0, 2)).toEqual(["twice", "set"]);
  expect(lines[2]).toMatch(/^OptionError: .*has computed some already; call it before/);
});

test("a started engine settles it, too", async () => {
  const [first, second] = (
    await printed(`
      const other = hostArithmetic() === "fma" ? "plain" : "fma";
      await startEngine();
      console.log(ask(other));`)
  ).split("\n");
  expect(first).toMatch(/^OptionError: .*call it before/);
  expect(["once", "twice"]).toContain(second);
});

test("another word is refused", async () => {
  expect(await printed(`console.log(ask("quick"));`)).toMatch(
    /^OptionError: setArithmetic: expected "fma" or "plain", got "quick"/,
  );
});
