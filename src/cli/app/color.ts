// Colour on terminals: a few words at the beginning of a line, and only where it is wanted.

interface Terminal {
  readonly isTTY?: boolean;
}

/**
 * Whether text on a stream is coloured: FORCE_COLOR decides when it is set (0 and false mean no), then NO_COLOR (any text
 * means no), then whether the stream is a terminal that knows colours.
 */
export function isColored(
  { isTTY }: Terminal,
  { FORCE_COLOR, NO_COLOR, TERM }: Readonly<Record<string, string | undefined>> = process.env,
): boolean {
  if (FORCE_COLOR !== undefined) return FORCE_COLOR !== "0" && FORCE_COLOR !== "false";
  if (NO_COLOR !== undefined && NO_COLOR !== "") return false;
  return isTTY === true && TERM !== "dumb";
}

const [red, green, yellow] = [31, 32, 33];

/** Words that begin lines of the command line, by colour. */
const colors: Readonly<Record<string, number>> = {
  "error:": red,
  "warning:": yellow,
  "missing:": yellow,
  different: red,
  reordered: yellow,
  symmetric: green,
  identical: green,
  "ok:": green,
};

/** Text whose lines begin with their known words in colour. */
export const paint = (text: string): string =>
  text.replaceAll(
    /^(?:(?:error|warning|missing|ok):|(?:different|reordered|symmetric|identical)(?=:|$))/gm,
    (word) => `\u001b[${colors[word]}m${word}\u001b[39m`,
  );
