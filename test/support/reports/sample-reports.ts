// One page of each kind of report, with as many models as an experiment may list and long names: what pages are looked at with.

import { provenanceReport } from "../../../experiments/provenance-report.ts";
import { randomStream } from "../../../src/core/random.ts";
import { optimizerCurves, optimizerRows } from "../../../src/optimizers/evaluate/rows.ts";
import { differenceReport, matrixReport } from "../../../src/report/difference-map.ts";
import { generalizationReport } from "../../../src/report/generalization-report.ts";
import { measuredPath } from "../../../src/report/measured-path.ts";
import { mergeReport } from "../../../src/report/merge-report.ts";
import { optimizerReport } from "../../../src/report/optimizer-report.ts";
import { trainingSizeReport } from "../../../src/report/training-size-report.ts";
import { transportReport } from "../../../src/report/transport-report.ts";
import { sampleExperiment } from "./sample-experiment.ts";

/** Sixteen functionals that an experiment can compare at once. */
export const manyModels = [
  "canonical:unf-hybrid-shared",
  "unf-hybrid-shared",
  "unf-hybrid",
  "unf-published",
  "unf-products",
  "unf",
  "nfn-np",
  "nfn-hnp",
  "transformer-nfn",
  "monomial",
  "magep",
  "deep-sets",
  "stat-nn-published",
  "stat-nn",
  "linear",
  "flat-mlp",
];

const seeds = [0, 1, 2];
const command =
  "npx weightspace experiment generalization --zoo zoos/cnn --models unf,unf-hybrid,nfn-np --seeds 3 --epochs 40 --seed 0";
const machine = "AMD EPYC, 2 cores, Node v20.20.2, linux x64";
const text = { command, machine, commit: "0123456", seed: 0 };

/** An experiment on 16 models with every section that its page may have; `target` is what is predicted. */
function generalization(target?: { name: string; unit: string; summary: string }): string {
  const sample = sampleExperiment();
  const stream = randomStream(7);
  const six = sample.rows.map(({ model }) => model);
  const rows = manyModels.map((model, i) => {
    const level = 0.93 - 0.012 * i;
    const isBlind = i === manyModels.length - 1;
    return {
      ...sample.rows[0],
      model,
      parameters: 1000 * (i + 1) ** 2,
      seconds: 40 * (i + 1),
      tauMean: level,
      tauStd: 0.004,
      tauMovedMean: isBlind ? 0.09 : level,
      tauInterval: [level - 0.03, level + 0.03] as const,
      stageTauMean: level - 0.3,
      stageTauStd: 0.01,
      agreement: isBlind ? 0.31 : 1,
      maxPredictionChange: isBlind ? 0.61 : 3.6e-7,
    };
  });
  return generalizationReport({
    ...sample,
    command,
    commit: "0123456",
    population: { ...sample.population, runs: 300, ...(target && { target }) },
    rows,
    oneNumber: ["training loss", "weight norm", "training step"].map((number) => ({
      number,
      direction: "lower",
      tau: 0.7,
      tauInterval: [0.62, 0.76],
      stageTau: 0.4,
    })),
    comparisons: manyModels.slice(1, 6).map((other) => ({
      model: manyModels[0],
      other,
      difference: 0.004,
      std: 0.003,
      interval: [-0.001, 0.009],
      wins: 2,
      seeds: 3,
    })),
    tuning: manyModels.slice(0, 4).map((model) => ({
      model,
      rate: 0.003,
      options: { channels: [1, 16, 16], head: [128, 128], init: "balanced", dropout: 0.1 },
      parameters: 41_603,
      validTau: 0.9,
      validLoss: 0.4321,
      bestEpoch: 31,
      seconds: 99,
      chosen: true,
    })),
    scatter: manyModels.flatMap((model, i) =>
      sample.scatter
        .filter((point) => point.model === six[i % six.length])
        .slice(0, 20)
        .map((point) => ({ ...point, model })),
    ),
    curves: manyModels.flatMap((model, i) =>
      seeds.map((seed) => ({
        model,
        seed,
        epochs: Array.from({ length: 40 }, (_, epoch) => ({
          epoch: epoch + 1,
          trainLoss: 0.3,
          validTau: (0.93 - 0.012 * i) * (1 - Math.exp(-(epoch + 9) / 5)) + 0.004 * stream.normal(),
        })),
      })),
    ),
  });
}

