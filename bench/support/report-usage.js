// Loaded before a program: prints what it used, when it ends.

import { writeSync } from "node:fs";

process.on("exit", () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  const used = {
    cpuSeconds: (userCPUTime + systemCPUTime) / 1e6,
    peakMiB: Math.round(maxRSS / 1024),
  };
  writeSync(2, `@@usage ${JSON.stringify(used)}\n`);
});
