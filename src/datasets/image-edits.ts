// Edits of grey images, as what networks in weight space are to imitate.

/** Edits of an image [height, width], brightness from 0 to 1; each gives a new image of the same shape. */
export const imageEdits = {
  /** The brightest of a pixel and its eight neighbours: lines become thicker. */
  dilate: (image: Float32Array, [height, width]: readonly number[]): Float32Array =>
    image.map((_, at) => {
      const [row, column] = [Math.floor(at / width), at % width];
      let most = 0;
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++)
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++)
          most = Math.max(most, image[y * width + x]);
      return most;
    }),
  /** Twice as far from the image's mean, cut off at black and white. */
  contrast: (image: Float32Array): Float32Array => {
    const mean = image.reduce((sum, value) => sum + value, 0) / image.length;
    return image.map((value) => Math.min(1, Math.max(0, mean + 2 * (value - mean))));
  },
} as const satisfies Record<
  string,
  (image: Float32Array, shape: readonly number[]) => Float32Array
>;

/** Names of edits. */
export type Edit = keyof typeof imageEdits;
