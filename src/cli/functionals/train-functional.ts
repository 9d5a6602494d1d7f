// One training of a functional on the command line: a bar, a checkpoint after every epoch, the score on held-out networks.

import type { InputKind, Model } from "../../models/model.ts";
import { disposeArrays } from "../../engine/arrays.ts";
import type { WeightDataset } from "../../train/dataset.ts";
import type { FitOptions } from "../../train/fit-options.ts";
import { fit } from "../../train/fit.ts";
import { kendallTau } from "../../train/measures/kendall-tau.ts";
import type { NamedMetric } from "../../train/measures/metric-registry.ts";
import { type Normalization, normalize } from "../../train/normalization.ts";
import { predict } from "../../train/predict.ts";
import { predictionsOf, scaleTargets, type Target } from "../../train/target.ts";
import type { Cli } from "../app/context.ts";
import { startEngine } from "../../node/threads/start-engine.ts";
import { writeFileAtomic } from "../../node/write-file.ts";

export interface SplitParts {
  readonly train: WeightDataset;
  readonly validation: WeightDataset;
  readonly test: WeightDataset;
}

export interface Training {
  /** The model's name, for the bar. */
  readonly name: string;
  readonly model: Model;
  readonly parts: SplitParts;
  readonly normalization: Normalization;
  /** How the model reads weights. */
  readonly inputs: InputKind;
  readonly target: Target;
  readonly metric: NamedMetric;
  /** The file of the checkpoint. */
  readonly output: string;
  readonly options: FitOptions;
}

export interface TrainingOutcome {
  /** Kendall's tau between predicted and true targets of the held-out networks. */
  readonly tau: number;
  /** The chosen metric of the same. */
  readonly score: number;
  readonly bestEpoch: number;
  readonly reason: string;
}

/** Trains to the end and scores; undefined when it was interrupted, with the last checkpoint written. */
export async function runTraining(
  { name, model, parts, normalization, inputs, target, metric, output, options }: Training,
  { progress }: Pick<Cli, "progress">,
): Promise<TrainingOutcome | undefined> {
  await startEngine();
  const data = {
    train: normalize(scaleTargets(parts.train, target), normalization, inputs),
    validation: normalize(scaleTargets(parts.validation, target), normalization, inputs),
  };
  let task: ReturnType<typeof progress.task> | undefined;
  for await (const event of fit(model, data, options)) {
    if (event.type === "start") {
      const start = event.resumedAt;
      task = progress.task(`training ${name}`, event.epochs * event.stepsPerEpoch, { start });
    } else if (event.type === "step") task?.update(event.step);
    else if (event.type === "epoch") {
      const score = (event.validMetric ?? Number.NaN).toFixed(3);
      const called = metric.name === "kendall-tau" ? "tau" : metric.summary;
      task?.update(event.step, `validation ${called} ${score}`);
    } else if (event.type === "checkpoint") await writeFileAtomic(output, event.bytes);
    else {
      const { params, reason, bestEpoch } = event;
      try {
        if (reason === "aborted") return undefined;
        task?.finish();
        const held = normalize(parts.test, normalization, inputs);
        const outputs = await predict(model, params, held);
        const predicted = predictionsOf(outputs, model.outputs, target);
        const score = metric.evaluate(predicted, held.targets);
        return { tau: kendallTau(predicted, held.targets), score, bestEpoch, reason };
      } finally {
        disposeArrays(params);
      }
    }
  }
  return undefined;
}
