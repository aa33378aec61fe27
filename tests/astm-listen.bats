# The contract of astm-listen: endpoints, hand-over and acknowledgement, limits, signals, exit status. What it answers
# on the wire, byte by byte, is in astm-peer.bats.
load helper
load wire

setup() {
    DIR=$BATS_TEST_TMPDIR
}

# refused STATUS WORD ARGS…: with these arguments it ends with that status, says why on stderr and nothing on stdout.
refused() {
    local wanted=$1 word=$2
    shift 2
    run --separate-stderr timeout 20 astm-listen "$@"
    # shellcheck disable=SC2154 # run sets it
    if [ "$status" != "$wanted" ] || [ -n "$output" ] || [[ $stderr != *"$word"* ]]; then
        echo "astm-listen $*: status $status, expected $wanted and '$word': $stderr"
        return 1
    fi
}

# in_folder NAME COMMAND…: with a folder of its own for out, err and the like.
in_folder() {
    local BATS_TEST_TMPDIR=$DIR/$1
    mkdir -p "$BATS_TEST_TMPDIR"
    shift
    "$@"
}

count_lines() {
    [ "$(wc -l <"$1")" = "$2" ] || {
        echo "$1 has $(wc -l <"$1") lines, not $2"
        return 1
    }
}

# Each message of FILE is there once.
all_different() {
    [ -z "$(grep -o '"control_id":"[^"]*"' "$1" | sort | uniq -d)" ]
}

# ---- help, usage, exit status ----

@test "--help and --version go to stdout, exit 0" {
    run --separate-stderr astm-listen --help
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'usage: astm-listen '* ]]
    run --separate-stderr astm-listen -V
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'astm-listen (instlink) '[0-9]* ]]
    run -74 bash -c 'astm-listen --help >/dev/full'
    run -74 bash -c 'astm-listen --version >&-'
}

@test "a wrong command line ends with 64 and says what is wrong" {
    echo secret >"$DIR/password"
    refused 64 'no endpoint'
    refused 64 "Try 'astm-listen --help'" --no-such-option 0
    refused 64 brackets ::1:4000
    refused 64 65535 127.0.0.1:70000
    refused 64 "every address" 'dial:*:4000'
    refused 64 format -o yaml 0
    refused 64 several -n lab 0 0
    refused 64 --count -c many 0
    refused 64 --count -c 0 0
    refused 64 --ready-fd -R 99 0
    refused 64 stdout -R 1 0
    refused 64 capitals --get r.4 0
    refused 64 'not both' --get R.4 -o tsv 0
    refused 64 --checksum --checksum crc 0
    refused 64 --charset --charset klingon 0
    refused 64 --frame-numbers --frame-numbers some 0
    refused 64 --role --role judge 0
    refused 64 --timers --timers reply=soon 0
    refused 64 --timers --timers answer=1 0
    refused 64 --timers --timers reply 0
    refused 64 --message-timeout --message-timeout 1d 0
    refused 64 --max-message --max-message 0 0
    refused 64 --max-buffer --max-buffer 1T 0
    refused 64 --max-connections --max-connections 9999999999 0
    refused 64 --retry --retry 1,2 0
    refused 64 --retry --retry 5,0.5,600 0
    refused 64 --retry --retry 5,1.5,1 0
    refused 64 --dedup --dedup -1 0
    refused 64 'no socket' fd:0
    refused 64 'no socket' fd:77
}

@test "a link that is stdout at once ends with 64" {
    start_listener instsim astm --profile chemistry listen:127.0.0.1:0
    dial
    run timeout 20 bash -c "astm-listen fd:$WIRE >&$WIRE"
    [ "$status" = 64 ]
    [[ $output = *"records and answers would mix"* ]]
}

@test "a file that is not there ends with 66, one that may not be read with 77, one that cannot be made with 73" {
    refused 66 "$DIR/none" --password "$DIR/none" 0
    : >"$DIR/empty"
    refused 66 empty --password "$DIR/empty" 0
    refused 66 "$DIR" --password "$DIR" 0
    refused 73 "$DIR/none" --rejects "$DIR/none/rejects" 0
}

@test "an address in use, one that is not ours, or an unknown host ends with 69" {
    start_listener astm-listen 127.0.0.1:0
    refused 69 'in use' "$PORT"
    refused 69 "cannot listen" 192.0.2.1:0
    refused 69 unknown no-such-host.invalid:4000
}

@test "a dial that is given up, where nothing else is left, ends with 69" {
    start_listener astm-listen 127.0.0.1:0
    stop_listener
    refused 69 'given up after 2 attempts' --retry 0.01,1,1 --max-retries 1 "dial:127.0.0.1:$PORT"
    refused 69 'unknown; given up' --max-retries 0 dial:no-such-host.invalid:4000
}

