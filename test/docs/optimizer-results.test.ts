// What docs/guide/learned-optimizers.md says of optimizers follows from the published figures.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readTheta } from "../../src/optimizers/theta-file.ts";
import { readPage, root, tablesOf } from "./pages.ts";

interface Row {
  readonly optimizer: string;
  readonly speedup: number | null;
  readonly stepsToAdamMean: number | null;
  readonly finalLossMean: number;
  readonly finalLossStd: number;
  readonly speedupInSeconds: number | null;
  readonly rate: number | null;
}

function finder(file: string) {
  const text = readFileSync(join(root, "docs/results", file), "utf8");
  const { rows } = JSON.parse(text) as { rows: readonly Row[] };
  return (name: string): Row => {
    const row = rows.find(({ optimizer }) => optimizer === name);
    if (row === undefined) throw new Error(`no row of ${name}`);
    return row;
  };
}
const of = finder("optimizers-fashion-mlp.json");
const after = finder("optimizers-fashion-mlp-outer-steps.json");
const onDigits = finder("optimizers-digits-mlp.json");

test("the guide shows the tables that these figures give", async () => {
  const script: { optimizersPage: () => string } = await import(
    pathToFileURL(join(root, "scripts/docs/optimizer-tables.js")).href
  );
  expect(tablesOf(script.optimizersPage())).toEqual(
    tablesOf(readPage("docs/guide/learned-optimizers.md")),
  );
});

test("four that were meta-trained alike never reach Adam's best loss, nor end below momentum", () => {
  for (const name of ["sgdm-meta", "deep-sets", "nfn", "unf"]) expect(of(name).speedup).toBeNull();
  for (const name of ["deep-sets", "nfn", "unf"])
    expect(of(name).finalLossMean).toBeGreaterThan(of("sgdm-meta").finalLossMean);
  expect(of("nfn").finalLossMean).toBe(of("unf").finalLossMean);
});

/** The factor of the network's output in a kept theta. */
async function betaOf(task: string, kind: string): Promise<number> {
  const path = join(root, `docs/results/meta-training/${task}-${kind}/theta.safetensors`);
  const { theta } = await readTheta(new Uint8Array(readFileSync(path)));
  return 0.001 * Math.exp(10 * theta["rule.beta"].data[0]);
}

test("their networks count for as little as at the start: beta has not grown", async () => {
  for (const kind of ["deep-sets", "nfn", "unf", "unf-small"]) {
    const beta = await betaOf("fashion-mlp", kind);
    expect(beta).toBeGreaterThan(2.4e-4);
    expect(beta).toBeLessThan(1e-3);
  }
});

test("Celo2 with an equivariant layer gets there before Adam, and ends below Celo2", () => {
  for (const ending of ["", "-tuned"]) {
    const own = of(`celo2-unf${ending}`);
    expect(own.speedup).toBeGreaterThan(1);
    expect(own.finalLossMean).toBeLessThan(of(`celo2${ending}`).finalLossMean);
    expect(own.speedupInSeconds).toBeLessThan(1);
  }
});

test("more outer steps of more pairs make it faster, by the factors of the text", () => {
  const speedups = ["celo2-unf-long", "celo2-unf-long-tuned"].map((name) => of(name).speedup ?? 0);
  expect(speedups.map((speedup) => speedup.toFixed(2))).toEqual(["1.54", "1.90"]);
  for (const ending of ["", "-tuned"])
    expect(of(`celo2-unf-long${ending}`).finalLossMean).toBeLessThan(
      of(`celo2-unf${ending}`).finalLossMean,
    );
});

test("in seconds the one that is shipped is as fast as Adam", () => {
  expect(of("celo2-unf-long").speedupInSeconds?.toFixed(2)).toBe("0.98");
});

test("unf-small goes up and down and never gets there", () => {
  expect(of("unf-small-long").speedup).toBeNull();
  const losses = [1, 2, 3, 4, 5].map((k) => after(`unf-small-${k}000`).finalLossMean);
  expect(Math.min(...losses).toFixed(3)).toBe("0.506");
  expect(Math.max(...losses).toFixed(3)).toBe("0.536");
  expect(losses[2]).toBeGreaterThan(losses[1]);
  expect(losses[3]).toBeLessThan(losses[2]);
});

