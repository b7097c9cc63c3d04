#!/bin/bash
# Installs the Debian packages that the project needs (Debian 12 and 13), and only those not there yet.
# Usage: scripts/install_packages.sh [build] [quickstart] [test] [style] [benchmark]   (default: all but benchmark)
# The one list of packages: whatever needs another one adds it here.
set -euo pipefail

declare -A packages=(
  [build]="git g++ cmake ninja-build libopenmpi-dev openmpi-bin libhdf5-dev
           libboost-program-options-dev libfmt-dev nlohmann-json3-dev libtomlplusplus-dev
           libjpeg62-turbo-dev libpng-dev zlib1g-dev libgtest-dev libgmock-dev"
  [quickstart]="dataset-fashion-mnist python3-h5py python3-matplotlib python3-numpy"
  [test]="python3-fonttools python3-h5py python3-matplotlib python3-numpy python3-pil fonts-dejavu-core
          chromium"
  [benchmark]="python3-torch python3-h5py python3-matplotlib python3-numpy python3-pil"  # PyTorch to compare with
  [style]="clang-format-14 clang-tidy-14"  # fixed versions: others would format differently
)
# Only Debian 12 has these versions; elsewhere the style is not checked.
[[ $(. /etc/os-release && echo "$ID ${VERSION_ID:-}") == "debian 12" ]] || packages[style]=""
# What the rest can do without: where it cannot be had, its tests are skipped. The browser, which opens the reports as
# their readers do, is 123 MB to download and 411 MB on the disk.
optional=" chromium "

wanted=()
for group in "${@:-build quickstart test style}"; do
  for name in $group; do
    if [[ ! -v packages[$name] ]]; then
      echo "install_packages.sh: error: no group '$name'; the groups are: ${!packages[*]}" >&2
      exit 2
    fi
    read -r -d '' -a group_packages <<<"${packages[$name]}" || true
    wanted+=("${group_packages[@]}")
  done
done

is_installed() {
  [[ $(dpkg-query -W -f '${Status}' "$1" 2>/dev/null) == "install ok installed" ]]
}

missing=() missing_optional=()
for package in "${wanted[@]}"; do
  if is_installed "$package"; then
    continue
  elif [[ $optional == *" $package "* ]]; then
    missing_optional+=("$package")
  else
    missing+=("$package")
  fi
done
if [[ ${#missing[@]} -eq 0 && ${#missing_optional[@]} -eq 0 ]]; then
  echo "Packages: all there."
  exit 0
fi

as_root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "install_packages.sh: error: these packages are missing, and there is no sudo; as root, run:" >&2
    echo "  apt-get install --no-install-recommends ${missing[*]} ${missing_optional[*]}" >&2
    [[ ${#missing[@]} -eq 0 ]] && exit 0
    exit 1
  fi
  as_root=(sudo)
fi

echo "Packages: installing ${missing[*]} ${missing_optional[*]}"
apt() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null
}
apt update || echo "install_packages.sh: warning: the package lists could not be renewed" >&2
install() {
  apt install --yes --no-install-recommends "$@" >/dev/null
}
[[ ${#missing[@]} -eq 0 ]] || install "${missing[@]}"
for package in "${missing_optional[@]}"; do
  install "$package" ||
    echo "install_packages.sh: warning: no package '$package'; the tests that need it will be skipped" >&2
done
