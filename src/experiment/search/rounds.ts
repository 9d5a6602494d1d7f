// The search of an experiment as rounds of trials, each made from what the rounds before came to: one round of a fixed list; or
// successive halving (Jamieson and Talwalkar 2016), whose number of configurations is what a functional can try in the given
// seconds, and which ends with a rate that lower and higher ones have been tried beside.

import { deriveSeed } from "../../core/random.ts";
import { modelEntry, type ModelOptions } from "../../models/registry.ts";
import type { TuningRow } from "../../report/experiment.ts";
import type { Budget } from "../budget.ts";
import type { RunData } from "../data/held-out.ts";
import { newRun } from "../run-names.ts";
import type { ExperimentEntry, ExperimentSettings, Halving } from "../settings.ts";
import type { ExperimentRun } from "../train-runs.ts";
import {
  type Configuration,
  configure,
  drawnConfigurations,
  tuningConfigurations,
} from "./configurations.ts";
import { isBetter, judgeTrials, scoresOf } from "./judge.ts";
import { roundKinds } from "./round-kinds.ts";

/** A configuration of a functional, and the run that tries it. */
export interface Trial {
  readonly configuration: Configuration;
  readonly options: ModelOptions;
  /** As whole runs would have it. */
  readonly budget: Budget;
  /** Passes of the trial. */
  readonly passes: number;
  readonly run: ExperimentRun;
}

/** Trials that run side by side. */
export type Round = readonly Trial[];

/** Each round of a halving search keeps this share of the configurations, for as many times the passes. */
const eta = 3;

/** Rounds of halving: the last has the passes that the settings name. */
const halvings = 3;

/** A rate is inside of what was tried when others lie so far beside it on both sides. */
const beside = 2;
/** How far beside the best rate others are tried, and how often at most. */
const further = { factor: 3, rounds: 4 } as const;

/** Rounds that a search has at most. */
const mostRounds = Math.min(1 + halvings + further.rounds, roundKinds.length);

/** Configurations that halving tries at least, whatever they take, and at most. */
const configurations = { least: 3, most: 81 } as const;

export const isHalving = (tuning: ExperimentSettings["tuning"]): tuning is Halving =>
  tuning !== undefined && "seconds" in tuning;

/** What an entry trains with where nothing is searched. */
const ownBudget = ({ training }: ExperimentEntry, { budget }: ExperimentSettings): Budget =>
  training ?? budget;

interface Tried {
  readonly entry: ExperimentEntry;
  readonly learning: RunData["learning"];
  /** Its trials so far, by round. */
  readonly rounds: readonly Round[];
}

/** A trial; its key tells rounds of halving apart. */
function trialOf(
  settings: ExperimentSettings,
  { entry, learning }: Tried,
  configuration: Configuration,
  passes: number,
  key: string,
): Trial {
  const { name, model = name } = entry;
  const { options, budget } = configure(entry, ownBudget(entry, settings), configuration);
  const run = newRun(`tune-${name}-${key}`, {
    ...learning,
    name,
    model,
    options,
    seed: deriveSeed(settings.seed, "tune"),
    budget: { ...budget, epochs: passes },
  });
  return { configuration, options, budget, passes, run };
}

/** The trials of a fixed list, in one round. */
function listed(settings: ExperimentSettings, tried: Tried, count: number, passes: number): Round {
  if (tried.rounds.length > 0) return [];
  const { name, model = name } = tried.entry;
  return tuningConfigurations(model, count).map((configuration, i) =>
    trialOf(settings, tried, configuration, passes, String(i)),
  );
}

/** Passes of a round of halving, from 0. */
const passesOf = ({ epochs }: Halving, round: number): number =>
  Math.max(1, Math.round(epochs / eta ** (halvings - 1 - round)));

/** How many configurations a functional can try: every round takes as long, by what the first trial took. */
function affordable({ seconds }: Halving, [first]: Round): number {
  const taken = first.run.finished?.seconds ?? seconds;
  const count = Math.floor(seconds / (halvings * taken));
  return Math.min(configurations.most, Math.max(configurations.least, count));
}