test("on digits the shipped one is no help, unf-small is", () => {
  expect(onDigits("celo2-unf").speedup).toBeNull();
  expect(onDigits("celo2-unf").finalLossMean.toFixed(2)).toBe("0.77");
  expect(onDigits("celo2-unf-tuned").rate).toBe(0.25);
  expect(onDigits("celo2-unf-tuned").speedup).toBeLessThan(0.5);
  expect(onDigits("unf-small").speedup?.toFixed(2)).toBe("1.86");
  expect(onDigits("unf-small").finalLossMean).toBeGreaterThan(onDigits("adam").finalLossMean);
});

test("on a wider MLP the shipped one is level with Adam in shorter steps, unf-small is no help", () => {
  const onWide = finder("optimizers-fashion-wide.json");
  const final = (name: string) => onWide(name).finalLossMean.toFixed(3);
  const names = ["adam", "sgdm", "celo2-unf", "celo2-unf-tuned", "unf-small", "unf-small-tuned"];
  expect(names.map(final)).toEqual(["0.437", "0.470", "0.477", "0.431", "0.552", "0.475"]);
  const tuned = onWide("celo2-unf-tuned");
  expect([tuned.rate, tuned.speedup?.toFixed(2)]).toEqual([0.25, "1.03"]);
  expect(tuned.speedupInSeconds).toBeLessThan(0.5);
  const adam = onWide("adam");
  expect(adam.finalLossMean - tuned.finalLossMean).toBeLessThan(
    adam.finalLossStd + tuned.finalLossStd,
  );
  expect(onWide("unf-small-tuned").rate?.toFixed(2)).toBe("0.35");
  for (const name of ["celo2-unf", "unf-small", "unf-small-tuned"])
    expect(onWide(name).speedup).toBeNull();
});

test("on the CNN networks add nothing to momentum, and the shipped one is no help", () => {
  const onCnn = finder("optimizers-fashion-cnn.json");
  const speed = (name: string) => onCnn(name).speedup?.toFixed(2);
  expect(["sgdm-meta", "sgdm", "deep-sets", "unf"].map(speed)).toEqual([
    "1.08",
    "1.08",
    "1.03",
    "1.03",
  ]);
  expect(speed("nfn")).toBeUndefined();
  for (const name of ["deep-sets", "unf", "nfn"]) {
    const [own, momentum] = [onCnn(name), onCnn("sgdm-meta")];
    expect(Math.abs(own.finalLossMean - momentum.finalLossMean)).toBeLessThan(
      own.finalLossStd + momentum.finalLossStd,
    );
  }
  const celo = ["celo2", "celo2-unf"].map((name) => onCnn(name).finalLossMean.toFixed(2));
  expect(celo).toEqual(["1.18", "1.64"]);
  expect(onCnn("celo2-unf-shipped").finalLossMean.toFixed(2)).toBe("5.10");
  const tuned = onCnn("celo2-unf-shipped-tuned");
  expect([tuned.rate?.toFixed(2), tuned.finalLossMean.toFixed(3)]).toEqual(["0.35", "0.857"]);
  expect(onCnn("unf-small").finalLossMean.toFixed(3)).toBe("0.607");
  for (const name of ["adam", "sgdm", "adamw", "schedule-free", "muon", "unf-small"])
    expect(onCnn(name).finalLossMean).toBeLessThan(tuned.finalLossMean);
});

