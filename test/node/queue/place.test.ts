// Where a worker may write: inside what it was started with, whatever the way there looks like.

import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OptionError } from "../../../src/core/errors.ts";
import { checkPlace, defaultPlaces } from "../../../src/node/queue/place.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "weightspace-place-"));
  await mkdir(join(home, "own", "zoo"), { recursive: true });
  await symlink(home, join(home, "own", "up"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const own = (path: string) => path.replace("HOME", home);

describe("a worker may write", () => {
  test.each([
    ["HOME/own", ["HOME/own"]],
    ["HOME/own/zoo", ["HOME/own"]],
    ["HOME/own/new/one", ["HOME/own"]],
    ["HOME/own/..a", ["HOME/own"]],
    ["HOME/own/%2e%2e/x", ["HOME/own"]], // a name like any other
    ["s3://bucket/zoo", ["HOME/own", "s3://"]],
    ["s3://bucket/zoo", ["s3://bucket"]],
    ["s3://bucket/zoo/a", ["s3://other", "s3://bucket/zoo/"]],
  ])("to %s within %j", async (place, within) => {
    await expect(checkPlace(own(place), within.map(own))).resolves.toBeUndefined();
  });

  test.each([
    ["HOME", ["HOME/own"]],
    ["HOME/own/../x", ["HOME/own"]],
    ["HOME/ownership", ["HOME/own"]],
    ["HOME/own/up", ["HOME/own"]],
    ["HOME/own/up/new/one", ["HOME/own"]], // through a link to what is not there yet
    ["HOME/own/up/own/../x", ["HOME/own"]],
    ["HOME/own/a\0b", ["HOME/own"]],
    ["HOME/own/a\nb", ["HOME/own"]],
    ["own", ["HOME/own"]],
    ["HOME/own", ["s3://"]],
    ["HOME/own", []],
    ["s3://bucket/zoo", ["HOME/own"]], // folders alone allow no bucket
    ["s3://bucket/zoology", ["s3://bucket/zoo"]],
    ["s3://bucket", ["s3://bucket/zoo"]],
    ["S3://bucket/zoo", ["s3://bucket/zoo"]],
    ["s3://bucket/zoo", []],
  ])("not to %s within %j", async (place, within) => {
    const checked = checkPlace(own(place), within.map(own));
    await expect(checked).rejects.toThrow(OptionError);
    await expect(checked).rejects.toThrow(/outside of where this worker may write/);
  });
});

test("unless it is told otherwise: to its own folder, and wherever its keys open a bucket", async () => {
  for (const place of ["s3://any/where", join(process.cwd(), "zoo")])
    await expect(checkPlace(place, defaultPlaces())).resolves.toBeUndefined();
  await expect(checkPlace(home, defaultPlaces())).rejects.toThrow(OptionError);
});
