// Kernels that nobody works with, kept from one shard to the next: V8 has compiled them well by then.

/** Works with a kernel that nobody else has at the same time. */
export type WithKernel<Kernel> = <Result>(
  key: string,
  make: () => Kernel,
  work: (kernel: Kernel) => Promise<Result>,
) => Promise<Result>;

const mostIdle = 8;

/** Kernels of one kind, by a key that says all about them. */
export function idleKernels<Kernel>(): WithKernel<Kernel> {
  const idle = new Map<string, Kernel>();
  return async (key, make, work) => {
    const kernel = idle.get(key) ?? make();
    idle.delete(key);
    const result = await work(kernel);
    if (idle.size >= mostIdle) idle.clear();
    idle.set(key, kernel);
    return result;
  };
}
