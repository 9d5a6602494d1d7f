// Networks that are images: sine networks fitted a second by their kernel, by the array engine many in one program, and by PyTorch one
// after another, in turns. One process on each side, then two at once. PyTorch takes part where PEERS_PYTHON names a Python that has it
// (bench/peers/README.md).

import { originals } from "../dist/tasks/pictures.js";
import { pixelPlaces } from "../dist/models/picture-editor.js";
import { meanAndStd } from "../dist/train/measures/metrics.js";
import { recipeNamed } from "../dist/zoo/recipes.js";
import { median } from "./support/median.js";
import { nodes, startOurs, startPeer } from "./support/peer.js";
import { enlargedDigits } from "./support/siren-fits.js";

const turns = Number(process.env["PEERS_TURNS"] ?? 5);
const steps = Number(process.env["SIREN_STEPS"] ?? 1000);
const hasPeer = process.env["PEERS_PYTHON"] !== undefined;
const seed = 1;

const quartiles = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => sorted[Math.floor(q * (sorted.length - 1))]);
};

/** Networks a turn and process, and how a process of each side is started. */
const ours = (networks, backend) => ({
  networks,
  start: () =>
    startOurs(
      { kind: "siren-fits", threads: 1, networks, steps, seed, ...(backend && { backend }) },
      nodes[0],
    ),
});
const peer = (networks, config) => ({
  networks,
  start: (i) => startPeer("siren_fits.py", { ...config, seed: i + 1, threads: 1 }),
});

/** Seconds until the work of all is done, started at once, and what they answer. */
async function together(all) {
  const began = performance.now();
  const answers = await Promise.all(all.map((one) => one.answer("fit")));
  return { seconds: (performance.now() - began) / 1000, answers };
}

/** Rates of every side by turn, in turns, after one that warms up; ratios of the last turn's networks, and their digests. */
async function measure(processes, sides) {
  const started = [];
  try {
    for (const { start } of sides) {
      const all = [];
      started.push(all);
      for (let i = 0; i < processes; i++) all.push(await start(i));
    }
    const found = sides.map(() => ({ rates: [], psnr: [], digests: new Set() }));
    for (let turn = 0; turn <= turns; turn++)
      for (const [at, all] of started.entries()) {
        const { seconds, answers } = await together(all);
        for (const { digest } of answers) found[at].digests.add(digest);
        if (turn === 0) continue;
        found[at].rates.push((processes * sides[at].networks) / seconds);
        found[at].psnr = answers.flatMap(({ psnr }) => psnr);
      }
    return { found, about: started.map(([{ about }]) => about) };
  } finally {
    for (const one of started.flat()) one.stop();
  }
}

/** How many times as fast one side is as another, turn by turn. */
const ratioOf = (one, other) => {
  const ratios = one.rates.map((rate, turn) => rate / other.rates[turn]);
  return { ratio: median(ratios), ratioStd: meanAndStd(ratios).std };
};

async function compare(processes, sides) {
  const { found, about } = await measure(processes, sides);
  const [own, engine, peers] = found;
  const { ratio: timesEngine, ratioStd: timesEngineStd } = ratioOf(own, engine);
  return {
    processes,
    node: about[0].node,
    arithmetic: about[0].arithmetic,
    networksPerSecond: median(own.rates),
    networksPerSecondStd: meanAndStd(own.rates).std,
    engineNetworksPerSecond: median(engine.rates),
    engineNetworksPerSecondStd: meanAndStd(engine.rates).std,
    timesEngine,
    timesEngineStd,
    psnrQuantiles: quartiles(own.psnr),
    enginePsnrQuantiles: quartiles(engine.psnr),
    digests: own.digests.size,
    ...(peers && {
      peerNetworksPerSecond: median(peers.rates),
      peerNetworksPerSecondStd: meanAndStd(peers.rates).std,
      ...ratioOf(own, peers),
      peerPsnrQuantiles: quartiles(peers.psnr),
      peerName: `PyTorch ${about[2].torch}, one network after another`,
    }),
  };
}

export async function run() {
  const { pictures } = await enlargedDigits();
  const [height, width] = pictures.shape;
  const ofPeer = 8;
  const positions = Array.from({ length: ofPeer }, (_, i) => i);
  const { batch, learningRate } = recipeNamed("pictures-fashion-mnist");
  const config = {
    images: originals(pictures, positions).map((image) => [...image]),
    places: [...pixelPlaces(height, width)],
    pixels: batch,
    steps,
    rate: learningRate.adam[0],
    hidden: 32,
    omega: 30,
  };
  const networks = 32;
  const sides = [
    ours(networks),
    ours(networks, "engine"),
    ...(hasPeer ? [peer(ofPeer, config)] : []),
  ];
  const rows = [];
  for (const processes of [1, 2]) rows.push(await compare(processes, sides));
  return {
    network: "2-32-32-1, omega 30, one digit of 28 x 28 pixels each",
    steps,
    pixelsPerStep: batch,
    networksATurn: networks,
    psnrQuantilesAre: "5, 25, 50, 75 and 95 % of networks, dB",
    turns,
    rows,
  };
}
