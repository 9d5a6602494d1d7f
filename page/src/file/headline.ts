// The sentence a person wants, and the one that explains it.

import { counted, nameText, sentence, smallText } from "../app/text.ts";
import type { Description } from "./description.ts";
import type { ProofState } from "./use-file-work.ts";

type Proof = Pick<ProofState, "state" | "result" | "results" | "problem">;

/** `5 free axes, all proved on this file.` */
export function headlineOf(
  { axes, from }: Pick<Description, "axes" | "from">,
  proof: Proof,
): string {
  if (from === "nothing") return "Nothing tells the symmetries of this file.";
  const free = axes.filter((axis) => axis.free).length;
  if (free === 0) return "No free axis: nothing in this file may move.";
  const count = counted(free, "free axis", "free axes");
  if (from === "names") return `${count}, told by the names of the tensors.`;
  switch (proof.state) {
    case "done":
      return proved(count, free, proof);
    case "failed":
      return `${count}; this browser could not run the model to prove them.`;
    case "stopped":
      return `${count}; ${proof.results.size} of them put to the test before it was stopped.`;
    default:
      return `${count}.`;
  }
}

function proved(count: string, free: number, { result, results }: Proof): string {
  if (result?.verdict === "proved")
    return free === 1 ? `${count}, proved on this file.` : `${count}, all proved on this file.`;
  if (result?.verdict === "nothing to prove") return `${count}; no output shows whether they hold.`;
  const broken = [...results.values()].filter(({ holds }) => !holds).length;
  return `Refuted: ${broken === 0 ? "all axes moved at once" : `${broken} of ${count}`} changed the output.`;
}

/** What stands below the headline when no work goes on. */
export function leadOf({ axes, from, reason, origin }: Description, proof: Proof): string {
  if (from === "nothing") return sentence(nameText((reason ?? "").split("\n")[0]));
  if (from === "names")
    return `Read from ${nameText(origin)}. A proof needs the graph: export the model to ONNX and drop that.`;
  if (proof.state === "failed")
    return sentence(nameText((proof.problem ?? "").replace(/^\w+: /, "")));
  if (axes.every(({ free }) => !free)) return "Every order in it matters to the output.";
  if (proof.result === undefined) return "Not all of them were proved.";
  const { together, tolerance, seed } = proof.result;
  const moved = `Every axis was moved at random, and all of them at once: the output changed by ${smallText(together)} of its size (tolerance ${smallText(tolerance)}, seed ${seed}).`;
  const couldFail = [...proof.results.values()].every(({ control }) => control !== null);
  return couldFail
    ? `${moved} The same move on one tensor alone shows, so the test could have failed.`
    : moved;
}
