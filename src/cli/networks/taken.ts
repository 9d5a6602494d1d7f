// What was taken of checkpoints that hold more than one network's tensors: told on standard error, and listed for --json.

import { type Taken, takenText, tensorClass } from "../../formats/pytorch/pytorch-choice.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { visibleName } from "../../core/visible.ts";
import { counted, type Output } from "../app/output.ts";

/** One file and what was taken of it, as `--json` prints it. */
export interface TakenOfFile extends Taken {
  readonly file: string;
}

/** What was taken of the files where something was chosen; a plain dict of tensors gives nothing. */
export const takenOf = (sources: readonly TensorSource[]): TakenOfFile[] =>
  sources.flatMap(({ location, taken }) =>
    taken === undefined ? [] : [{ file: location, ...taken }],
  );

/** One line for people. */
export const takenLine = ({ file, ...taken }: TakenOfFile): string =>
  `${file}: took ${takenText(taken)}`;

/** Tells what was taken of networks, a line for every file, and gives the same for `--json`. */
export function tellTaken(
  output: Output,
  networks: readonly { readonly source: TensorSource }[],
): TakenOfFile[] {
  const all = takenOf(networks.map(({ source }) => source));
  for (const one of all) output.note(takenLine(one));
  return all;
}

/** What a verdict on these files does not speak of: tensors that were left unread; undefined where there are none. */
export function unreadTensorsNote(taken: readonly TakenOfFile[]): string | undefined {
  const left = taken.flatMap(({ file, unread }) =>
    unread.flatMap(({ class: name, count }) =>
      name === tensorClass ? `${counted(count, "tensor")} of ${visibleName(file)}` : [],
    ),
  );
  return left.length === 0
    ? undefined
    : `note: this is about the tensors that were read; ${left.join(" and ")} left unread`;
}
