// The part of a traced program (a jaxpr of @jax-js/jax) that inference reads, as plain types: equations over variables
// and scalar literals, nested programs included.

export interface TracedType {
  readonly shape: readonly number[];
  readonly dtype: string;
}

export interface TracedVariable {
  readonly id: number;
  readonly aval: TracedType;
}

/** A scalar written into the program. */
export interface TracedLiteral {
  readonly value: number;
  readonly aval: TracedType;
}

export type TracedAtom = TracedVariable | TracedLiteral;

export interface TracedEquation {
  readonly primitive: string;
  readonly inputs: readonly TracedAtom[];
  readonly params: Readonly<Record<string, unknown>>;
  readonly outBinders: readonly TracedVariable[];
}

export interface TracedProgram {
  readonly inBinders: readonly TracedVariable[];
  readonly eqns: readonly TracedEquation[];
  readonly outs: readonly TracedAtom[];
  toString(): string;
}

export const isLiteral = (atom: TracedAtom): atom is TracedLiteral => "value" in atom;

export const isFloat = (dtype: string): boolean => dtype.startsWith("float");

/** Who makes and who reads the variables of one program. */
export interface Uses {
  maker(atom: TracedAtom): TracedEquation | undefined;
  /** Null when the variable is a result of the program, which anything may read. */
  readers(variable: TracedVariable): readonly TracedEquation[] | null;
}

export function usesOf(program: TracedProgram): Uses {
  const makers = new Map<TracedAtom, TracedEquation>();
  const readers = new Map<TracedAtom, TracedEquation[]>();
  for (const equation of program.eqns) {
    for (const variable of equation.outBinders) makers.set(variable, equation);
    for (const atom of equation.inputs) {
      if (!isLiteral(atom)) readers.set(atom, [...(readers.get(atom) ?? []), equation]);
    }
  }
  const results = new Set(program.outs);
  return {
    maker: (atom) => makers.get(atom),
    readers: (variable) => (results.has(variable) ? null : (readers.get(variable) ?? [])),
  };
}
