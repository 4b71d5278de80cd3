#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Extract Debian's kernel source and prepare a build of it for the tests: setup-kernel.sh CACHE PTREGS-AUDIT
#
# Makes CACHE/linux (the tree) and CACHE/build, and nothing when both are already up to date.
set -eu

if [ $# -ne 2 ]; then
    echo "usage: $0 CACHE PTREGS-AUDIT" >&2
    exit 2
fi
mkdir -p "$1"
cache=$(cd "$1" && pwd)
audit=$2
tarball=${PTREGS_KERNEL_TARBALL:-/usr/src/linux-source-6.1.tar.xz}
config=$(cd "$(dirname "$0")" && pwd)/kernel.config

for input in "$tarball" "$config"; do
    if [ ! -f "$input" ]; then
        echo "$0: $input is missing (Debian: apt-get install linux-source-6.1; the configuration is part of tests/)" >&2
        exit 1
    fi
done

digest() { sha256sum | cut -d' ' -f1; }
# A stamp is written last, so that an interrupted run is never taken for a finished one.
current() { [ -f "$1" ] && [ "$(cat "$1")" = "$2" ]; }

source_id=$(digest <"$tarball")
if ! current "$cache/linux.stamp" "$source_id"; then
    echo "Extracting $tarball into $cache" >&2
    rm -rf "$cache/linux" "$cache/linux.new" "$cache/linux.stamp" "$cache/build.stamp"
    mkdir "$cache/linux.new"
    tar -xJf "$tarball" -C "$cache/linux.new" --strip-components=1
    mv "$cache/linux.new" "$cache/linux"
    echo "$source_id" >"$cache/linux.stamp"
fi

build_id=$source_id-$(digest <"$config")-$(gcc --version | digest)
if ! current "$cache/build.stamp" "$build_id"; then
    echo "Preparing $cache/build" >&2
    rm -rf "$cache/build" "$cache/build.stamp"
    "$audit" prepare "$cache/linux" --build "$cache/build" --config "$config" --jobs "$(nproc)" >&2
    echo "$build_id" >"$cache/build.stamp"
fi
