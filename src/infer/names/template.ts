// What a template of one model family is, and the desk it works at: templates claim tensors one by one, declare axes with
// sizes taken from shapes, and everything that does not fit is written down instead of guessed.

import { SpecError, type SpecProblem } from "../../core/errors.ts";
import { equalShapes, formatShape } from "../../core/shapes.ts";
import { defineSpec } from "../../symmetry/spec.ts";
import { expressionSize, parseAxisExpression } from "../../symmetry/expression.ts";
import type { Axis, SymmetrySpec } from "../../symmetry/types.ts";

export interface NamedShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** What names and shapes do not say. */
export interface ModelFacts {
  /** Attention heads. */
  readonly heads?: number;
  /** Key/value heads where queries share them. @default heads */
  readonly keyValueHeads?: number;
  readonly headSize?: number;
  /** Whether a language model without an output matrix uses its token embedding for it. */
  readonly tied?: boolean;
  /** Activation of the plain families (`mlp`, `cnn`): with it their axes also get a scale part. */
  readonly activation?: "relu" | "tanh" | "sine";
}

export interface Template {
  readonly family: string;
  /** Which models and name styles, for people. */
  readonly covers: string;
  /** Only used when asked for by name: its tensor names say too little about the network. */
  readonly optIn: boolean;
  /** `model_type` of configs that describe this very network; a config that names another one is refused. */
  readonly modelTypes: readonly string[];
  /** Whether these names look like this family. */
  matches(names: ReadonlySet<string>): boolean;
  /** Claims every tensor of the family. */
  read(desk: Desk): void;
}

export interface Desk {
  readonly facts: ModelFacts;
  readonly names: readonly string[];
  has(name: string): boolean;
  /** The shape of a tensor, if it is there. */
  peek(name: string): readonly number[] | undefined;
  /** The shape of a tensor that must be there with this rank; its absence is a problem, then null. */
  shape(name: string, rank: number): readonly number[] | null;
  /** Declares an axis; one of the same name again must have the same size. Returns the name. */
  axis(name: string, size: number, extra?: Partial<Omit<Axis, "size">>): string;
  fix(name: string): void;
  /** Claims a tensor whose dimensions are these expressions. */
  claim(name: string, axes: readonly string[]): void;
  /** Claims it if it is there. */
  claimIf(name: string, axes: readonly string[]): boolean;
  /** Explains a tensor that carries no symmetry: counters, masks, tables of positions. */
  ignore(name: string): void;
  problem(message: string, tensor?: string): void;
  warn(message: string): void;
}

export interface DeskResult {
  readonly spec: SymmetrySpec;
  readonly warnings: readonly string[];
}

/** Runs a template. @throws {SpecError} listing every tensor that does not fit or is not explained */
export function readWith(
  template: Template,
  tensors: readonly NamedShape[],
  facts: ModelFacts,
): DeskResult {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const problems: SpecProblem[] = [];
  const warnings: string[] = [];
  const axes = new Map<string, Axis>();
  const claimed = new Map<string, readonly string[]>();
  const ignored = new Set<string>();
  const problem = (message: string, tensor?: string) =>
    void problems.push({ severity: "error", message, ...(tensor !== undefined && { tensor }) });
  const sizeOfAxis = (name: string) => axes.get(name)?.size ?? NaN;
  const desk: Desk = {
    facts,
    names: tensors.map(({ name }) => name),
    has: (name) => shapes.has(name),
    peek: (name) => shapes.get(name),
    shape(name, rank) {
      const found = shapes.get(name);
      if (found === undefined) problem(`tensor "${name}" is missing`, name);
      else if (found.length !== rank)
        problem(
          `tensor "${name}": expected ${rank} dimensions, got shape ${formatShape(found)}`,
          name,
        );
      else return found;
      return null;
    },
    axis(name, size, extra = {}) {
      const known = axes.get(name);
      if (!Number.isSafeInteger(size) || size < 1)
        problem(`axis "${name}" would have size ${size}`);
      else if (known === undefined) axes.set(name, { group: "permutation", ...extra, size });
      else if (known.size !== size)
        problem(`axis "${name}" has size ${known.size} in one tensor and ${size} in another`);
      return name;
    },
    fix(name) {
      const axis = axes.get(name);
      if (axis !== undefined) axes.set(name, { size: axis.size, group: "fixed" });
    },
    claim(name, expressions) {
      const shape = shapes.get(name);
      if (shape === undefined) return problem(`tensor "${name}" is missing`, name);
      if (claimed.has(name)) return problem(`tensor "${name}" is used twice by the template`, name);
      claimed.set(name, expressions);
      const expected = expressions.map((text) =>
        expressionSize(parseAxisExpression(text), sizeOfAxis),
      );
      if (!equalShapes(expected, shape))
        problem(
          `tensor "${name}": expected shape ${formatShape(expected)} (${expressions.join(", ") || "one number"}), got ${formatShape(shape)}`,
          name,
        );
    },
    claimIf(name, expressions) {
      if (shapes.has(name)) desk.claim(name, expressions);
      return shapes.has(name);
    },
    ignore: (name) => void (shapes.has(name) && ignored.add(name)),
    problem,
    warn: (message) => void warnings.push(message),
  };
  template.read(desk);
  for (const { name } of tensors) {
    if (!claimed.has(name) && !ignored.has(name))
      problem(`tensor "${name}" has no place in family "${template.family}"`, name);
  }
  const subject = `inferSpecFromNames: the tensors do not fit family "${template.family}"`;
  if (problems.length > 0) throw new SpecError(subject, problems);
  const used = new Set<string>();
  for (const texts of claimed.values())
    for (const text of texts)
      expressionSize(parseAxisExpression(text), (name) => (used.add(name), sizeOfAxis(name)));
  const spec = defineSpec({
    axes: Object.fromEntries([...axes].filter(([name]) => used.has(name))),
    tensors: Object.fromEntries(
      tensors.flatMap(({ name, shape }) => {
        const found = claimed.get(name);
        return found === undefined ? [] : [[name, { shape, axes: found }] as const];
      }),
    ),
  });
  return { spec, warnings };
}

/** The prefix before the first name that ends with `ending`, or null. */
export function prefixBefore(names: Iterable<string>, ending: string): string | null {
  for (const name of names)
    if (name === ending || name.endsWith(`.${ending}`)) return name.slice(0, -ending.length);
  return null;
}

/** How many layers `prefix0`, `prefix1`, ... follow each other without a gap. */
export function countLayers(names: Iterable<string>, prefix: string): number {
  const found = new Set<number>();
  for (const name of names) {
    if (!name.startsWith(prefix)) continue;
    const digits = /^\d+(?=\.)/.exec(name.slice(prefix.length));
    if (digits !== null) found.add(Number(digits[0]));
  }
  let count = 0;
  while (found.has(count)) count++;
  return count;
}
