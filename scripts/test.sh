#!/bin/bash
# Installs what is missing, builds, checks the style, and runs every test. Can be run again.
# Usage: scripts/test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh build test
cmake --preset release --log-level=WARNING
cmake --build --preset release
ctest --preset release --parallel "$(nproc)"
