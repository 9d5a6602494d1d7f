// Reads the tensors of a file by the table of a family: sizes come from shapes, and every dimension is checked.

import {
  axesOfExpression,
  expressionSize,
  parseAxisExpression,
} from "../../symmetry/expression.ts";
import {
  attentionAxes,
  type AttentionAxes,
  settleHeadless,
  warnWithoutHeads,
} from "./attention.ts";
import { readGains, readGated } from "./factors.ts";
import { following, numbersIn } from "./name-numbers.ts";
import type { Attention, Block, FamilyTable, Line, Style, Width } from "./table.ts";
import {
  filled,
  type SpecBuilder,
  type Place,
  placesOfStyles,
  prefixesAround,
  stylesAt,
  type Template,
} from "./template.ts";

/** The template that reads names by a table. */
export function templateOf({ styles, plainGains = [], ...named }: FamilyTable): Template {
  return Object.freeze({
    ...named,
    optIn: false,
    places: (names: ReadonlySet<string>) => placesOfStyles(styles, names),
    read(builder: SpecBuilder, { prefix }: Place) {
      const found = stylesAt(styles, new Set(builder.names), prefix);
      const chosen = found.find(({ tall }) => tall === undefined || isTall(builder, prefix + tall));
      const hasPlainGains = plainGains.includes(builder.facts.modelType ?? "");
      readStyle(builder, chosen ?? found[0] ?? styles[0], prefix, hasPlainGains);
    },
  });
}

const isTall = (builder: SpecBuilder, name: string): boolean => {
  const [rows = 0, columns = 0] = builder.peek(name) ?? [];
  return rows > columns;
};

/** Where reading stands: in the network, or in one of its blocks. */
interface Scope {
  readonly builder: SpecBuilder;
  readonly style: Style;
  /** Norms multiply by their gains as they are stored. */
  readonly hasPlainGains: boolean;
  /** The prefix of the network. */
  readonly root: string;
  readonly prefix: string;
  /** What axes of the block alone are called by, with a dot behind; "" outside. */
  readonly local: string;
  readonly numbers: Readonly<Record<string, number>>;
  readonly attention: ReadonlyMap<string, AttentionAxes>;
}

function readStyle(
  builder: SpecBuilder,
  style: Style,
  prefix: string,
  hasPlainGains: boolean,
): void {
  const scope: Scope = {
    builder,
    style,
    hasPlainGains,
    root: prefix,
    prefix,
    local: "",
    numbers: {},
    attention: new Map(),
  };
  for (const line of style.lines) readLine(scope, line);
  const counts = style.blocks.map((block) => readBlocks(scope, block));
  for (const name of style.ignore ?? []) builder.ignore(prefix + name);
  const behind: Scope = { ...scope, numbers: { n: (counts.at(-1) ?? 1) - 1 } };
  for (const line of style.after ?? []) readLine(behind, line);
  readHeads(behind);
}

/** Reads all blocks of a kind; returns how many there are. */
function readBlocks(scope: Scope, block: Block): number {
  const { builder, prefix, numbers } = scope;
  const key = block.at.at(-2) as string;
  const at = prefix + filled(block.at.slice(0, -"{i}".length), numbers);
  const count = following(numbersIn(builder.names, at, "{i}.")).length;
  if (count === 0 && block.optional !== true)
    builder.problem(`no layer "${at}0" is among the tensors`);
  for (let number = 0; number < count; number++) {
    const inside: Scope = {
      ...scope,
      prefix: `${at}${number}.`,
      numbers: { ...numbers, [key]: number },
      local: `${filled(block.scope, { ...numbers, [key]: number })}.`,
    };
    if (block.where !== undefined && !builder.has(inside.prefix + block.where)) continue;
    builder.layer(inside.prefix);
    readBlock(inside, block);
  }
  return count;
}

function readBlock(
  scope: Scope,
  { attention = [], lines, gated = [], gains = [], blocks = [], ignore = [] }: Block,
): void {
  const { builder, prefix, local, hasPlainGains } = scope;
  const found = attention.flatMap((one) => {
    const axes = readAttention(scope, one);
    return axes === undefined ? [] : [[one.name, axes] as const];
  });
  const inside: Scope = { ...scope, attention: new Map(found) };
  if (found.some(([, { size }]) => size === undefined)) warnWithoutHeads(builder);
  // A projection that says how many rows there are is missing: that is the problem, not what follows from it.
  if (found.length < attention.length) return;
  for (const line of lines) readLine(inside, line);
  for (const one of attention) readNorms(inside, one);
  readGated(builder, prefix, local, gated);
  if (hasPlainGains) readGains(builder, prefix, local, gains);
  for (const block of blocks) readBlocks(inside, block);
  for (const name of ignore) builder.ignore(prefix + name);
}

