// A worker that dies while it works.
export default function work() {
  process.exit(3);
}