test("on the recurrent model nothing learned gets there, nor ends below tuned SGD", async () => {
  const onText = finder("optimizers-text-irnn.json");
  const final = (name: string) => onText(name).finalLossMean.toFixed(3);
  const learned = ["sgdm-meta", "nfn", "unf", "deep-sets"];
  expect(learned.map(final)).toEqual(["2.329", "2.353", "2.418", "2.445"]);
  expect(final("sgdm")).toBe("2.296");
  const shipped = ["celo2-unf-shipped", "celo2-unf-shipped-tuned"];
  expect(shipped.map(final)).toEqual(["2.656", "2.617"]);
  expect(onText("celo2-unf-shipped-tuned").rate).toBe(0.5);
  for (const name of [...learned, ...shipped, "celo2", "celo2-unf"]) {
    expect(onText(name).speedup).toBeNull();
    expect(onText(name).finalLossMean).toBeGreaterThan(onText("sgdm").finalLossMean);
  }
  for (const name of ["adam", "adamw", "schedule-free", "muon"])
    expect(onText(name).finalLossMean).toBeLessThan(onText("sgdm").finalLossMean);
  const counts = ["celo2", "celo2-unf"].map((name) => onText(name).finalLossMean.toFixed(2));
  expect(counts).toEqual(["3.38", "5.45"]);
  const betas = await Promise.all(
    ["unf", "nfn", "deep-sets"].map((kind) => betaOf("text-irnn", kind)),
  );
  expect(betas[0].toFixed(4)).toBe("0.0043");
  expect(betas[1].toFixed(4)).toBe("0.0015");
  expect(betas[2]).toBeLessThan(0.001);
});

test("on the Transformer Celo2 with an equivariant layer is level with Adam, the other learned ones are not", async () => {
  const onText = finder("optimizers-text-transformer.json");
  const final = (name: string) => onText(name).finalLossMean.toFixed(3);
  expect(["unf", "nfn", "deep-sets", "sgdm-meta", "sgdm", "adam"].map(final)).toEqual([
    "2.211",
    "2.212",
    "2.201",
    "2.196",
    "2.192",
    "2.162",
  ]);
  const celo = ["celo2-unf", "celo2-unf-shipped", "celo2-unf-shipped-tuned", "celo2"];
  expect(celo.map(final)).toEqual(["2.165", "2.187", "2.168", "3.082"]);
  expect(onText("celo2-unf-shipped-tuned").rate?.toFixed(2)).toBe("0.71");
  const adam = onText("adam");
  for (const name of celo) {
    const { finalLossMean, finalLossStd } = onText(name);
    const isLevel = finalLossMean - adam.finalLossMean < finalLossStd + adam.finalLossStd;
    expect(isLevel).toBe(name !== "celo2");
  }
  for (const name of [...celo, "unf", "nfn", "deep-sets", "sgdm-meta"])
    expect(onText(name).speedup).toBeNull();
  for (const kind of ["unf", "nfn", "deep-sets"]) {
    const beta = await betaOf("text-transformer", kind);
    expect(beta).toBeGreaterThan(4e-4);
    expect(beta).toBeLessThan(7e-4);
  }
});

test("Adam's rate is the highest of its grid, and a wider one agrees; two without anything learned need half of the steps", () => {
  expect(of("adam").rate).toBe(0.01);
  const [narrow, wide] = [of("adam"), of("adam-wide")];
  expect(wide.rate).toBeGreaterThan(0.01);
  expect(wide.rate).toBeLessThan(0.012);
  expect(Math.abs(wide.finalLossMean - narrow.finalLossMean)).toBeLessThan(narrow.finalLossStd);
  for (const name of ["schedule-free", "muon"])
    expect(
      (of(name).stepsToAdamMean ?? NaN) / (of("celo2-unf-tuned").stepsToAdamMean ?? NaN),
    ).toBeCloseTo(0.5, 1);
});

test("losses after more outer steps are those of the text; the last ones are those of the table", () => {
  const loss = (name: string) => Number(after(name).finalLossMean.toFixed(3));
  expect(["celo2-unf-250", "celo2-unf-2000", "unf-250", "unf-2000"].map(loss)).toEqual([
    0.598, 0.485, 0.524, 0.509,
  ]);
  expect(["celo2-unf-long-1000", "celo2-unf-long-5000"].map(loss)).toEqual([0.49, 0.471]);
  expect(loss("unf-500")).toBeGreaterThan(loss("unf-250")); // back and forth
  for (const kind of ["unf", "celo2-unf"])
    expect(after(`${kind}-2000`).finalLossMean).toBe(of(kind).finalLossMean);
});
