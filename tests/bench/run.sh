#!/usr/bin/env bash
# The whole-program benchmark: each job over the same file as a plain single-threaded Rust program that does the same work.
# Runs alternate, so that a noisy machine disturbs both; medians are printed as a Markdown table.
#
# usage: run.sh BINARIES MODULES    environment: RUNS=5 WORDS=20000000 EVENTS=10000000 DATA=folder for the inputs
set -euo pipefail
binaries=$1
modules=$2
runs=${RUNS:-5}
words=${WORDS:-20000000}
events=${EVENTS:-10000000}
data=${DATA:-${TMPDIR:-/tmp}/wasmstream-bench-data}
mkdir -p "$data"
words_file="$data/words-$words.txt"
events_file="$data/events-$events.jsonl"
[ -f "$words_file" ] || { "$binaries/generate" words "$words" 100000 "$words_file.tmp" && mv "$words_file.tmp" "$words_file"; }
[ -f "$events_file" ] || { "$binaries/generate" events "$events" 1000000 "$events_file.tmp" && mv "$events_file.tmp" "$events_file"; }
out="$(mktemp -d)"
trap 'rm -rf "$out"' EXIT

# One run of a job: prints wall seconds, peak RSS in MiB, p50 and p99 of batches in ms, seconds to the first result.
job() {
    local module=$1 source=$2 sink=$3 workers=$4
    rm -rf "$out/rows"
    "$binaries/wasmstream" run "$modules/$module.wasm" --source "$source" --sink "$sink=file:$out/rows" \
        --workers "$workers" --output json |
        sed -E 's/.*"wall_s":([0-9.]+).*"batch_p50_ms":([0-9.]+).*"batch_p99_ms":([0-9.]+).*"first_result_s":([0-9.]+).*"peak_rss_bytes":([0-9]+).*/\1 \5 \2 \3 \4/'
}

# The median of column K of standard input.
median() {
    awk -v k="$1" '{print $k}' | sort -g | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'
}

measure() {
    local name=$1 module=$2 kind=$3 file=$4 source=$5 sink=$6 records=$7
    : >"$out/plain"; : >"$out/w1"; : >"$out/w2"
    for _ in $(seq "$runs"); do
        "$binaries/plain" "$kind" "$file" | sed -E 's/.*"wall_s":([0-9.]+).*/\1/' >>"$out/plain"
        job "$module" "$source=file:$file" "$sink" 1 >>"$out/w1"
        job "$module" "$source=file:$file" "$sink" 2 >>"$out/w2"
    done
    local plain
    plain=$(median 1 <"$out/plain")
    awk -v n="$name" -v s="$plain" -v r="$records" 'BEGIN {printf "| %s | plain Rust, 1 thread | %.2f | %.1f | 1.00 | | | |\n", n, s, r/s/1e6}'
    for workers in 1 2; do
        awk -v n="$name" -v w="$workers" -v plain="$plain" -v r="$records" \
            -v s="$(median 1 <"$out/w$workers")" -v rss="$(median 2 <"$out/w$workers")" \
            -v p50="$(median 3 <"$out/w$workers")" -v p99="$(median 4 <"$out/w$workers")" -v first="$(median 5 <"$out/w$workers")" \
            'BEGIN {printf "| %s | wasmstream, %d worker%s | %.2f | %.1f | %.2f | %.0f | %.0f / %.0f | %.2f |\n", n, w, (w > 1 ? "s" : ""), s, r/s/1e6, plain/s, rss/1048576, p50, p99, first}'
    done
}

echo "| Job | Program | Seconds | M records/s | Speed against plain | Peak RSS, MiB | Batch p50 / p99, ms | First result, s |"
echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
measure "(a) words, count by the host" wordcount words "$words_file" lines counts "$words"
measure "(b) words, count in the guest" wordcount-state words "$words_file" lines counts "$words"
measure "(c) JSON events, totals in the guest" user-totals events "$events_file" events totals "$events"

echo "a line" >"$data/line.txt"
job wordcount "lines=file:$data/line.txt" counts 1 >/dev/null
start=$(date +%s%N)
job wordcount "lines=file:$data/line.txt" counts 1 >/dev/null
end=$(date +%s%N)
awk -v ns=$((end - start)) 'BEGIN {printf "\nA one-line file, module in the compile cache: %.3f s from start to end.\n", ns/1e9}'
