// The error of a training run whose numbers have gone bad.

/** Training cannot go on: the loss or the gradient is no longer a finite number. */
export class TrainingError extends Error {
  override readonly name = "TrainingError";
  readonly code = "WEIGHTSPACE_TRAINING";
  /** Optimizer step, from 1, at which it happened. */
  readonly step: number;
  constructor(message: string, step: number) {
    super(message);
    this.step = step;
  }
}
