// The contract of networks that are being trained side by side, on whatever their steps run.

import type { InnerTask } from "../../tasks/inner/inner-task.ts";
import type { ManyRule } from "./entries.ts";

/** Which networks, and by what. */
export interface NetworksStart {
  readonly task: InnerTask;
  readonly rule: ManyRule;
  /** One a network: decides its initial weights and its batches. */
  readonly seeds: readonly number[];
  /** Waited for between steps: lets other work of the thread go on, and throws after an abort. */
  readonly turn: () => Promise<void>;
}

/** What some steps came to. */
export interface StepsTaken {
  /** Sum over the steps of the loss before each, one a network. */
  readonly losses: readonly number[];
  readonly seconds: number;
}

export interface NetworksUnderWay {
  /** Takes so many steps of every network. */
  readonly advance: (steps: number) => Promise<StepsTaken>;
  /** Mean loss on held-out examples, one a network. */
  readonly testLosses: () => Promise<readonly number[]>;
  readonly close: () => void;
}
