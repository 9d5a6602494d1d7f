// Tables and the picture of the generalisation experiments, and what pages say of them, follow from the committed results.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { readPage, root, tablesOf } from "./pages.ts";

interface Pages {
  readonly readmePage: () => string;
  readonly guidePage: () => string;
  readonly gainsPicture: () => string;
}

interface Row {
  readonly model: string;
  readonly tauMean: number;
  readonly stageTauMean: number;
  readonly adjustedP?: number;
  readonly rate?: number;
}
interface Result {
  readonly rows: readonly Row[];
  readonly tables: {
    readonly oneNumber: readonly { readonly number: string; readonly tau: number }[];
  };
}
interface Results {
  readonly readStudy: (name: string) => Result;
  readonly differenceTo: (
    result: Result,
    model: string,
    base: string,
  ) => {
    readonly gain: number;
    readonly low: number;
    readonly high: number;
    readonly adjustedP: number;
  };
}

const scriptOf = async <T>(path: string): Promise<T> =>
  (await import(pathToFileURL(join(root, path)).href)) as T;
const scripts = await scriptOf<Pages>("scripts/docs/generalization-tables.js");
const { readStudy, differenceTo } = await scriptOf<Results>(
  "scripts/support/generalization-results.js",
);

test.each([
  ["README.md", scripts.readmePage],
  ["docs/guide/predict-generalisation.md", scripts.guidePage],
])("%s shows the tables that the results give", (path, pageOf) => {
  const shown = tablesOf(readPage(path));
  expect(shown.flat()).toContain("`network-probes`");
  expect(shown).toEqual(tablesOf(pageOf()));
  expect(tablesOf(readPage(path).replace("± 0.0", "± 0.1"))).not.toEqual(shown); // control: a digit changed
});

test("the picture is the one that the results make", () => {
  const drawn = readFileSync(join(root, "docs/images/generalization.svg"), "utf8");
  expect(drawn).toBe(scripts.gainsPicture());
});

const guide = readPage("docs/guide/predict-generalisation.md");
const measured = ["fashion-cnn", "fashion-transformer"].map((name) => readStudy(name));
const [cnns, transformers] = measured;
const gainOf = (result: Result, model: string) => differenceTo(result, model, "stat-nn");
const shown = ({ adjustedP }: Row) => adjustedP !== undefined && adjustedP < 0.05;
const behind = (result: Result) =>
  result.rows.filter((row) => shown(row) && gainOf(result, row.model).gain < 0);
const lossOf = ({ tables }: Result) =>
  tables.oneNumber.find(({ number }) => number === "training loss")?.tau ?? Number.NaN;

test("nothing is shown to be ahead of StatNN; probes and hybrids are closest", () => {
  for (const result of measured) {
    const ahead = result.rows.filter((row) => shown(row) && gainOf(result, row.model).gain > 0);
    expect(ahead).toEqual([]);
    expect(behind(result).length).toBeGreaterThan(0); // control: the same level does show what is behind
  }
  expect(cnns.rows[0].model).toBe("network-probes");
  expect(gainOf(cnns, "network-probes").low).toBeGreaterThan(0);
  expect(transformers.rows[0].model).toBe("unf-hybrid");
  expect(gainOf(transformers, "unf-hybrid").low).toBeCloseTo(0, 3);
});

test("the guide names what is shown to be behind StatNN", () => {
  const [ofCNNs, ofTransformers] = measured.map((result) =>
    behind(result).map(({ model }) => model),
  );
  expect(ofCNNs.toSorted()).toEqual(["deep-sets-one-set", "flat-mlp", "linear"]);
  expect(ofTransformers.filter((model) => !ofCNNs.includes(model))).toEqual(["unf-products"]);
  expect(ofTransformers).toHaveLength(4);
});

test("the training loss alone is ahead of every functional on Transformers, not on CNNs", () => {
  for (const result of measured) expect(lossOf(result).toFixed(3)).toBe("0.740");
  expect(guide).toContain("has a tau of 0.740 on both");
  expect(lossOf(transformers)).toBeGreaterThan(transformers.rows[0].tauMean);
  expect(lossOf(cnns)).toBeLessThan(cnns.rows[0].tauMean); // control
});

interface Correlation {
  readonly population: string;
  readonly functional?: string;
  readonly setting?: string;
  readonly read?: string;
  readonly correlation: number;
  readonly low: number;
  readonly high: number;
}
const missed = JSON.parse(
  readFileSync(join(root, "docs/results/missed-by-functionals.json"), "utf8"),
) as {
  readonly rows: readonly Correlation[];
  readonly tables: {
    readonly settings: readonly Correlation[];
    readonly means: readonly { population: string; functionals: string; tau: number }[];
  };
};

