#!/usr/bin/env bash
# The demo: counts the words of every Rust source file that cargo has downloaded for the build.
set -euo pipefail
bin=$1
modules=$2
sources="${CARGO_HOME:-$HOME/.cargo}/registry/src"
out="$(mktemp -d "${TMPDIR:-/tmp}/wasmstream-demo.XXXXXX")"

echo
echo "Counting the words of $(find "$sources" -name '*.rs' | wc -l) Rust files below $sources"
"$bin" run "$modules/wordcount.wasm" --source "lines=file:$sources/**/*.rs" --sink "counts=file:$out" \
    --set records.on-bad=replace

echo
echo "The most frequent words:"
# The last row of a word, in the order of the files' names, is its total.
cat "$out"/*.csv | awk -F, '
    { word = $0; sub(/,[0-9]+$/, "", word); count[word] = $NF }
    END { for (word in count) printf "%10d  %s\n", count[word], word }' | sort -rn | awk 'NR <= 10'
echo
echo "All results: $out"
