// Messages of errors for people: without the names of functions, which are for programmers.

/** Functions of the library whose names are one word and no command's. */
const plainNames =
  "agreement|classify|digits|fit|narrow|nfn|normalize|perceptrons|positions|sgd|subset|unf";

/** The functions that a message of the library begins with, behind the path of a file and a bracket too. */
const functionNames = new RegExp(
  `^((?:[^":()]+: )??)(?:(?:[a-z][a-z0-9]*[A-Z]\\w*|${plainNames}): )+`,
);
const bracketed = /\((?:[a-z][a-z0-9]*[A-Z]\w*: )+/g;

/** A message of the library without the names of its functions, which say nothing to a person at a command line or on a page. */
export const withoutFunctionNames = (message: string): string =>
  message.replace(functionNames, "$1").replaceAll(bracketed, "(");
