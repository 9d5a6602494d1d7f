// A preload that counts how often files are opened and read: `node --require scripts/count-opens.cjs program.js`. At the
// end it writes `{ path: { opens, wholeReads, bytes } }` as JSON to the file that COUNT_OPENS_TO names.

const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const path = require("node:path");
const { isMainThread } = require("node:worker_threads");

const counts = new Map();

function countOf(file) {
  const key = path.resolve(String(file));
  const known = counts.get(key) ?? { opens: 0, wholeReads: 0, bytes: 0 };
  counts.set(key, known);
  return known;
}

/** Whether a file is opened to be written, which is no reading of it. */
const isForWriting = (flags) =>
  typeof flags === "string"
    ? /[wa]/.test(flags)
    : typeof flags === "number" && (flags & (fs.constants.O_WRONLY | fs.constants.O_CREAT)) !== 0;

function watchHandle(handle, path, size) {
  const read = handle.read.bind(handle);
  handle.read = async (...args) => {
    const result = await read(...args);
    const count = countOf(path);
    count.bytes += result.bytesRead;
    if (size > 0 && result.bytesRead === size) count.wholeReads++;
    return result;
  };
}

/** Counts a function that reads a file from its beginning to its end. */
function watchWhole(holder, name) {
  const original = holder[name];
  holder[name] = function counted(path, ...rest) {
    if (typeof path === "string" || path instanceof URL) {
      const count = countOf(path instanceof URL ? path.pathname : path);
      count.opens++;
      count.wholeReads++;
    }
    return original.call(this, path, ...rest);
  };
}

if (isMainThread && process.env.COUNT_OPENS_TO !== undefined) {
  const { open } = fs.promises;
  fs.promises.open = async (path, flags, ...rest) => {
    const handle = await open(path, flags, ...rest);
    if (isForWriting(flags)) return handle;
    countOf(path).opens++;
    watchHandle(handle, path, (await handle.stat()).size);
    return handle;
  };
  for (const name of ["open", "openSync"]) {
    const original = fs[name];
    fs[name] = (path, flags, ...rest) => {
      if (!isForWriting(flags)) countOf(path).opens++;
      return original(path, flags, ...rest);
    };
  }
  watchWhole(fs.promises, "readFile");
  watchWhole(fs, "readFile");
  watchWhole(fs, "readFileSync");
  syncBuiltinESMExports();
  const { writeFileSync } = fs;
  process.on("exit", () =>
    writeFileSync(process.env.COUNT_OPENS_TO, JSON.stringify(Object.fromEntries(counts))),
  );
}
