# A UNF layer term by term in JAX, written from the formulas (Zhou, Finn and Harrison 2024, equation 6), compiled by XLA:
# for every term the mean over the indices it drops, a matrix [channels, channels], and the result broadcast or put on
# diagonals. It has as many terms and products as the published layer; it is not the published code.

import hashlib
import json
import os
import string
import time

from peer import serve


def term(x, labels, rank_out, sizes):
    """Means of x over the input's own labels, laid out for the output: [..., channels] with 1 where it broadcasts."""
    import jax.numpy as jnp

    out, into = labels[:rank_out], labels[rank_out:]
    letter = {label: string.ascii_lowercase[i] for i, label in enumerate(dict.fromkeys(labels))}
    kept = [label for label in dict.fromkeys(out) if label in into]
    dropped = 1
    for label in dict.fromkeys(into):
        if label not in out:
            dropped *= sizes[rank_out + into.index(label)]
    source = "".join(letter[label] for label in into) + "Z"
    target = "".join(letter[label] for label in kept) + "Z"
    reduced = jnp.einsum(f"{source}->{target}", x) / dropped
    return kept, reduced


def place(y, kept, out, sizes):
    import jax.numpy as jnp

    shape = [sizes[i] if label in kept and out.index(label) == i else 1 for i, label in enumerate(out)]
    order = [kept.index(label) for i, label in enumerate(out) if label in kept and out.index(label) == i]
    y = jnp.transpose(y, [*order, len(kept)]).reshape([*shape, y.shape[-1]])
    for i, label in enumerate(out):
        first = out.index(label)
        if first != i:
            eye = [1] * len(out)
            eye[first] = eye[i] = sizes[i]
            y = y * jnp.eye(sizes[i]).reshape([*eye, 1])
    return y


def layer(config):
    import jax.numpy as jnp

    shapes, terms = config["shapes"], config["terms"]

    def apply(theta, inputs):
        outputs = [jnp.zeros([*shape, theta.shape[2]]) for shape in shapes]
        for i, (o, n, labels) in enumerate(terms):
            sizes = [*shapes[o], *shapes[n]]
            out = labels[: len(shapes[o])]
            kept, reduced = term(inputs[n], labels, len(shapes[o]), sizes)
            outputs[o] = outputs[o] + place(reduced @ theta[i], kept, out, sizes)
        return outputs

    return apply


class Cache:
    """Keeps what XLA compiled in a folder, with how long the first compilation took; without a folder it keeps nothing."""

    def __init__(self, config):
        import jax

        self.folder = config.get("cache")
        if self.folder is None:
            return
        os.makedirs(self.folder, exist_ok=True)
        text = json.dumps([config["shapes"], config["terms"], config["channels"], config["threads"], jax.__version__])
        self.key = hashlib.sha256(text.encode()).hexdigest()[:16]
        jax.config.update("jax_compilation_cache_dir", self.folder)
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)

    def compile(self, name, lower, *values):
        began, cpu = time.perf_counter(), time.process_time()
        compiled = lower(*values).compile()
        own = {"ms": (time.perf_counter() - began) * 1000, "cpuSeconds": time.process_time() - cpu, "earlier": False}
        if self.folder is None:
            return compiled, own
        path = os.path.join(self.folder, f"{self.key}-{name}.json")
        if os.path.exists(path):
            with open(path) as file:
                return compiled, {**json.load(file), "earlier": True}
        with open(path, "w") as file:
            json.dump(own, file)
        return compiled, own


def build(config):
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=" + ("true" if config["threads"] > 1 else "false")
    if config["threads"] == 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[0]})
    import jax
    import jax.numpy as jnp
    import numpy as np

    apply = layer(config)
    c_in, c_out = config["channels"]
    count = len(config["terms"])
    if "theta" in config:
        theta = jnp.array(config["theta"], dtype=jnp.float32).reshape([count, c_in, c_out])
        x = [jnp.array(v, dtype=jnp.float32).reshape([*s, c_in]) for v, s in zip(config["inputs"], config["shapes"])]
        y = jax.jit(apply)(theta, x)
        return {}, {"outputs": [np.asarray(v).reshape(-1).tolist() for v in y]}
    random = np.random.default_rng(0)
    theta = jnp.array(random.standard_normal([count, c_in, c_out]), dtype=jnp.float32)
    x = [jnp.array(random.standard_normal([*shape, c_in]), dtype=jnp.float32) for shape in config["shapes"]]
    total = jax.grad(lambda t, v: sum(y.sum() for y in apply(t, v)), argnums=(0, 1))
    compiled_about, works = {}, {}
    cache = Cache(config)
    for name, function in {"forward": apply, "backward": total}.items():
        if name not in config["directions"]:
            continue
        compiled, compiled_about[name] = cache.compile(name, jax.jit(function).lower, theta, x)
        works[name] = lambda compiled=compiled: jax.block_until_ready(compiled(theta, x))
    return works, {"version": jax.__version__, "compiled": compiled_about}


serve(build)
