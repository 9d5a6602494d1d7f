// JSON that this project reads, with null or another wrong value in every place of it in turn: one sentence of our own, or a
// value that is as good as the file's own. A place that decides what is computed is never passed over.

import { readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { unzipSync, zipSync } from "fflate";
import { expect, test } from "vitest";
import { readAdapterConfig } from "../../src/adapters/adapter-config.ts";
import { loadFunctional } from "../../src/cli/functionals/functional-file.ts";
import { blankChecksum, withChecksum } from "../../src/core/checksum.ts";
import { FormatError, isOurError } from "../../src/core/errors.ts";
import { readImported, writeImported } from "../../src/datasets/imported.ts";
import { openTensorSource } from "../../src/formats/open.ts";
import { writeSealed } from "../../src/formats/safetensors/sealed.ts";
import { readSafetensors } from "../../src/formats/safetensors/safetensors.ts";
import { sketchFromJSON } from "../../src/identity/sketch-json.ts";
import { inferSpecFromNames } from "../../src/infer/names/infer-names.ts";
import { folderStore } from "../../src/node/folder-store.ts";
import { specFromJSON, specToJSON } from "../../src/symmetry/json.ts";
import { metaFormat, readMetaCheckpoint } from "../../src/optimizers/meta/meta-checkpoint.ts";
import { readTheta, writeTheta } from "../../src/optimizers/theta-file.ts";
import { readManifest } from "../../src/zoo/manifest.ts";
import { inTemporaryFolder, weightspace } from "../support/command-line.ts";
import { genericWeights, modelSpec } from "../support/networks.ts";
import { wrongJson } from "../support/files/wrong-json.ts";

const fixture = (path: string) => fileURLToPath(new URL(`../fixtures/${path}`, import.meta.url));
const json = (path: string): unknown => JSON.parse(readFileSync(fixture(path), "utf8"));

/** What an engine says of code that met a value it did not expect. */
const raw = /\[object|of null|of undefined|got undefined|is not a function|not iterable|reading '/;

/** Reads a value with something wrong in every place in turn; gives the places where it was read all the same. */
async function passedOver(
  value: unknown,
  read: (value: unknown) => unknown,
): Promise<readonly string[]> {
  await read(value);
  const passed: string[] = [];
  let refused = 0;
  for (const { place, value: changed } of wrongJson(value))
    try {
      await read(changed);
      passed.push(place);
    } catch (error) {
      expect(isOurError(error), `${place}: ${(error as Error).stack}`).toBe(true);
      expect((error as Error).message, place).not.toMatch(raw);
      refused++;
    }
  expect(refused).toBeGreaterThan(0);
  return passed;
}

/** The places among these that are below one of the names. */
const below = (passed: readonly string[], ...names: readonly string[]) =>
  passed.filter((place) => names.some((name) => place.startsWith(name)));

const functional = readSafetensors(
  new Uint8Array(readFileSync(fixture("version-0.1/linear.safetensors"))),
);

/** A functional whose notes, history or other part is this, under a checksum that fits. */
async function loadedWith(key: string, value: unknown): Promise<void> {
  const { checksum: _old, ...metadata } = functional.metadata;
  const changed = { ...metadata, [key]: JSON.stringify(value) };
  const bytes = await writeSealed(Object.fromEntries(functional.tensors), changed);
  (await loadFunctional(bytes, "f.safetensors")).dispose();
}

test("functionals: scales of inputs that are null, missing or no numbers are refused by name", async () => {
  const notes = JSON.parse(functional.metadata["notes"]) as Record<string, unknown>;
  const passed = await passedOver(notes, (value) => loadedWith("notes", value));
  expect(below(passed, "all", "model", "normalization")).toEqual(
    // Any number above 0 may be a scale, and any text the name of no model.
    below(passed, "normalization").filter((place) => /scale = (1.5|1e\+300)$/.test(place)),
  );
  // Files of version 0.1 do not say how weights become inputs; words that are not known are refused.
  expect(below(passed, "inputs")).toEqual(["inputs = left out"]);
  await expect(loadedWith("notes", { ...notes, normalization: null })).rejects.toThrow(
    "f.safetensors is no checkpoint of a functional: normalization: Invalid input: expected record, received null; train one",
  );
  const { "fc1.bias": _gone, ...others } = notes["normalization"] as Record<string, unknown>;
  await expect(loadedWith("notes", { ...notes, normalization: others })).rejects.toThrow(
    'the scale of its input "fc1.bias" is missing',
  );
  await expect(loadedWith("notes", { ...notes, inputs: "cube(weight)" })).rejects.toThrow(
    'it reads weights in a way that this version does not know, "cube(weight)"',
  );
});

test.each(["position", "history", "setting", "spec"])("functionals: %s", async (key) => {
  const value: unknown = JSON.parse(functional.metadata[key]);
  const passed = await passedOver(value, (changed) => loadedWith(key, changed));
  // What passes is another number, or a loss that was NaN.
  const harmless =
    /(Loss|lossSum|step|bestEpoch) = |scale = left out|tensors\..* = left out|^(seed|batchSize|networks|loss|optimizer|clipNorm|dropout|epochs|[\w ]+) = |^all = \{\}$/;
  expect(passed.filter((place) => !harmless.test(place))).toEqual([]);
});

test("specs and sketches", async () => {
  const spec = specToJSON(modelSpec("mlp.onnx"));
  const passed = await passedOver(spec, specFromJSON);
  // A spec may have fewer scales and fewer tensors.
  expect(passed.filter((place) => !place.endsWith(" = left out"))).toEqual([]);
  const sketch = json("version-0.1/mlp.sketch.json") as Record<string, unknown>;
  const { spec: kept, ...others } = sketch;
  await passedOver({ spec: kept }, (value) => sketchFromJSON({ ...others, ...(value as object) }));
});

test("manifests of populations", async () =>
  inTemporaryFolder(async (folder) => {
    const store = folderStore(folder);
    await passedOver(json("version-0.1/zoo/zoo.json"), (value) => {
      const bytes = new TextEncoder().encode(JSON.stringify(value));
      return readManifest({ ...store, read: async () => bytes });
    });
  }));

test("imported populations name a target that is one of their metrics", async () =>
  inTemporaryFolder(async (folder) => {
    const store = folderStore(folder);
    const spec = modelSpec("mlp.onnx");
    const weights = genericWeights(spec, 1);
    const metrics = [{ name: "loss", unit: "", summary: "loss", better: "lower" as const }];
    const networks = [{ name: "a", run: "0", numbers: { loss: 1 } }];
    const tensors = Object.fromEntries(
      Object.entries(weights).map(([name, { shape, data }]) => [
        name,
        { shape, data: Float32Array.from(data) },
      ]),
    );
    await writeImported(store, { metrics, target: "loss", networks, spec, tensors });
    const name = "population.json";
    const text = await readFile(join(folder, name), "utf8");
    const { checksum: _old, ...whole } = JSON.parse(text);
    const passed = await passedOver(whole, async (value) => {
      const sealed = JSON.stringify({ checksum: blankChecksum, ...(value as object) });
      const bytes = await withChecksum(new TextEncoder().encode(sealed));
      return readImported({
        ...store,
        read: async (file, ...range) => (file === name ? bytes : store.read(file, ...range)),
      });
    });
    expect(below(passed, "target", "weights", "metrics.0.name")).toEqual([]);
  }));

test("configurations of adapters: a scale that is null is no scale of 8", async () => {
  const value = json("adapters/llama/adapter_config.json") as Record<string, unknown>;
  const read = (changed: unknown) => readAdapterConfig(changed, "adapter_config.json");
  const passed = await passedOver(value, read);
  expect(below(passed, "all", "lora_alpha").filter((place) => !/-?\d/.test(place))).toEqual([
    "lora_alpha = left out",
  ]);
  expect(below(passed, "use_rslora").sort()).toEqual([
    "use_rslora = left out",
    "use_rslora = null",
    "use_rslora = true",
  ]);
  expect(() => read({})).toThrow('neither "peft_type" nor "r" nor "lora_alpha"');
});

test("configs of models: what decides a family, heads or ties is of its kind or refused", async () => {
  const folder = fixture("name-sets/");
  const kinds = /-(GPT2LMHead|Mpt|Bloom|Qwen2For|T5For|Whisper)/;
  for (const file of readdirSync(folder).filter((name) => kinds.test(name))) {
    const set = JSON.parse(gunzipSync(readFileSync(folder + file)).toString("utf8"));
    const shapes = set.tensors as Record<string, readonly number[]>;
    const tensors = Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
    const passed = await passedOver(set.config, (config) =>
      inferSpecFromNames(tensors, { config }),
    );
    const decisive = below(
      passed,
      "model_type",
      "num_attention_heads",
      "n_head",
      "tie_word_embeddings",
      "alibi",
      "architectures",
      "attn_config =",
      "all =",
    );
    // Null stands for what is not said; a list of heads, of classes or another name may be true.
    const allowed = /= (null|left out|true|1\.5|\{\}|\{"a":null\}|\[\])$|architectures\.0 = "x"/;
    expect(
      decisive.filter((place) => !allowed.test(place)),
      file,
    ).toEqual([]);
    expect(below(passed, "model_type = 0", "tie_word_embeddings = 0", "all = null")).toEqual([]);
  }
});

test("the config of a .keras archive", async () => {
  const files = unzipSync(new Uint8Array(readFileSync(fixture("files/keras-cnn.keras"))));
  const config = JSON.parse(new TextDecoder().decode(files["config.json"]));
  const { module, class_name: kind, config: inner } = config;
  const small = { module, class_name: kind, config: { layers: inner.layers.slice(0, 2) } };
  const passed = await passedOver(small, (value) => {
    const text = new TextEncoder().encode(JSON.stringify(value));
    return openTensorSource(zipSync({ ...files, "config.json": text }, { level: 0 }));
  });
  expect(below(passed, "all").filter((place) => !place.includes("{"))).toEqual([]);
});

test("files of theta and of meta-training", async () => {
  const training = { settings: { task: "digits-mlp" } };
  const theta = { decay: { shape: [1], data: Float32Array.of(0.5) } };
  const file = { kind: "sgdm", features: "", tensors: { a: [2, 3] }, training, theta };
  const read = async (changed: unknown) =>
    readTheta(await writeTheta({ ...file, ...(changed as object) }));
  const about = { tensors: file.tensors, training };
  const passed = await passedOver(about, (value) => {
    const isFile = typeof value === "object" && value !== null && "training" in value;
    return isFile && "tensors" in value ? read(value) : Promise.reject(new FormatError("no file"));
  });
  expect(below(passed, "training = ")).toEqual(["training = {}", 'training = {"a":null}']);
  expect(
    below(passed, "tensors").filter((place) => !/ = (null|0|\[\]|\{\}|left out)$/.test(place)),
  ).toEqual([]);
  const point = { step: 1, loss: 2, gradient: 1, diverged: 0 };
  const run = {
    settings: { pairs: 1 },
    step: 1,
    seconds: 1,
    episodes: [{ pair: 0, episode: 0, began: 0, truncations: 2 }],
    history: [point],
    recent: [],
  };
  const array = { shape: [1], data: Float32Array.of(1) };
  const goesOn = await passedOver(run, async (value) =>
    readMetaCheckpoint(
      await writeSealed({ theta: array }, { format: metaFormat, run: JSON.stringify(value) }),
    ),
  );
  expect(below(goesOn, "all", "settings = null", "episodes = ", "history = ")).toEqual([
    "episodes = []",
    "history = []",
  ]);
});

test("results of zoo differ that are no results are refused", async () =>
  inTemporaryFolder(async (folder) => {
    await mkdir(join(folder, "z"));
    const args = ["zoo", "differ", fixture("version-0.1/zoo"), fixture("version-0.1/zoo")];
    const run = () =>
      weightspace(
        [...args, "--statistic", "energy", "--permutations", "19", "-o", "r.json"],
        folder,
      );
    expect((await run()).code).toBe(0);
    const kept = JSON.parse(await readFile(join(folder, "r.json"), "utf8"));
    for (const tests of [null, [{ ...kept.tests[0], value: null }]]) {
      await writeFile(join(folder, "r.json"), JSON.stringify({ ...kept, tests }));
      const { code, stderr } = await run();
      expect(code).toBe(1);
      expect(stderr).toMatch(/^error: zoo differ: r\.json is damaged \(tests/);
    }
    await writeFile(join(folder, "r.json"), JSON.stringify(kept));
    expect((await run()).code).toBe(0);
  }));
