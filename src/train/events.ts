// What a training run tells while it goes: plain events that bars, pages and logs consume alike.

import type { Params } from "../models/model.ts";
import type { EpochRecord } from "./checkpoint.ts";

/** What a training run tells while it goes; the last event has the parameters. */
export type FitEvent =
  | {
      readonly type: "start";
      readonly model: string;
      /** Trainable numbers. */
      readonly parameters: number;
      readonly epochs: number;
      readonly stepsPerEpoch: number;
      /** Steps already done by the run this one resumes; 0 for a fresh one. */
      readonly resumedAt: number;
    }
  | {
      readonly type: "step";
      /** From 1. */
      readonly step: number;
      readonly epoch: number;
      /** Loss of the batch before the update. */
      readonly loss: number;
      readonly rate: number;
      /** Norm of all gradients before clipping. */
      readonly gradientNorm: number;
    }
  | ({
      readonly type: "epoch";
      readonly step: number;
      /** This epoch has the best validation metric so far. */
      readonly best: boolean;
    } & EpochRecord)
  | {
      readonly type: "checkpoint";
      readonly step: number;
      /** A safetensors file that `resume` and `readCheckpoint` read. */
      readonly bytes: Uint8Array;
    }
  | {
      readonly type: "done";
      readonly reason: "finished" | "stopped-early" | "aborted";
      readonly step: number;
      /** Best parameters where there is a validation set, else the last. The run no longer holds them: dispose them. */
      readonly params: Params;
      /** Epoch of the best parameters; 0 without validation. */
      readonly bestEpoch: number;
      readonly history: readonly EpochRecord[];
    };
