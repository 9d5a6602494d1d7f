"""Gradient boosted trees on the statistics of networks, beside functionals.

    npx weightspace experiment generalization --zoo <zoo> --models stat-nn --statistics runs/statistics ...
    python experiments/boosted-trees.py runs/statistics trees.json --seeds 5 --seconds 300
    npx weightspace experiment generalization --zoo <zoo> --models stat-nn,unf --also trees.json ...

scikit-learn's HistGradientBoostingRegressor (pip install scikit-learn==1.9.1 scipy==1.17.1). Configurations are drawn for so many
seconds and judged by Kendall's tau on validation.csv; test.csv and moved.csv are predicted once, by the best, with every seed. Where
there are tables of every training (--resplit), each learns from its own.
"""

import argparse
import json
import os
import time

import numpy as np
from scipy.stats import kendalltau
from sklearn.ensemble import HistGradientBoostingRegressor


def read(folder, name):
    values = np.loadtxt(f"{folder}/{name}.csv", delimiter=",", skiprows=1, ndmin=2)
    return values[:, 1:], values[:, 0]


def read_own(folder, name, seed):
    own = f"{name}-{seed}"
    return read(folder, own if os.path.exists(f"{folder}/{own}.csv") else name)


def draw(random):
    return {
        "learning_rate": float(10 ** random.uniform(-2.5, -0.3)),
        "max_iter": int(random.choice([100, 200, 400, 800])),
        "max_leaf_nodes": int(random.choice([7, 15, 31, 63])),
        "min_samples_leaf": int(random.choice([5, 10, 20, 40])),
        "l2_regularization": float(10 ** random.uniform(-4, 2)),
        "max_features": float(random.choice([0.3, 0.6, 1.0])),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("output")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--name", default="boosted-trees")
    asked = parser.parse_args()
    x, y = read(asked.folder, "train")
    held, truth = read(asked.folder, "validation")
    random = np.random.default_rng(0)
    began, tried = time.perf_counter(), []
    while not tried or time.perf_counter() - began < asked.seconds:
        options = draw(random)
        model = HistGradientBoostingRegressor(random_state=0, **options).fit(x, y)
        tried.append((kendalltau(model.predict(held), truth).statistic, options))
    tau, options = max(tried, key=lambda each: each[0])
    print(f"{len(tried)} configurations, validation tau {tau:.4f}: {options}")
    trainings = []
    for seed in range(asked.seeds):
        (own, targets), (test, _), (moved, _) = (
            read_own(asked.folder, name, seed) for name in ("train", "test", "moved")
        )
        started = time.perf_counter()
        model = HistGradientBoostingRegressor(random_state=seed, **options).fit(own, targets)
        seconds = time.perf_counter() - started
        trainings.append(
            {
                "seed": seed,
                "predicted": model.predict(test).tolist(),
                "moved": model.predict(moved).tolist(),
                "seconds": seconds,
            }
        )
    with open(asked.output, "w") as file:
        json.dump({"model": asked.name, "trainings": trainings}, file)


if __name__ == "__main__":
    main()
