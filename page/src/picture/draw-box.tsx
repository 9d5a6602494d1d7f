// The box to draw in, by mouse, pen or finger; digits to choose from are beside it for those who use none of them.

import { useEffect, useRef, useState } from "preact/hooks";
import { boxed, side, type Stroke } from "./drawing.ts";
import { paint } from "./picture-canvas.tsx";

export interface DrawBoxProps {
  /** What stands in the box when nothing is being drawn. */
  readonly picture: Float32Array | undefined;
  /** Told when a drawing begins. */
  readonly onBegin: () => void;
  /** Given all strokes once the pen has rested. */
  readonly onDrawn: (strokes: readonly Stroke[]) => void;
}

/** Milliseconds after the last stroke until the drawing is taken: a 4 has two strokes. */
const rest = 700;

export function DrawBox({ picture, onBegin, onDrawn }: DrawBoxProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useRef<Stroke[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const [active, setActive] = useState(false);
  useEffect(() => () => clearTimeout(timer.current), []);
  useEffect(() => {
    if (!active) paint(canvas.current, picture);
  }, [picture, active]);
  const point = ({ clientX, clientY }: PointerEvent): Stroke[number] => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    return [((clientX - left) / width) * side, ((clientY - top) / height) * side];
  };
  const begin = (event: PointerEvent) => {
    if (event.button !== 0) return;
    canvas.current?.setPointerCapture(event.pointerId);
    clearTimeout(timer.current);
    if (!active) strokes.current = [];
    setActive(true);
    onBegin();
    strokes.current.push([point(event)]);
    paint(canvas.current, boxed(strokes.current));
  };
  const draw = (event: PointerEvent) => {
    if (!(canvas.current?.hasPointerCapture(event.pointerId) ?? false)) return;
    const last = strokes.current.length - 1;
    strokes.current[last] = [...strokes.current[last], point(event)];
    paint(canvas.current, boxed(strokes.current));
  };
  const end = () => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      setActive(false);
      onDrawn(strokes.current);
    }, rest);
  };
  return (
    <canvas
      ref={canvas}
      id="draw"
      class="pixels box"
      width={side}
      height={side}
      role="img"
      aria-label="A box to draw a digit in, by mouse, pen or finger. Below it are digits to choose from by keyboard."
      onPointerDown={begin}
      onPointerMove={draw}
      onPointerUp={end}
      onPointerCancel={end}
    />
  );
}
