// The size of "small_fc_lopt" (Metz et al. 2022): 39 inputs, 28 of them of entries and 11 of time, two layers of 4 and two outputs, and
// seven learned decays. Shapes only: the optimizer itself is not built here.

import { denseEntries } from "../dense-entries.ts";
import type { ThetaShapes } from "../update-program.ts";
import { timeChannels } from "../published-features.ts";

const entryInputs = 28;
const decays = 7;

/** 197 numbers. */
export const smallFcShapes: ThetaShapes = Object.freeze({
  ...denseEntries({ sizes: [entryInputs, 4, 4, 2], time: timeChannels, activateLast: false })
    .thetaShapes,
  "rule.decays": [decays],
});
