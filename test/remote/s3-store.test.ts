import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { EnvironmentError, OptionError } from "../../src/core/errors.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { checkConditionalWrites } from "../../src/remote/conditional-writes.ts";
import { type S3StoreOptions, s3Store } from "../../src/remote/s3-store.ts";
import { type FaultyProxy, faultyProxy } from "../support/servers/faulty-proxy.ts";
import { s3Environment, sharedServer } from "../support/servers/servers.ts";
import { freePort } from "../support/servers/started-server.ts";

const needS3 = sharedServer("s3");
let proxy: FaultyProxy;
beforeEach(async ({ skip }) => {
  const { url } = await needS3({ skip });
  proxy ??= await faultyProxy(url);
});
afterAll(() => proxy?.stop());

const secret = s3Environment({ url: "" }).AWS_SECRET_ACCESS_KEY;
const access = (): S3StoreOptions => ({
  accessKeyId: "weightspace-tests",
  secretAccessKey: secret,
  endpoint: proxy.url,
  pause: 10,
});
const open = (place: string, options: Partial<S3StoreOptions> = {}): ZooStore => {
  proxy.plan = () => undefined;
  return s3Store(`s3://bucket/${place}`, { ...access(), ...options });
};
const bytesOf = (text: string) => new TextEncoder().encode(text);
const randomBytes = (count: number) =>
  Uint8Array.from({ length: count }, (_, i) => (i * 2654435761) >>> 24);

describe("a store behind the S3 API", () => {
  test("does what a store in memory does", async () => {
    for (const store of [memoryStore(), open("same")]) {
      expect(await store.list()).toEqual([]);
      expect(await store.read("a.json")).toBeUndefined();
      expect(await store.size("a.json")).toBeUndefined();
      await store.write("a.json", bytesOf("first"));
      expect(await store.create("a.json", bytesOf("never"))).toBe(false);
      expect(await store.create("b & <c>.json", bytesOf(""))).toBe(true);
      await store.write("a.json", bytesOf("0123456789"));
      expect(await store.size("a.json")).toBe(10);
      expect(await store.read("a.json")).toEqual(bytesOf("0123456789"));
      expect(await store.read("a.json", 2, 5)).toEqual(bytesOf("234"));
      expect(await store.read("a.json", 7)).toEqual(bytesOf("789"));
      expect(await store.read("a.json", 12, 14)).toEqual(new Uint8Array(0));
      expect(await store.read("b & <c>.json")).toEqual(new Uint8Array(0));
      expect((await store.list()).sort()).toEqual(["a.json", "b & <c>.json"]);
      await store.remove("a.json");
      await store.remove("a.json");
      expect(await store.list()).toEqual(["b & <c>.json"]);
    }
  });

  test("lists more files than one answer holds, and none of a neighbour whose name begins alike", async () => {
    const store = open("long");
    await open("long-er").write("other", bytesOf("x"));
    const names = Array.from({ length: 7 }, (_, i) => `f${i}`);
    await Promise.all(names.map((name) => store.write(name, bytesOf("x"))));
    proxy.rewrite = (url) => url.replace("list-type=2", "list-type=2&max-keys=2");
    const before = proxy.requests.length;
    expect((await store.list()).sort()).toEqual(names);
    expect(proxy.requests.length - before).toBe(4);
    proxy.rewrite = (url) => url;
  });

  test("of 64 who create a file at once, one is told so", async () => {
    const store = open("claims");
    const claims = Array.from({ length: 64 }, (_, i) => store.create("claim", bytesOf(String(i))));
    const won = (await Promise.all(claims)).flatMap((is, i) => (is ? [i] : []));
    expect(won).toHaveLength(1);
    expect(await store.read("claim")).toEqual(bytesOf(String(won[0])));
    await checkConditionalWrites(store);
  });

  test("a server that takes no notice of the condition is noticed", async () => {
    const store = open("careless");
    proxy.plan = () => "unconditional";
    expect(await store.create("claim", bytesOf("1"))).toBe(true);
    expect(await store.create("claim", bytesOf("2"))).toBe(true); // what must not be believed
    await expect(checkConditionalWrites(store)).rejects.toThrow(/takes no notice of If-None-Match/);
    expect(await store.list()).toEqual(["claim"]);
  });

  test("large files go in parts and are created once, whole", async () => {
    const store = open("large", { partBytes: 5 * 2 ** 20 });
    const bytes = randomBytes(12 * 2 ** 20 + 5);
    const before = proxy.requests.length;
    expect(await store.create("shard", bytes)).toBe(true);
    expect(proxy.requests.slice(before).filter(({ url }) => /partNumber/.test(url))).toHaveLength(
      3,
    );
    const read = (await store.read("shard")) ?? new Uint8Array(0);
    expect(Buffer.compare(read, bytes)).toBe(0);
    expect(await store.create("shard", randomBytes(11 * 2 ** 20))).toBe(false);
    expect(await store.size("shard")).toBe(bytes.length);
    proxy.plan = ({ url }) => (/partNumber=2/.test(url) ? 500 : undefined);
    await expect(open2().create("other", bytes)).rejects.toThrow(
      /write s3:\/\/bucket\/large\/other/,
    );
    expect(await store.list()).toEqual(["shard"]);
    function open2() {
      const options = { ...access(), partBytes: 5 * 2 ** 20, attempts: 2 };
      return s3Store("s3://bucket/large", options);
    }
  });
});

