// The version of this package, as its manifest says.

import { createRequire } from "node:module";

export function packageVersion(): string {
  const require = createRequire(import.meta.url);
  return (require("../../package.json") as { version: string }).version;
}
