# A UNF layer term by term in JAX, written from the formulas (Zhou, Finn and Harrison 2024, equation 6), compiled by XLA:
# for every term the mean over the indices it drops, a matrix [channels, channels], and the result broadcast or put on
# diagonals. It has as many terms and products as the published layer; it is not the published code.

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
    about, works = {}, {}
    for name, function in {"forward": apply, "backward": total}.items():
        if name not in config["directions"]:
            continue
        began = time.perf_counter()
        compiled = jax.jit(function).lower(theta, x).compile()
        about[f"{name}CompileMs"] = (time.perf_counter() - began) * 1000
        works[name] = lambda compiled=compiled: jax.block_until_ready(compiled(theta, x))
    return works, {"version": jax.__version__, **about}


serve(build)
