#!/bin/bash
# Asks a machine with NVIDIA GPUs everything that no machine without them can answer: builds, then
# runs scripts/gpu_check.py, which takes ten minutes. One H100 has answered (net/cuda/README.md):
# please send the report (results/gpu_check/report.json) of another kind, or of several GPUs.
# Usage: scripts/gpu_check.sh [options of gpu_check.py]     e.g. scripts/gpu_check.sh --gpus 2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh build test
cmake --preset cuda --log-level=WARNING
cmake --build --preset cuda --target resnext-info resnext-worker resnext_cuda resnext-plan-graphs cuda_engine_test
RESNEXT_BUILD=build/cuda exec scripts/gpu_check.py "$@"
