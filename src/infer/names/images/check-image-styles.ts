// Checks a table of convolutional networks that somebody registers: it may come from a program without types, or from JSON.

import { OptionError } from "../../../core/errors.ts";
import { layouts } from "./layouts.ts";

/** What a value must be: says what was expected, or nothing. */
type Check = (value: unknown, at: string) => string | undefined;

const text: Check = (value, at) =>
  typeof value === "string" ? undefined : `${at} expected a text`;
const numbered: Check = (value, at) =>
  typeof value === "string" && value.includes("{k}") ? undefined : `${at} expected a text with {k}`;
const count: Check = (value, at) =>
  Number.isSafeInteger(value) && Number(value) >= 0 ? undefined : `${at} expected a count`;
const flag: Check = (value, at) =>
  typeof value === "boolean" ? undefined : `${at} expected true or false`;

const oneOf =
  (words: readonly string[]): Check =>
  (value, at) =>
    words.some((word) => word === value) ? undefined : `${at} expected ${words.join(" or ")}`;

const listOf =
  (check: Check, least = 0): Check =>
  (value, at) => {
    if (!Array.isArray(value) || value.length < least)
      return `${at} expected a list${least > 0 ? ` of at least ${least}` : ""}`;
    return first(value.map((one, n) => check(one, `${at}[${n}]`)));
  };

/** An object with these fields, those with "?" behind their name perhaps, and no others. */
const fields =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    if (typeof value !== "object" || value === null) return `${at} expected an object`;
    const names = Object.keys(checks).map((name) => name.replace("?", ""));
    const stranger = Object.keys(value).find((name) => !names.includes(name));
    if (stranger !== undefined)
      return `${at} expected ${names.join(", ")}, got ${JSON.stringify(stranger)}`;
    return first(
      Object.entries(checks).map(([name, check]) => {
        const field = name.replace("?", "");
        const found: unknown = Reflect.get(value, field);
        if (found === undefined && name !== field) return undefined;
        return check(found, `${at}.${field}`);
      }),
    );
  };

const first = (problems: readonly (string | undefined)[]) =>
  problems.find((problem) => problem !== undefined);

/** The check of the first of these fields that an object has, or of the last. */
const byField =
  (checks: Readonly<Record<string, Check>>): Check =>
  (value, at) => {
    const has = (name: string) => typeof value === "object" && value !== null && name in value;
    const name = Object.keys(checks).find(has) ?? Object.keys(checks).at(-1);
    return checks[name ?? ""](value, at);
  };

const convolution = (name: Check) =>
  fields({ conv: name, "norm?": text, "axis?": text, "optional?": flag });
const gate = (name: Check) => fields({ gate: listOf(name, 2), axis: text });
const part = byField({
  gate: gate(text),
  conv: convolution(text),
  norm: fields({ norm: text }),
});
/** A list ends where no entry has the next number. */
const entry = byField({ gate: gate(numbered), conv: convolution(numbered) });
const signs = {
  layout: oneOf(Object.keys(layouts)),
  anchors: listOf(text, 1),
  "without?": listOf(text),
  "section?": text,
};
const blocks = fields({
  kind: oneOf(["residual", "inverted", "dense", "plain"]),
  at: text,
  "where?": text,
  "from?": listOf(count),
  scope: text,
  out: text,
  parts: byField({
    from: fields({ from: count, "least?": count, parts: listOf(entry, 1) }),
    map: listOf(part, 1),
  }),
  "shortcut?": convolution(text),
  "between?": listOf(part),
});
const layer = fields({ layer: text, "from?": listOf(count), "norm?": text });
const style = byField({
  chain: fields({ ...signs, chain: listOf(layer, 1) }),
  stem: fields({
    ...signs,
    stem: listOf(part, 1),
    blocks: listOf(blocks, 1),
    "after?": listOf(part),
    heads: listOf(text),
    "ignore?": listOf(text),
  }),
});

/** @throws {OptionError} naming the first field of the styles of a family that is none of the table's */
export function checkImageStyles(family: string, styles: unknown): void {
  const problem = listOf(style, 1)(styles, "styles");
  if (problem === undefined) return;
  throw new OptionError(
    `register: family ${JSON.stringify(family)}: ${problem}; see docs/guide/extending.md`,
  );
}