function widthOf({ builder, prefix }: Scope, [name, dimension]: Width): number | undefined {
  return builder.shape(prefix + name, 2)?.[dimension];
}

const rotaryTable = /(^|\.)(rotary_\w+|rope)(\.|$)|(^|\.)inv_freq$/;

/** Whether positions turn the queries and keys of a layer: told by the family, or by a table among the tensors. */
function isRotary(
  { builder, root, prefix }: Scope,
  { rotary, absolute, norms }: Attention,
): boolean {
  if (rotary === true) return true;
  if (builder.names.some((name) => name.startsWith(root) && rotaryTable.test(name))) return true;
  const isThere = (name: string) => builder.has(root + name) || builder.has(prefix + name);
  if (absolute !== undefined && !absolute.every(isThere)) return true;
  return norms !== undefined && builder.has(`${prefix}${norms[0]}.weight`);
}

function readAttention(scope: Scope, attention: Attention): AttentionAxes | undefined {
  const { builder, prefix, local, numbers } = scope;
  const {
    name,
    query: queryAt,
    key,
    fused,
    perHead,
    norms,
    headAxis,
    fixedHeads = builder.facts.alibi === true,
    side,
    parts,
    cosine,
    clipped,
  } = attention;
  const query = widthOf(scope, queryAt);
  const rows = fused === undefined ? undefined : widthOf(scope, fused);
  const keyValue = key === undefined ? undefined : widthOf(scope, key);
  const isMissing = [fused, key].some(
    (width) => width !== undefined && !builder.has(prefix + width[0]),
  );
  if (query === undefined || isMissing) return undefined;
  const keys = rows === undefined ? keyValue : (rows - query) / 2;
  if (keys !== undefined && (!Number.isInteger(keys) || keys < 1)) {
    builder.problem(
      `layer "${prefix}" has ${rows} rows of queries, keys and values, of which ${query} are queries: the others are no two equal parts`,
    );
    return undefined;
  }
  return attentionAxes(builder, `${local}${name}`.replace(/\.$/, ""), {
    query,
    ...(keys !== undefined && { keyValue: keys }),
    rotary: isRotary(scope, attention),
    headSize: headSizeOf(scope, norms, query),
    heads: perHead === undefined ? undefined : countIn(scope, perHead),
    ...(headAxis !== undefined && { headAxis: filled(headAxis, numbers) }),
    fixedHeads: fixedHeads === "unless told" ? builder.facts.alibi !== false : fixedHeads,
    ...(side !== undefined && { side }),
    ...(parts !== undefined && { parts }),
    ...(cosine !== undefined && { cosine }),
    clipped: builder.facts.clips ?? clipped !== undefined,
  });
}

/** How many entries a tensor of the block or of the network has along a dimension, if it is there. */
function countIn({ builder, root, prefix }: Scope, [name, dimension]: Width): number | undefined {
  return (builder.peek(prefix + name) ?? builder.peek(root + name))?.[dimension];
}

/** The size of a head, where normalised heads or a stored table of frequencies tell it. */
function headSizeOf({ builder, prefix }: Scope, norms: Attention["norms"], query: number) {
  if (norms !== undefined && builder.has(`${prefix}${norms[0]}.weight`)) {
    const [size] = builder.shape(`${prefix}${norms[0]}.weight`, 1) ?? [];
    return size === query ? undefined : size; // as long as all queries: normalised over all heads
  }
  const table = `${prefix}self_attn.rotary_emb.inv_freq`;
  const half = builder.has(table) ? builder.shape(table, 1)?.[0] : undefined;
  return half === undefined ? undefined : 2 * half;
}

/** Gains of normalised queries and keys: one for every position in a head, the same in all heads, or one for every row. */
function readNorms({ builder, prefix, attention }: Scope, { name, norms, query }: Attention): void {
  const axes = attention.get(name);
  if (norms === undefined || axes === undefined) return;
  const rows = builder.peek(prefix + query[0])?.[query[1]];
  const isWhole = builder.peek(`${prefix}${norms[0]}.weight`)?.[0] === rows;
  for (const [at, axis] of [axes.q, axes.k].entries())
    for (const part of ["weight", "bias"])
      builder.assignIf(`${prefix}${norms[at]}.${part}`, [isWhole ? axis : `${axes.size ?? rows}`]);
}

