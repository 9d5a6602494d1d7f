// `transport demo` as a person runs it: a page with pictures, resumed unit by unit, with images of one's own.

import { readdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encode } from "fast-png";
import { describe, expect, test } from "vitest";
import { readPng, writePng } from "../../../src/cli/app/png.ts";
import { FormatError, UnsupportedError } from "../../../src/core/errors.ts";
import { sampleImages } from "../../../src/experiment/demos/sample-images.ts";
import { transferColours } from "../../../src/transport/flows/colour-transfer.ts";
import { inTemporaryFolder, weightspace } from "../../support/command-line.ts";

describe("colour transfer", () => {
  const [evening, wood] = sampleImages();
  test.each(["sw-1", "db-tsw"] as const)(
    "%s brings colours nearer and keeps the size",
    (method) => {
      const options = { method, rate: 0.02, seed: 1, samples: 60, iterations: 60, lines: 20 };
      const { image, before, after } = transferColours(evening, wood, options);
      expect(after).toBeLessThan(0.3 * before);
      expect([image.width, image.height]).toEqual([evening.width, evening.height]);
      expect(image.data).not.toEqual(evening.data);
    },
  );
  test("images whose data do not fit are refused", () => {
    const bad = { width: 2, height: 2, data: new Uint8Array(5) };
    expect(() => transferColours(bad, wood, { method: "sw-1", rate: 0.1, seed: 0 })).toThrow(
      /has 5 bytes for 2 x 2/,
    );
  });
});

describe("PNG files", () => {
  const [evening] = sampleImages();
  test("go there and back", () => {
    const back = readPng(writePng(evening), "a.png");
    expect(back).toEqual({ ...evening, data: Uint8Array.from(evening.data) });
  });
  test("grey, transparent and 16-bit pixels become colours", () => {
    const grey = encode({
      width: 2,
      height: 1,
      channels: 1,
      depth: 8,
      data: Uint8Array.of(10, 250),
    });
    expect([...readPng(grey, "g.png").data]).toEqual([10, 10, 10, 250, 250, 250]);
    const clear = encode({
      width: 1,
      height: 1,
      channels: 4,
      depth: 8,
      data: Uint8Array.of(1, 2, 3, 0),
    });
    expect([...readPng(clear, "c.png").data]).toEqual([1, 2, 3]);
    const deep = encode({
      width: 1,
      height: 1,
      channels: 3,
      depth: 16,
      data: Uint16Array.of(65535, 257, 0),
    });
    expect([...readPng(deep, "d.png").data]).toEqual([255, 1, 0]);
  });
  test("what is no PNG, damaged or too large is refused, naming the file", () => {
    expect(() => readPng(new Uint8Array(40), "x.png")).toThrow(FormatError);
    const bytes = writePng(evening);
    expect(() => readPng(bytes.slice(0, bytes.length / 2), "cut.png")).toThrow(
      /cut.png is a damaged PNG file/,
    );
    const huge = bytes.slice();
    new DataView(huge.buffer).setUint32(16, 100_000);
    expect(() => readPng(huge, "huge.png")).toThrow(UnsupportedError);
  });
});

test("weightspace transport demo: report, resume, own images, misuse", async () => {
  await inTemporaryFolder(async (folder) => {
    const [evening, wood] = sampleImages();
    const at = (name: string) => join(folder, name);
    await writeFile(at("a.png"), writePng(evening));
    await writeFile(at("b.png"), writePng(wood));
    const args = [
      "transport",
      "demo",
      "--iterations",
      "6",
      "--image",
      at("a.png"),
      "--image",
      at("b.png"),
      "-o",
      at("out"),
    ];
    const { code, stdout } = await weightspace([...args, "--json"]);
    expect(code).toBe(0);
    const { flows, colours } = JSON.parse(stdout) as {
      flows: unknown[];
      colours: { before: number; after: number }[];
    };
    expect([flows.length, colours.length]).toEqual([10, 4]);
    const page = await readFile(at("out/report.html"), "utf8");
    expect(page.match(/data:image\/png;base64,/g)?.length).toBe(8);
    expect(page.match(/<svg/g)?.length).toBe(12);
    const units = await readdir(at("out/units"));
    expect(units.length).toBe(16);
    const kept = await stat(at(`out/units/${units[1]}`));
    await unlink(at(`out/units/${units[0]}`));
    expect((await weightspace([...args, "--json"])).stdout).toBe(stdout);
    expect((await stat(at(`out/units/${units[1]}`))).mtimeMs).toBe(kept.mtimeMs);
    expect((await readdir(at("out/units"))).length).toBe(16);
    const parts = ["--parts", at("parts"), "--json"];
    expect((await weightspace([...args, ...parts])).stdout).toBe(stdout);
    const small = (await readdir(at("parts"))).filter((name) => !name.includes("settings"));
    expect(small.toSorted()).toEqual(units.toSorted());
    for (const name of small) expect((await stat(at(`parts/${name}`))).size).toBeLessThan(200_000);
    await rm(at("out"), { recursive: true }); // the parts are enough
    await writeFile(at(`parts/${small[0]}`), "{}");
    const again = await weightspace([...args, "--parts", at("parts")]);
    expect([again.code, again.stderr]).toEqual([
      0,
      expect.stringContaining(`warning: ${small[0]} in ${at("parts")} is damaged; it is made anew`),
    ]);
    expect(await readFile(at("out/report.html"), "utf8")).toBe(page);
    expect(await readdir(at("out"))).toEqual(["report.html"]);
    const other = await weightspace([...args, ...parts, "--seed", "1"]);
    expect(other.stderr).toMatch(/transport demo: .*parts holds parts with seed 0, got 1/);
    const one = await weightspace(["transport", "demo", "--image", at("a.png"), "-o", at("one")]);
    expect([one.code, one.stderr]).toEqual([2, expect.stringMatching(/expected two --image/)]);
    await writeFile(at("b.png"), "no picture");
    const bad = await weightspace(args);
    expect([bad.code, bad.stderr]).toEqual([1, expect.stringMatching(/b\.png is not a PNG file/)]);
  });
});
