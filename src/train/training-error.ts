// The error of a training run whose numbers have gone bad.

/** A training of no use: its loss, its gradient, its losses on validation networks or its predictions are no finite numbers. */
export class TrainingError extends Error {
  override readonly name = "TrainingError";
  readonly code = "WEIGHTSPACE_TRAINING";
  /** Optimizer step, from 1, at which it happened; 0 when it was found before the first or after the last one, in predictions. */
  readonly step: number;
  constructor(message: string, step: number) {
    super(message);
    this.step = step;
  }
}
