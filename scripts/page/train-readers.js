// Trains the readers of the page and writes the file that holds them: `npm run page:readers`, about 15 minutes of one core. Zoo and
// runs are resumed. Afterwards look at docs/results/inr-digits-28.json, and run the page's tests.

import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deriveSeed, specToJSON } from "weightspace";
import { writeSafetensors } from "weightspace/formats";
import { folderStore, readPackageData } from "weightspace/node";
import { readCheckpoint, splitDataset } from "weightspace/train";
import { openZoo, zooDataset } from "weightspace/zoo";
import { parseDigits } from "../../dist/datasets/digits-data.js";
import { readSafetensors, toFloat32 } from "../../dist/exports/formats.js";
import { inputsOf } from "../../dist/models/registry.js";
import { root } from "../sources.js";

const zoo = "zoos/digits-28-meta";
/** The same with a start of its own for every network: what a common start does for readers. */
const apart = "zoos/digits-28";
const shares = [0.7, 0.1, 0.2];
const split = shares.join(",");
/** The seed of the split; the trainings that are shipped are the first ones. */
const seed = 0;
/** The first one is the reader that the page is about. */
const readers = ["unf-products", "stat-nn", "flat-mlp", "probes"];
const editor = "unf-1";
/** Digits of every class to try the page with. */
const ofClass = 2;

const results = "docs/results/inr-digits-28.json";
const ofApart = "docs/results/inr-digits-28-random.json";
const edits = "docs/results/inr-editing-digits-28.json";
const training = `--models ${readers.join(",")} --options docs/results/options/inr-digits-28.json --split ${split} --epochs 20 --batch-size 16 --rate 0.003 --workers 1`;
const commands = [
  `zoo build --recipe pictures-digits-28-meta --networks 1500 --seed 1 -o ${zoo}`,
  `zoo build --recipe pictures-digits-28 --networks 1500 --seed 1 -o ${apart}`,
  `experiment inr --zoo ${zoo} ${training} --seeds 3 -o runs/page-readers --results ${results} --force`,
  `experiment inr --zoo ${apart} ${training} --seeds 1 -o runs/page-readers-apart --results ${ofApart} --force`,
  `experiment inr-editing --zoo ${zoo} --edits dilate --maps unf --outputs 1 --seeds 1 --split ${split} --epochs 30 --workers 1 -o runs/page-editor --results ${edits} --force`,
];

for (const command of commands) {
  console.log(`weightspace ${command}`);
  const { status } = spawnSync(
    process.execPath,
    [join(root, "bin/weightspace.js"), ...command.split(" ")],
    { cwd: root, stdio: "inherit" },
  );
  if (status !== 0) process.exit(status ?? 1);
}

const json = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));
const read = async (path) => readCheckpoint(new Uint8Array(readFileSync(join(root, path))));

const opened = await openZoo(folderStore(join(root, zoo)));
const dataset = await zooDataset(opened, { target: "label" });
const parts = splitDataset(
  { ...dataset, cues: { image: dataset.groups } },
  shares,
  deriveSeed(seed, "split"),
);

const tensors = {};
const functionals = {};
let normalization;
for (const name of [...readers, "editor"]) {
  const path =
    name === "editor"
      ? `runs/page-editor/digits-28-meta-dilate/${editor}-0.safetensors`
      : `runs/page-readers/digits-28-meta/${name}-0.safetensors`;
  const { notes, params, best = params } = await read(path);
  const { model, options } = notes;
  functionals[name] = { model, options, inputs: inputsOf(model, options) };
  if (name !== "editor") ({ normalization } = notes);
  for (const [param, { shape, data }] of Object.entries(best))
    tensors[`${name}/${param}`] = { shape, data: Float32Array.from(data) };
}

const start = readSafetensors(new Uint8Array(readFileSync(join(root, zoo, "start.safetensors"))));
for (const name of Object.keys(dataset.spec.tensors)) {
  const tensor = start.tensors.get(name);
  tensors[`start/${name}`] = { shape: tensor.shape, data: toFloat32(tensor) };
}

/** Images of test networks, the first ones of every class. */
const { train, test } = await parseDigits(await readPackageData("uci-digits.csv.gz"));
const digits = Float32Array.from([...train.inputs, ...test.inputs]);
const labels = [...train.labels, ...test.labels];
const held = parts[2].cues.image;
const chosen = Array.from({ length: 10 }, (_, label) =>
  held.filter((image) => labels[image] === label).slice(0, ofClass),
);
const samples = Array.from({ length: ofClass }, (_, i) => chosen.map((images) => images[i])).flat();
tensors["samples/pixels"] = {
  shape: [samples.length, 8, 8],
  data: Float32Array.from(
    samples.flatMap((image) => Array.from(digits.subarray(64 * image, 64 * image + 64))),
  ),
};
tensors["samples/labels"] = {
  shape: [samples.length],
  data: Float32Array.from(samples, (image) => labels[image]),
};

const { rows } = json(results);
const { rows: rowsApart } = json(ofApart);
const { rows: edited, about } = json(edits);
const note = {
  readers: readers.map((name) => {
    const of = (all) => all.find(({ model }) => model === name);
    const { parameters, accuracyMean, accuracyStd, signsMean } = of(rows);
    return {
      name,
      parameters,
      accuracy: accuracyMean,
      spread: accuracyStd,
      moved: signsMean,
      apart: of(rowsApart).accuracyMean,
    };
  }),
  trainings: rows[0].seeds,
  networks: parts.map(({ size }) => size),
  edited: { error: edited[0].mseMean, unedited: about.unedited.dilate },
};
const file = join(root, "page/src/picture/readers.safetensors");
const bytes = writeSafetensors(tensors, {
  spec: JSON.stringify(specToJSON(dataset.spec)),
  normalization: JSON.stringify(normalization),
  functionals: JSON.stringify(functionals),
  note: JSON.stringify(note),
  commands: commands.map((command) => `npx weightspace ${command}`).join("\n"),
});
writeFileSync(file, bytes);
console.log(`${file.slice(root.length)}: ${bytes.length} bytes`);
console.log(JSON.stringify(note, null, 2));
