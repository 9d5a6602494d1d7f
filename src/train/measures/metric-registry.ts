// Numbers that judge predictions, by name: what chooses the best epoch of a training, and what it is scored by.

import { OptionError } from "../../core/errors.ts";
import { noSuchName } from "../../core/nearest-name.ts";
import { checkFunctions, openRegistry } from "../../core/registry.ts";
import { kendallTau } from "./kendall-tau.ts";
import { type Metric, rSquared } from "./metrics.ts";

/** A metric of one's own, with the name that `train --metric` takes. */
export interface NamedMetric {
  readonly name: string;
  /** For tables: "Kendall's tau". */
  readonly summary: string;
  /** Larger is better; NaN when undefined. */
  readonly evaluate: Metric;
}

const registry = openRegistry<NamedMetric>("metric", {
  "kendall-tau": { name: "kendall-tau", summary: "Kendall's tau", evaluate: kendallTau },
  "r-squared": { name: "r-squared", summary: "R²", evaluate: rSquared },
});

/** Names of all metrics of predictions. */
export const metricNames = (): readonly string[] => registry.names();

/** Adds a metric, for this process. @throws {OptionError} when the name is taken */
export function registerMetric(metric: NamedMetric): void {
  checkFunctions("metric", metric, ["evaluate"]);
  registry.add(metric.name, Object.freeze({ ...metric, summary: metric.summary ?? metric.name }));
}

/** The metric of a name. @throws {OptionError} listing the names there are */
export function metricNamed(name: string): NamedMetric {
  const found = registry.get(name);
  if (found !== undefined) return found;
  throw new OptionError(
    `metricNamed: ${noSuchName("metric", name, metricNames())}; others come from registerMetric or a plug-in`,
  );
}