@test "a system that gives no descriptors ends with 71" {
    run timeout 20 bash -c 'exec 3>&-; ulimit -n 4; exec astm-listen 127.0.0.1:0'
    [ "$status" = 71 ]
}

@test "what is not permitted ends with 77" {
    local dir
    dir=$(mktemp -d /tmp/astm-listen.XXXXXX)
    chmod 755 "$dir"
    cp "$BUILD/bin/astm-listen" "$dir"
    mkdir -m 555 "$dir/closed"
    touch "$dir/secret"
    chmod 0 "$dir/secret"
    local ordinary=()
    [ "$(id -u)" != 0 ] || ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    run "${ordinary[@]}" "$dir/astm-listen" "unix:$dir/closed/socket"
    [ "$status" = 77 ]
    run "${ordinary[@]}" "$dir/astm-listen" --password "$dir/secret" 0
    [ "$status" = 77 ]
    if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start 2>/dev/null || echo 1024)" -gt 1 ]; then
        run "${ordinary[@]}" timeout 20 "$dir/astm-listen" 127.0.0.1:1
        [ "$status" = 77 ]
    fi
    rm -rf "$dir"
}

# ---- stdout ----

@test "a full disk: nothing is acknowledged, exit 74" {
    ln -s /dev/full "$DIR/out"
    start_listener astm-listen -q 127.0.0.1:0
    run instsim astm --timers busy=0.1 --max-retries 0 --profile chemistry "127.0.0.1:$PORT"
    [ "$status" = 69 ]
    [[ $output = *"0 accepted"* ]]
    wait_listener
    [ "$status" = 74 ]
    grep -q 'cannot write to stdout: No space left' "$DIR/err"
}

@test "a reader that goes away after the first line: exit 74" {
    mkfifo "$DIR/out"
    head -n 1 <"$DIR/out" >"$DIR/first" 3>&- &
    start_listener astm-listen 127.0.0.1:0
    run instsim astm --timers busy=0.1 --max-retries 0 -c 1000 --profile chemistry "127.0.0.1:$PORT"
    [ "$status" = 1 ]
    wait_listener
    [ "$status" = 74 ]
    count_lines "$DIR/first" 1
}

@test "a reader that was never there: exit 74 at once, without a message" {
    mkfifo "$DIR/out"
    : <"$DIR/out" 3>&- &
    start_listener astm-listen 127.0.0.1:0
    wait_listener
    [ "$status" = 74 ]
    grep -q 'cannot write to stdout' "$DIR/err"
}

@test "a reader that goes away while a message waits: it is refused, exit 74" {
    stall_out
    start_listener bash -c "exec $OUT>&-; exec \"\$@\"" - astm-listen 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 "$(message a-1)"
    exec {OUT}>&-
    hear "$NAK"
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 74 ]
}

@test "a closed stdout ends with 74" {
    run timeout 20 bash -c 'astm-listen 127.0.0.1:0 >&-'
    [ "$status" = 74 ]
    [[ $output = *"stdout is closed"* ]]
}

@test "stdout may be a socket or a terminal, and stays blocking for others" {
    local kind
    for kind in socket terminal; do
        start_listener onto $kind astm-listen -c 40 127.0.0.1:0
        run instsim astm -q -c 40 --whole --size 60000 --profile hematology "127.0.0.1:$PORT"
        [ "$status" = 0 ]
        wait_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 40
        all_different "$DIR/out"
    done
}

@test "stdout may be a pipe that another process writes to: it is not made non-blocking, and lines do not mix" {
    local other
    stall_out
    start_listener astm-listen -o result 127.0.0.1:0
    awk 'BEGIN { for (i = 0; i < 5000; i++) { print "\"another\""; fflush() } }' >"$DIR/out" 3>&- &
    other=$!
    instsim astm -q -c 20 --profile chemistry "127.0.0.1:$PORT" 3>&- &
    started+=($!)
    resume_out
    wait $other
    wait "${started[-1]}"
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    [ "$(grep -c '^"another"$' "$DIR/lines")" = 5000 ]
    instsim astm -c 20 --profile chemistry - >"$DIR/made"
    [ "$(grep -c '^{"type":"result",.*}$' "$DIR/lines")" = "$(grep -c '^R|' "$DIR/made")" ]
    none grep -v -e '^"another"$' -e '^{"type":"result",.*}$' "$DIR/lines"
}

@test "a file may not grow any more: no signal kills it, exit 74" {
    start_listener bash -c 'ulimit -f 1; exec "$@"' - astm-listen -o raw 127.0.0.1:0
    run instsim astm --timers busy=0.1 --max-retries 0 -c 100 --profile hematology "127.0.0.1:$PORT"
    wait_listener
    [ "$status" = 74 ]
}

