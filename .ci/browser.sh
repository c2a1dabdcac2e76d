#!/bin/sh
# Fetches what tests in a browser need: Chromium, and ONNX Runtime for the web into build/ort-web.
# Without a network, or the right to install, these tests are skipped: that is said, and no failure.
set -eu
cd "$(dirname "$0")/.."

# The nearest to onnxruntime in constraints.txt: not every release is made for the web.
version=1.30.0
# As registry.npmjs.org states it, in hexadecimal.
sha512=ab4cbe26baedba45d2cec05610c71c55fa97db92d19a8b171c5f8269126683ca
sha512=${sha512}590a5cdc57bb2f35ce2b298de32f4d956fb42644c0ecd528a0a91e025c07ca61
archive=onnxruntime-web-$version.tgz
# The other 120 MB are for graphics processors and for those who debug it.
wanted="package/package.json package/dist/ort.wasm.min.mjs
    package/dist/ort-wasm-simd-threaded.mjs package/dist/ort-wasm-simd-threaded.wasm"
kept=build/ort-web/package

say() {
    echo ".ci/browser.sh: $*" >&2
}

has_chromium() {
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null
}

install_chromium() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || return 1
    quick="-o Acquire::http::Timeout=20 -o Acquire::Retries=1"
    # shellcheck disable=SC2086  # they are several words
    apt-get $quick -qq update >&2 &&
        DEBIAN_FRONTEND=noninteractive apt-get $quick -qq --no-install-recommends --yes \
            install chromium >&2
}

# Through whatever client there is; npm's may know a mirror.
download() {
    if command -v npm >/dev/null &&
        (cd "$1" && npm pack --silent --fetch-retries=1 --fetch-timeout=60000 \
            "onnxruntime-web@$version") >/dev/null; then
        return
    fi
    url=https://registry.npmjs.org/onnxruntime-web/-/$archive
    if command -v curl >/dev/null; then
        curl --fail --silent --show-error --location --connect-timeout 20 --max-time 300 \
            --output "$1/$archive" "$url"
    else
        python3 -c 'import socket, sys, urllib.request
socket.setdefaulttimeout(60)
urllib.request.urlretrieve(*sys.argv[1:])' "$url" "$1/$archive"
    fi
}

is_here() {
    grep -q "\"version\": \"$version\"" "$kept/package.json" 2>/dev/null
}

has_chromium || install_chromium || say "Chromium cannot be installed here"
has_chromium || say "there is no Chromium: tests of what pages do are skipped"
if is_here; then
    exit
fi

mkdir -p build/ort-web
fresh=$(mktemp -d build/ort-web/fresh.XXXXXX)
trap 'rm -rf "$fresh"' EXIT
trap 'exit 130' INT TERM
if ! download "$fresh"; then
    say "$archive cannot be fetched: tests of a bundle in a browser are skipped"
    exit 0
fi
found=$(python3 -c 'import hashlib, sys
print(hashlib.sha512(open(sys.argv[1], "rb").read()).hexdigest())' "$fresh/$archive")
if [ "$found" != "$sha512" ]; then
    say "$archive is not what it was: its sha512 is $found. Nothing was unpacked."
    exit 1
fi
# shellcheck disable=SC2086  # they are several names
tar -xzf "$fresh/$archive" -C "$fresh" $wanted
rm -rf "$kept"
mv "$fresh/package" "$kept"
