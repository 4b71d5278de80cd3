#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Install the Debian packages named that are missing: as root directly, else say the one command to run.
set -eu

missing=
for package in "$@"; do
    if ! dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "This is not Debian: make sure that what these packages hold is there:$missing" >&2
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Packages are missing. Run this, then try again:" >&2
    echo "  sudo apt-get install -y --no-install-recommends$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >&2
# Word splitting is meant: one argument per package.
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >&2
