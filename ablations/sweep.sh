#!/bin/bash
# Runs resnext-sweep of the build (RESNEXT_BUILD, else build/release), or of PATH where there is none.
set -euo pipefail
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
program=${RESNEXT_BUILD:-$root/build/release}/ablations/resnext-sweep
[[ -x $program ]] || program=$(command -v resnext-sweep) || {
  echo "sweep.sh: error: there is no resnext-sweep yet; in $root run: cmake --preset release && cmake --build --preset release" >&2
  exit 1
}
exec "$program" "$@"
