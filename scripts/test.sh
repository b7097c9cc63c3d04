#!/bin/bash
# Installs what is missing, builds, checks the style, and runs every test. Can be run again.
# Ends with ctest's summary, and succeeds if all of it did.
# Usage: scripts/test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh build test style
cmake --preset release --log-level=WARNING
cmake --build --preset release
scripts/check_style.sh
ctest --preset release --parallel "$(nproc)"
