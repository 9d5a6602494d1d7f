// Loaded into a child process before its program: says at the end how much memory it took at most, on descriptor 3.

import { writeSync } from "node:fs";

process.on("exit", () => {
  writeSync(3, String(process.resourceUsage().maxRSS));
});
