// Labelled images as plain data, and the files they come from.

/** A file by its name, for messages, and its bytes. */
export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Images to classify. */
export interface ImageSet {
  readonly count: number;
  /** Of one image: [height, width], or [channels, height, width]. */
  readonly shape: readonly number[];
  /** Row-major [count, ...shape], brightness from 0 to 1. */
  readonly inputs: Float32Array<ArrayBuffer>;
  /** [count] */
  readonly labels: Uint8Array<ArrayBuffer>;
}

/** Grey images with brightness as files hold it. */
export interface ByteImages extends Pick<ImageSet, "count" | "shape" | "labels"> {
  /** Row-major [count, height, width], 0 to 255. */
  readonly pixels: Uint8Array;
}
