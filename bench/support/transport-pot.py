"""Milliseconds of POT's sliced distance (numpy), order 1, 100 directions, for the sizes on the command line."""

import json
import sys
import time

import numpy as np
import ot

request = json.loads(sys.argv[1])
rows = []
for size, rounds in zip(request["sizes"], request["rounds"]):
    n, d = size["n"], size["d"]
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, d))
    projections = rng.normal(size=(d, 100))
    projections /= np.linalg.norm(projections, axis=0)
    taken = []
    for _ in range(2 * rounds):
        began = time.perf_counter()
        ot.sliced_wasserstein_distance(x, y, p=1, projections=projections)
        taken.append(1000 * (time.perf_counter() - began))
    rows.append({"n": n, "d": d, "sw": sorted(taken[rounds:])[rounds // 2]})
print(json.dumps({"version": ot.__version__, "numpy": np.__version__, "cases": rows}))