function readLine(scope: Scope, line: Line): void {
  const { builder, prefix, numbers } = scope;
  const name = prefix + filled(line.tensor, numbers);
  const companions = line.with?.map((one) => prefix + filled(one, numbers));
  const mayLack =
    line.optional === true ||
    (companions !== undefined && !companions.some((one) => builder.has(one)));
  const shape = builder.peek(name);
  if (shape === undefined && mayLack) return;
  const more = Math.max(0, (shape?.length ?? 0) - line.axes.length + 1);
  const texts = line.axes.flatMap((text) => (text === "**" ? Array<string>(more).fill("*") : text));
  const axes = texts.map((text, dimension) =>
    expressionOf(scope, filled(text, numbers), shape?.[dimension]),
  );
  builder.assign(name, axes);
}

/** `@q`, `@cross.q`. */
const attentionWord = /@(?:(\w+)\.)?(qkv|grouped|parted|q|k|v|o|h)\b/g;
/** The dot before the name of an axis of the block alone. */
const localDot = /(^|[\s(])\.(?=[A-Za-z_])/g;

/** The expression of a dimension, its words replaced and its axes declared. */
function expressionOf(scope: Scope, text: string, size: number | undefined): string {
  const choices = text.split(" | ");
  if (choices.length > 1) return expressionOf(scope, chosen(scope, choices, size), size);
  const { attention, local } = scope;
  // Heads that nobody counts stay in place.
  const isUncounted = text === "@h" && attention.get("")?.h === undefined;
  if (text === "*" || isUncounted) return String(size ?? 1);
  const plain = text
    .replaceAll(localDot, `$1${local}`)
    .replaceAll(attentionWord, (_, name: string | undefined, part: keyof AttentionAxes | "qkv") => {
      const axes = attention.get(name ?? "");
      if (axes === undefined) throw new Error(`family table: no attention "${name ?? ""}"`);
      return part === "qkv" ? `${axes.q} + ${axes.k} + ${axes.v}` : String(axes[part]);
    });
  const isFixed = plain.startsWith("!");
  const expression = isFixed ? plain.slice(1) : plain;
  declareIn(scope, expression, size, isFixed);
  return expression;
}

/** The first of several expressions that has the size of the dimension, where its axes are known. */
function chosen(scope: Scope, choices: readonly string[], size: number | undefined): string {
  const { builder, local } = scope;
  const fits = choices.find((text) => {
    const expression = parseAxisExpression(text.replaceAll(localDot, `$1${local}`));
    return expressionSize(expression, (axis) => builder.sizeOf(axis) ?? NaN) === size;
  });
  return fits ?? choices[0];
}

/** Declares the one axis of an expression that has no size yet. */
function declareIn(
  { builder }: Scope,
  text: string,
  size: number | undefined,
  isFixed: boolean,
): void {
  const expression = parseAxisExpression(text);
  const unknown = [...new Set(axesOfExpression(expression))].filter(
    (axis) => builder.sizeOf(axis) === undefined,
  );
  if (size === undefined || unknown.length !== 1) return;
  const [axis] = unknown;
  const unit = expressionSize(expression, (one) => (one === axis ? 1 : (builder.sizeOf(one) ?? 1)));
  builder.axis(axis, size / unit, isFixed ? { group: "fixed" } : {});
}

/** Heads that are there, beside the network or around it; without one the network's output is fixed. */
function readHeads(scope: Scope): void {
  const { builder, style, prefix } = scope;
  let found = style.more?.(builder, prefix) ?? false;
  const hasOthers = found;
  const readers: string[] = [];
  for (const lines of style.heads ?? []) {
    const at = prefixesAround(prefix).find((around) => builder.has(around + lines[0].tensor));
    if (at === undefined) continue;
    found = true;
    for (const line of lines) readLine({ ...scope, prefix: at }, line);
    readers.push(at + lines[0].tensor);
  }
  const { lastNorm } = style;
  if (scope.hasPlainGains && lastNorm !== undefined && !hasOthers && builder.facts.tied !== true)
    builder.factor(lastNorm, {
      times: [`${prefix}${lastNorm}.weight`, 0],
      with: [[`${prefix}${lastNorm}.bias`, 0]],
      over: readers.map((name) => [name, 1]),
    });
  const { axis, tie = false } = style.output;
  if (!found) settleHeadless(builder, filled(axis, scope.numbers), tie);
}
