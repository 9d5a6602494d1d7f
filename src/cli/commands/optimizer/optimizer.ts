// `weightspace optimizer`: meta-trains learned optimizers and measures them.

import type { RegisterCommand } from "../../app/context.ts";
import { addOptimizerTrain } from "./train.ts";

export const optimizerCommand: RegisterCommand = (program, cli) => {
  const optimizer = program
    .command("optimizer")
    .helpGroup("Optimizers:")
    .description("Meta-trains learned optimizers and measures them beside hand-made ones.");
  addOptimizerTrain(optimizer, cli);
};