test("of the changes of UNF, the lift alone gains on more than one population", () => {
  const populations = ["fashion-cnn", "gru-adders", "fashion-transformer"];
  const studies = populations.map((name) => readStudy(`${name}-ablation`));
  const isShown = (result: Result, model: string) =>
    differenceTo(result, model, "unf").adjustedP < 0.05;
  const shownOf = studies.map((result) =>
    result.rows
      .map(({ model }) => model)
      .filter((model) => model !== "unf" && isShown(result, model)),
  );
  expect(shownOf.map((models) => models.toSorted())).toEqual([
    [],
    [],
    ["unf-fan-in", "unf-hybrid", "unf-shared"],
  ]);
  const lifts = studies.map((result) => differenceTo(result, "unf-hybrid", "unf"));
  expect(lifts.map(({ low }) => low > 0)).toEqual([false, true, true]);
  const ofTransformers = studies[2];
  expect(differenceTo(ofTransformers, "unf-fan-in", "unf").high).toBeLessThan(0);
  expect(differenceTo(ofTransformers, "unf-shared", "unf").low).toBeGreaterThan(0);
  const highest = studies.map(({ rows }) => rows.filter(({ rate }) => rate === 0.009).length);
  expect(highest).toEqual([6, 8, 1]);
});

test("functionals of weights err on the same networks, the one that runs networks on others", () => {
  const values = (chosen: (row: Correlation) => boolean) =>
    missed.rows.filter(chosen).map(({ correlation }) => correlation);
  const ofWeights = values(({ functional }) => functional !== "network-probes");
  const ends = [Math.min(...ofWeights), Math.max(...ofWeights)].map((value) => value.toFixed(2));
  expect(guide).toContain(`go with StatNN's at ${ends.join(" to ")}`);
  const ofAnswers = values(({ functional }) => functional === "network-probes");
  const said = ofAnswers.map((value) => value.toFixed(2)).join(" and ");
  expect(guide).toContain(`\`network-probes\` go with StatNN's at ${said}`);
  expect(Math.max(...ofAnswers)).toBeLessThan(Math.min(...ofWeights));
});

test("functionals of weights overrate networks that saw few examples; their errors do not go with training loss or wrong labels", () => {
  const ofWeights = missed.tables.settings.filter(({ read }) => read === "weights");
  const about = (name: string) => ofWeights.filter(({ setting }) => setting === name);
  for (const { high } of about("dataFraction")) expect(high).toBeLessThan(0);
  for (const { low, high } of [...about("training loss"), ...about("labelNoise")]) {
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
  }
  expect(about("dataFraction")).toHaveLength(measured.length);
});

test("on fresh CNNs the mean and probes are ahead of StatNN and of the control, the mean not of probes", () => {
  const fresh = readStudy("fashion-cnn-together");
  const [mean, probes] = ["unf-hybrid + network-probes", "network-probes"];
  for (const model of [mean, probes])
    for (const base of ["stat-nn", "unf-hybrid", "unf-hybrid + stat-nn"]) {
      const { low, adjustedP } = differenceTo(fresh, model, base);
      expect(low).toBeGreaterThan(0);
      expect(adjustedP).toBeLessThan(0.05);
    }
  expect(differenceTo(fresh, mean, probes).adjustedP).toBeGreaterThan(0.05);
  expect(differenceTo(fresh, "unf-hybrid + stat-nn", "stat-nn").adjustedP).toBeGreaterThan(0.05); // control
});

test("means with a functional that runs networks are the best ones, whichever reads weights", () => {
  const decision = readPage("docs/decisions/33-weights-and-answers.md");
  const members = ["unf-hybrid", "unf-hybrid-shared", "stat-nn", "gram-nn", "deep-sets"];
  const judged = ["fashion-cnn", "fashion-transformer"].map((name) => {
    const means = missed.tables.means.filter(({ population }) => population === name);
    const isMixed = (functionals: string) => functionals.includes("network-probes");
    const mixed = means.filter(
      ({ functionals }) =>
        isMixed(functionals) && functionals.split(" + ").some((member) => members.includes(member)),
    );
    const taus = mixed.map(({ tau }) => tau);
    const others = means.filter(({ functionals }) => !isMixed(functionals));
    return {
      mixed: [Math.min(...taus), Math.max(...taus)].map((tau) => tau.toFixed(3)).join(" to "),
      best: Math.max(...readStudy(name).rows.map(({ tauMean }) => tauMean)).toFixed(3),
      others: Math.max(...others.map(({ tau }) => tau)).toFixed(3),
      count: mixed.length,
    };
  });
  const [first, second] = judged;
  expect(judged.map(({ count }) => count)).toEqual([5, 5]);
  expect(decision).toContain(
    `a tau of ${first.mixed} and of ${second.mixed}, where the best single functionals have ${first.best} and ${second.best}; the best two without it have ${first.others} and ${second.others}`,
  );
});

test("within one checkpoint tau is hardly lower", () => {
  const lower = measured.flatMap(({ rows }) =>
    rows.map(({ tauMean, stageTauMean }) => tauMean - stageTauMean),
  );
  expect(Math.max(...lower).toFixed(3)).toBe("0.022");
  expect(guide).toContain("lower by at most 0.022");
});
