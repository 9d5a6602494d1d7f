// Names of tensors in messages, and patterns that stand for some of them.

/** Names on one side of a message. */
const maxListed = 8;

/** The first of several, and how many more there are. */
export const listed = (texts: readonly string[], most: number = maxListed): string =>
  texts.length === 0
    ? "none"
    : `${texts.slice(0, most).join(", ")}${texts.length > most ? ` and ${texts.length - most} more` : ""}`;

/** Whether a whole name matches one of the patterns, in which `*` stands for any characters. */
export function matcher(patterns: readonly string[] = []): (name: string) => boolean {
  const expressions = patterns.map((pattern) => {
    const parts = pattern.split(/\*+/).map((part) => part.replaceAll(/[^\w]/g, "\\$&"));
    return new RegExp(`^${parts.join("[^]*")}$`);
  });
  return (name) => expressions.some((expression) => expression.test(name));
}
