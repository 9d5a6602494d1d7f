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
  /** Bounds of its values; @default none */
  readonly range?: readonly [number, number] | undefined;
  /**
   * The objective by which functionals learn it, by name.
   * @default softmax-cross-entropy for classes, binary-cross-entropy within [0, 1], mean-squared-error for every other
   */
  readonly objective?: string | undefined;
  /** Its values are classes, numbered from 0: so many of them. They have no order. @default it is a quantity */
  readonly classes?: number | undefined;
  /** It is so many numbers in [0, 1], such as the pixels of an image. @default one number */
  readonly values?: number | undefined;
  /** Results keep these numbers, to two digits, and not their mean squared error. @default false */
  readonly keepsValues?: boolean | undefined;
}

/** The accuracy of classifiers on test data: the target of datasets that name none. */
export const accuracyTarget: MetricInfo = Object.freeze<MetricInfo>({
  name: "testAccuracy",
  unit: "",
  summary: "test accuracy",
  better: "higher",
  range: [0, 1],
});
