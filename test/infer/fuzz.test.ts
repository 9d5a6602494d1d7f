import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FormatError, UnsupportedError } from "../../src/core/errors.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { mutateOnnx } from "../support/graphs/mutate-onnx.ts";

const folder = new URL("../fixtures/models/", import.meta.url);
const models = readdirSync(folder)
  .filter((name) => name.endsWith(".onnx"))
  .map((name) => ({ name, bytes: new Uint8Array(readFileSync(new URL(name, folder))) }));

/** Milliseconds of processor time that this process has used: other processes do not count. */
const used = () => process.cpuUsage().user / 1000;

const count = Number(process.env["WEIGHTSPACE_FUZZ"] ?? 2000);
const seed = Number(process.env["WEIGHTSPACE_FUZZ_SEED"] ?? 1);

describe("broken ONNX files", () => {
  test(
    `${count} mutated files each give a spec, a FormatError or an UnsupportedError within a second of work`,
    { timeout: 600_000 },
    () => {
      const outcomes = { spec: 0, format: 0, unsupported: 0 };
      const bad: string[] = [];
      let slowest = 0;
      for (let i = 0; i < count; i++) {
        const { name, bytes } = models[i % models.length];
        const broken = mutateOnnx(bytes, seed * 1_000_003 + i);
        const start = used();
        try {
          inferSpec(readOnnx(broken));
          outcomes.spec++;
        } catch (error) {
          if (error instanceof FormatError) outcomes.format++;
          else if (error instanceof UnsupportedError) outcomes.unsupported++;
          else bad.push(`${name} ${i}: ${error instanceof Error ? error.stack : String(error)}`);
        }
        const took = used() - start;
        slowest = Math.max(slowest, took);
        if (took > 1000) bad.push(`${name} ${i}: ${took} ms`);
      }
      expect(bad.slice(0, 5)).toEqual([]);
      // The mutations reach all three outcomes, or this test would not test much.
      for (const number of Object.values(outcomes)) expect(number).toBeGreaterThan(count / 100);
      expect(slowest).toBeLessThan(1000);
    },
  );
});
