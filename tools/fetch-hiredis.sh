#!/usr/bin/env bash
# Fetches the source of hiredis, which comes inside the PyPI source package of the same name, and builds it unpatched
# (plain and TLS). Nothing of it is committed.
set -euo pipefail
target=$1
version=3.2.1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$work" "hiredis==$version"
tar -xzf "$work"/hiredis-*.tar.gz -C "$work"
source=$(dirname "$(find "$work" -path '*vendor/hiredis/hiredis.h' -o -path '*/hiredis/hiredis.h' | head -1)")
[ -f "$source/hiredis.c" ] || { echo "the source package of hiredis $version has no hiredis.c" >&2; exit 1; }
mkdir -p "$target"
cp -r "$source"/. "$target"
cd "$target"
objects=()
for file in alloc async hiredis net read sds sockcompat ssl; do
    [ -f "$file.c" ] || { [ "$file" = ssl ] && continue; echo "missing: $file.c" >&2; exit 1; }
    cc -O2 -g -fPIC -std=c99 -D_GNU_SOURCE -w -c "$file.c" -o "$file.o"
    objects+=("$file.o")
done
ar rcs libhiredis.a "${objects[@]}"
