import { beforeAll, describe, expect, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.ts";
import type { Weights } from "../../src/core/tensors.ts";
import { type EngineWatch, watchEngine } from "../../src/engine/live-arrays.ts";
import { actOn } from "../../src/symmetry/act.ts";
import { sampleElement } from "../../src/symmetry/element.ts";
import type { ClassifierTask } from "../../src/tasks/classifier.ts";
import { labelledData } from "../../src/tasks/labelled-data.ts";
import type { evaluatePopulation as Evaluate } from "../../src/zoo/training/evaluate.ts";
import { digitsRecipe, drawHyperParameters, type Recipe } from "../../src/zoo/recipe.ts";
import type { TrainedPopulation, Stacks } from "../../src/zoo/training/population.ts";
import type { trainPopulation as Train } from "../../src/zoo/training/train-population.ts";

const recipe: Recipe = { ...digitsRecipe, steps: { fullChance: 0.3, range: [3, 60] } };
const indices = Array.from({ length: 40 }, (_, i) => i);

let watch: EngineWatch;
let task: ClassifierTask;
let trainPopulation: typeof Train;
let evaluatePopulation: typeof Evaluate;
let together: TrainedPopulation;

beforeAll(async () => {
  watch = await watchEngine();
  const { digitsTasks } = await import("../../src/tasks/digits.ts");
  const { readPackageData } = await import("../../src/node/package-data.ts");
  ({ trainPopulation } = await import("../../src/zoo/training/train-population.ts"));
  ({ evaluatePopulation } = await import("../../src/zoo/training/evaluate.ts"));
  task = await digitsTasks.digits.create(await readPackageData("uci-digits.csv.gz"));
  together = await trainPopulation({ task, recipe, seed: 7, indices });
});

/** The weights of the network at a place of a population. */
function networkAt(stacks: Stacks, place: number): Weights {
  return Object.fromEntries(
    Object.entries(stacks).map(([name, { shape, data }]) => {
      const size = sizeOf(shape.slice(1));
      return [name, { shape: shape.slice(1), data: data.slice(place * size, (place + 1) * size) }];
    }),
  );
}

const stackOne = (weights: Weights): Stacks =>
  Object.fromEntries(
    Object.entries(weights).map(([name, { shape, data }]) => [
      name,
      { shape: [1, ...shape], data: Float32Array.from(data) },
    ]),
  );

describe("a population", () => {
  test("a network trained among others equals the same network trained alone, bit for bit", async () => {
    for (const index of [0, 17, 39]) {
      const alone = await trainPopulation({ task, recipe, seed: 7, indices: [index] });
      expect(networkAt(alone.weights, 0)).toEqual(networkAt(together.weights, index));
      expect(alone.runs[0].metrics["testAccuracy"]).toBe(
        together.runs[index].metrics["testAccuracy"],
      );
    }
  });

  test("any subset in any order gives the same networks", async () => {
    const some = [30, 2, 11];
    const { weights, runs } = await trainPopulation({ task, recipe, seed: 7, indices: some });
    expect(runs).toEqual(some.map((index) => together.runs[index]));
    for (const [place, index] of some.entries()) {
      expect(networkAt(weights, place)).toEqual(networkAt(together.weights, index));
    }
  });

  test("another seed or another network gives other weights", async () => {
    const other = await trainPopulation({ task, recipe, seed: 8, indices: [0] });
    expect(networkAt(other.weights, 0)).not.toEqual(networkAt(together.weights, 0));
    expect(networkAt(together.weights, 1)).not.toEqual(networkAt(together.weights, 0));
  });

  test("training goes on from given weights; from those a network would draw it is the same training", async () => {
    const { randomStream } = await import("../../src/core/random.ts");
    const { networkSeed } = await import("../../src/zoo/recipe.ts");
    const own = { task, recipe, seed: 7, indices: [17, 3] };
    const start = (index: number) =>
      task.init(
        randomStream(networkSeed(7, index, "init")),
        drawHyperParameters(recipe, 7, index).initialScale,
      );
    const drawn = await trainPopulation({ ...own, start });
    expect(networkAt(drawn.weights, 0)).toEqual(networkAt(together.weights, 17));
    const trained = (index: number) => networkAt(together.weights, index);
    const further = await trainPopulation({ ...own, start: trained });
    expect(networkAt(further.weights, 0)).not.toEqual(trained(17)); // control
    expect(further.runs[0].metrics["trainLoss"]).toBeLessThan(
      together.runs[17].metrics["trainLoss"],
    );
  });

  test("it learns: networks with time, data and clean labels pass 80%, and accuracies spread", () => {
    const accuracies = together.runs.map(({ metrics }) => metrics["testAccuracy"]);
    expect(Math.max(...accuracies)).toBeGreaterThan(0.8);
    expect(Math.min(...accuracies)).toBeLessThan(0.3);
    expect(together.runs.every(({ finite }) => finite)).toBe(true);
  });

  test("nothing leaks: as many arrays live after a second population as after the first", async () => {
    await trainPopulation({ task, recipe, seed: 1, indices: [1, 2, 3] });
    const after = watch.liveArrays();
    await trainPopulation({ task, recipe, seed: 2, indices: [1, 2, 3] });
    expect(watch.liveArrays()).toBe(after);
  });

  test("nothing leaks: as many arrays live at step 100 as at step 10, and none afterwards", async () => {
    const live: number[] = [];
    const long: Recipe = { ...recipe, steps: { fullChance: 1, range: [101, 101] } };
    const onStep = () => void live.push(watch.liveArrays());
    await trainPopulation({ task, recipe: long, seed: 1, indices: [1, 2, 3], onStep });
    expect(live).toHaveLength(101);
    expect(live[100]).toBe(live[10]);
    expect(live[10]).toBeGreaterThan(0);
    expect(watch.liveArrays()).toBe(0);
  });

  test("an abort stops it", async () => {
    const controller = new AbortController();
    const training = trainPopulation({
      task,
      recipe,
      seed: 7,
      indices,
      signal: controller.signal,
      onStep: () => controller.abort(new Error("enough")),
    });
    await expect(training).rejects.toThrow("enough");
  });
});

describe("evaluation", () => {
  const trainingData = labelledData([0, 1, 2], Uint8Array.of(1, 2, 3));
  const results = async (weights: Weights) =>
    (await evaluatePopulation(task, stackOne(weights), [trainingData]))[0];
  let best: Weights;
  beforeAll(() => {
    const accuracies = together.runs.map(({ metrics }) => metrics["testAccuracy"]);
    best = networkAt(together.weights, accuracies.indexOf(Math.max(...accuracies)));
  });

  test("accuracy is unchanged by a hidden permutation and scaling, and changed by moving one tensor only", async () => {
    const before = await results(best);
    const moved = actOn(task.spec, sampleElement(task.spec, 3), best);
    const after = await results(moved);
    expect(after.metrics["testAccuracy"]).toBe(before.metrics["testAccuracy"]);
    expect(after.metrics["testLoss"]).toBeCloseTo(before.metrics["testLoss"], 5);
    const half = await results({ ...best, "fc1.weight": moved["fc1.weight"] });
    expect(half.metrics["testAccuracy"]).toBeLessThan(before.metrics["testAccuracy"] - 0.1);
  });

  test("a network of zeros has loss log 10 and the accuracy of always saying 0", async () => {
    const zeros = Object.fromEntries(
      Object.entries(best).map(([name, { shape, data }]) => [
        name,
        { shape, data: new Float32Array(data.length) },
      ]),
    );
    const { metrics, finite } = await results(zeros);
    expect(metrics["testLoss"]).toBeCloseTo(Math.log(10), 5);
    expect(metrics["trainLoss"]).toBeCloseTo(Math.log(10), 5);
    const share = task.test.labels.filter((label) => label === 0).length / task.test.count;
    expect(metrics["testAccuracy"]).toBe(share);
    expect(finite).toBe(true);
  });

  test("NaN weights are flagged and give NaN losses", async () => {
    const data = Float32Array.from(best["fc1.bias"].data);
    data.fill(NaN);
    const broken = await results({ ...best, "fc1.bias": { shape: [32], data } });
    expect(broken.finite).toBe(false);
    expect(broken.metrics["testLoss"]).toBeNaN();
  });
});

describe("hyper-parameters", () => {
  const drawn = Array.from({ length: 2000 }, (_, i) => drawHyperParameters(digitsRecipe, 3, i));

  test("stay in the recipe's ranges and depend on seed and index only", () => {
    for (const hyper of drawn) {
      const [low, high] = digitsRecipe.learningRate[hyper.optimizer]!;
      expect(hyper.learningRate).toBeGreaterThanOrEqual(low);
      expect(hyper.learningRate).toBeLessThanOrEqual(high);
      expect(hyper.dataFraction).toBeGreaterThanOrEqual(digitsRecipe.dataFraction[0]);
      expect(hyper.labelNoise).toBeLessThanOrEqual(digitsRecipe.labelNoise.range[1]);
      expect(hyper.steps).toBeGreaterThanOrEqual(5);
      expect(hyper.steps).toBeLessThanOrEqual(300);
    }
    expect(drawHyperParameters(digitsRecipe, 3, 1234)).toEqual(drawn[1234]);
    expect(drawHyperParameters(digitsRecipe, 4, 1234)).not.toEqual(drawn[1234]);
  });

  test("optimizers are equally likely and zeros have their chance", () => {
    for (const name of ["sgd", "momentum", "adam"]) {
      const share = drawn.filter(({ optimizer }) => optimizer === name).length / drawn.length;
      expect(Math.abs(share - 1 / 3)).toBeLessThan(0.04);
    }
    const clean = drawn.filter(({ labelNoise }) => labelNoise === 0).length / drawn.length;
    expect(Math.abs(clean - (1 - digitsRecipe.labelNoise.chance))).toBeLessThan(0.05);
  });
});
