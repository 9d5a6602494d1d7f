// The option that says what runs a functional's layers.

import { Option } from "commander";
import { backendNames } from "../../kernels/backend.ts";

export const backendOption = (): Option =>
  new Option(
    "--backend <name>",
    "of the layers: generated kernels, the array engine, or the slow definition (default kernels)",
  ).choices(backendNames);
