// The page of `transport demo`, made of finished units: pictures as PNG inside it.

import type {
  ColourUnit,
  DemoUnit,
  DigitsUnit,
  FlowUnit,
} from "../../experiment/demos/transport-demo.ts";
import type { ColourImage } from "../../transport/flows/colour-transfer.ts";

export const isFlow = (unit: DemoUnit): unit is FlowUnit => unit.kind === "flow";
export const isColours = (unit: DemoUnit): unit is ColourUnit => unit.kind === "colours";

const isDigits = (unit: DemoUnit): unit is DigitsUnit => unit.kind === "digits";

const [columns, side, gap] = [10, 8, 1];

/** Images of 8 x 8 pixels side by side as one picture, white on black, every pixel three wide. */
function contactSheet(images: DigitsUnit["images"]): ColourImage {
  const zoom = 3;
  const cell = side + gap;
  const [width, height] = [zoom * columns * cell, zoom * Math.ceil(images.length / columns) * cell];
  const data = new Uint8Array(3 * width * height).fill(90);
  for (const [at, image] of images.entries())
    for (let row = 0; row < zoom * side; row++)
      for (let column = 0; column < zoom * side; column++) {
        const value = 255 * image[Math.floor(row / zoom) * side + Math.floor(column / zoom)];
        const y = zoom * cell * Math.floor(at / columns) + row;
        const x = zoom * cell * (at % columns) + column;
        data.fill(value, 3 * (y * width + x), 3 * (y * width + x) + 3);
      }
  return { width, height, data };
}

/** The page as text. */
export async function demoPage(
  units: readonly DemoUnit[],
  images: readonly ColourImage[],
  { seed, iterations }: { readonly seed: number; readonly iterations: number },
): Promise<string> {
  const { transportReport } = await import("../../report/transport-report.ts");
  const { flowMethods } = await import("../../transport/flows/flow-methods.ts");
  const { flowDatasets } = await import("../../transport/flows/gradient-flow.ts");
  const { writePng } = await import("../app/png.ts");
  const title = (method: DemoUnit["method"]) => flowMethods[method].title;
  const picture = (caption: string, image: ColourImage) => ({
    caption,
    address: `data:image/png;base64,${Buffer.from(writePng(image)).toString("base64")}`,
  });
  const colours = units.filter(isColours);
  return transportReport({
    command: `weightspace transport demo --seed ${seed} --iterations ${iterations}`,
    flows: units.filter(isFlow).map((unit) => ({
      ...unit,
      dataset: flowDatasets[unit.dataset].title,
      method: title(unit.method),
    })),
    images: [
      ...images.map((image, i) => picture(i === 0 ? "first" : "second", image)),
      ...colours.map(({ method, direction, width, height, pixels }) =>
        picture(`${direction}, ${title(method)}`, { width, height, data: Uint8Array.from(pixels) }),
      ),
    ],
    digits: units
      .filter(isDigits)
      .map(({ method, images: made }) => picture(title(method), contactSheet(made))),
    transfers: colours.map((unit) => ({ ...unit, method: title(unit.method) })),
  });
}
