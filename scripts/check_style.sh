#!/bin/bash
# Checks the style of the tracked sources: clang-format on all of them, and clang-tidy (.clang-tidy) on
# all but the tests. Needs build/release, and version 14 of both programs (Debian 12), since others
# find and format differently; says so and succeeds without them. Skips what has not changed.
# Usage: scripts/check_style.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! command -v clang-format-14 >/dev/null || ! command -v clang-tidy-14 >/dev/null; then
  echo "Style: not checked; clang-format and clang-tidy 14 are not there."
  exit 0
fi
if ! git rev-parse --git-dir >/dev/null 2>&1; then
  echo "Style: not checked; this is no git checkout."
  exit 0
fi

# Sources whose last good check is older than they, what they include, or .clang-tidy. Ninja knows what
# they include: a paragraph for each object, with a line about it, one of the source, one a header.
outdated() {
  local source headers
  ninja -C build/release -t deps | awk -v RS= '{ sub(/^[^\n]*\n */, ""); gsub(/\n */, " "); print }' |
    while read -r source headers; do
      local name=${source#"$PWD/"}
      [[ $name =~ ^(cli|net|data|worker|launcher|ablations|scripts)/.*\.cpp$ ]] || continue
      local stamp=build/tidy/$name
      # shellcheck disable=SC2086
      if [[ ! -e $stamp || -n $(find "$source" $headers .clang-tidy -newer "$stamp" -print -quit) ]]; then
        echo "$name"
      fi
    done | sort -u
}

tidy() {
  local stamp=build/tidy/$1
  mkdir -p "$(dirname "$stamp")"
  touch "$stamp.started"
  if clang-tidy-14 -p build/release --quiet "$1" 2>"$stamp.log"; then
    mv "$stamp.started" "$stamp"
  else
    grep -E 'error: |fatal' "$stamp.log" >&2
    return 1
  fi
}
export -f tidy

git ls-files -z '*.cpp' '*.h' | xargs -0 clang-format-14 --dry-run --Werror
mapfile -t sources < <(outdated)
if [[ ${#sources[@]} -gt 0 ]]; then
  printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'tidy "$1"' tidy
fi
echo "Style: clean (clang-tidy on ${#sources[@]} changed sources)."
