#!/bin/bash
# Installs what is missing, builds, checks the style, and runs every test. Can be run again.
# Ends with ctest's summary; fails if a test or the style did.
# Usage: scripts/test.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/install_packages.sh build test style
cmake --preset release --log-level=WARNING
cmake --build --preset release
style=0
scripts/check_style.sh || style=$?  # the tests run all the same
ctest --preset release --parallel "$(nproc)"
exit $style
