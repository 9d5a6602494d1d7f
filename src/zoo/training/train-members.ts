// Trains runs by what was chosen for them.

import { OptionError } from "../../core/errors.ts";
import type { Task } from "../../tasks/task.ts";
import { fitMembers } from "./fit-members.ts";
import type { MembersOptions } from "./members.ts";
import type { PopulationBackend } from "../../kernels/backend.ts";
import { stepMembers } from "./step-members.ts";
import { trainTogether } from "./train-together.ts";

type Kernels = Pick<Task, "sines" | "kernelOf">;

/** Whether a kernel can train the networks of a task. */
export const hasKernel = ({ sines, kernelOf }: Kernels): boolean =>
  sines !== undefined || kernelOf !== undefined;

/** What trains the networks of a task where nobody chooses: its kernel where it has one. */
export const usualBackend = (task: Kernels): PopulationBackend =>
  hasKernel(task) ? "kernels" : "engine";

/** Trains the members to their ends. @throws {OptionError} when the task has no kernel, and one was asked for */
export async function trainMembers(options: MembersOptions): Promise<void> {
  const { backend = usualBackend(options.task) } = options;
  if (backend === "engine") return trainTogether(options);
  const { name, sines, kernelOf } = options.task;
  if (sines !== undefined) return fitMembers(options, sines);
  if (kernelOf !== undefined) return stepMembers(options, kernelOf);
  throw new OptionError(
    `trainPopulation: the task "${name}" has no kernel for its networks; use backend "engine"`,
  );
}