# ---- hand-over and acknowledgement ----

@test "a message is acknowledged only after its whole line is written" {
    stall_out 4096
    start_listener astm-listen -o raw 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|long||wire\r'"C|1|I|$(printf '%06000d' 0)"$'\rL|1|N\r'
    run -142 bash -c 'IFS= read -r -n 1 -t 0.3 -u '"$WIRE"
    resume_out
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    wait "$READER"
    [ "$(wc -c <"$DIR/lines")" -ge 6000 ]
}

@test "a stalled reader: the instrument starts over, and yet every message arrives exactly once" {
    stall_out
    mkfifo "$DIR/sim"
    exec {LOG}<>"$DIR/sim"
    start_listener astm-listen --timers reply=3.05 127.0.0.1:0
    instsim astm --timers reply=10,busy=0.05 --attempts 1000 -c 5 --profile chemistry "127.0.0.1:$PORT" \
        2>"$DIR/sim" 3>&- &
    started+=($!)
    await_log '*message 1 not accepted: *attempt 2)'
    resume_out
    wait "${started[-1]}"
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 5
    all_different "$DIR/lines"
}

@test "an answer is withheld no longer than the reply time less 3 s, then it is NAK; the repeat gets the verdict" {
    stall_out
    start_listener astm-listen --timers reply=3.2 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 "$(message a-1)"
    hear "$NAK"
    say_frame 1 "$(message a-1)"
    resume_out
    until hear "$ACK" >/dev/null; do # resuming may take longer than an answer may be withheld
        say_frame 1 "$(message a-1)"
    done
    say "$EOT"
    hang_up
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 1
}

@test "a message that is sent again because its acknowledgement was lost is acknowledged and not handed over twice" {
    local i
    start_listener astm-listen 127.0.0.1:0
    for i in 1 2 3; do
        dial
        say "$ENQ"
        hear "$ACK"
        say_frame 1 "$(message lost)"
        hear "$ACK"
        hang_up
    done
    stop_listener
    count_lines "$DIR/out" 1
    [ "$(grep -c 'came again' "$DIR/err")" = 2 ]
}

@test "a message that comes on two connections at once is handed over once, and acknowledged on both" {
    local one two
    stall_out
    start_listener astm-listen 127.0.0.1:0
    dial
    one=$WIRE
    dial
    two=$WIRE
    for WIRE in "$one" "$two"; do
        say "$ENQ"
        hear "$ACK"
        say_frame 1 "$(message same)"
    done
    resume_out
    for WIRE in "$one" "$two"; do
        hear "$ACK"
        say "$EOT"
        hang_up
    done
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    count_lines "$DIR/lines" 1
}

@test "--dedup 0 hands over whatever comes" {
    local i
    start_listener astm-listen --dedup 0 127.0.0.1:0
    for i in 1 2 3; do
        dial
        say "$ENQ"
        hear "$ACK"
        say_frame 1 "$(message lost)"
        hear "$ACK"
        hang_up
    done
    stop_listener
    count_lines "$DIR/out" 3
}

@test "two peers at once do not disturb each other" {
    local one two
    start_listener astm-listen 127.0.0.1:0
    dial
    one=$WIRE
    dial
    two=$WIRE
    for WIRE in $one $two; do
        say "$ENQ"
        hear "$ACK"
        say_frame 1 "H|\\^&|peer-$WIRE"
        hear "$ACK"
    done
    for WIRE in $two $one; do
        say_frame 2 "R|1|^^^GLU|$WIRE"
        hear "$ACK"
    done
    for WIRE in $one $two; do
        say_frame 3 "L|1|N"
        hear "$ACK"
        say "$EOT"
        hang_up
    done
    stop_listener
    count_lines "$DIR/out" 2
    grep -q "\"control_id\":\"peer-$one\".*\"value\":\"$one\"" "$DIR/out"
    grep -q "\"control_id\":\"peer-$two\".*\"value\":\"$two\"" "$DIR/out"
}

