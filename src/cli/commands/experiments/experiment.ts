// `weightspace experiment`: experiments on populations of trained networks.

import type { RegisterCommand } from "../../app/context.ts";
import { generalizationCommand } from "./experiment-generalization.ts";
import { inrEditingCommand } from "./experiment-inr-editing.ts";
import { inrRetrievalCommand } from "./experiment-inr-retrieval.ts";
import { inrCommand } from "./experiment-inr.ts";
import { learningCurveCommand } from "./experiment-learning-curve.ts";

export const experimentCommand: RegisterCommand = (program, cli) => {
  const experiment = program
    .command("experiment")
    .helpGroup("Results:")
    .description("Runs experiments on populations of trained networks.");
  generalizationCommand(experiment, cli);
  learningCurveCommand(experiment, cli);
  inrCommand(experiment, cli);
  inrEditingCommand(experiment, cli);
  inrRetrievalCommand(experiment, cli);
};
