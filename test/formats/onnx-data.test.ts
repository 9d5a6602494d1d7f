import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clone, create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ModelProtoSchema, StringStringEntryProtoSchema, TensorProto_DataLocation } from "onnx-buf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { byteSource } from "../../src/formats/byte-source.ts";
import { embedAtOnce, embedData } from "../../src/formats/onnx/onnx-data.ts";
import { decodeTensor } from "../../src/formats/onnx/onnx-tensor.ts";
import { replaceInitializers } from "../../src/formats/onnx/onnx-write.ts";
import { readOnnx } from "../../src/formats/onnx/onnx.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { inferSpec } from "../../src/infer/infer.ts";
import { findBesideFile, readModelBytes } from "../../src/node/beside.ts";
import { openWeights } from "../../src/node/open-weights.ts";
import { structureOf } from "../support/structure.ts";
import { onnxBuilder } from "../support/graphs/onnx-builder.ts";
import { gemm, relu } from "../support/graphs/onnx-layers.ts";

function whole(): Uint8Array {
  const b = onnxBuilder(1);
  b.output(gemm(b, relu(b, gemm(b, b.input("x", [2, 3]), "a", 3, 4)), "c", 4, 2));
  return b.bytes();
}

interface Parts {
  readonly model: Uint8Array;
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** The model with its numbers in two files, at offsets; `change` edits what is said of each. */
function inParts(change: (entry: Record<string, string>, index: number) => void = () => {}): Parts {
  const message = clone(ModelProtoSchema, fromBinary(ModelProtoSchema, whole()));
  const files: Record<string, Uint8Array> = {};
  for (const [index, proto] of (message.graph?.initializer ?? []).entries()) {
    const location = index % 2 === 0 ? "m.onnx.data" : "sub/more.bin";
    const before = files[location] ?? new Uint8Array(7);
    files[location] = new Uint8Array([...before, ...proto.rawData]);
    const said: Record<string, string> = {
      location,
      offset: String(before.length),
      length: String(proto.rawData.length),
    };
    change(said, index);
    proto.rawData = new Uint8Array();
    proto.dataLocation = TensorProto_DataLocation.EXTERNAL;
    for (const [key, value] of Object.entries(said))
      proto.externalData.push(create(StringStringEntryProtoSchema, { key, value }));
  }
  return { model: toBinary(ModelProtoSchema, message), files };
}

const beside =
  ({ files }: Parts) =>
  (name: string) =>
    Promise.resolve(Object.hasOwn(files, name) ? byteSource(files[name]) : undefined);

const numbers = (bytes: Uint8Array) =>
  [...readOnnx(bytes).initializers].map(([name, tensor]) => [name, [...decodeTensor(tensor)]]);

describe("numbers in files beside the model", () => {
  test("are the same as in one file, from two files and at offsets", async () => {
    const parts = inParts();
    expect(numbers(await embedData(parts.model, beside(parts)))).toEqual(numbers(whole()));
    const moved = { ...parts, files: { ...parts.files, "m.onnx.data": new Uint8Array(999) } };
    expect(numbers(await embedData(moved.model, beside(moved)))).not.toEqual(numbers(whole()));
  });

  test("a model without such data stays as it is", async () => {
    const bytes = whole();
    expect(await embedData(bytes, () => Promise.reject(new Error("nothing is opened")))).toBe(
      bytes,
    );
  });

  test("a source reads each tensor when it is asked for, and no other bytes", async () => {
    const parts = inParts();
    const read: [number, number][] = [];
    const source = await openTensorSource(parts.model, {
      openBeside: async (name) => {
        const file = await beside(parts)(name);
        return (
          file && {
            ...file,
            read: (start: number, end: number) => {
              read.push([start, end]);
              return file.read(start, end);
            },
          }
        );
      },
    });
    expect(read).toEqual([]);
    const { data } = await source.read("c.weight");
    expect([...data]).toEqual(
      Object.fromEntries(numbers(whole()) as [string, number[]][])["c.weight"],
    );
    expect(read).toEqual([[7 + 48, 7 + 48 + 32]]);
  });

  test("that are not there leave the symmetries to be found, and are named where they are needed", async () => {
    const { model } = inParts();
    const none = await embedData(model, () => Promise.resolve(undefined));
    const { spec, warnings } = inferSpec(readOnnx(none));
    expect(structureOf(spec)).toEqual(structureOf(inferSpec(readOnnx(whole())).spec));
    expect(warnings.join()).toContain('"m.onnx.data"');
    const tensor = readOnnx(none).initializers.get("a.weight");
    expect(() => tensor && decodeTensor(tensor)).toThrow(/"a.weight".*"m.onnx.data".*not there/);
    const source = await openTensorSource(model);
    await expect(source.read("a.weight")).rejects.toThrow(/"a.weight".*"m.onnx.data"/);
  });

  test("a model that is written carries its numbers inside", async () => {
    const parts = inParts();
    const data = Float32Array.from({ length: 8 }, (_, i) => i);
    const written = replaceInitializers(await embedData(parts.model, beside(parts)), {
      "c.weight": { shape: [2, 4], data },
    });
    expect(Object.fromEntries(numbers(written) as [string, number[]][])["c.weight"]).toEqual([
      ...data,
    ]);
    const alone = replaceInitializers(parts.model, { "c.weight": { shape: [2, 4], data } });
    const kept = readOnnx(alone).initializers;
    expect(kept.get("c.weight")?.outside).toBeUndefined();
    expect(kept.get("a.weight")?.outside?.location).toBe("m.onnx.data");
  });

  test.for<[string, (said: Record<string, string>) => void, RegExp]>([
    ["a folder above", (said) => void (said.location = "../m.data"), /folder of the model/],
    ["a root", (said) => void (said.location = "/etc/passwd"), /folder of the model/],
    ["a drive", (said) => void (said.location = "C:\\m.data"), /folder of the model/],
    ["no name", (said) => void (said.location = ""), /folder of the model/],
    ["a step back inside", (said) => void (said.location = "a/../../b"), /folder of the model/],
    ["a negative offset", (said) => void (said.offset = "-4"), /offset "-4"/],
    ["a huge offset", (said) => void (said.offset = "99999999"), /needs the bytes/],
    ["too few bytes", (said) => void (said.length = "8"), /8 bytes of data belong/],
    ["a length in words", (said) => void (said.length = "all"), /length "all"/],
  ])("%s is refused", async ([, change, message]) => {
    const parts = inParts((said, index) => index === 0 && change(said));
    await expect(embedData(parts.model, beside(parts))).rejects.toThrow(message);
  });
});

/** The files of `parts` as a reader that cannot wait finds them, with every piece that is read. */
function found({ files }: Parts) {
  const read: [string, number, number][] = [];
  const find = (name: string) =>
    Object.hasOwn(files, name)
      ? {
          size: files[name].length,
          read: (start: number, end: number) => {
            read.push([name, start, end]);
            return new Uint8Array(files[name].slice(start, end));
          },
        }
      : undefined;
  return { find, read };
}

describe("numbers that are read when they are asked for", () => {
  test("are those of one file, and a graph is opened and inferred without any of them", () => {
    const parts = inParts();
    const { find, read } = found(parts);
    const graph = readOnnx(parts.model, { findBeside: find });
    const { spec, warnings } = inferSpec(graph);
    expect(structureOf(spec)).toEqual(structureOf(inferSpec(readOnnx(whole())).spec));
    expect([warnings, read]).toEqual([[], []]);
    const decoded = [...graph.initializers].map(([name, tensor]) => [
      name,
      [...decodeTensor(tensor)],
    ]);
    expect(decoded).toEqual(numbers(whole()));
    expect(read).toHaveLength(decoded.length);
    expect(numbers(embedAtOnce(parts.model, find))).toEqual(numbers(whole()));
  });

  test("a tensor with several readers is read until two numbers differ", () => {
    const b = onnxBuilder(1);
    const table = b.weight("table", [100, 100]);
    const x = b.input("x", [2, 100]);
    b.output(b.node("MatMul", [b.node("MatMul", [x, table]), table]));
    const message = fromBinary(ModelProtoSchema, b.bytes());
    const [proto] = message.graph?.initializer ?? [];
    const files = { "m.data": proto.rawData };
    proto.rawData = new Uint8Array();
    proto.externalData.push(
      create(StringStringEntryProtoSchema, { key: "location", value: "m.data" }),
    );
    const { find, read } = found({ model: toBinary(ModelProtoSchema, message), files });
    inferSpec(readOnnx(toBinary(ModelProtoSchema, message), { findBeside: find }));
    expect(Math.max(...read.map(([, start, end]) => end - start))).toBe(4 * 4096);
  });

  test("a file that is too short is refused when the model is opened", () => {
    const parts = inParts((said, index) => index === 0 && (said.offset = "99999999"));
    expect(() => readOnnx(parts.model, { findBeside: found(parts).find })).toThrow(
      /needs the bytes/,
    );
  });
});

describe("a model in a hub's cache", () => {
  test("reads the blobs its links lead to, and no file outside the cache of that model", async () => {
    const folder = mkdtempSync(join(tmpdir(), "weightspace-hub-"));
    const parts = inParts((said) => void (said.location = said.location.replace("sub/", "")));
    const blobs = join(folder, "models--a--b", "blobs");
    const snapshot = join(folder, "models--a--b", "snapshots", "r1");
    for (const each of [blobs, snapshot]) mkdirSync(each, { recursive: true });
    const all = { "m.onnx": parts.model, ...parts.files };
    for (const [i, [name, bytes]] of Object.entries(all).entries()) {
      writeFileSync(join(blobs, `blob${i}`), bytes);
      symlinkSync(`../../blobs/blob${i}`, join(snapshot, name.replace("sub/", "")));
    }
    const path = join(snapshot, "m.onnx");
    expect(numbers(await readModelBytes(path))).toEqual(numbers(whole()));
    expect(numbers(embedAtOnce(parts.model, findBesideFile(path)))).toEqual(numbers(whole()));

    const secret = join(folder, "secret");
    writeFileSync(secret, parts.files["m.onnx.data"]);
    rmSync(join(snapshot, "m.onnx.data"));
    symlinkSync(secret, join(snapshot, "m.onnx.data"));
    await expect(readModelBytes(path)).rejects.toThrow(/link out of the folder/);
    expect(() => embedAtOnce(parts.model, findBesideFile(path))).toThrow(/link out of the folder/);

    // A folder that is only called snapshots is no cache: its links stay inside the folder of the model.
    rmSync(join(snapshot, "m.onnx.data"));
    symlinkSync("../../blobs/blob1", join(snapshot, "m.onnx.data"));
    expect(numbers(embedAtOnce(parts.model, findBesideFile(path)))).toEqual(numbers(whole()));
    renameSync(blobs, join(folder, "models--a--b", "files"));
    rmSync(join(snapshot, "m.onnx.data"));
    symlinkSync("../../files/blob1", join(snapshot, "m.onnx.data"));
    expect(() => embedAtOnce(parts.model, findBesideFile(path))).toThrow(/link out of the folder/);
    rmSync(folder, { recursive: true });
  });
});

describe("a model in a folder", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "weightspace-data-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("its data are found beside it; a link out of the folder is not followed", async () => {
    const parts = inParts((said) => void (said.location = said.location.replace("sub/", "")));
    const path = join(folder, "m.onnx");
    writeFileSync(path, parts.model);
    for (const [name, bytes] of Object.entries(parts.files))
      writeFileSync(join(folder, name.replace("sub/", "")), bytes);
    expect(numbers(await readModelBytes(path))).toEqual(numbers(whole()));
    const source = await openWeights(path);
    expect((await source.read("a.weight")).data.length).toBe(12);
    await source.close();

    const other = mkdtempSync(join(tmpdir(), "weightspace-data-"));
    writeFileSync(join(other, "m.onnx"), parts.model);
    for (const name of ["m.onnx.data", "more.bin"])
      symlinkSync(join(folder, name), join(other, name));
    await expect(readModelBytes(join(other, "m.onnx"))).rejects.toThrow(/link out of the folder/);
    rmSync(other, { recursive: true });
  });
});