@test "a peer that sends a byte at a time is understood" {
    local text i
    start_listener astm-listen 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    mapfile -d '' -t text < <(frame 1 "$(message slow)")
    for ((i = 0; i < ${#text[0]}; i++)); do
        say "${text[0]:i:1}"
    done
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    grep -q '"control_id":"slow"' "$DIR/out"
}

@test "a message without L is owed after EOT: until it is handed over ENQ gets NAK, also on a new connection" {
    stall_out
    hold_log
    start_listener astm-listen -v 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|owed||wire\rR|1|^^^GLU|5.4\r'
    hear "$ACK"
    say "$EOT$ENQ"
    hear "$NAK"
    hang_up
    await_log '*disconnected'
    dial
    say "$ENQ"
    hear "$NAK"
    resume_out
    until say "$ENQ" && hear "$ACK" >/dev/null; do :; done
    say_frame 1 "$(message next)"
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 2
    grep -q '"control_id":"owed".*"complete":false' "$DIR/lines"
}

@test "records without frames wait for a message of their peer that is owed, and go on when it is settled, also after their end" {
    local i
    stall_out
    hold_log
    start_listener astm-listen -v 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|owed||wire\rR|1|^^^GLU|5.4\r'
    hear "$ACK"
    say "$EOT"
    hang_up
    await_log '*disconnected'
    for i in 1 2; do
        dial
        say "$(message "bare-$i")"$'\r'
        await_log '*: connected'
        [ $i = 1 ] || hang_up
    done
    resume_out
    await_log '*message handed over'
    await_log '*message handed over'
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    [ "$(grep -o '"control_id":"[^"]*"' "$DIR/lines" | sort | cut -d '"' -f 4 | paste -s)" = $'bare-1\tbare-2\towed' ]
}

@test "what a consumer rejects although it was acknowledged is dropped and counted, or goes to --rejects; if it cannot, exit 74" {
    local args wanted
    while IFS='=' read -r args wanted; do
        mkdir -p "$DIR/folder"
        rm -f "$DIR/err"
        hold_log
        # shellcheck disable=SC2086 # several words
        start_listener astm-listen --metrics "$DIR/metrics" -s 'read -r l; echo reject; cat >/dev/null' $args 127.0.0.1:0
        case $wanted in
        74*) rm -r "$DIR/folder" ;;
        esac
        dial
        say "$ENQ"
        hear "$ACK"
        say_frame 1 $'H|\\^&|owed||wire\rR|1|^^^GLU|5.4\r'
        hear "$ACK"
        say "$EOT"
        case $args in
        '' | *folder*) await_log '*NOBODY WILL SEND AGAIN*LOST*' ;;
        *) await_log "*went to $DIR/rejects*" ;;
        esac
        hang_up
        exec {LOG}<&-
        stop_listener
        [ "$status" = "${wanted% *}" ]
        grep -q -E "^instlink_messages_dropped_total\{.*\} ${wanted#* }\$" "$DIR/metrics"
    done <<END
=0 1
--rejects $DIR/rejects=0 0
--rejects $DIR/folder/rejects=74 1
END
}

@test "-c N hands over exactly N messages, refuses what is more, and exits 0" {
    start_listener astm-listen -c 4 127.0.0.1:0
    run instsim astm --timers busy=0.1 --max-retries 0 -c 10 --profile chemistry "127.0.0.1:$PORT"
    [ "$status" = 1 ]
    [[ $output = *"4 accepted"* ]]
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 4
}

@test "-c N is over within 3 s also where the peer never closes, and counts no repeats" {
    start_listener astm-listen -c 2 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 "$(message one)"
    hear "$ACK"
    dial
    deliver one
    deliver two
    SECONDS=0
    hear CLOSE
    wait_listener
    [ "$status" = 0 ]
    [ $SECONDS -lt 8 ] # 3 s, and what a busy machine adds
    count_lines "$DIR/out" 2
}

@test "each output format is written as messages come" {
    local format
    for format in message record result tsv frame text raw; do
        start_listener astm-listen -c 1 -o $format 127.0.0.1:0
        dial
        deliver one
        hang_up
        wait_listener
        [ "$status" = 0 ]
        [ -s "$DIR/out" ]
        [ $format = frame ] || grep -q GLU "$DIR/out"
    done
    grep -q Quimby "$DIR/out"
}

# ---- endpoints ----

@test "-R says what is bound, a line for each endpoint in order" {
    local v6=()
    [ ! -s /proc/net/if_inet6 ] || v6=('[::1]:0')
    start_listener astm-listen 0 dial:127.0.0.1:9 "unix:$DIR/socket" '*:0' listen:127.0.0.1:0 "${v6[@]}"
    [[ ${ENDPOINTS[0]} =~ ^listen:127\.0\.0\.1:[1-9][0-9]*$ ]]
    [ "${ENDPOINTS[1]}" = dial:127.0.0.1:9 ]
    [ "${ENDPOINTS[2]}" = "listen:unix:$DIR/socket" ]
    [[ ${ENDPOINTS[3]} =~ ^listen:(\[::\]|0\.0\.0\.0):[1-9][0-9]*$ ]]
    [[ ${ENDPOINTS[4]} =~ ^listen:127\.0\.0\.1:[1-9][0-9]*$ ]]
    [ ${#v6} = 0 ] || [[ ${ENDPOINTS[5]} =~ ^listen:\[::1\]:[1-9][0-9]*$ ]]
    [ ${#ENDPOINTS[@]} = $((5 + ${#v6[@]})) ]
    dial "${ENDPOINTS[3]##*:}"
    deliver every
    [ ${#v6} = 0 ] || instsim astm -q --profile chemistry "[::1]:${ENDPOINTS[5]##*:}"
    instsim astm -q --profile chemistry "unix:$DIR/socket"
    hang_up
    stop_listener
    count_lines "$DIR/out" $((2 + ${#v6[@]}))
}

@test "a link's name is -n, or the endpoint as written" {
    start_listener astm-listen 127.0.0.1:0 "unix:$DIR/socket"
    dial
    deliver one
    instsim astm -q --profile chemistry "unix:$DIR/socket"
    hang_up
    stop_listener
    grep -q '"link":"127.0.0.1:0","peer":"127.0.0.1:[0-9]*"' "$DIR/out"
    grep -q "\"link\":\"unix:$DIR/socket\",\"peer\":\"unix\"" "$DIR/out"
    start_listener astm-listen -n cobas 127.0.0.1:0
    dial
    deliver one
    hang_up
    stop_listener
    grep -q '"link":"cobas"' "$DIR/out"
}

@test "a host's name listens on all of its addresses" {
    start_listener astm-listen localhost:0
    instsim astm -q --profile chemistry "${ENDPOINTS[0]#listen:}"
    instsim astm -q --profile chemistry "${ENDPOINTS[-1]#listen:}"
    [[ ${ENDPOINTS[*]} = *127.0.0.1* ]]
    stop_listener
    count_lines "$DIR/out" 2
}

@test "a unix socket's file is removed at the end, a stale one at the start, and one that is in use is left alone" {
    local socket=$DIR/socket
    start_listener astm-listen "unix:$socket"
    [ -S "$socket" ]
    refused 69 'in use' "unix:$socket"
    [ -S "$socket" ]
    stop_listener KILL 2>/dev/null
    [ -S "$socket" ]
    start_listener astm-listen -c 1 "unix:$socket"
    instsim astm -q --profile chemistry "unix:$socket"
    wait_listener
    [ "$status" = 0 ]
    [ ! -e "$socket" ]
    echo precious >"$socket"
    refused 69 'in use' "unix:$socket"
    [ "$(cat "$socket")" = precious ]
}

@test "sockets of a service manager (LISTEN_FDS) and those that fd: names are used" {
    local ports
    start_listener inherit 2 astm-listen
    [ ${#ENDPOINTS[@]} = 2 ]
    mapfile -t ports < <(head -n 2 "$DIR/err")
    [ "${ENDPOINTS[0]}" = "listen:127.0.0.1:${ports[0]}" ]
    [ "${ENDPOINTS[1]}" = "listen:127.0.0.1:${ports[1]}" ]
    dial "${ports[1]}"
    deliver second
    hang_up
    stop_listener
    grep -q '"link":"fd:4"' "$DIR/out"

    start_listener inherit -1 astm-listen -n lab fd:3
    dial
    deliver named
    hang_up
    stop_listener
    grep -q '"link":"lab"' "$DIR/out"

    run timeout 20 inherit +1 astm-listen
    [ "$status" = 64 ]
    [[ $output = *'no endpoint'* ]]
    run timeout 20 inherit 2 astm-listen -n lab
    [ "$status" = 64 ]
}

@test "a connected socket that fd: names is one link; when it ends nothing is left to do, exit 0" {
    start_listener instsim astm -c 2 --profile chemistry listen:127.0.0.1:0
    dial
    run --separate-stderr timeout 20 astm-listen "fd:$WIRE"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 2 ]
    [[ $output = *"\"link\":\"fd:$WIRE\""* ]]
    hang_up
    wait_listener
    [ "$status" = 0 ]
}

@test "dial: connects, and connects again after the connection is lost" {
    play_host <<'END'
> <ENQ>
< <ACK>
> <STX>1H|\^&|d-1||dialled<CR>L|1|N<CR><ETX><CS><CR><LF>
< <ACK>
> <EOT>
close
reconnect
> <ENQ>
< <ACK>
> <STX>1H|\^&|d-2||dialled<CR>L|1|N<CR><ETX><CS><CR><LF>
< <ACK>
> <EOT>
END
    run --separate-stderr timeout 20 astm-listen -c 2 --retry 0.1,1.5,1 "dial:127.0.0.1:$PORT"
    [ "$status" = 0 ]
    [[ $output = *d-1*d-2* ]]
    [[ $stderr = *'the connection is gone; retrying in 0.1 s'* ]]
    wait_host
}

@test "dial: waits longer each time, and finds the instrument once it is there" {
    hold_log
    start_listener astm-listen -c 1 --retry 0.05,2,0.2 "dial:unix:$DIR/socket"
    await_log '*retrying in 0.[01]*attempt 2)'
    await_log '*retrying in 0.2*attempt 6)'
    instsim astm -q --profile chemistry "listen:unix:$DIR/socket"
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "dial: looks names up without waiting for it" {
    start_listener instsim astm --profile chemistry listen:127.0.0.1:0
    run --separate-stderr timeout 20 astm-listen -c 1 --retry 0.1,1,1 "dial:localhost:$PORT"
    [ "$status" = 0 ]
    wait_listener
    [ "$status" = 0 ]
}

# ---- limits ----

@test "--max-message refuses a longer message, and the link stays up" {
    local i
    start_listener astm-listen --max-message 1K 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|long||wire\r'
    hear "$ACK"
    say_frame 2 "C|1|I|$(printf '%0600d' 0)"
    hear "$ACK"
    say_frame 3 "C|2|I|$(printf '%0600d' 0)"
    hear "$NAK"
    say_frame 3 "C|2|I|$(printf '%0600d' 0)"
    hear "$NAK"
    say "$EOT"
    deliver short
    hang_up
    stop_listener
    count_lines "$DIR/out" 1
    grep -q 'refused: --max-message' "$DIR/err"
}

@test "--max-buffer refuses what would pass it as later, and the link stays up" {
    start_listener astm-listen --max-buffer 2K 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|long||wire\r'"C|1|I|$(printf '%05000d' 0)"
    hear "$NAK"
    say "$EOT"
    deliver short
    hang_up
    stop_listener
    count_lines "$DIR/out" 1
    grep -q 'no memory for it now' "$DIR/err"
}

@test "--message-timeout refuses a message that takes too long" {
    hold_log
    start_listener astm-listen --message-timeout 0.3 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|slow||wire\r'
    hear "$ACK"
    await_log '*spoiled a message took more than*'
    say_frame 2 $'L|1|N\r'
    hear "$NAK"
    say "$EOT"
    deliver quick
    hang_up
    stop_listener
    count_lines "$DIR/out" 1
}

@test "--idle-timeout closes a connection that says nothing" {
    start_listener astm-listen --idle-timeout 1 127.0.0.1:0
    dial
    deliver before
    hear CLOSE
    hang_up
    stop_listener
    grep -q 'idle for too long' "$DIR/err"
}

@test "--password refuses messages with another, and shows neither" {
    echo Sesame >"$DIR/password"
    start_listener astm-listen -vv --password "$DIR/password" 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|no|Simsalabim|wire\rL|1|N\r'
    hear "$NAK"
    say "$EOT"
    deliver none "$NAK"
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|yes|Sesame|wire\rL|1|N\r'
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    count_lines "$DIR/out" 1
    grep -q 'rejected a message: its password' "$DIR/err"
    none grep -q -e Sesame -e Simsalabim "$DIR/err"
}

@test "the log shows no texts of messages, not even with -vv, and -q leaves only errors" {
    start_listener astm-listen -vv 127.0.0.1:0
    dial
    deliver one
    say "HELLO Quimby"$'\r\n'
    say "$ENQ"
    hear "$ACK"
    say $'\x021P|1||4711||Quimby^Ada\r\x03FF\r\n'
    hear "$NAK"
    hang_up
    stop_listener
    grep -q '< frame 1 ETX' "$DIR/err"
    none grep -q -e Quimby -e 4711 "$DIR/err"
    start_listener astm-listen -q 127.0.0.1:0
    dial
    deliver one
    hang_up
    stop_listener
    [ ! -s "$DIR/err" ]
}

@test "a health check that connects and closes leaves no trace" {
    start_listener astm-listen 127.0.0.1:0
    crowd -x "$PORT" 1000
    dial
    deliver after
    hang_up
    stop_listener
    count_lines "$DIR/out" 1
    none grep -v -e 'message handed over' -e connected "$DIR/err"
}

@test "1 000 idle connections take less than 10 MB" {
    local open closed kilobytes limit=10240
    [ -r /proc/self/status ] || skip "there is no /proc to read the memory from"
    [ -z "${SANITIZE:-}" ] || limit=1000000 # sanitizers take what they like
    [ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge 1100 ] || skip "not so many descriptors are allowed"
    mkfifo "$DIR/hold"
    start_listener astm-listen 127.0.0.1:0
    exec {HOLD}<>"$DIR/hold"
    crowd "$PORT" 1000 1000 <"$DIR/hold" >"$DIR/crowd" 3>&- {HOLD}>&- &
    started+=($!)
    until [ -s "$DIR/crowd" ]; do read -r -t 0.05 -u "$HOLD" || :; done
    dial
    deliver among
    read -r open closed <"$DIR/crowd"
    [ "$open" = 1000 ]
    [ "$closed" = 0 ]
    kilobytes=$(awk '/^VmRSS:/ { print $2 }' "/proc/$LISTENER/status")
    echo "resident: $kilobytes kB"
    [ "$kilobytes" -lt "$limit" ]
    exec {HOLD}>&-
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

@test "10 000 connections: those beyond --max-connections are refused, the others go on" {
    local wanted=10000 open closed limit
    limit=$(ulimit -H -n)
    [ "$limit" = unlimited ] || [ "$limit" -ge 10100 ] || wanted=$((limit - 100))
    mkfifo "$DIR/hold"
    start_listener astm-listen --max-connections 101 127.0.0.1:0
    exec {HOLD}<>"$DIR/hold"
    dial
    say "$ENQ"
    hear "$ACK"
    crowd "$PORT" $wanted 100 <"$DIR/hold" >"$DIR/crowd" 3>&- {HOLD}>&- &
    started+=($!)
    say_frame 1 "$(message first)"
    hear "$ACK"
    until [ -s "$DIR/crowd" ]; do read -r -t 0.05 -u "$HOLD" || :; done
    say "$EOT"
    deliver second
    read -r open closed <"$DIR/crowd"
    [ "$open" = 100 ]
    [ "$closed" = $((wanted - 100)) ]
    [ "$(grep -c 'refused a connection from .*--max-connections' "$DIR/err")" -ge 1 ]
    exec {HOLD}>&-
    wait "${started[-1]}"
    [ "$(tail -n 1 "$DIR/crowd")" = "100 $((wanted - 100))" ]
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 2
}

@test "where the system allows fewer connections than --max-connections it says so, and refuses those beyond" {
    start_listener bash -c 'ulimit -n 64; exec "$@"' - astm-listen 127.0.0.1:0
    grep -q '1024 connections do not fit into the limit of 64 descriptors: at most 40 are taken' "$DIR/err"
    dial
    crowd "$PORT" 60 39 </dev/null >"$DIR/crowd"
    [ "$(head -n 1 "$DIR/crowd")" = "39 21" ]
    deliver undisturbed
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

@test "where there are no descriptors left it accepts again later, and does not disturb who is there" {
    SECONDS=0
    start_listener bash -c 'ulimit -n 64; for i in {1..40}; do exec {fd}</dev/null; done; exec "$@"' - \
        astm-listen 127.0.0.1:0
    dial
    deliver before
    mkfifo "$DIR/hold"
    exec {HOLD}<>"$DIR/hold"
    crowd "$PORT" 30 30 <"$DIR/hold" >"$DIR/crowd" 3>&- {HOLD}>&- {WIRE}>&- &
    started+=($!)
    until [ -s "$DIR/crowd" ]; do read -r -t 0.05 -u "$HOLD" || :; done
    deliver during
    exec {HOLD}>&-
    wait "${started[-1]}"
    hang_up
    dial
    deliver after
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 3
    [ "$(grep -c 'cannot accept: .*; accepting rests for a second' "$DIR/err")" -le $((SECONDS + 2)) ]
    grep -q 'cannot accept' "$DIR/err"
}

# ---- signals ----

@test "SIGTERM, SIGINT and SIGHUP end an idle listener with 0, and close what is connected" {
    local signal
    for signal in TERM INT HUP; do
        start_listener env --default-signal=HUP astm-listen 127.0.0.1:0
        dial
        deliver one
        kill -s $signal "$LISTENER"
        hear CLOSE
        hang_up
        wait_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 1
    done
}

@test "SIGHUP is ignored under nohup" {
    start_listener env --ignore-signal=HUP astm-listen 127.0.0.1:0
    kill -s HUP "$LISTENER"
    dial
    deliver one
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

@test "SIGTERM in the middle of a message: it is finished, handed over and acknowledged, exit 0" {
    hold_log
    start_listener astm-listen -v 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|middle||wire\r'
    hear "$ACK"
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    run bash -c "exec 9<>/dev/tcp/127.0.0.1/$PORT"
    [ "$status" != 0 ]
    say_frame 2 $'L|1|N\r'
    hear "$ACK"
    say "$EOT"
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 0 ]
    grep -q '"control_id":"middle"' "$DIR/out"
}

@test "a second signal ends it at once, with 128 and its number" {
    hold_log
    start_listener astm-listen -v 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    stop_listener TERM
    [ "$status" = 143 ]
}

@test "a second signal: what has come and is not sent again goes to --rejects, and is told of without it" {
    local rejects
    for rejects in '' "--rejects $DIR/rejects"; do
        rm -f "$DIR/out" "$DIR/err"
        stall_out
        hold_log
        # shellcheck disable=SC2086 # none or two words
        start_listener astm-listen -v $rejects 127.0.0.1:0
        dial
        say $'H|\\^&|half||wire\rR|1|^^^GLU|5.4\r'
        await_log '*: connected'
        kill -s TERM "$LISTENER"
        await_log '*stopping'
        kill -s TERM "$LISTENER"
        if [ -n "$rejects" ]; then
            await_log "*went to $DIR/rejects"
        else
            await_log '*NOBODY WILL SEND AGAIN*LOST*'
        fi
        wait_listener
        [ "$status" = 143 ]
        hang_up
        exec {LOG}>&- {OUT}>&-
    done
    [ "$(tr '\r' ' ' <"$DIR/rejects")" = 'H|\^&|half||wire R|1|^^^GLU|5.4 ' ]
}

# Each of them has a stalled stdout and a message that waits for it.
stalled_listener() {
    local folder=$1 free=$2 text=$3
    shift 3
    in_folder "$folder" stall_out "$free"
    in_folder "$folder" start_listener astm-listen -o raw "$@" 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 "$text"
}

@test "SIGTERM with a stalled stdout: 0, or 74 with a torn line or a message that nobody sends again; none spins" {
    local waiting=() unsent=$'H|\\^&|unsent||wire\rR|1|^^^GLU|5.4\r' name listener used
    in_folder bare stall_out
    in_folder bare start_listener astm-listen -o raw --rejects "$DIR/bare/rejects" 127.0.0.1:0
    waiting+=("bare $LISTENER 0")
    dial
    say "$(message bare-1; message bare-2)"$'\r'
    stalled_listener whole 0 "$(message whole)"
    waiting+=("whole $LISTENER 0")
    stalled_listener torn 4096 $'H|\\^&|torn||wire\r'"C|1|I|$(printf '%06000d' 0)"$'\rL|1|N\r'
    waiting+=("torn $LISTENER 74")
    stalled_listener lost 0 "$unsent"
    hear "$ACK"
    say "$EOT"
    waiting+=("lost $LISTENER 74")
    stalled_listener kept 0 "$unsent" --rejects "$DIR/rejects"
    hear "$ACK"
    say "$EOT"
    waiting+=("kept $LISTENER 0")
    stalled_listener half 0 "$(message half)"
    waiting+=("half $LISTENER 0")
    hang_up
    for listener in "${waiting[@]}"; do
        read -r name LISTENER wanted <<<"$listener"
        kill -s TERM "$LISTENER"
    done
    for listener in "${waiting[@]}"; do
        read -r name LISTENER wanted <<<"$listener"
        wait_listener
        [ "$status" = "$wanted" ] || {
            echo "$name ended with $status, not $wanted"
            return 1
        }
    done
    grep -q 'the last line is torn' "$DIR/torn/err"
    grep -q 'NOBODY WILL SEND AGAIN.*LOST' "$DIR/lost/err"
    grep -q "went to $DIR/rejects" "$DIR/kept/err"
    [ "$(grep -ao 'bare-[12]' "$DIR/bare/rejects" | paste -s)" = $'bare-1\tbare-2' ]
    [ "$(cat "$DIR/rejects")" = "${unsent%$'\n'}" ]
    used=$(times | awk 'NR == 2 { gsub(/[ms]/, " "); print $1 * 60 + $2 + $3 * 60 + $4 }')
    echo "all of this took $used s of the processor"
    [ "${used%.*}" -lt 5 ]
}

# ---- all at once ----

@test "20 instruments over a network that splits, delays, corrupts and drops: every message arrives exactly once" {
    local i pids=()
    start_listener astm-listen 127.0.0.1:0
    in_folder proxy start_proxy "$PORT"
    for i in {1..20}; do
        instsim astm -q --timers reply=5,busy=0.05 --attempts 1000 --retry 0.02,1,0.02 --seed $i -c 50 \
            --profile bloodgas "127.0.0.1:$PROXY" 3>&- &
        pids+=($!)
    done
    started+=("${pids[@]}")
    for i in "${pids[@]}"; do
        wait "$i"
    done
    kill "$PROXY_PID"
    wait "$PROXY_PID"
    cat "$DIR/proxy/err"
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1000
    all_different "$DIR/out"
    grep -q -w 'bad-checksum' "$DIR/err"
}

start_proxy() {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    proxy -s 7 -d 3000 -c 2000 -l 2000 -R 6 "$1" 6>"$BATS_TEST_TMPDIR/ready" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    PROXY_PID=$!
    started+=("$PROXY_PID")
    read -r PROXY <"$BATS_TEST_TMPDIR/ready"
}
