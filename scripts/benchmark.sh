#!/bin/bash
# Measures this project beside PyTorch, in turn in one run, and prints a table of targets and figures
# (scripts/benchmark/README.md says how each is derived). Installs what is missing, and builds.
# Wants an idle machine, and about 40 minutes of it on 2 cores; --only ROW measures a part.
# Usage: [PYTHON=/path/to/python3] scripts/benchmark.sh [--only ROW ...] [--rounds N] [--list] [--out FILE.h5]
# PYTHON: one whose PyTorch is measured instead of Debian's.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
main=$here/benchmark/main.py

for word in "$@"; do
  [[ $word != --list && $word != --help && $word != -h ]] || exec /usr/bin/python3 "$main" "$@"
done
# Another PyTorch given, Debian's is not needed: the tests' packages are the rest.
"$here/install_packages.sh" build "$([[ -n ${PYTHON:-} ]] && echo test || echo benchmark)" >&2
(
  cd "$here/.."
  cmake --preset release --log-level=WARNING >/dev/null
  cmake --build --preset release --target resnext-info resnext-data resnext-worker resnext-launch \
    machine_peak reduction_rate loader_rate
) >&2
exec /usr/bin/python3 "$main" "$@"
