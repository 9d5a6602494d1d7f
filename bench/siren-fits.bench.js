// Networks that are images: sine networks fitted a second, many in one program against PyTorch one after another, in turns.
// One process on each side, then two at once. Needs a Python with PyTorch, named by PEERS_PYTHON (bench/peers/README.md).

import { originals } from "../dist/tasks/pictures.js";
import { pixelPlaces } from "../dist/models/picture-editor.js";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { recipeNamed } from "../dist/zoo/recipes.js";
import { median } from "./support/median.js";
import { nodes, startOurs, startPeer } from "./support/peer.js";
import { enlargedDigits } from "./support/siren-fits.js";

const turns = Number(process.env["PEERS_TURNS"] ?? 5);
const steps = Number(process.env["SIREN_STEPS"] ?? 1000);
/** Networks a turn and process. */
const [ours, theirs] = [32, 8];
const seed = 1;

const quartiles = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => sorted[Math.floor(q * (sorted.length - 1))]);
};

/** Seconds until the work of all is done, started at once, and what they answer. */
async function together(all) {
  const began = performance.now();
  const answers = await Promise.all(all.map((one) => one.answer("fit")));
  return { seconds: (performance.now() - began) / 1000, answers };
}

async function compare(processes, config, peerConfig) {
  const [own, peers] = [[], []];
  try {
    for (let i = 0; i < processes; i++) {
      own.push(await startOurs({ ...config, kind: "siren-fits", threads: 1 }, nodes[0]));
      peers.push(await startPeer("siren_fits.py", { ...peerConfig, seed: i + 1, threads: 1 }));
    }
    const rates = { ours: [], theirs: [] };
    const psnr = { ours: [], theirs: [] };
    const digests = new Set();
    for (let turn = 0; turn <= turns; turn++) {
      const mine = await together(own);
      const other = await together(peers);
      for (const { digest } of mine.answers) digests.add(digest);
      if (turn === 0) continue; // warms up
      rates.ours.push((processes * ours) / mine.seconds);
      rates.theirs.push((processes * theirs) / other.seconds);
      psnr.ours = mine.answers[0].psnr; // the same networks every turn
      psnr.theirs.push(...other.answers.flatMap((answer) => answer.psnr));
    }
    const ratios = rates.ours.map((rate, turn) => rate / rates.theirs[turn]);
    return {
      processes,
      node: own[0].about.node,
      arithmetic: own[0].about.arithmetic,
      networksPerSecond: median(rates.ours),
      networksPerSecondStd: meanAndStd(rates.ours).std,
      peerNetworksPerSecond: median(rates.theirs),
      peerNetworksPerSecondStd: meanAndStd(rates.theirs).std,
      ratio: median(ratios),
      ratioStd: meanAndStd(ratios).std,
      psnrQuantiles: quartiles(psnr.ours),
      peerPsnrQuantiles: quartiles(psnr.theirs),
      digests: digests.size,
      peerName: `PyTorch ${peers[0].about.torch}, one network after another`,
    };
  } finally {
    for (const one of [...own, ...peers]) one.stop();
  }
}

export async function run() {
  const { pictures } = await enlargedDigits();
  const [height, width] = pictures.shape;
  const positions = Array.from({ length: theirs }, (_, i) => i);
  const { batch, learningRate } = recipeNamed("pictures-fashion-mnist");
  const peerConfig = {
    images: originals(pictures, positions).map((image) => [...image]),
    places: [...pixelPlaces(height, width)],
    pixels: batch,
    steps,
    rate: learningRate.adam[0],
    hidden: 32,
    omega: 30,
  };
  const config = { networks: ours, steps, seed };
  const rows = [];
  for (const processes of [1, 2]) rows.push(await compare(processes, config, peerConfig));
  return {
    network: "2-32-32-1, omega 30, one digit of 28 x 28 pixels each",
    steps,
    pixelsPerStep: batch,
    networksInOneProgram: ours,
    psnrQuantilesAre: "5, 25, 50, 75 and 95 % of networks, dB",
    turns,
    rows,
  };
}
