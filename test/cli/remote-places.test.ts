// Places behind the S3 API where commands take files and folders of this machine: refused with a sentence, before any work.

import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { weightspace } from "../support/command-line.ts";

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), "weightspace-remote-"));
  delete process.env["AWS_ACCESS_KEY_ID"]; // of the machine's own, which the controls must not use
});
afterAll(() => rm(place, { recursive: true, force: true }));

const at = "s3://bucket/x";
const experiment = ["experiment", "generalization", "--zoo", "none"];
const taken = /takes files and folders of this machine, got s3:\/\/bucket\/x; give a place here/;

test.each([
  [[...experiment, "-o", at], /--output takes .*what the work leaves goes to --store s3:/],
  [[...experiment, "--results", at], /--results takes/],
  [["experiment", "learning-curve", "--zoo", "none", "-o", at], /--output takes/],
  [["experiment", "inr-editing", "--zoo", "none", "-o", at], /--output takes/],
  [["optimizer", "train", "--kind", "unf", "--task", "fashion-mlp", "-o", at], /--output takes/],
  [["optimizer", "evaluate", "adam", "--task", "fashion-mlp", "-o", at], /--store s3:/],
  [["train", "--zoo", "none", "-o", at], /--output takes/],
  [["zoo", "differ", "a", "b", "-o", at], /--output takes/],
  [["zoo", "build", "--data", at, "-o", "zoo"], /--data takes/],
  [["demo", "-o", "S3://bucket/x"], /--output takes .* got S3:/],
  [["fingerprint", at], /fingerprint: s3:.* is a place behind the S3 API/],
] as const)("%j is refused and leaves nothing", async (args, says) => {
  const { code, stderr } = await weightspace([...args], place);
  expect(stderr).toMatch(says);
  if (!args.includes("fingerprint" as never) && !args.includes("demo" as never))
    expect(stderr).toMatch(taken);
  expect(code).toBe(2);
  expect(await readdir(place)).toEqual([]);
});

test("an address where a store belongs is refused, without its secrets", async () => {
  const address = "https://me:hunter2@host/zoo";
  const { code, stderr } = await weightspace(["zoo", "build", "-o", address], place);
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(/expected a folder or s3:.*got an address that begins with https:/),
  ]);
  expect(stderr).not.toContain("hunter2");
  expect(await readdir(place)).toEqual([]);
});

test.each([
  [["zoo", "build", "-o", at]],
  [["zoo", "info", at]],
  [["zoo", "differ", at, at]],
  [["train", "--zoo", at, "-o", "unf.safetensors"]],
] as const)("control: %j is a place of a store, which asks for keys", async ([...args]) => {
  const { stderr } = await weightspace(args, place);
  expect(stderr).toMatch(/places that begin with s3:\/\/ need keys; set AWS_ACCESS_KEY_ID/);
  expect(await readdir(place)).toEqual([]);
});
