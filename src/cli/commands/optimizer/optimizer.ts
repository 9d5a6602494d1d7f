// `weightspace optimizer`: meta-trains learned optimizers and measures them.

import type { RegisterCommand } from "../../app/context.ts";
import { addOptimizerDemo, addOptimizerEvaluate } from "./evaluate.ts";
import { addOptimizerTrain } from "./train.ts";

export const optimizerCommand: RegisterCommand = (program, cli) => {
  const optimizer = program
    .command("optimizer")
    .helpGroup("Optimizers:")
    .description("Meta-trains learned optimizers and measures them beside hand-made ones.");
  addOptimizerDemo(optimizer, cli);
  addOptimizerTrain(optimizer, cli);
  addOptimizerEvaluate(optimizer, cli);
};
