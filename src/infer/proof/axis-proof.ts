// What a proof says of one axis.

/** What the action on one axis did to the outputs. */
export interface AxisProof {
  readonly axis: string;
  /** Difference of the outputs after the action, relative to their largest entry. */
  readonly error: number;
  readonly holds: boolean;
  /** The action on one tensor alone: which, and how far the outputs moved; null when no tensor alone had an effect. */
  readonly control: { readonly tensor: string; readonly error: number } | null;
  /** How many axes were acted on at once, where there are too many to act on each alone. @default 1 */
  readonly together?: number;
}
