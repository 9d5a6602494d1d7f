// Where the worker threads of Node begin.

/** The compiled worker of this name: beside this file once built, in dist while running from source. */
export function workerEntry(name: string): URL {
  const folder = import.meta.url.endsWith(".ts") ? "../../../dist/node/threads" : ".";
  return new URL(`${folder}/${name}.js`, import.meta.url);
}
