// Every kind of learned optimizer by name, with what it reads and whether its theta belongs to one list of tensors. Others are added by
// `registerOptimizer`.

import { OptionError } from "../core/errors.ts";
import { noSuchName } from "../core/nearest-name.ts";
import { checkFunctions, openRegistry } from "../core/registry.ts";
import type { SymmetrySpec } from "../symmetry/types.ts";
import { celo2Program } from "./kinds/celo2.ts";
import { lolv2Program } from "./kinds/lolv2.ts";
import { momentumProgram } from "./kinds/momentum.ts";
import { residualProgram } from "./kinds/residual.ts";
import type { UpdateProgram } from "./update-program.ts";

/** A kind of learned optimizer, before it is made. */
export interface OptimizerKind {
  /** One line for help texts. */
  readonly summary: string;
  /** True when theta acts on the tensors it was meta-trained with and on no others. */
  readonly specBound: boolean;
  /** What the network reads, as files of theta record it. */
  readonly features: string;
  readonly program: (spec: SymmetrySpec) => UpdateProgram;
}

const published = "19: parameter, gradient, 6 means, 11 of time";
const celo2 = "30: gradient, parameter, means, factored second moments";

const builtIn = {
  sgdm: {
    summary: "momentum whose rate and decay are meta-learned (2 numbers)",
    specBound: false,
    features: "gradient and momentum",
    program: momentumProgram,
  },
  "deep-sets": {
    summary: "momentum and a network on every entry by itself (2,788 numbers)",
    specBound: false,
    features: published,
    program: (spec) => residualProgram(spec, { output: "dense" }),
  },
  nfn: {
    summary: "momentum and a network whose last layer is NFN's",
    specBound: true,
    features: published,
    program: (spec) => residualProgram(spec, { output: "nfn" }),
  },
  unf: {
    summary: "momentum and a network whose last layer is UNF's, as published",
    specBound: true,
    features: published,
    program: (spec) => residualProgram(spec, { output: "unf" }),
  },
  "unf-small": {
    summary: "the same, 16 wide, with coefficients by kind of term: one theta for any spec",
    specBound: false,
    features: published,
    program: (spec) => residualProgram(spec, { output: "kinds", width: 16 }),
  },
  lolv2: {
    summary: "a network on every entry by itself, Metz et al. 2019 (1,762 numbers)",
    specBound: false,
    features: published,
    program: lolv2Program,
  },
  celo2: {
    summary: "a network on every entry by itself, its direction normalised (347 numbers)",
    specBound: false,
    features: celo2,
    program: (spec) => celo2Program(spec),
  },
  "celo2-unf": {
    summary: "Celo2 with an equivariant last layer, coefficients by kind of term",
    specBound: false,
    features: celo2,
    program: (spec) => celo2Program(spec, { equivariant: true }),
  },
} satisfies Record<string, OptimizerKind>;

const registry = openRegistry<OptimizerKind>("learned optimizer", builtIn);

/** A kind of one's own, with its name. */
export interface NamedOptimizerKind extends OptimizerKind {
  readonly name: string;
}

/** Names of all kinds. */
export const optimizerKinds = (): readonly string[] => registry.names();

/**
 * Adds a kind of learned optimizer, for this process.
 * @throws {OptionError} when the name is taken, or `program` is no function
 */
export function registerOptimizer({ name, ...kind }: NamedOptimizerKind): void {
  checkFunctions("learned optimizer", { name, ...kind }, ["program"]);
  registry.add(name, Object.freeze({ ...kind, summary: kind.summary ?? name }));
}

/** The kind of a name. @throws {OptionError} listing the names there are */
export function optimizerKind(name: string): OptimizerKind {
  const kind = registry.get(name);
  if (kind !== undefined) return kind;
  throw new OptionError(
    `optimizerKind: ${noSuchName("learned optimizer", name, optimizerKinds())}`,
  );
}
