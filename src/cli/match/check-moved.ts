// Looks at what was written, before it gets its name: the inverse of the element must give the old network back,
// everything else is unchanged, and the graph, where there is one, computes the same.

import { rootMeanSquare } from "../../parts/features/messages.ts";
import { EnvironmentError, OptionError } from "../../core/errors.ts";
import { actOnTensor } from "../../symmetry/act.ts";
import { type GroupElement, invertElement } from "../../symmetry/element.ts";
import type { SymmetrySpec } from "../../symmetry/types.ts";
import type { TensorSource } from "../../formats/tensor-source.ts";
import { openCheckpoint } from "../networks/checkpoint-spec.ts";
import type { FoundSpec } from "../networks/found-spec.ts";
import type { Cli } from "../app/context.ts";
import { withOwnGraph } from "../networks/graph-fit.ts";
import { counted } from "../app/output.ts";
import type { Network } from "../networks/opened-model.ts";
import { type Verification, type VerifyFlags, verifyMove } from "./verify-move.ts";
import { quantisedCheck, sayMultipliedOut } from "../networks/quantised-forms.ts";
import { writeNetwork } from "../networks/write-network.ts";

export interface MovedBack {
  /** Tensors outside the symmetries, equal byte by byte. */
  readonly copied: number;
  /** Largest difference of a tensor moved back, in units of its root mean square. */
  readonly largestDeviation: number;
}

/** What was found out about a network that was moved and written. */
export interface CheckedMove {
  readonly movedBack: MovedBack;
  readonly verification: Verification;
}

interface MoveRequest {
  readonly out: string;
  readonly network: Network;
  readonly found: FoundSpec;
  readonly element: GroupElement;
  readonly flags: VerifyFlags;
}

/**
 * Writes a network moved by an element. The file is read again and run under a temporary name first.
 * @throws {EnvironmentError} {OptionError} {SpecError} naming what is not as it should be; nothing is written then
 */
export async function writeMoved(
  cli: Cli,
  { out, network, found, element, flags }: MoveRequest,
): Promise<CheckedMove> {
  const { path, source } = network;
  const { spec } = found;
  const names = new Set(Object.keys(spec.tensors));
  const runnable = withOwnGraph(found, network);
  const task = cli.progress.task("writing", names.size, { unit: "tensors" });
  let written = 0;
  let checked: CheckedMove | undefined;
  sayMultipliedOut(cli, source);
  const check = quantisedCheck(source);
  const move = async (name: string) => {
    const moved = actOnTensor(spec, element, name, await source.read(name));
    check(name, moved);
    return moved;
  };
  await writeNetwork(out, network, names, move, {
    signal: cli.signal,
    onTensor: () => task.update(++written),
    check: async (temporary) => {
      const { source: file } = await openCheckpoint(temporary);
      try {
        checked = {
          movedBack: await checkMoved(out, network, file, spec, element),
          verification: await verifyMove(cli, runnable, flags, {
            path,
            source,
            rounded: isScaling(element),
            before: (name) => source.read(name),
            after: (name) => file.read(name),
          }),
        };
      } finally {
        await file.close();
      }
    },
  });
  task.finish();
  cli.hintResume(`${out} was written`);
  if (checked === undefined) throw new EnvironmentError(`${out} was not looked at; run again`);
  return checked;
}

/** Whether an element changes numbers, beyond their signs and places. */
const isScaling = (element: GroupElement): boolean =>
  Object.values(element).some(
    ({ scales, matrices }) =>
      matrices !== undefined ||
      scales?.some((factors) => factors.some((factor) => Math.abs(factor) !== 1)) === true,
  );

/** Rounding of a number format relative to a number, with room for scalings. */
const roundings: Readonly<Record<string, number>> = { F64: 1e-6, F32: 1e-2, F16: 0.03, BF16: 0.2 };

/** @throws {EnvironmentError} {OptionError} naming a tensor that is not what was to be written */
async function checkMoved(
  out: string,
  { source }: Network,
  written: TensorSource,
  spec: SymmetrySpec,
  element: GroupElement,
): Promise<MovedBack> {
  const back = invertElement(spec, element);
  let copied = 0;
  let largestDeviation = 0;
  for (const [name, { dtype }] of source.entries) {
    if (!Object.hasOwn(spec.tensors, name)) {
      const [old, now] = [await source.readStored(name), await written.readStored(name)];
      if (old.dtype !== now.dtype || old.data.some((byte, i) => byte !== now.data[i]))
        throw new EnvironmentError(
          `${out}: tensor "${name}" is not what was to be written; check the disk and run again`,
        );
      copied++;
      continue;
    }
    const old = (await source.read(name)).data;
    const now = actOnTensor(spec, back, name, await written.read(name)).data;
    const unit = rootMeanSquare(old) || 1;
    let most = 0;
    for (let i = 0; i < old.length; i++) most = Math.max(most, Math.abs(old[i] - now[i]));
    largestDeviation = Math.max(largestDeviation, most / unit);
    if (!(most / unit <= (roundings[dtype] ?? 1)))
      throw new OptionError(
        `${out} was not written: tensor "${name}" moved back differs from the original by ${(most / unit).toPrecision(2)} of its root mean square, more than rounding to ${dtype} explains: the scales lie too far apart for ${dtype}; convert the checkpoint to ${dtype === "F16" || dtype === "BF16" ? "F32" : "F64"} and run again`,
      );
  }
  return { copied, largestDeviation };
}

/** What moving back showed, in words. */
export function movedBackLine(path: string, { copied, largestDeviation }: MovedBack): string {
  const others =
    copied === 0
      ? ""
      : `${counted(copied, "tensor")} outside the symmetries ${copied === 1 ? "is" : "are"} unchanged; `;
  const apart =
    largestDeviation === 0
      ? "every number equal"
      : `up to ${largestDeviation.toExponential(0)} of a tensor's root mean square`;
  return `${others}moved back it is ${path} again, ${apart}`;
}
