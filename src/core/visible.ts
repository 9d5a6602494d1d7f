// Text from files as it may stand in a terminal, a log or a page: characters that move the cursor, start escape sequences,
// turn the direction of writing or cannot be seen are written as escapes.

/**
 * C0 but tab and line feed, DEL, C1, soft hyphen, marks and overrides of direction, joiners and other characters of no
 * width, line separators, tags, and halves of surrogate pairs.
 */
const unseen =
  // eslint-disable-next-line no-control-regex
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\u{e0000}-\u{e0fff}\ud800-\udfff]/gu;

const hex = (code: number, digits: number) => code.toString(16).padStart(digits, "0");

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x100) return `\\x${hex(code, 2)}`;
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 5)}}`;
}

/** Printed text of several lines: `\x1b[2J` in place of an escape sequence; lines and tabs stay. */
export const visible = (text: string): string => text.replace(unseen, escaped);

/** The same for what must stay on one line, such as a name: line feeds and tabs are escaped too. */
export const visibleName = (text: string): string =>
  visible(text).replace(/[\n\t]/g, (character) => (character === "\n" ? "\\n" : "\\t"));

/** JSON text with the same characters as \u escapes, so that it means the same; JSON itself lets most of them pass. */
export const visibleJSON = (json: string): string =>
  json.replace(unseen, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`,
    ).join(""),
  );