describe("a server that has forgotten an upload in parts, after a conflict", () => {
  test("says that another was faster where a file had to be new, and fails where it had to be replaced", async () => {
    const store = open("conflict", { partBytes: 5 * 2 ** 20 });
    const [theirs, ours] = [bytesOf("theirs"), randomBytes(6 * 2 ** 20)];
    expect(await store.create("shard", theirs)).toBe(true);
    proxy.plan = ({ method, url }) =>
      method === "POST" && /uploadId=/.test(url) ? 404 : undefined;
    expect(await store.create("shard", ours)).toBe(false);
    await expect(store.write("shard", ours)).rejects.toThrow(/has forgotten the upload; run again/);
    await expect(store.create("new", ours)).rejects.toThrow(/has forgotten the upload; run again/);
    expect(await store.read("shard")).toEqual(theirs);
  });

  test("one whose clock differs is told as what it is", async () => {
    const store = open("skewed");
    proxy.plan = () => 403;
    await expect(store.read("one")).rejects.toThrow(
      /answered 403 \(RequestTimeTooSkewed\); the clock of this machine is wrong/,
    );
  });
});

describe("a server that fails now and then", () => {
  test.each([500, 503, 409, "cut", "lost", "slow", "changed"] as const)(
    "%s on two requests of three: everything is there, and nothing is taken twice",
    async (fault) => {
      const store = open(`faults-${fault}`, { timeout: 600 });
      const bytes = randomBytes(50_000);
      let seen = 0;
      proxy.plan = () => (seen++ % 3 < 2 ? fault : undefined);
      const created = await store.create("one", bytes);
      // An answer that was lost may have been a success; whoever asks reads again, and finds the own bytes.
      if (fault === "lost") expect([true, false]).toContain(created);
      else if (fault !== "slow" && fault !== "cut") expect(created).toBe(true);
      expect(await store.read("one")).toEqual(bytes);
      expect(await store.list()).toEqual(["one"]);
      expect(seen).toBeGreaterThan(3);
    },
    20_000,
  );

  test("for good: an error within bounds, which says what happened and holds no secret", async () => {
    const store = open("gone", { attempts: 3, timeout: 300 });
    for (const [fault, says] of [
      [503, /tried 3 times, at last it answered 503/],
      ["slow", /it did not answer in time/],
      ["lost", /the connection (was cut|failed)/],
      ["cut", /the connection|ended after/],
    ] as const) {
      proxy.plan = () => fault;
      const error = await store.read("one").then(
        () => undefined,
        (thrown: unknown) => thrown as Error,
      );
      if (fault === "cut") expect(error).toBeDefined();
      expect(error).toBeInstanceOf(EnvironmentError);
      expect(error?.message).toMatch(says);
      expect(String(error?.stack)).not.toContain(secret);
    }
    const nobody = { ...access(), endpoint: `http://127.0.0.1:${await freePort()}`, attempts: 2 };
    await expect(s3Store("s3://bucket/x", nobody).list()).rejects.toThrow(/nothing listens there/);
    proxy.plan = () => undefined;
    await expect(s3Store("s3://nobucket/x", access()).write("a", bytesOf("b"))).rejects.toThrow(
      /answered 404 \(NoSuchBucket\); there is no such bucket/,
    );
  });
});

test.each([
  "http://me:hunter2@127.0.0.1:1",
  "http://127.0.0.1:1/?token=hunter2",
  "127.0.0.1:1/hunter2",
  "ftp://hunter2/y",
])("an endpoint that is none, or carries secrets, is refused without repeating it", (endpoint) => {
  const store = () => s3Store("s3://bucket/a", { ...access(), endpoint });
  expect(store).toThrow(OptionError);
  expect(store).toThrow(/^(?!.*hunter2).*expected https:\/\/host or http:\/\/host:port/s);
});

describe("names and places", () => {
  test.each([
    "s3://",
    "s3://B",
    "s3://bucket/../other",
    "s3://bucket/a//b",
    "s3://bucket/a/./b",
    "s3://bucket/a\nb",
    "s3://bucket/%2e%2e/b",
    "http://bucket/a",
  ])("%j is no place", (place) => {
    expect(() => s3Store(place, { accessKeyId: "a", secretAccessKey: "b" })).toThrow(OptionError);
  });

  test.each(["", ".", "..", "../a", "a/b", "a\\b", "a\0b", "x".repeat(201), ".hidden"])(
    "%j is no name of a file, in no store",
    async (name) => {
      for (const store of [memoryStore(), s3Store("s3://bucket/a", access())]) {
        await expect(store.create(name, bytesOf("x"))).rejects.toThrow(OptionError);
        await expect(store.write(name, bytesOf("x"))).rejects.toThrow(OptionError);
      }
    },
  );
});
