// Writes a network that was moved, and looks at it before it gets its name: the inverse of the element must give the old network back,
// everything else is unchanged, and the graph, where there is one, computes the same.

import { checkMoved, isScaling, type MovedBack } from "../../checkpoints/check-moved.ts";
import type { FoundSpec } from "../../checkpoints/found-spec.ts";
import { withOwnGraph } from "../../checkpoints/own-graph.ts";
import type { Verification } from "../../checkpoints/verify-move.ts";
import { EnvironmentError } from "../../core/errors.ts";
import { actOnTensor } from "../../symmetry/act.ts";
import type { GroupElement } from "../../symmetry/element.ts";
import { openCheckpoint } from "../networks/checkpoint-spec.ts";
import type { Cli } from "../app/context.ts";
import { counted } from "../app/output.ts";
import type { Network } from "../networks/opened-model.ts";
import { type VerifyFlags, verifyAsAsked } from "./verify-option.ts";
import { quantisedCheck } from "../../checkpoints/quantised-check.ts";
import { sayMultipliedOut } from "../networks/quantised-forms.ts";
import { writeNetwork } from "../networks/write-network.ts";

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
  const runnable = await withOwnGraph(found, network);
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
          verification: await verifyAsAsked(cli, runnable, flags, {
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

/** What moving back showed, in words. */
export function movedBackLine(path: string, { copied, largestDeviation }: MovedBack): string {
  const others =
    copied === 0
      ? ""
      : `${counted(copied, "tensor")} outside the symmetries ${copied === 1 ? "is" : "are"} unchanged; `;
  const unmatched =
    largestDeviation === 0
      ? "every number equal"
      : `up to ${largestDeviation.toExponential(0)} of a tensor's root mean square`;
  return `${others}moved back it is ${path} again, ${unmatched}`;
}
