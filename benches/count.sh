#!/usr/bin/env bash
# Counts what the processor executes for an operation: instructions, read-modify-writes, full barriers.
#
#   benches/count.sh                       every operation below, with 1, 2 and 4 workers
#   benches/count.sh yield ring            these only; any case of the benchmarks is an operation
#   RUNTIME=tokio WORKERS="1 2" benches/count.sh yield
#   benches/count.sh --check               only runs each operation once, without valgrind
#
# Needs valgrind, objdump and x86-64. An operation runs under callgrind at two sizes, ten times as often at the
# second; a figure is the difference of the two counts by that of the operations, so that the start and end of
# the runtime drop out. All threads are counted. The read-modify-writes of the system's libraries stand behind a
# "+": they are malloc's, whose slower paths take a lock.
#
# Read-modify-writes are instructions that lock their line of memory (a lock prefix, or an exchange with
# memory); full barriers are those that change nothing on the top of the stack, and mfence. Both
# are found by objdump, and counted by how often callgrind saw their address.
#
# Under valgrind one thread runs at a time, and some fifty times as slowly. So with several workers
# this shows what being one of several costs a worker, and little of what thieves and contention cost; and what goes by
# the clock happens more often for each operation than it does in reality.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly operations=(spawn_await_one spawn_join_1000 spawn_many_1000 spawn_detached_1000 chained_spawn yield
    timeout_churn skynet fib_join skynet_join ring ping_pong sleep_abort)
# Tenths below the full size of each operation.
readonly small=2 large=1 tiny=3
readonly runtime=${RUNTIME:-filch} workers=${WORKERS:-1 2 4}

main() {
    case ${1-} in
    -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' benches/count.sh && exit ;;
    --check) shift && check "$@" ;;
    *) table "$@" ;;
    esac
}

# The path of the program, built as it is measured.
build() {
    local built
    built=$(cargo bench -p filch-benches --bench count --no-run --message-format=json) || return
    sed -n 's/.*"name":"count".*"executable":"\([^"]*\)".*/\1/p' <<<"$built"
}

check() {
    [ $# -gt 0 ] || set -- "${operations[@]}"
    local program operation done_so_often
    program=$(build)
    for operation; do
        done_so_often=$("$program" "$runtime" "$operation" 2 "$tiny")
        [ "$done_so_often" -gt 0 ]
        echo "$operation: $done_so_often"
    done
}

table() {
    [ $# -gt 0 ] || set -- "${operations[@]}"
    need valgrind
    need objdump
    [ "$(uname -m)" = x86_64 ] || { echo "count.sh knows the instructions of x86-64 only" >&2 && exit 1; }
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
    local program operation number row few many
    program=$(build)
    echo "$runtime, each operation: instructions / read-modify-writes + those of libraries / full barriers"
    echo
    echo "| workers |$(printf ' %s |' $workers)"
    echo "|---|$(printf '%.0s---|' $workers)"
    for operation; do
        row="| \`$operation\` |"
        for number in $workers; do
            few=$(count "$operation" "$number" "$small")
            many=$(count "$operation" "$number" "$large")
            row+=" $(difference "$few" "$many") |"
        done
        echo "$row"
    done
}

need() {
    command -v "$1" >/dev/null || { echo "$1 is not installed; without it nothing can be counted" >&2 && exit 1; }
}

# How many operations, instructions, read-modify-writes, those of libraries, and barriers a run was.
count() {
    local out=$work/callgrind.out number
    number=$(valgrind -q --tool=callgrind --dump-instr=yes --compress-strings=no --compress-pos=no \
        --callgrind-out-file="$out" "$program" "$runtime" "$@") || return
    sed -n 's/^ob=//p' "$out" | sort -u >"$work/objects"
    local object
    while read -r object; do
        [ ! -f "$object" ] || [ -f "$work/locks$object" ] || locks "$object"
    done <"$work/objects"
    executed "$number" "$out"
}

# Writes the addresses of an object's locking instructions to a file of its own.
locks() {
    mkdir -p "$work/locks${1%/*}"
    objdump -d --no-show-raw-insn "$1" | awk '
        /\tmfence|\tlock or[lq] +\$0x0,[^,]*\(%[er]sp\)$/ { sub(":", "", $1); print "barrier 0x" $1; next }
        /\tlock |\txchg .*\(/ { sub(":", "", $1); print "change 0x" $1 }' >"$work/locks$1"
}

# Sums up callgrind's lines of an address, a line number and a count. The line below "calls=" is about what was
# called, which is counted at its own place.
executed() {
    awk -v operations="$1" -v program="$program" -v locks="$work/locks" '
        function know(object,   file, line, parts) {
            file = locks object
            while ((getline line < file) > 0) {
                split(line, parts, " ")
                kind[object, parts[2]] = parts[1] == "change" && object != program ? "library" : parts[1]
            }
            close(file)
        }
        /^ob=/ { object = substr($0, 4); if (!(object in known)) { known[object]; know(object) } next }
        /^calls=/ { getline; next }
        /^0x/ { all += $3; if ((object, $1) in kind) sum[kind[object, $1]] += $3 }
        /^totals: / { if ($2 != all) { print "callgrind counts " $2 ", not " all > "/dev/stderr"; exit 1 } }
        END { print operations, all, sum["change"] + 0, sum["library"] + 0, sum["barrier"] + 0 }' OFMT=%.0f "$2"
}

difference() {
    awk '
    # What the libraries do at the start varies a little: no "-0.00".
    function each_of(more) { return more < 0 && more > -0.005 ? 0 : more }
    {
        for (i = 2; i <= 5; i++) each[i] = each_of(($(i + 5) - $i) / ($6 - $1))
        printf "%.0f / %.2f + %.2f / %.2f\n", each[2], each[3], each[4], each[5]
    }' <<<"$*"
}

main "$@"
