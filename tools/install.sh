#!/usr/bin/env bash
# Installs what building and testing need and is missing, from Debian's packages; says plainly what is missing where it cannot.
set -euo pipefail
declare -A need=([redis-server]=redis-server [valgrind]=valgrind [cc]=gcc [g++]=g++ [nm]=binutils [python3]=python3 [curl]=curl
    [abidiff]=abigail-tools [clang]=clang)
missing=()
for tool in "${!need[@]}"; do command -v "$tool" >/dev/null || missing+=("${need[$tool]}"); done
[ -e /usr/include/openssl/ssl.h ] || missing+=(libssl-dev)
python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing: ${missing[*]} (Debian packages): install them and try again" >&2
        exit 1
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
for tool in node npm; do command -v $tool >/dev/null || { echo "missing: $tool (Node 18.18 or later)" >&2; exit 1; }; done
command -v cargo >/dev/null || { echo "missing: cargo and rustc, 1.95 or later" >&2; exit 1; }
