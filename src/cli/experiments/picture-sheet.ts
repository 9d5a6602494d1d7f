// Grey images in rows as one picture, for reports.

import type { PictureGroup } from "../../report/picture-report.ts";
import { writePng } from "../app/png.ts";

const [gap, zoom] = [2, 2];
const background = 110;

/** Rows of images of one size; brightness from -1 for black to 1 for white, other values are cut off. */
export function pictureSheet(
  rows: readonly (readonly ArrayLike<number>[])[],
  [height, width]: readonly number[],
): Pick<PictureGroup, "image">["image"]["address"] {
  const columns = Math.max(...rows.map((row) => row.length));
  const [across, down] = [columns * (width + gap) + gap, rows.length * (height + gap) + gap];
  const data = new Uint8Array(3 * across * down * zoom * zoom).fill(background);
  for (const [r, row] of rows.entries())
    for (const [c, image] of row.entries())
      for (let y = 0; y < zoom * height; y++)
        for (let x = 0; x < zoom * width; x++) {
          const value = image[Math.floor(y / zoom) * width + Math.floor(x / zoom)];
          const grey = Math.round(255 * Math.min(1, Math.max(0, (value + 1) / 2)));
          const top = zoom * (gap + r * (height + gap)) + y;
          const left = zoom * (gap + c * (width + gap)) + x;
          const at = 3 * (top * across * zoom + left);
          data.fill(grey, at, at + 3);
        }
  const bytes = writePng({ width: across * zoom, height: down * zoom, data });
  return `data:image/png;base64,${Buffer.from(bytes).toString("base64")}`;
}