function trainingSize(): string {
  const shares = [0.01, 0.03, 0.1, 0.3, 1];
  return trainingSizeReport({
    title: "What more training networks bring: CNNs",
    ...text,
    splits: 3,
    seeds: 3,
    population: {
      name: "digits-cnn",
      networks: 9600,
      runs: 3200,
      description: "3,200 CNNs of 8x8 digits, three checkpoints each",
      validation: 480,
      test: 960,
    },
    rows: manyModels.flatMap((model, i) =>
      shares.map((share, s) => ({
        model,
        share,
        networks: Math.round(8160 * share),
        taus: [[0.7, 0.71, 0.72]],
        tauMean: 0.6 + 0.05 * s - 0.008 * i,
        tauStd: 0.01,
        stageTauMean: 0.4,
      })),
    ),
  });
}

function optimizers(): string {
  const stream = randomStream(3);
  const steps = Array.from({ length: 40 }, (_, i) => 50 * (i + 1));
  const names = ["adam", ...manyModels.slice(1)];
  const units = names.map((optimizer, i) => {
    const curve = () =>
      steps.map(
        (step) => 0.4 + 0.01 * i + 1.9 * Math.exp(-step / (200 + 20 * i)) + 0.004 * stream.normal(),
      );
    return {
      optimizer,
      rate: i % 3 === 0 ? null : 0.00123,
      tried: [],
      curves: { steps, test: seeds.map(curve), train: seeds.map(curve), secondsPerStep: 0.0012 },
    };
  });
  return optimizerReport({
    title: "Optimizers on fashion-mlp",
    task: "fashion-mlp",
    summary: "64-32-10 networks on FashionMNIST at 8 x 8",
    ...text,
    steps: 2000,
    every: 50,
    seeds: 3,
    triedRates: 20,
    rows: optimizerRows("fashion-mlp", units),
    curves: optimizerCurves(units),
    tried: {},
  });
}

/** A grey picture of one pixel. */
const pixel =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGOor6//DwAFfwKAcpVJ8QAAAABJRU5ErkJggg==";

function transport(): string {
  const stream = randomStream(5);
  const cloud = (scale: number) =>
    Array.from({ length: 60 }, () => [scale * stream.normal(), scale * stream.normal()]);
  const methods = ["SW, order 1", "SW, order 2", "TSW-SL, order 1", "Db-TSW, order 1, delta 1"];
  const picture = (caption: string) => ({ caption, address: pixel });
  return transportReport({
    command: "weightspace transport demo --seed 0 --iterations 900",
    flows: ["Swiss roll", "25 Gaussians"].flatMap((dataset) =>
      methods.map((method, i) => ({
        dataset,
        method,
        target: cloud(1),
        moments: [0, 150, 300, 450, 600, 900].map((iteration) => ({
          iteration,
          w2: (1 + i) * Math.exp(-iteration / 100) + 1e-4,
          points: cloud(1),
        })),
      })),
    ),
    images: ["first", "second", "first to second, SW, order 1"].map(picture),
    digits: methods.slice(0, 2).map(picture),
    transfers: methods.map((method) => ({
      method,
      direction: "first to second",
      before: 0.0412,
      after: 0.000123,
    })),
  });
}

