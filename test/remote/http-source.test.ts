import { createServer, type Server } from "node:http";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EnvironmentError, OptionError } from "../../src/core/errors.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSafetensors } from "../../src/formats/safetensors/safetensors-write.ts";
import { httpSource } from "../../src/remote/http-source.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { freePort } from "../support/servers/started-server.ts";

/** A file of several blocks. */
const data = Float32Array.from({ length: 150_000 }, (_, i) => Math.sin(i));
const bytes = Buffer.from(
  writeSafetensors({
    "f.0.weight": { shape: [300, 500], data },
    "f.0.bias": { shape: [2], data: data.slice(0, 2) },
  }),
);
let [server, address]: [Server | undefined, string] = [undefined, ""];
let ranges: string[] = [];
let version = "first";
beforeAll(async () => {
  const port = await freePort();
  address = `http://127.0.0.1:${port}`;
  server = createServer((request, response) => {
    const { url = "/", headers } = request;
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
    ranges.push(headers.range ?? "whole");
    if (url.startsWith("/missing")) return void response.writeHead(404).end();
    if (url.startsWith("/whole")) return void response.writeHead(200).end(bytes);
    const part = bytes.subarray(Number(start), Number(end) + 1);
    const shown = `bytes ${start}-${Number(start) + part.length - 1}/${bytes.length}`;
    response.writeHead(206, { "content-range": shown, etag: version });
    response.end(part);
  }).listen(port, "127.0.0.1");
});
afterAll(() => server?.close());

describe("a file behind an address", () => {
  test("is read like one on disk, by ranges", async () => {
    const source = await httpSource(`${address}/mlp.safetensors?signature=secret`);
    expect(source.size).toBe(bytes.length);
    expect(source.location).not.toContain("secret");
    for (const [start, end] of [
      [0, 8],
      [8, bytes.length],
      [bytes.length - 3, bytes.length],
      [5, 5],
    ])
      expect(Buffer.compare(await source.read(start, end), bytes.subarray(start, end))).toBe(0);
    const tensors = await openTensorSource(source);
    expect([...tensors.entries.keys()]).toContain("f.0.weight");
  });

  test("a file that changes meanwhile is noticed", async () => {
    const source = await httpSource(`${address}/mlp.safetensors`);
    await source.read(400_000, 400_010);
    version = "second";
    await source.read(400_010, 400_020); // fetched already
    await expect(source.read(10, bytes.length)).rejects.toThrow(/has changed since it was opened/);
  });

  test.each([
    ["/missing", /404; there is no such file/],
    ["/whole", /knows no range requests; download the file/],
  ])("%s says what to do", async (path, says) => {
    const failed = httpSource(`${address}${path}`);
    await expect(failed).rejects.toThrow(EnvironmentError);
    await expect(failed).rejects.toThrow(says);
  });

  test.each([
    ["http://example.org/a", /not encrypted/],
    ["https://me:secret@example.org/a", /name and password/],
    ["ftp://example.org/a", /is no address/],
  ])("%s is refused", async (path, says) => {
    const failed = httpSource(path);
    await expect(failed).rejects.toThrow(OptionError);
    await expect(failed).rejects.toThrow(says);
    await expect(failed).rejects.not.toThrow(/secret/);
  });

  test("stands on the command line where a path does", async () => {
    ranges = [];
    await inTemporaryFolder(async (folder) => {
      const file = join(folder, "own.safetensors");
      await writeFile(file, bytes);
      const same = await weightspace(["compare", `${address}/mlp.safetensors`, file, "--json"]);
      expect(same.stderr).toBe("");
      expect(same.code).toBe(0);
      expect(JSON.parse(same.stdout)).toMatchObject({ verdict: "identical" });
      const missing = await weightspace(["compare", `${address}/missing`, file]);
      expect(missing.code).toBe(1);
      expect(missing.stderr).toMatch(/answered 404; there is no such file/);
    });
    expect(ranges).not.toContain("whole");
    expect(ranges.length).toBeGreaterThan(1);
  });
});
