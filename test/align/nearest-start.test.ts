// One descent from the nearest start, and passes that must gain something: what comparisons of networks that differ ask for.

import { expect, test } from "vitest";
import { alignWeights } from "../../src/align/align.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { composeElements, identityElement, sampleElement } from "../../src/symmetry/element.ts";
import { mlpSpec } from "../../src/symmetry/presets/mlp.ts";
import { genericWeights, weightReader as reader, withNoise } from "../support/networks.ts";

const seed = 5;
const spec = mlpSpec([6, 24, 24, 3]);
const a = genericWeights(spec, seed);

test(`a noisy relative is found from where it is, a moved one from its features (seed ${seed})`, async () => {
  const element = sampleElement(spec, seed + 1);
  for (const [b, start] of [
    [withNoise(a, 0.5, seed + 2), "identity"],
    [actOn(spec, element, a), "features"],
  ] as const) {
    const nearest = await alignWeights(spec, reader(a), reader(b), { nearestStart: true });
    const best = await alignWeights(spec, reader(a), reader(b));
    expect(nearest.start).toBe(start);
    expect(nearest.similarity).toBeCloseTo(best.similarity, 6);
  }
  const back = (
    await alignWeights(spec, reader(a), reader(actOn(spec, element, a)), { nearestStart: true })
  ).element;
  expect(composeElements(spec, back, element)).toEqual(identityElement(spec));
});

test(`unrelated networks: passes end where they gain little, and no better alignment is far (seed ${seed})`, async () => {
  const other = genericWeights(spec, seed + 9);
  const long = await alignWeights(spec, reader(a), reader(other), { nearestStart: true });
  const short = await alignWeights(spec, reader(a), reader(other), {
    nearestStart: true,
    minGain: 0.05,
  });
  expect(short.sweeps).toBeLessThan(long.sweeps);
  expect(short.similarity).toBeGreaterThan(0.5 * long.similarity);
  expect(long.similarity).toBeLessThan(0.9);
});
