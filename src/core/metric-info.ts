// What a number measured on a network is: its name, unit and direction.

/** A number that a task measures on every network: a column of a zoo's table, and a possible target of functionals. */
export interface MetricInfo {
  /** Its column: letters and digits, beginning with a small letter, as in `testAccuracy`. */
  readonly name: string;
  /** As in "nats" or "dB"; empty for shares and other pure numbers. */
  readonly unit: string;
  /** What it is, in a few words: "accuracy on held-out images". */
  readonly summary: string;
  readonly better: "higher" | "lower";
  /** Bounds of its values; a metric in [0, 1] is learned by cross-entropy, every other by squared error. @default none */
  readonly range?: readonly [number, number] | undefined;
}
