// A hook of the loader of modules that lets it open a few files at a time; few-handles.ts registers it.

/** Modules that are read at the same time. */
const atOnce = 8;

let reading = 0;
const waiting: (() => void)[] = [];

/** The next loader's answer, when it is this module's turn. */
export async function load<Context, Loaded>(
  url: string,
  context: Context,
  nextLoad: (url: string, context: Context) => Promise<Loaded>,
): Promise<Loaded> {
  if (reading >= atOnce) await new Promise<void>((resolve) => void waiting.push(resolve));
  else reading++;
  try {
    return await nextLoad(url, context);
  } finally {
    const next = waiting.shift();
    if (next === undefined) reading--;
    else next();
  }
}