function merge(): string {
  const path = (height: number) =>
    Array.from({ length: 11 }, (_, i) => ({
      t: i / 10,
      loss: 0.1 + height * (i / 10) * (1 - i / 10),
      accuracy: 0.95 - (height / 10) * (i / 10) * (1 - i / 10),
    }));
  return mergeReport({
    title: "Two classifiers of digits, and what lies between them",
    summary: "From one network to the other in a straight line, as they are and aligned.",
    ...text,
    pairs: 5,
    paths: ["training images", "test images"].map((examples) => ({
      network: "64-512-512-10",
      examples,
      plain: measuredPath([path(4), path(2)]),
      aligned: measuredPath([path(0.4), path(0.2)]),
    })),
  });
}

function difference(): string {
  const stream = randomStream(9);
  const grid = (rows: number, columns: number) => ({
    rows,
    columns,
    cells: Float64Array.from({ length: rows * columns }, () => Math.abs(stream.normal())),
  });
  const names = ["encoder.layers.11.attention.output.dense.weight", "fc1.weight", "fc1.bias"];
  return differenceReport({
    title: "encoder-large-checkpoint-a.safetensors and encoder-large-checkpoint-b.safetensors",
    verdict: "Different: 34.1% of the weights' norm is left after the best alignment.",
    command: "weightspace compare a.safetensors b.safetensors --report page.html",
    panels: names.map((tensor, i) => ({
      tensor,
      shape: [64, i === 2 ? 1 : 48],
      before: grid(64, i === 2 ? 1 : 48),
      after: grid(64, i === 2 ? 1 : 48),
      relative: 0.9,
      relativeAfter: 0.341,
    })),
    layers: Array.from({ length: 12 }, (_, i) => ({
      layer: `encoder.layers.${i}`,
      relative: 0.1 * i,
      aligned: 0.05 * i,
    })),
  });
}

const matrix = (): string =>
  matrixReport({
    title: "12 checkpoints",
    command: "weightspace compare runs/*.safetensors --report page.html",
    files: Array.from(
      { length: 12 },
      (_, i) => `runs/long-name-of-a-run/step-${1000 * i}.safetensors`,
    ),
    differences: Array.from({ length: 12 }, (_, i) =>
      Array.from({ length: 12 }, (_entry, j) => Math.abs(i - j) / 8),
    ),
    groups: ["Two groups: 1 to 5 and 6 to 12."],
  });

function provenance(): string {
  const methods = ["sketch", "raw cosine", "StatNN statistics"];
  const kinds = ["permuted and rescaled", "fine-tuned", "pruned", "all kinds"];
  return provenanceReport({
    title: "Which of 100 networks a descendant comes from",
    ...text,
    seeds,
    networks: 100,
    descendants: 800,
    accuracy: { mean: 0.94, std: 0.01, count: 300 },
    trainedOnAccuracies: [{ kind: "fine-tuned", accuracy: 0.93 }],
    rows: methods.flatMap((method) =>
      kinds.map((kind) => ({
        method,
        kind,
        areaMean: 0.9994,
        areaStd: 0.0003,
        topMean: 0.98,
        topStd: 0.01,
      })),
    ),
    curves: methods.map((method, i) => ({
      method,
      points: Array.from({ length: 20 }, (_, at) => ({
        falsePositives: at / 19,
        truePositives: Math.min(1, 0.6 + 0.1 * (3 - i) * Math.sqrt(at / 19)),
      })),
    })),
    similarities: kinds.map((kind, i) => ({
      kind,
      low: 0.2,
      p10: 0.3,
      median: 0.5 + 0.1 * i,
      p90: 0.9,
      high: 1,
    })),
  });
}

/** Pages by kind. */
export const sampleReports = (): Readonly<Record<string, string>> => ({
  generalization: generalization(),
  inr: generalization({ name: "class", unit: "", summary: "the digit that the network shows" }),
  "learning curve": trainingSize(),
  optimizers: optimizers(),
  transport: transport(),
  merge: merge(),
  difference: difference(),
  matrix: matrix(),
  provenance: provenance(),
});
