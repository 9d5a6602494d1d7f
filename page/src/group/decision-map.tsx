// The function of the network as a picture of the plane, with the points it was trained on.

import { useEffect, useRef } from "preact/hooks";
import { type Example, mapSide, reach } from "./network.ts";

export interface DecisionMapProps {
  readonly map: Float32Array;
  readonly examples: readonly Example[];
}

const at = (value: number): number => ((value / reach + 1) / 2) * 100;

export function DecisionMap({ map, examples }: DecisionMapProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (canvas.current === null || context === null || context === undefined) return;
    const { color, backgroundColor } = getComputedStyle(canvas.current);
    const [high, low] = [color, backgroundColor].map(
      (text) => text.match(/\d+/g)?.map(Number) ?? [],
    );
    const image = context.createImageData(mapSide, mapSide);
    for (const [i, value] of map.entries()) {
      // Steps instead of a smooth slope, so that the eye sees a change of its border.
      const share = Math.round(value * 10) / 10;
      for (let part = 0; part < 3; part++)
        image.data[4 * i + part] = low[part] + share * (high[part] - low[part]);
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  }, [map]);
  return (
    <div class="map">
      <canvas
        ref={canvas}
        width={mapSide}
        height={mapSide}
        role="img"
        aria-label="The answer of the network over the plane: one half moon high, the other low."
      />
      <svg viewBox="0 0 100 100" aria-hidden="true">
        {examples.map(({ x, y, inside }, i) => (
          <circle
            key={i}
            class={inside ? "inside" : "outside"}
            cx={at(x)}
            cy={100 - at(y)}
            r={0.9}
          />
        ))}
      </svg>
    </div>
  );
}
