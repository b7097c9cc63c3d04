#!/bin/bash
# From a fresh Debian to a trained ResNeXt: installs packages, builds, packs Fashion-MNIST into HDF5
# shards, trains on all cores under MPI, and plots the run. Can be run again: skips what is done.
# Usage: scripts/quickstart.sh [RECIPE.ini]      (default: scripts/quickstart.ini)
set -euo pipefail
recipe=$(realpath -e "${1:-$(dirname "${BASH_SOURCE[0]}")/quickstart.ini}")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
recipe=$(realpath --relative-base . "$recipe")
run=results/$(basename "$recipe" .ini)

step() { printf '\n== %s\n' "$1"; }

pack() {
  [[ ! -e shards/fashion-mnist-$1-00000-of-00001.h5 ]] || return 0
  build/release/data/resnext-data pack /usr/share/datasets/fashion-mnist --split "$1" \
    --class-names scripts/fashion_mnist_classes.txt --out shards --name "fashion-mnist-$1"
}

step "Packages"
scripts/install_packages.sh build quickstart

step "Build (build/release)"
cmake --preset release --log-level=WARNING >/dev/null
cmake --build --preset release --target resnext-info resnext-data resnext-worker resnext-launch

step "Fashion-MNIST in HDF5 shards (shards)"
pack train
pack test
build/release/data/resnext-data inspect shards/fashion-mnist-train

step "Training ($recipe)"
build/release/launcher/resnext-launch -- --config "$recipe" \
  --data shards/fashion-mnist-train --val-data shards/fashion-mnist-test \
  --out "$run.h5" --checkpoint-dir "$run-checkpoints"

step "Results"
scripts/plot_training.py "$run.h5"
/usr/bin/python3 - "$run.h5" <<'PYTHON'
import sys, h5py
with h5py.File(sys.argv[1]) as run:
    summary = run["summary"].attrs
    print(f"Validation top-1 error: {summary['validation_top1_error']:.2f}%"
          f" after {summary['epochs']:.3g} epochs ({sys.argv[1]})")
PYTHON
