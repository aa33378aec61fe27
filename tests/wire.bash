# A peer that the shell plays byte by byte (`load wire` after helper), and the ends of a listener that a test holds in
# its hands: a log that it can wait for, a stdout whose reader does not read.

ENQ=$'\x05' ACK=$'\x06' NAK=$'\x15' EOT=$'\x04'
PATIENCE=30 # seconds that hear waits

# dial [PORT]: connects. WIRE is the descriptor of the newest connection.
dial() {
    exec {WIRE}<>"/dev/tcp/127.0.0.1/${1:-$PORT}"
}

hang_up() {
    exec {WIRE}>&-
}

say() {
    printf %s "$1" >&"$WIRE"
}

# hear BYTE: it has to be the next to come, within PATIENCE; CLOSE: the peer has to close.
hear() {
    local LC_ALL=C byte='' status=0
    IFS= read -r -d '' -n 1 -t "$PATIENCE" -u "$WIRE" byte || status=$?
    if [ "$1" = CLOSE ]; then
        if [ $status != 1 ] || [ -n "$byte" ]; then
            printf 'expected the end, got %q (status %s)\n' "$byte" "$status"
            return 1
        fi
    elif [ "$byte" != "$1" ]; then
        printf 'expected %q, got %q (status %s)\n' "$1" "$byte" "$status"
        return 1
    fi
}

# frame NUMBER TEXT [END]: as LIS01 has it; END is ETX unless given.
frame() {
    local body=$1$2${3:-$'\x03'} sum
    sum=$(printf %s "$body" | od -An -v -tu1 | awk '{ for (i = 1; i <= NF; i++) sum += $i } END { print sum % 256 }')
    printf '\x02%s%02X\r\n' "$body" "$sum"
}

say_frame() {
    frame "$@" >&"$WIRE"
}

# message ID: a short message with that control id.
message() {
    printf 'H|\\^&|%s||wire\rP|1||4711||Quimby^Ada\rR|1|^^^GLU|5.4\rL|1|N\r' "$1"
}

# deliver ID [ANSWER]: a session with one message in one frame, which has to be answered with ACK (or ANSWER). All of it
# is made before the session begins, so that a timer of the other side does not wait for that.
deliver() {
    local frame
    frame=$(frame 1 "$(message "$1")" && echo .)
    say "$ENQ" && hear "$ACK" && say "${frame%.*}" && hear "${2:-$ACK}" && say "$EOT"
}

# play_host: plays the script on stdin to whoever connects; PORT is where. wait_host waits for its end, which is good or
# bad as the script was followed or not.
play_host() {
    local ready=$BATS_TEST_TMPDIR/ready.host
    cat >"$BATS_TEST_TMPDIR/script"
    mkfifo "$ready"
    play -l -R 6 0 "$BATS_TEST_TMPDIR/script" 6>"$ready" 3>&- &
    HOST=$!
    started+=("$HOST")
    read -r PORT <"$ready"
}

wait_host() {
    wait "$HOST"
}

# hold_log: the log of the listener that is started next can be waited for.
hold_log() {
    mkfifo "$BATS_TEST_TMPDIR/err"
    exec {LOG}<>"$BATS_TEST_TMPDIR/err"
}

# await_log PATTERN: reads the log up to a line that matches.
await_log() {
    local line
    while IFS= read -r -t 40 -u "$LOG" line; do
        # shellcheck disable=SC2053 # a pattern
        [[ $line != $1 ]] || return 0
    done
    echo "the log never said: $1"
    return 1
}

# none COMMAND…: it has to end with 1, as grep does that finds nothing, and cmp where files differ.
none() {
    local status=0
    "$@" || status=$?
    [ $status = 1 ]
}

# stall_out [FREE]: stdout of the listener that is started next is a pipe that has room for FREE bytes (0) only.
stall_out() {
    mkfifo "$BATS_TEST_TMPDIR/out"
    exec {OUT}<>"$BATS_TEST_TMPDIR/out"
    dd if=/dev/zero of="$BATS_TEST_TMPDIR/out" oflag=nonblock bs=4096 2>/dev/null || :
    [ -z "${1:-}" ] || head -c "$1" <&"$OUT" >/dev/null
}

# resume_out: its reader, who holds nothing else open, reads on, and all that the listener prints goes to …/lines.
resume_out() {
    local read
    exec {read}<"$BATS_TEST_TMPDIR/out"
    (
        for fd in {3..60}; do
            eval "exec $fd>&-"
        done
        exec tr -d '\0'
    ) <&"$read" >"$BATS_TEST_TMPDIR/lines" &
    READER=$!
    exec {OUT}>&- {read}<&-
}
