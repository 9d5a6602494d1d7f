// The page of `transport demo`, made of finished units: pictures as PNG inside it.

import type { ColourUnit, DemoUnit, FlowUnit } from "../../experiment/transport-demo.ts";
import type { ColourImage } from "../../transport/colour-transfer.ts";

export const isFlow = (unit: DemoUnit): unit is FlowUnit => unit.kind === "flow";
export const isColours = (unit: DemoUnit): unit is ColourUnit => unit.kind === "colours";

/** The page as text. */
export async function demoPage(
  units: readonly DemoUnit[],
  images: readonly ColourImage[],
  { seed, iterations }: { readonly seed: number; readonly iterations: number },
): Promise<string> {
  const { transportReport } = await import("../../report/transport-report.ts");
  const { flowMethods } = await import("../../transport/flow-methods.ts");
  const { flowDatasets } = await import("../../transport/gradient-flow.ts");
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
    transfers: colours.map((unit) => ({ ...unit, method: title(unit.method) })),
  });
}