/** Trials from the best to the worst. */
const ranked = (trials: Round): Round =>
  [...trials].sort((a, b) => {
    const [one, other] = [a, b].map(({ run }) => run.finished && scoresOf(run.finished));
    if (one === undefined || other === undefined) return 0;
    return isBetter(one, other) ? -1 : isBetter(other, one) ? 1 : 0;
  });

/** Rates beside the best one of the longest trials, on the sides where none was tried. */
function besideBest(longest: Round): readonly Configuration[] {
  const [best] = ranked(longest);
  const rates = longest.map(({ configuration }) => configuration.rate);
  const { rate } = best.configuration;
  return [
    ...(rates.some((other) => other >= beside * rate) ? [] : [further.factor * rate]),
    ...(rates.some((other) => other <= rate / beside) ? [] : [rate / further.factor]),
  ].map((other) => ({ ...best.configuration, rate: other }));
}

/** The next round of halving of one functional; empty when its search is over. */
function halved(settings: ExperimentSettings, tuning: Halving, tried: Tried): Round {
  const { entry, rounds } = tried;
  const { name, model = name } = entry;
  const trial = (round: number) => (configuration: Configuration, i: number) =>
    trialOf(settings, tried, configuration, passesOf(tuning, round), `${round}-${i}`);
  const draw = (from: number, count: number) =>
    drawnConfigurations(model, settings.seed, from, count);
  const [first, others] = rounds;
  if (first === undefined) return draw(0, 1).map(trial(0));
  const count = affordable(tuning, first);
  if (others === undefined)
    return draw(1, count - 1).map((configuration, i) => trial(0)(configuration, i + 1));
  const halving = rounds.length - 1; // the first two rounds are one
  if (halving < halvings) {
    const last = halving === 1 ? [...first, ...others] : rounds[rounds.length - 1];
    const kept = Math.ceil(last.length / eta);
    return ranked(last)
      .slice(0, kept)
      .map(({ configuration }, i) => trial(halving)(configuration, i));
  }
  if (rounds.length >= mostRounds) return [];
  const longest = rounds.slice(halvings).flat();
  return besideBest(longest).map((configuration, i) =>
    trialOf(settings, tried, configuration, tuning.epochs, `${halvings - 1}-${longest.length + i}`),
  );
}

/** The trials of every entry that come after finished rounds; empty when the search is over. */
export function nextRound(
  settings: ExperimentSettings,
  dataOf: (entry: ExperimentEntry) => RunData,
  rounds: readonly Round[],
): Round {
  const { models, tuning } = settings;
  if (tuning === undefined) return [];
  return models.flatMap((entry) => {
    const { name, model = name } = entry;
    if (modelEntry(model).solved === true) return []; // nothing of it is searched
    const own = rounds.map((round) => ofEntry(entry, round));
    if (own.some((round) => round.length === 0)) return []; // its search was over before
    const tried = { entry, learning: dataOf(entry).learning, rounds: own };
    return isHalving(tuning)
      ? halved(settings, tuning, tried)
      : listed(settings, tried, tuning.configurations, tuning.epochs);
  });
}

/** The trials of an entry. */
const ofEntry = ({ name }: ExperimentEntry, round: Round): Round =>
  round.filter(({ run }) => run.request.name === name);

/** The rows of finished rounds, entry by entry, the chosen configurations marked. */
export function judgeSearch(
  { models, tuning }: ExperimentSettings,
  rounds: readonly Round[],
): TuningRow[] {
  return models.flatMap((entry) =>
    judgeTrials(
      rounds
        .flatMap((round) => ofEntry(entry, round))
        .flatMap(({ run: { finished: job }, options, budget, passes }) =>
          job === undefined ? [] : [{ job, options, budget, ...(isHalving(tuning) && { passes }) }],
        ),
    ),
  );
}

/** What an entry's whole runs train with: the best of its trials, or where there are none what it has. */
export function chosenFor(
  settings: ExperimentSettings,
  rounds: readonly Round[],
  entry: ExperimentEntry,
): Pick<Trial, "options" | "budget"> {
  const trials = rounds.flatMap((round) => ofEntry(entry, round));
  const own = { options: entry.options, budget: ownBudget(entry, settings) };
  if (trials.length === 0) return own;
  const most = Math.max(...trials.map(({ passes }) => passes));
  const [best = own] = ranked(trials.filter(({ passes }) => passes === most));
  return best;
}
