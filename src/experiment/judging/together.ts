// Several functionals as one: for every network the mean of what they predict, training by training.

import { OptionError } from "../../core/errors.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import type { FinishedJob } from "../job.ts";

/** Names of functionals whose predictions are averaged. */
export type Together = readonly string[];

/** The name of its row. */
export const togetherName = (members: Together): string => members.join(" + ");

/** @throws {OptionError} for fewer than two functionals, one named twice, one that does not take part, or a group given twice */
export function checkTogether(groups: readonly Together[], known: readonly string[]): void {
  for (const members of groups) {
    const name = togetherName(members);
    const unknown = members.find((each) => !known.includes(each));
    if (unknown !== undefined)
      throw new OptionError(
        `experiment: to average predictions, ${noSuchName("model", unknown, known)}`,
      );
    if (members.length < 2 || new Set(members).size < members.length)
      throw new OptionError(
        `experiment: "${name}" expected two or more different models to average, as in unf+stat-nn`,
      );
  }
  const names = groups.map((members) => [...members].toSorted().join(" + "));
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined)
    throw new OptionError(`experiment: "${twice}" is to be averaged twice; name it once`);
}

const meanOf = (lists: readonly (readonly number[])[]): number[] =>
  lists[0].map((_, i) => lists.reduce((sum, list) => sum + list[i], 0) / lists.length);

/** One training of all members. */
function jobOf(members: readonly FinishedJob[], name: string): FinishedJob {
  const sum = (value: (job: FinishedJob) => number) =>
    members.reduce((total, job) => total + value(job), 0);
  const machines = [...new Set(members.flatMap(({ machine }) => machine ?? []))];
  const isKnown = members.every(({ machine }) => machine !== undefined);
  const diverged = members.flatMap((job) => job.diverged ?? [])[0];
  const about = {
    model: name,
    seed: members[0].seed,
    parameters: sum(({ parameters }) => parameters),
    seconds: sum(({ seconds }) => seconds),
    bestEpoch: 0,
    history: [],
    ...(isKnown && { machine: machines.join("; ") }),
  };
  if (diverged !== undefined) return { ...about, predicted: [], moved: [], diverged };
  const unread = Math.max(...members.map((job) => job.unread ?? 0));
  const moves = Object.keys(members[0].moves ?? {}).filter((move) =>
    members.every((job) => job.moves?.[move] !== undefined),
  );
  return {
    ...about,
    predicted: meanOf(members.map(({ predicted }) => predicted)),
    moved: meanOf(members.map(({ moved }) => moved)),
    ...(moves.length > 0 && {
      moves: Object.fromEntries(
        moves.map((move) => [move, meanOf(members.map((job) => job.moves?.[move] ?? []))]),
      ),
    }),
    ...(unread > 0 && { unread }),
  };
}

/** Trainings of the groups all of whose members have one of the same seed. */
export function togetherJobs(
  groups: readonly Together[],
  jobs: readonly FinishedJob[],
): FinishedJob[] {
  return groups.flatMap((members) => {
    const [first, ...others] = members.map((name) => jobs.filter(({ model }) => model === name));
    return first.flatMap((job) => {
      const beside = others.map((own) => own.find(({ seed }) => seed === job.seed));
      const all = [job, ...beside.filter((each) => each !== undefined)];
      return all.length === members.length ? [jobOf(all, togetherName(members))] : [];
    });
  });
}
