// Ten digits as strokes of a pen, in pixels of the page's box, to draw with in tests.

import type { Stroke } from "../../page/src/picture/drawing.ts";

/** Points of an ellipse between two angles in turns; 0 is the right, 0.25 the lowest point. */
const arc = (x: number, y: number, rx: number, ry: number, from: number, to: number): Stroke =>
  Array.from({ length: 25 }, (_, i) => {
    const angle = 2 * Math.PI * (from + ((to - from) * i) / 24);
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)] as const;
  });

/** Digit by digit. */
export const digitStrokes: readonly (readonly Stroke[])[] = [
  [arc(14, 14, 6, 9, 0.75, 1.75)],
  [
    [
      [11, 9],
      [15, 5],
      [15, 23],
    ],
  ],
  [[...arc(14, 10, 5, 5, 0.5, 1.1), [9, 23], [20, 23]]],
  [[...arc(13, 9.5, 5, 4.5, 0.55, 1.25), ...arc(13, 18.5, 5.5, 4.5, 0.75, 1.45)]],
  [
    [
      [14, 5],
      [8, 17],
      [20, 17],
    ],
    [
      [17, 11],
      [16, 24],
    ],
  ],
  [[[19, 5], [11, 5], [10, 13], ...arc(13, 17.5, 5.5, 5.5, 0.7, 1.4)]],
  [[[17, 5], [11, 12], ...arc(14, 18, 4.5, 5, 0.5, 1.5)]],
  [
    [
      [9, 5],
      [19, 5],
      [12, 23],
    ],
    [
      [11, 14],
      [18, 14],
    ],
  ],
  [arc(14, 9.5, 4, 4.5, 0.25, 1.25), arc(14, 18.5, 4.5, 4.5, 0.75, 1.75)],
  [
    arc(14, 10, 4.5, 5, 0, 1),
    [
      [18.5, 10],
      [16, 24],
    ],
  ],
];
