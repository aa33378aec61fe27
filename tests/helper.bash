# What the bats files share: `load helper`. The programs of BUILD come first in PATH, the test peers after them.
bats_require_minimum_version 1.5.0

BUILD=$(cd "${BUILD:-${BASH_SOURCE[0]%/*}/../build}" && pwd)
PATH=$BUILD/bin:$BUILD/tests/peer:$PATH
if command -v ps >/dev/null; then # bats needs it to end a test
    export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-180}
fi
started=()

# Skips the test where TOOL is missing.
need() {
    command -v "$1" >/dev/null || skip "$1 is missing"
}

# start_listener NAME ARGS…: starts it in the background, stdin from $INPUT (/dev/null), stdout to …/out, stderr to
# …/err of the test's own folder, and waits until it is ready. Sets LISTENER (its pid), ENDPOINTS (the bound sockets,
# as it names them) and PORT (of the first).
start_listener() {
    local ready
    ready=$(mktemp -u "$BATS_TEST_TMPDIR/ready.XXXXXX")
    mkfifo "$ready"
    "$@" -R 5 5>"$ready" <"${INPUT:-/dev/null}" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    LISTENER=$!
    started+=("$LISTENER")
    mapfile -t ENDPOINTS <"$ready"
    export PORT=${ENDPOINTS[0]##*:}
    if [ ${#ENDPOINTS[@]} = 0 ]; then
        wait_listener
        echo "$1 ended with status $status and never was ready:"
        cat "$BATS_TEST_TMPDIR/err"
        return 1
    fi
}

# Waits until the listener ends by itself; its exit status is in $status.
wait_listener() {
    status=0
    wait "$LISTENER" || status=$?
    local pid others=()
    for pid in "${started[@]}"; do
        [ "$pid" = "$LISTENER" ] || others+=("$pid")
    done
    started=("${others[@]}")
}

# stop_listener [SIGNAL]: sends it SIGNAL (TERM) and waits; its exit status is in $status.
stop_listener() {
    kill -s "${1:-TERM}" "$LISTENER"
    wait_listener
}

# Ends what start_listener started and nobody has waited for, by its pid.
end_started() {
    local pid
    for pid in "${started[@]}"; do
        kill -s KILL "$pid" 2>/dev/null || :
        wait "$pid" 2>/dev/null || :
    done
    started=()
}

# A bats file with a teardown of its own calls end_started in it.
teardown() {
    end_started
}
