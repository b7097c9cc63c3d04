#!/bin/bash
# Builds and tests this working tree on another Debian release, in a folder made by debootstrap.
# Usage: scripts/test_on.sh SUITE [--root DIR]      e.g. scripts/test_on.sh trixie
# DIR (default: ~/.cache/resnext/SUITE) is kept, so that a second run only builds what changed.
# Needs root, and the package debootstrap. Debian's mirror is the one that apt uses here.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

fail() {
  echo "test_on.sh: error: $1" >&2
  exit "${2:-1}"
}

suite=""
root=""
while [[ $# -gt 0 ]]; do
  case $1 in
    --root) [[ $# -ge 2 ]] || fail "--root needs a folder" 2; root=$2; shift 2 ;;
    -h | --help) sed -n '2,5s/^# //p' "$0"; exit 0 ;;
    -*) fail "unknown option '$1'" 2 ;;
    *) [[ -z $suite ]] || fail "one SUITE at a time" 2; suite=$1; shift ;;
  esac
done
[[ -n $suite ]] || fail "which Debian release? e.g. scripts/test_on.sh trixie" 2
[[ $EUID -eq 0 ]] || fail "debootstrap and chroot need root; run it with sudo"
command -v debootstrap >/dev/null || fail "debootstrap is missing; apt-get install debootstrap"
root=$(realpath -m "${root:-${XDG_CACHE_HOME:-$HOME/.cache}/resnext/$suite}")

# Moved into place when complete, so that an interrupted one is not taken for a Debian.
make_root() {
  local mirror
  mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Origin: Debian' | head -n 1)
  [[ -n $mirror ]] || fail "apt knows no mirror of Debian; run apt-get update"
  echo "Making a Debian $suite in $root"
  rm -rf "$root.partial"
  mkdir -p "$(dirname "$root")"
  debootstrap --variant=minbase "$suite" "$root.partial" "$mirror" >"$root.log" 2>&1 ||
    fail "debootstrap failed; see $root.log"
  echo force-unsafe-io >"$root.partial/etc/dpkg/dpkg.cfg.d/unsafe-io"  # it can be made again
  mv "$root.partial" "$root"
}

# The tracked files, as they are in the working tree; an earlier build stays and is brought up to date.
copy_sources() {
  local to=$root/resnext
  mkdir -p "$to"
  find "$to" -mindepth 1 -maxdepth 1 ! -name build -exec rm -rf {} +
  git ls-files -z | while IFS= read -r -d '' file; do
    [[ ! -e $file ]] || printf '%s\0' "$file"
  done | tar -c --null -T - | tar -x --no-same-owner -C "$to"
}

configure_network() {
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  apt-config dump --format '%F "%v";%n' Acquire | grep -E '^Acquire::(https?::proxy|check-)' -i \
    >"$root/etc/apt/apt.conf.d/90host" || true
}

[[ -d $root ]] || make_root
copy_sources
configure_network

# In namespaces of its own, so that mounts and processes go with it, whatever ends this script.
exec unshare --mount --pid --fork --kill-child bash -euc '
  root=$1
  mount --bind "$root" "$root"  # a mount point, as tests with mounts of their own need
  mount -t proc proc "$root/proc"
  mount --rbind /sys "$root/sys"
  mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
  mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
  exec chroot "$root" /usr/bin/env -i HOME=/root TERM=dumb LANG=C.UTF-8 \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    nice bash /resnext/scripts/test.sh
' test_on "$root" </dev/null
