// Parts of long work: what is finished is taken from small files, and nothing else is.

import { describe, expect, test } from "vitest";
import { z } from "zod";
import { FormatError, OptionError } from "../../src/core/errors.ts";
import { memoryStore, type ZooStore } from "../../src/core/store.ts";
import { maxPartBytes, openParts, type PartsOptions } from "../../src/work/unit-parts.ts";

const schema = z.object({ losses: z.array(z.number()) });
type Value = z.infer<typeof schema>;

function opened(store: ZooStore, changed: Partial<PartsOptions<Value>> = {}) {
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const fromJson = (value: unknown) => schema.safeParse(value).data;
  const options = { caller: "work", settings: { seed: 1, steps: 5 }, fromJson, warn, ...changed };
  return { warnings, parts: openParts(store, options) };
}

const value = { losses: [0.1, 1 / 3, 1e-300, 5] };
const nameOf = async (store: ZooStore) =>
  (await store.list()).find((name) => name.startsWith("a-b"))!;

describe("parts", () => {
  test("are read as they were kept, by another call; other units are not finished", async () => {
    const store = memoryStore("folder");
    expect(await (await opened(store).parts).keep({ name: "a b" }, value)).toBe(true);
    const later = opened(store);
    expect(await (await later.parts).read({ name: "a b" })).toEqual(value);
    expect(await (await later.parts).read({ name: "a c" })).toBeUndefined();
    expect(await (await later.parts).read({ name: "a b", origin: "x" })).toBeUndefined();
    expect(later.warnings).toEqual([]);
  });
  test("write nothing before the first unit is finished", async () => {
    const store = memoryStore();
    await (await opened(store).parts).read({ name: "a b" });
    expect(await store.list()).toEqual([]);
  });
  test("with any byte changed are named and not believed", async () => {
    const store = memoryStore("folder");
    await (await opened(store).parts).keep({ name: "a b" }, value);
    const name = await nameOf(store);
    const sound = (await store.read(name))!;
    for (let at = 0; at < sound.length; at++) {
      const bytes = sound.slice();
      bytes[at] ^= 1;
      await store.write(name, bytes);
      const { parts, warnings } = opened(store);
      expect(await (await parts).read({ name: "a b" })).toBeUndefined();
      expect(warnings).toEqual([`${name} in folder is damaged; it is made anew`]);
    }
    await store.write(name, sound); // control
    expect(await (await opened(store).parts).read({ name: "a b" })).toEqual(value);
  });
  test("of other settings are refused by the first that differs", async () => {
    const store = memoryStore("folder");
    await (await opened(store).parts).keep({ name: "a b" }, value);
    const other = opened(store, { settings: { seed: 2, steps: 5 } }).parts;
    await expect(other).rejects.toThrow(OptionError);
    await expect(other).rejects.toThrow(
      "work: folder holds parts with seed 1, got 2; choose another folder or the same settings",
    );
    await store.write("work-settings.json", new TextEncoder().encode("{"));
    await expect(opened(store).parts).rejects.toThrow(FormatError);
    await store.remove(await nameOf(store)); // settings bind what there is
    await expect(opened(store, { settings: { seed: 2 } }).parts).resolves.toBeDefined();
  });
  test("renamed to another unit are not believed", async () => {
    const store = memoryStore("folder");
    const { parts, warnings } = opened(store);
    await (await parts).keep({ name: "a b" }, value);
    const bytes = (await store.read(await nameOf(store)))!;
    await (await parts).keep({ name: "c" }, { losses: [] });
    const other = (await store.list()).find((name) => name.startsWith("c-"))!;
    await store.write(other, bytes);
    expect(await (await parts).read({ name: "c" })).toBeUndefined();
    expect(warnings).toEqual([expect.stringMatching(/^c-.*is damaged/)]);
  });
  test("that would be too large are told and not kept, except in the work's own folder", async () => {
    const large = { losses: Array.from({ length: 20_000 }, (_, i) => Math.sqrt(i)) };
    const store = memoryStore("folder");
    const { parts, warnings } = opened(store);
    expect(await (await parts).keep({ name: "a b" }, large)).toBe(false);
    expect(warnings).toEqual([
      expect.stringMatching(new RegExp(`would have \\d+ bytes, .* at most ${maxPartBytes}`)),
    ]);
    expect(await store.list()).toEqual([]);
    const own = opened(store, { isOwnFolder: true });
    expect(await (await own.parts).keep({ name: "a b" }, large)).toBe(true);
    expect(await (await own.parts).read({ name: "a b" })).toEqual(large);
    const other = opened(store, { isOwnFolder: true, settings: { seed: 2 } });
    expect(await (await other.parts).read({ name: "a b" })).toBeUndefined();
    expect([...own.warnings, ...other.warnings]).toEqual([]);
  });
});
