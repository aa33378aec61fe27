# The contract of hl7-listen: endpoints, hand-over and acknowledgement, limits, signals, exit status. What it answers
# on the wire, byte by byte, is in hl7-peer.bats.
load helper
load wire

VT=$'\x0b' FS=$'\x1c'

setup() {
    DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
}

# refused STATUS WORD ARGS…: with these arguments it ends with that status, says why on stderr and nothing on stdout.
refused() {
    local wanted=$1 word=$2
    shift 2
    run --separate-stderr timeout 20 hl7-listen "$@"
    # shellcheck disable=SC2154 # run sets it
    if [ "$status" != "$wanted" ] || [ -n "$output" ] || [[ $stderr != *"$word"* ]]; then
        echo "hl7-listen $*: status $status, expected $wanted and '$word': $stderr"
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

# The control ids of the messages in FILE, in order.
ids() {
    grep -o '"control_id":"[^"]*"' "$1" | cut -d '"' -f 4
}

# Each message of FILE is there once.
all_different() {
    [ -z "$(ids "$1" | sort | uniq -d)" ]
}

# ---- blocks ----

# text ID [SEGMENT…]: a message with that control id, and these segments, or a patient and a result.
text() {
    printf 'MSH|^~\\&|wire|LAB|||20260301101500||ORU^R01|%s|P|2.5.1\r' "$1"
    shift
    [ $# -gt 0 ] || set -- 'PID|1||4711||Quimby^Ada' 'OBX|1|NM|GLU||5.4|mmol/L'
    printf '%s\r' "$@"
}

# block TEXT: in a block.
block() {
    printf '\x0b%s\x1c\r' "$1"
}

say_block() {
    block "$1" >&"$WIRE"
}

# hear_block: the next block, without VT, FS and CR, is BLOCK. It has to come within 20 s.
hear_block() {
    local LC_ALL=C status=0
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" BLOCK || status=$?
    if [ $status != 0 ] || [ "${BLOCK:0:1}" != "$VT" ]; then
        printf 'no block: %q (status %s)\n' "$BLOCK" $status
        return 1
    fi
    BLOCK=${BLOCK:1}
    hear $'\r'
}

# answered CODE ID: the next block is such an answer to that message.
answered() {
    hear_block || return
    [[ $BLOCK =~ $'\r'MSA\|([A-Z]*)(\|([^|]*))?(\|[^|]*)?$'\r' ]] || {
        printf 'no answer: %q\n' "$BLOCK"
        return 1
    }
    if [ "${BASH_REMATCH[1]}" != "$1" ] || [ "${BASH_REMATCH[3]}" != "$2" ]; then
        printf 'expected %s %q, got %s %q\n' "$1" "${2:0:40}" "${BASH_REMATCH[1]}" "${BASH_REMATCH[3]:0:40}"
        return 1
    fi
}

# has_been_read: what was said has been read, for what comes after it over another connection is answered.
has_been_read() {
    local first=$WIRE
    dial
    say_block 'MSH|^~\&|x'
    answered AR ''
    hang_up
    WIRE=$first
}

# post ID [CODE]: a message with that id, which has to be answered with AA (or CODE).
post() {
    say_block "$(text "$1")"
    answered "${2:-AA}" "$1"
}

# What the listener holds in memory, in kB, is less than that; sanitizers take what they like.
resident_below() {
    local kilobytes
    if [ ! -r "/proc/$LISTENER/status" ] || [ -n "${SANITIZE:-}" ]; then
        return
    fi
    kilobytes=$(awk '/^VmRSS:/ { print $2 }' "/proc/$LISTENER/status")
    echo "resident: $kilobytes kB"
    [ "$kilobytes" -lt "$1" ]
}

# Waits until FILE does not grow any more.
wait_still() {
    local before=-1
    while [ "$(wc -c <"$1")" != "$before" ]; do
        before=$(wc -c <"$1")
        read -r -t 0.3 <>"$DIR/nothing" || :
    done
}

# What does not depend on when and whence.
without_origin() {
    sed -E 's/"(id|message_id|link|peer|source|received)":"[^"]*",//g; s/"offset":[0-9]+,//g' |
        awk -F '\t' -v OFS='\t' '
            NR == 1 && /^protocol\t/ {
                for (i = 1; i <= NF; i++) varies[i] = $i ~ /^(message_id|link|peer|source|received)$/
            }
            { for (i in varies) if (varies[i]) $i = "" }
            { print }'
}

# ---- help, usage, exit status ----

@test "--help and --version go to stdout, exit 0" {
    run --separate-stderr hl7-listen --help
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'usage: hl7-listen '* ]]
    run --separate-stderr hl7-listen -V
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'hl7-listen (instlink) '[0-9]* ]]
    run -74 bash -c 'hl7-listen --help >/dev/full'
    run -74 bash -c 'hl7-listen --version >&-'
}

@test "a wrong command line ends with 64 and says what is wrong" {
    refused 64 'no endpoint'
    refused 64 "Try 'hl7-listen --help'" --no-such-option 0
    refused 64 brackets ::1:4000
    refused 64 65535 127.0.0.1:70000
    refused 64 "every address" 'dial:*:4000'
    refused 64 format -o yaml 0
    refused 64 several -n lab 0 0
    refused 64 --count -c many 0
    refused 64 --count -c 0 0
    refused 64 --ready-fd -R 99 0
    refused 64 stdout -R 1 0
    refused 64 --ack --ack sometimes 0
    refused 64 --mllp --mllp 3 0
    refused 64 --segment-end --segment-end crlf 0
    refused 64 --specimen --specimen MSH-10 0
    refused 64 --get --get OBX 0
    refused 64 --get --get PID-3.1,nothing 0
    refused 64 capitals --get PID-3.1,obx-5 0
    refused 64 'not both' --get OBX-5 -o tsv 0
    refused 64 'not both' -o message --get OBX-5 0
    refused 64 --charset --charset klingon 0
    refused 64 --message-timeout --message-timeout 1d 0
    refused 64 --idle-timeout --idle-timeout never 0
    refused 64 --max-message --max-message 0 0
    refused 64 --max-buffer --max-buffer 1T 0
    refused 64 --max-connections --max-connections 9999999999 0
    refused 64 --connect-timeout --connect-timeout x 0
    refused 64 --retry --retry 1,2 0
    refused 64 --retry --retry 5,0.5,600 0
    refused 64 --max-retries --max-retries x 0
    refused 64 --dedup --dedup -1 0
    refused 64 'no socket' fd:0
    refused 64 'no socket' fd:77
}

@test "options of ASTM are none" {
    local option
    for option in --checksum=std --timers=reply=1 --role=host --frame-numbers=any --password=/dev/null \
        "--rejects=$DIR/rejects" --size=240 --whole; do
        refused 64 "Try 'hl7-listen --help'" "$option" 0
    done
    [ ! -e "$DIR/rejects" ]
}

@test "a link that is stdout at once ends with 64" {
    start_listener instsim hl7 --profile chemistry listen:127.0.0.1:0
    dial
    run timeout 20 bash -c "hl7-listen fd:$WIRE >&$WIRE"
    [ "$status" = 64 ]
    [[ $output = *"records and answers would mix"* ]]
    hang_up
}

@test "an address in use, one that is not ours, or an unknown host ends with 69" {
    start_listener hl7-listen 127.0.0.1:0
    refused 69 'in use' "$PORT"
    refused 69 "cannot listen" 192.0.2.1:0
    refused 69 unknown no-such-host.invalid:4000
}

@test "a dial that is given up, where nothing else is left, ends with 69" {
    start_listener hl7-listen 127.0.0.1:0
    stop_listener
    refused 69 'given up after 2 attempts' --retry 0.01,1,1 --max-retries 1 "dial:127.0.0.1:$PORT"
    refused 69 'unknown; given up' --max-retries 0 dial:no-such-host.invalid:4000
}

@test "a system that gives no descriptors ends with 71" {
    run timeout 20 bash -c 'exec 3>&-; ulimit -n 4; exec hl7-listen 127.0.0.1:0'
    [ "$status" = 71 ]
}

@test "what is not permitted ends with 77" {
    local dir ordinary=()
    dir=$(mktemp -d /tmp/hl7-listen.XXXXXX)
    chmod 755 "$dir"
    cp "$BUILD/bin/hl7-listen" "$dir"
    mkdir -m 555 "$dir/closed"
    [ "$(id -u)" != 0 ] || ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    run "${ordinary[@]}" timeout 20 "$dir/hl7-listen" "unix:$dir/closed/socket"
    rm -rf "$dir"
    [ "$status" = 77 ]
}

# ---- stdout ----

@test "a full disk: nothing is acknowledged, exit 74" {
    ln -s /dev/full "$DIR/out"
    start_listener hl7-listen -q 127.0.0.1:0
    dial
    post unwritten AE
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 74 ]
    grep -q 'cannot write to stdout: No space left' "$DIR/err"
}

@test "a reader that goes away after the first line: exit 74" {
    mkfifo "$DIR/out"
    head -n 1 <"$DIR/out" >"$DIR/first" 3>&- &
    start_listener hl7-listen 127.0.0.1:0
    run instsim hl7 --attempts 1 --max-retries 0 -c 1000 --profile chemistry "127.0.0.1:$PORT"
    [ "$status" = 1 ]
    wait_listener
    [ "$status" = 74 ]
    count_lines "$DIR/first" 1
    [ "$(ids "$DIR/first")" = "$(instsim hl7 --profile chemistry - | grep -o '[0-9A-F]*-000000')" ]
}

@test "a reader that was never there: exit 74 at once, without a message" {
    mkfifo "$DIR/out"
    : <"$DIR/out" 3>&- &
    start_listener hl7-listen 127.0.0.1:0
    wait_listener
    [ "$status" = 74 ]
    grep -q 'cannot write to stdout' "$DIR/err"
}

@test "a reader that goes away while a message waits: it is answered AE, exit 74" {
    stall_out
    start_listener bash -c "exec $OUT>&-; exec \"\$@\"" - hl7-listen 127.0.0.1:0
    dial
    say_block "$(text waiting)"
    has_been_read
    exec {OUT}>&-
    answered AE waiting
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 74 ]
}

@test "a peer that never pauses does not keep signals out" {
    start_listener hl7-listen -q 127.0.0.1:0
    dial
    cat /dev/zero >&"$WIRE" 2>/dev/null 3>&- &
    local flood=$!
    started+=("$flood")
    stop_listener
    [ "$status" = 0 ]
}

@test "a closed stdout ends with 74" {
    run timeout 20 bash -c 'hl7-listen 127.0.0.1:0 >&-'
    [ "$status" = 74 ]
    [[ $output = *"stdout is closed"* ]]
}

@test "stdout may be a socket or a terminal, and stays blocking for others" {
    local kind
    for kind in socket terminal; do
        start_listener onto $kind hl7-listen -c 40 127.0.0.1:0
        run instsim hl7 -q -c 40 --profile hematology "127.0.0.1:$PORT"
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
    start_listener hl7-listen -o result 127.0.0.1:0
    awk 'BEGIN { for (i = 0; i < 5000; i++) { print "\"another\""; fflush() } }' >"$DIR/out" 3>&- &
    other=$!
    instsim hl7 -q -c 20 --profile chemistry "127.0.0.1:$PORT" 3>&- &
    started+=($!)
    resume_out
    wait $other
    wait "${started[-1]}"
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    [ "$(grep -c '^"another"$' "$DIR/lines")" = 5000 ]
    instsim hl7 -c 20 --profile chemistry - >"$DIR/made"
    [ "$(grep -c '^{"type":"result",.*}$' "$DIR/lines")" = "$(grep -c '^OBX|' "$DIR/made")" ]
    none grep -v -e '^"another"$' -e '^{"type":"result",.*}$' "$DIR/lines"
}

@test "a file may not grow any more: no signal kills it, exit 74" {
    start_listener bash -c 'ulimit -f 1; exec "$@"' - hl7-listen -o raw 127.0.0.1:0
    run instsim hl7 --attempts 1 --max-retries 0 -c 100 --profile hematology "127.0.0.1:$PORT"
    wait_listener
    [ "$status" = 74 ]
}

# ---- hand-over and acknowledgement ----

@test "a message is acknowledged only after its whole line is written" {
    stall_out 4096
    start_listener hl7-listen -o raw 127.0.0.1:0
    dial
    say_block "$(text long "NTE|1||$(printf '%06000d' 0)")"
    run -142 bash -c 'IFS= read -r -n 1 -t 0.3 -u '"$WIRE"
    resume_out
    answered AA long
    hang_up
    stop_listener
    wait "$READER"
    [ "$(wc -c <"$DIR/lines")" -ge 6000 ]
}

@test "a stalled reader: answers wait, nothing piles up, and once it reads on every message arrives exactly once" {
    local messages=3000 flood writer reader
    stall_out
    start_listener hl7-listen -c $((messages + 1)) -o raw 127.0.0.1:0
    dial
    flood=$WIRE
    awk -v n=$messages 'BEGIN {
        for (i = 0; i < 200; i++)
            comment = comment "NTE|1||a comment of some length, so that nothing holds them all\r"
        for (i = 1; i <= n; i++)
            printf "\vMSH|^~\\&|flood|LAB|||20260301101500||ORU^R01|flood-%d|P|2.5.1\r%s\034\r", i, comment
    }' >&"$flood" 3>&- &
    writer=$!
    tr '\034' '\n' <&"$flood" >"$DIR/answers" 3>&- &
    reader=$!
    started+=("$writer" "$reader")
    dial
    say_block "$(text other)"
    run -142 bash -c 'IFS= read -r -n 1 -t 1 -u '"$WIRE"
    kill -0 $writer # all of it would be gone if somebody took it
    [ ! -s "$DIR/answers" ]
    resident_below 10240
    resume_out
    answered AA other
    wait $writer
    exec {flood}>&-
    wait $reader
    hang_up
    wait_listener
    [ "$status" = 0 ]
    wait "$READER"
    grep -o 'MSA|[^|]*|[^|]*' <(tr '\r' '\n' <"$DIR/answers") | diff <(printf 'MSA|AA|flood-%d\n' $(seq $messages)) -
    tr '\r' '\n' <"$DIR/lines" | grep -o '|flood-[0-9]*|P' | diff <(printf '|flood-%d|P\n' $(seq $messages)) -
}

@test "who does not get an answer in time and connects again gets it when the reader reads on" {
    stall_out
    mkfifo "$DIR/sim"
    exec {LOG}<>"$DIR/sim"
    start_listener hl7-listen 127.0.0.1:0
    instsim hl7 --answer-timeout 0.2 --retry 0.05,1,1 --attempts 1000 -c 5 --profile chemistry "127.0.0.1:$PORT" \
        2>"$DIR/sim" 3>&- &
    started+=($!)
    await_log '*message 1 not accepted: no-answer*attempt 1)'
    resume_out
    wait "${started[-1]}"
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 5
    all_different "$DIR/lines"
}

@test "a message that comes again, also on another connection, is acknowledged again and not handed over twice" {
    local i
    start_listener hl7-listen 127.0.0.1:0
    for i in 1 2 3; do
        dial
        post lost
        post lost
        hang_up
    done
    dial
    post another
    say_block "$(text lost 'PID|1||4712||Quimby^Ada')" # the id alone makes no repeat
    answered AA lost
    hang_up
    stop_listener
    count_lines "$DIR/out" 3
    [ "$(grep -c 'came again' "$DIR/err")" = 5 ]
}

@test "a message that comes on two connections at once is handed over once, and acknowledged on both" {
    local one two
    stall_out
    start_listener hl7-listen 127.0.0.1:0
    dial
    one=$WIRE
    dial
    two=$WIRE
    for WIRE in "$one" "$two"; do
        say_block "$(text same)"
    done
    resume_out
    for WIRE in "$one" "$two"; do
        answered AA same
        hang_up
    done
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    count_lines "$DIR/lines" 1
}

@test "--dedup 0 hands over whatever comes, --dedup N knows the last N" {
    local i
    start_listener hl7-listen --dedup 0 127.0.0.1:0
    for i in 1 2 3; do
        dial
        post lost
        hang_up
    done
    stop_listener
    count_lines "$DIR/out" 3
    start_listener hl7-listen --dedup 2 127.0.0.1:0
    dial
    for i in a b a c d a; do
        post $i
    done
    hang_up
    stop_listener
    [ "$(ids "$DIR/out" | paste -s -d ' ')" = 'a b c d a' ]
}

@test "a message without a control id, and a query, are never repeats" {
    local i query=$'MSH|^~\\&|wire|LAB|||20260301101500||QBP^Q11^QBP_Q11|q-1|P|2.5.1\rQPD|Q11|tag|4711\rRCP|I\r'
    start_listener hl7-listen 127.0.0.1:0
    dial
    for i in 1 2; do
        post ''
        say_block "$query"
        answered AA q-1
        say_block "${query/QBP^Q11^QBP_Q11/QRY^R02}"
        answered AA q-1
    done
    hang_up
    stop_listener
    count_lines "$DIR/out" 6
    none grep 'came again' "$DIR/err"
}

@test "a peer that has closed its half of the connection after the last block still gets the answer" {
    need socat
    stall_out
    start_listener hl7-listen 127.0.0.1:0
    block "$(text half)" | socat -t 20 - "TCP:127.0.0.1:$PORT" >"$DIR/answer" 3>&- &
    started+=($!)
    wait_still "$DIR/answer"
    [ ! -s "$DIR/answer" ]
    resume_out
    wait "${started[-1]}"
    tr '\r' '\n' <"$DIR/answer" | grep -q '^MSA|AA|half$'
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 1
}

@test "a message whose peer goes away before its answer is known when it comes again" {
    stall_out
    hold_log
    start_listener hl7-listen -vv 127.0.0.1:0
    dial
    say_block "$(text gone)"
    await_log '*< block*'
    hang_up
    dial
    say_block "$(text gone)"
    await_log '*came again*'
    resume_out
    answered AA gone
    hang_up
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 1
}

@test "two peers at once do not disturb each other" {
    local one two
    start_listener hl7-listen 127.0.0.1:0
    dial
    one=$WIRE
    dial
    two=$WIRE
    for WIRE in $one $two; do
        say "$VT$(text "peer-$WIRE" 'PID|1||4711')"
    done
    for WIRE in $two $one; do
        say "OBX|1|NM|GLU||$WIRE"$'\r'"$FS"$'\r'
    done
    for WIRE in $one $two; do
        answered AA "peer-$WIRE"
        hang_up
    done
    stop_listener
    count_lines "$DIR/out" 2
    grep -q "\"control_id\":\"peer-$one\".*\"GLU\",\"\",\"$one\"" "$DIR/out"
    grep -q "\"control_id\":\"peer-$two\".*\"GLU\",\"\",\"$two\"" "$DIR/out"
}

@test "a peer that sends a byte at a time is understood" {
    local bytes i
    start_listener hl7-listen 127.0.0.1:0
    dial
    bytes=$(block "$(text slow)"; printf .)
    for ((i = 0; i < ${#bytes} - 1; i++)); do
        say "${bytes:i:1}"
    done
    answered AA slow
    hang_up
    stop_listener
    grep -q '"control_id":"slow".*"notes":\[\]' "$DIR/out"
}

@test "a peer that reads nothing does not disturb others" {
    local deaf writer
    start_listener hl7-listen -q 127.0.0.1:0
    dial
    deaf=$WIRE
    awk 'BEGIN {
        for (i = 1; i <= 60000; i++)
            printf "\vMSH|^~\\&|deaf||||20260301101500||ORU^R01|%0200d|P|2.5.1\r\034\r", i
    }' >&"$deaf" 3>&- &
    writer=$!
    started+=("$writer")
    dial
    post one
    wait_still "$DIR/out"
    kill -0 $writer # its answers are in its way
    post two
    resident_below 20480
    kill $writer
    wait $writer || :
    exec {deaf}>&-
    post three
    hang_up
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -c -e '"control_id":"one"' -e '"control_id":"two"' -e '"control_id":"three"' "$DIR/out")" = 3 ]
}

@test "-c N hands over exactly N messages, answers AE to what is more, and exits 0" {
    start_listener hl7-listen -c 4 127.0.0.1:0
    run instsim hl7 --attempts 1 --max-retries 0 -c 10 --profile chemistry "127.0.0.1:$PORT"
    [ "$status" = 1 ]
    [[ $output = *"4 accepted"* ]]
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 4
}

@test "-c N: one more in the same read is answered AE, and all is over within 3 s also where the peer never closes" {
    start_listener hl7-listen -c 3 127.0.0.1:0
    dial
    post one
    post one
    dial
    post one
    SECONDS=0
    say "$(block "$(text two)")$(block "$(text three)")$(block "$(text four)")$VT$(text five)"
    answered AA two
    answered AA three
    answered AE four
    hear CLOSE
    wait_listener
    [ "$status" = 0 ]
    [ $SECONDS -lt 8 ] # 3 s, and what a busy machine adds
    [ "$(ids "$DIR/out" | paste -s -d ' ')" = 'one two three' ]
}

# ---- what it prints ----

@test "each output format is what hl7-decode prints of the same messages" {
    local format
    instsim hl7 --profile hematology --seed 3 -c 3 - | mllp-frame >"$DIR/capture"
    for format in message record result tsv text raw; do
        start_listener hl7-listen -c 3 -o $format 127.0.0.1:0
        instsim hl7 -q --profile hematology --seed 3 -c 3 "127.0.0.1:$PORT"
        wait_listener
        [ "$status" = 0 ]
        hl7-decode -o $format "$DIR/capture" | without_origin >"$DIR/wanted"
        without_origin <"$DIR/out" | diff "$DIR/wanted" -
        grep -q HGB "$DIR/out"
    done
    hl7-decode -o raw "$DIR/capture" | cmp - "$DIR/out"
}

@test "-o frame prints what goes over the wire, in both directions, as it happens" {
    start_listener hl7-listen -c 2 -o frame 127.0.0.1:0
    dial
    say 'hello'
    post one
    say "$VT$(text cut)"
    say_block "$(text two)"
    answered AA two
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 0 ]
    jq -r '[.event, .direction // "-"] | @tsv' "$DIR/out" >"$DIR/events"
    cat "$DIR/events"
    [ "$(cut -f 1 "$DIR/events" | paste -s -d ' ')" = 'noise block block cut block block' ]
}

@test "--get prints chosen fields, --positional every field, and --specimen chooses the specimen's" {
    local args
    instsim hl7 --profile urinalysis --seed 5 -c 4 - | mllp-frame >"$DIR/capture"
    for args in '--get MSH-10,PID-3.1,OBX-3.1,OBX-5' --positional '--positional -o record'; do
        # shellcheck disable=SC2086 # several words
        start_listener hl7-listen -c 4 $args 127.0.0.1:0
        instsim hl7 -q --profile urinalysis --seed 5 -c 4 "127.0.0.1:$PORT"
        wait_listener
        [ "$status" = 0 ]
        # shellcheck disable=SC2086
        hl7-decode $args "$DIR/capture" | without_origin >"$DIR/wanted"
        without_origin <"$DIR/out" | diff "$DIR/wanted" -
        [ "$(wc -l <"$DIR/out")" -ge 4 ]
    done
    start_listener hl7-listen -c 1 --get MSH-10,PID-3.1,OBX-3.1,OBX-5,OBX-6 127.0.0.1:0
    dial
    post chosen
    hang_up
    wait_listener
    [ "$(tail -n 1 "$DIR/out")" = $'chosen\t4711\tGLU\t5.4\tmmol/L' ]

    for args in OBR-3.1=S-3 OBR-2.1=B-2 PID-2.1,OBR-3.1=S-3; do
        start_listener hl7-listen -c 1 -o result --specimen "${args%=*}" 127.0.0.1:0
        dial
        say_block "$(text specimen 'PID|1||4711' 'OBR|1|B-2|S-3' 'OBX|1|NM|GLU||5.4' 'SPM|1|S-1')"
        answered AA specimen
        hang_up
        wait_listener
        [ "$(jq -r .specimen_id "$DIR/out")" = "${args#*=}" ]
    done
}

@test "--charset says what the sender's MSH-18 does not, or gets wrong" {
    local set name
    for set in ISO-8859-1 GB18030 Shift_JIS; do
        name=$'K\xc3\xb6rner'
        [ $set = ISO-8859-1 ] || name=$'\xe8\xa1\xa8\xe7\x94\xb0' # the first ends with a 5C in Shift_JIS
        start_listener hl7-listen -c 1 --charset $set --get PID-5 127.0.0.1:0
        dial
        say_block "$(text set 'PID|1||4711||@^X' | sed "s/@/$name/" | iconv -f UTF-8 -t $set)"
        answered AA set
        hang_up
        wait_listener
        [ "$(cat "$DIR/out")" = "$name^X" ]
    done
}

@test "a message in UTF-16 is understood, and answered" {
    local set
    for set in UTF-16LE UTF-16BE UTF-16; do
        start_listener hl7-listen -c 1 127.0.0.1:0
        dial
        {
            printf '%s' "$VT"
            text sixteen $'PID|1||4711||K\xc3\xb6rner^Ada' | iconv -f UTF-8 -t $set
            printf '%s\r' "$FS"
        } >"$DIR/block"
        cat "$DIR/block" >&"$WIRE"
        answered AA sixteen
        hang_up
        wait_listener
        [ "$status" = 0 ]
        grep -q $'"control_id":"sixteen".*K\xc3\xb6rner' "$DIR/out"
    done
}

@test "a result has the same keys and values whether it came as ASTM or as HL7" {
    local profile program
    # those that only one of them has, or that are its own way to say it
    local own='del(.type,.protocol,.message_id,.link,.peer,.received,.test_id,.test_name,.test_system,.value_parts)
        | del(.placer_id,.filler_id,.order_id) | select(.test | startswith("HIST-") | not)'
    for profile in chemistry hematology coagulation urinalysis immunoassay bloodgas molecular; do
        for program in astm hl7; do
            start_listener $program-listen -c 10 -o result 127.0.0.1:0
            instsim $program -q --seed 9 -c 10 --profile $profile "127.0.0.1:$PORT"
            wait_listener
            mv "$DIR/out" "$DIR/$program.out"
            jq -c "$own" "$DIR/$program.out" | sed -E 's/"value":"([<>])\^/"value":"\1/' >"$DIR/$program"
        done
        diff "$DIR/astm" "$DIR/hl7"
        [ "$(wc -l <"$DIR/astm")" -ge 10 ]
        jq -s -c 'map(keys[]) | unique' "$DIR/astm.out" >"$DIR/astm.keys"
        jq -s -c 'map(keys[]) | unique - ["placer_id","filler_id","order_id","test_name","test_system","value_parts"]' \
            "$DIR/hl7.out" | diff "$DIR/astm.keys" -
    done
    start_listener astm-listen -o tsv 127.0.0.1:0
    stop_listener
    mv "$DIR/out" "$DIR/astm.header"
    start_listener hl7-listen -o tsv 127.0.0.1:0
    stop_listener
    cmp "$DIR/astm.header" "$DIR/out"
}

@test "an embedded document of 1 MB comes through whole and unchanged" {
    start_listener hl7-listen -c 1 --get OBX-5.5 127.0.0.1:0
    awk 'BEGIN { srand(4); for (i = 0; i < 750000; i++) printf "%c", 32 + int(rand() * 95) }' >"$DIR/document"
    base64 -w 0 <"$DIR/document" >"$DIR/base64"
    dial
    {
        printf '%s%s' "$VT" "$(text document 'PID|1||4711')"
        printf 'OBX|1|ED|PDF||^application^pdf^Base64^'
        cat "$DIR/base64"
        printf '\r%s\r' "$FS"
    } >"$DIR/block"
    cat "$DIR/block" >&"$WIRE"
    answered AA document
    hang_up
    wait_listener
    [ "$status" = 0 ]
    [ "$(wc -c <"$DIR/base64")" = 1000000 ]
    base64 -d <"$DIR/out" | cmp - "$DIR/document"
}

# ---- endpoints ----

@test "-R says what is bound, a line for each endpoint in order" {
    local v6=()
    [ ! -s /proc/net/if_inet6 ] || v6=('[::1]:0')
    start_listener hl7-listen 0 dial:127.0.0.1:9 "unix:$DIR/socket" '*:0' listen:127.0.0.1:0 "${v6[@]}"
    [[ ${ENDPOINTS[0]} =~ ^listen:127\.0\.0\.1:[1-9][0-9]*$ ]]
    [ "${ENDPOINTS[1]}" = dial:127.0.0.1:9 ]
    [ "${ENDPOINTS[2]}" = "listen:unix:$DIR/socket" ]
    [[ ${ENDPOINTS[3]} =~ ^listen:(\[::\]|0\.0\.0\.0):[1-9][0-9]*$ ]]
    [[ ${ENDPOINTS[4]} =~ ^listen:127\.0\.0\.1:[1-9][0-9]*$ ]]
    [ ${#v6} = 0 ] || [[ ${ENDPOINTS[5]} =~ ^listen:\[::1\]:[1-9][0-9]*$ ]]
    [ ${#ENDPOINTS[@]} = $((5 + ${#v6[@]})) ]
    dial "${ENDPOINTS[3]##*:}"
    post every
    [ ${#v6} = 0 ] || instsim hl7 -q --profile chemistry "[::1]:${ENDPOINTS[5]##*:}"
    instsim hl7 -q --seed 2 --profile chemistry "unix:$DIR/socket"
    hang_up
    stop_listener
    count_lines "$DIR/out" $((2 + ${#v6[@]}))
}

@test "a link's name is -n, or the endpoint as written" {
    start_listener hl7-listen 127.0.0.1:0 "unix:$DIR/socket"
    dial
    post one
    instsim hl7 -q --profile chemistry "unix:$DIR/socket"
    hang_up
    stop_listener
    grep -q '"link":"127.0.0.1:0","peer":"127.0.0.1:[0-9]*"' "$DIR/out"
    grep -q "\"link\":\"unix:$DIR/socket\",\"peer\":\"unix\"" "$DIR/out"
    start_listener hl7-listen --name atellica 127.0.0.1:0
    dial
    post one
    hang_up
    stop_listener
    grep -q '"link":"atellica"' "$DIR/out"
}

@test "a host's name listens on all of its addresses" {
    start_listener hl7-listen localhost:0
    instsim hl7 -q --seed 1 --profile chemistry "${ENDPOINTS[0]#listen:}"
    instsim hl7 -q --seed 2 --profile chemistry "${ENDPOINTS[-1]#listen:}"
    [[ ${ENDPOINTS[*]} = *127.0.0.1* ]]
    stop_listener
    count_lines "$DIR/out" 2
}

@test "a unix socket's file is removed at the end, a stale one at the start, and one that is in use is left alone" {
    local socket=$DIR/socket
    start_listener hl7-listen "unix:$socket"
    [ -S "$socket" ]
    refused 69 'in use' "unix:$socket"
    [ -S "$socket" ]
    stop_listener KILL 2>/dev/null
    [ -S "$socket" ]
    start_listener hl7-listen -c 1 "unix:$socket"
    instsim hl7 -q --profile chemistry "unix:$socket"
    wait_listener
    [ "$status" = 0 ]
    [ ! -e "$socket" ]
    echo precious >"$socket"
    refused 69 'in use' "unix:$socket"
    [ "$(cat "$socket")" = precious ]
}

@test "sockets of a service manager (LISTEN_FDS) and those that fd: names are used" {
    local ports
    start_listener inherit 2 hl7-listen
    [ ${#ENDPOINTS[@]} = 2 ]
    mapfile -t ports < <(head -n 2 "$DIR/err")
    [ "${ENDPOINTS[0]}" = "listen:127.0.0.1:${ports[0]}" ]
    [ "${ENDPOINTS[1]}" = "listen:127.0.0.1:${ports[1]}" ]
    dial "${ports[1]}"
    post second
    hang_up
    stop_listener
    grep -q '"link":"fd:4"' "$DIR/out"

    start_listener inherit -1 hl7-listen -n lab fd:3
    dial
    post named
    hang_up
    stop_listener
    grep -q '"link":"lab"' "$DIR/out"

    run timeout 20 inherit +1 hl7-listen
    [ "$status" = 64 ]
    [[ $output = *'no endpoint'* ]]
    run timeout 20 inherit 2 hl7-listen -n lab
    [ "$status" = 64 ]
}

@test "a connected socket that fd: names is one link; when it ends nothing is left to do, exit 0" {
    start_listener instsim hl7 -c 2 --profile chemistry listen:127.0.0.1:0
    dial
    run --separate-stderr timeout 20 hl7-listen "fd:$WIRE"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 2 ]
    [[ $output = *"\"link\":\"fd:$WIRE\""* ]]
    hang_up
    wait_listener
    [ "$status" = 0 ]
}

@test "dial: connects, and connects again after the connection is lost" {
    play_host <<'END'
> <VT>MSH|^~\&|dialled||||20260101||ORU^R01|d-1|P|2.5<CR><FS><CR>
< <VT>MSH|^~\&|||dialled||<time>||ACK^R01|<id>|P|2.5<CR>MSA|AA|d-1<CR><FS><CR>
close
reconnect
> <VT>MSH|^~\&|dialled||||20260101||ORU^R01|d-2|P|2.5<CR><FS><CR>
< <VT>MSH|^~\&|||dialled||<time>||ACK^R01|<id>|P|2.5<CR>MSA|AA|d-2<CR><FS><CR>
END
    run --separate-stderr timeout 20 hl7-listen -c 2 --retry 0.1,1.5,1 "dial:127.0.0.1:$PORT"
    [ "$status" = 0 ]
    [[ $output = *d-1*d-2* ]]
    [[ $stderr = *'the connection is gone; retrying in 0.1 s'* ]]
    wait_host
}

@test "dial: waits longer each time, and finds the instrument once it is there" {
    hold_log
    start_listener hl7-listen -c 1 --retry 0.05,2,0.2 "dial:unix:$DIR/socket"
    await_log '*retrying in 0.[01]*attempt 2)'
    await_log '*retrying in 0.2*attempt 6)'
    instsim hl7 -q --profile chemistry "listen:unix:$DIR/socket"
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "dial: looks names up without waiting for it" {
    start_listener instsim hl7 --profile chemistry listen:127.0.0.1:0
    run --separate-stderr timeout 20 hl7-listen -c 1 --retry 0.1,1,1 "dial:localhost:$PORT"
    [ "$status" = 0 ]
    wait_listener
    [ "$status" = 0 ]
}

# ---- limits ----

@test "--max-message answers AR, with the control id, to a longer message, and the link stays up" {
    start_listener hl7-listen --max-message 1K 127.0.0.1:0
    dial
    say_block "$(text long "NTE|1||$(printf '%01200d' 0)")"
    answered AR long
    say "$(block "$(text before)")$(block "$(text longer "NTE|1||$(printf '%0300000d' 0)")")$(block "$(text behind)")"
    answered AA before
    answered AR longer
    answered AA behind
    hang_up
    stop_listener
    [ "$status" = 0 ]
    [ "$(ids "$DIR/out" | paste -s -d ' ')" = 'before behind' ]
    [ "$(grep -c too-long "$DIR/err")" = 2 ]
}

@test "--max-buffer answers AE to what would pass it, and the link stays up" {
    start_listener hl7-listen --max-buffer 4K 127.0.0.1:0
    dial
    say "$VT$(text long "NTE|1||$(printf '%010000d' 0)")"
    answered AE long
    say "$FS"$'\r'
    post short
    hang_up
    stop_listener
    [ "$(ids "$DIR/out")" = short ]
    grep -q 'no-memory' "$DIR/err"
}

@test "--max-buffer is for all links together" {
    local first
    stall_out
    start_listener hl7-listen --max-buffer 256K 127.0.0.1:0
    dial
    first=$WIRE
    say_block "$(text one "NTE|1||$(printf '%0100000d' 0)")"
    dial
    say "$VT$(text two "NTE|1||$(printf '%0300000d' 0)")"
    answered AE two
    say "$FS"$'\r'
    resume_out
    hang_up
    WIRE=$first
    answered AA one
    hang_up
    stop_listener
    wait "$READER"
    [ "$(ids "$DIR/lines")" = one ]
}

@test "--message-timeout refuses a message that takes too long, and the link stays up" {
    start_listener hl7-listen --message-timeout 0.3 127.0.0.1:0
    dial
    say "$VT"$'MSH|^~\\&|A||||||ORU^R01|slow\rPID|1' # a block may go on while it averages 50 bytes a second
    answered AR slow
    say $'NTE|1||the end of it\r'"$FS"$'\r'
    post quick
    hang_up
    stop_listener
    [ "$(ids "$DIR/out")" = quick ]
    grep -q 'too-slow' "$DIR/err"
}

@test "neither limit runs while the hand-over takes its time" {
    local blocks
    stall_out
    start_listener hl7-listen --message-timeout 0.5 --idle-timeout 0.5 127.0.0.1:0
    blocks="$(block "$(text one)")$VT$(text two)" # which does not count for the second
    dial
    say "$blocks"
    run -142 bash -c 'IFS= read -r -n 1 -t 0.8 -u '"$WIRE"
    say "$FS"$'\r'
    resume_out
    answered AA one
    answered AA two
    hear CLOSE # idle
    hang_up
    stop_listener
    wait "$READER"
    count_lines "$DIR/lines" 2
}

@test "--idle-timeout closes a connection that says nothing" {
    start_listener hl7-listen --idle-timeout 1 127.0.0.1:0
    dial
    post before
    hear CLOSE
    hang_up
    stop_listener
    grep -q 'idle for too long' "$DIR/err"
}

@test "the log shows no texts of messages, not even with -vv, and -q leaves only errors" {
    start_listener hl7-listen -vv --max-message 1K 127.0.0.1:0
    dial
    post one
    say $'PID|1||4711||Quimby^Ada\r'
    say "$VT$(text cut)"
    post two
    say_block "PID|1||4711||Quimby^Ada"$'\r'
    answered AR ''
    say_block "$(text long "NTE|1||Quimby 4711 $(printf '%01200d' 0)")"
    answered AR long
    say_block $'MSH|^~\\&|A||||||ACK|x|P|2.5\rMSA|AA|no-such-message-of-Quimby\r'
    post last
    hang_up
    stop_listener
    grep -q '< block, ' "$DIR/err"
    grep -q '> block, ' "$DIR/err"
    none grep -q -e Quimby -e 4711 "$DIR/err"
    start_listener hl7-listen -q 127.0.0.1:0
    dial
    post one
    hang_up
    stop_listener
    [ ! -s "$DIR/err" ]
}

# ---- many ----

@test "a health check that connects and closes leaves no trace, and 2 000 of them no descriptor" {
    local before i
    [ -d /proc/self/fd ] || skip "there is no /proc to count descriptors in"
    start_listener hl7-listen 127.0.0.1:0
    dial
    post before
    before=$(ls "/proc/$LISTENER/fd" | wc -l)
    crowd -x "$PORT" 2000
    post after
    until [ "$(ls "/proc/$LISTENER/fd" | wc -l)" = "$before" ]; do
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    none grep -v -e 'message handed over' -e connected "$DIR/err"
    count_lines "$DIR/err" 3
    for i in {1..200}; do
        exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
        printf '\x0bMSH|^~\\&|' >&"$fd"
        exec {fd}>&-
    done
    post last
    until [ "$(ls "/proc/$LISTENER/fd" | wc -l)" = "$before" ]; do
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 3
}

@test "1 000 idle connections take less than 10 MB" {
    local open closed
    [ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge 1100 ] || skip "not so many descriptors are allowed"
    mkfifo "$DIR/hold"
    start_listener hl7-listen 127.0.0.1:0
    exec {HOLD}<>"$DIR/hold"
    crowd "$PORT" 1000 1000 <"$DIR/hold" >"$DIR/crowd" 3>&- {HOLD}>&- &
    started+=($!)
    until [ -s "$DIR/crowd" ]; do read -r -t 0.05 -u "$HOLD" || :; done
    dial
    post among
    read -r open closed <"$DIR/crowd"
    [ "$open" = 1000 ]
    [ "$closed" = 0 ]
    resident_below 10240
    exec {HOLD}>&-
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

@test "connections beyond --max-connections are refused, the others go on" {
    local open closed
    mkfifo "$DIR/hold"
    start_listener hl7-listen --max-connections 51 127.0.0.1:0
    exec {HOLD}<>"$DIR/hold"
    dial
    say "$VT$(text first)"
    crowd "$PORT" 500 50 <"$DIR/hold" >"$DIR/crowd" 3>&- {HOLD}>&- &
    started+=($!)
    until [ -s "$DIR/crowd" ]; do read -r -t 0.05 -u "$HOLD" || :; done
    say "$FS"$'\r'
    answered AA first
    read -r open closed <"$DIR/crowd"
    [ "$open" = 50 ]
    [ "$closed" = 450 ]
    grep -q 'refused a connection from .*--max-connections' "$DIR/err"
    exec {HOLD}>&-
    wait "${started[-1]}"
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "50 instruments at once: every message arrives exactly once" {
    local i pids=()
    start_listener hl7-listen -c 1000 127.0.0.1:0
    for i in {1..50}; do
        instsim hl7 -q --seed $i -c 20 --profile bloodgas "127.0.0.1:$PORT" 3>&- &
        pids+=($!)
    done
    started+=("${pids[@]}")
    for i in "${pids[@]}"; do
        wait "$i"
    done
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1000
    all_different "$DIR/out"
}

start_proxy() {
    mkfifo "$BATS_TEST_TMPDIR/ready"
    proxy -s 7 -d 120000 -l 3000 -R 6 "$1" 6>"$BATS_TEST_TMPDIR/ready" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
    PROXY_PID=$!
    started+=("$PROXY_PID")
    read -r PROXY <"$BATS_TEST_TMPDIR/ready"
}

@test "10 instruments over a network that splits, delays and drops: every message arrives exactly once" {
    local i pids=()
    start_listener hl7-listen 127.0.0.1:0
    in_folder proxy start_proxy "$PORT"
    for i in {1..10}; do
        instsim hl7 -q --attempts 1000 --retry 0.02,1,0.02 --seed $i -c 15 --profile bloodgas "127.0.0.1:$PROXY" 3>&- &
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
    count_lines "$DIR/out" 150
    all_different "$DIR/out"
    grep -q 'came again' "$DIR/err"
}

# ---- what no instrument should send ----

@test "garbage of all kinds leaves other links undisturbed" {
    local other
    start_listener hl7-listen -q --max-message 100K 127.0.0.1:0
    dial
    other=$WIRE
    say "$VT$(text undisturbed)"
    LC_ALL=C awk 'BEGIN {
        srand(11)
        split("\v|\034|\r|MSH|MSA|FHS|BHS|^~\\&|\v\034\r|MSH\\|^~\\&\\|", word, /[|]/)
        for (i = 0; i < 400000; i++)
            if (rand() < 0.05) printf "%s|", word[1 + int(rand() * 10)]
            else printf "%c", 1 + int(rand() * 255)
    }' >"$DIR/garbage"
    dial
    cat <&"$WIRE" >"$DIR/answers" 3>&- &
    started+=($!)
    cat "$DIR/garbage" >&"$WIRE"
    hang_up
    kill "${started[-1]}" 2>/dev/null || :
    wait "${started[-1]}" || :
    dial
    cat "$DIR/garbage" >&"$WIRE" || : # whose answers nobody reads
    hang_up
    WIRE=$other
    say "$FS"$'\r'
    answered AA undisturbed
    hang_up
    dial
    post afterwards
    hang_up
    resident_below 20480
    stop_listener
    [ "$status" = 0 ]
    [ "$(ids "$DIR/out" | grep -c -e '^undisturbed$' -e '^afterwards$')" = 2 ]
}

@test "a block that never ends is answered AR once it is too long, and takes no more memory" {
    start_listener hl7-listen --max-message 1M 127.0.0.1:0
    dial
    {
        printf '%s%s' "$VT" "$(text endless)"
        head -c 64M /dev/zero | tr '\0' A
    } >&"$WIRE"
    answered AR endless
    resident_below 10240
    say "$FS"$'\r'
    post after
    hang_up
    stop_listener
    [ "$(ids "$DIR/out")" = after ]
}

@test "a block without an MSH that can be read is answered AR without a control id, and the link stays up" {
    local odd
    start_listener hl7-listen 127.0.0.1:0
    dial
    for odd in 'MSH||||' MSH 'MSH|' '' $'PID|1||4711\r' 'hello' $'MSH|^~\\&|A|B\r' \
        $'\rMSH|^~\\&|A||||||ORU^R01|1|P|2.5\r'; do
        say_block "$odd"
        hear_block
        [[ $BLOCK = *$'\rMSA|A'[AR]* ]]
        [[ $BLOCK = *$'\rMSA|AR\r'* ]] || [[ $BLOCK = *$'\rMSA|AR|\r'* ]] || [[ $odd = $'\r'* ]]
    done
    post after
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

@test "a million empty segments, and a million of three letters, are taken" {
    local segment
    start_listener hl7-listen -c 2 -o message 127.0.0.1:0
    dial
    for segment in '' NTE; do
        {
            printf '%s' "$VT"
            text "million$segment"
            yes "$segment" | head -n 1000000 | tr '\n' '\r'
            printf '%s\r' "$FS"
        } >"$DIR/block"
        cat "$DIR/block" >&"$WIRE"
        answered AA "million$segment"
    done
    hang_up
    wait_listener
    [ "$status" = 0 ]
    [ "$(head -n 1 "$DIR/out" | jq '.records | length')" = 3 ]
    [ "$(tail -n 1 "$DIR/out" | jq '.records | length')" = 1000003 ]
}

@test "a control id of 10 kB is given back whole, and known when it comes again" {
    local id
    id=$(printf '%010000d' 7)
    start_listener hl7-listen 127.0.0.1:0
    dial
    post "$id"
    post "$id"
    post "${id}8"
    hang_up
    stop_listener
    [ "$(ids "$DIR/out")" = "$id"$'\n'"${id}8" ]
}

# ---- signals ----

@test "SIGTERM, SIGINT and SIGHUP end an idle listener with 0, and close what is connected" {
    local signal
    for signal in TERM INT HUP; do
        start_listener env --default-signal=HUP hl7-listen 127.0.0.1:0
        dial
        post one
        kill -s $signal "$LISTENER"
        hear CLOSE
        hang_up
        wait_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 1
    done
}

@test "SIGHUP is ignored under nohup" {
    start_listener env --ignore-signal=HUP hl7-listen 127.0.0.1:0
    kill -s HUP "$LISTENER"
    dial
    post one
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

@test "SIGTERM in the middle of a message: it is finished, handed over and acknowledged, exit 0" {
    hold_log
    start_listener hl7-listen -v 127.0.0.1:0
    dial
    say "$VT$(text middle)"
    await_log '*connected' # what came is read
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    run bash -c "exec 9<>/dev/tcp/127.0.0.1/$PORT"
    [ "$status" != 0 ]
    say $'NTE|1||the end of it\r'"$FS"$'\r'
    answered AA middle
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 0 ]
    grep -q '"control_id":"middle".*the end of it' "$DIR/out"
}

@test "a second signal ends it at once, with 128 and its number" {
    hold_log
    start_listener hl7-listen -v 127.0.0.1:0
    dial
    post first
    say "$VT$(text middle)"
    has_been_read
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    stop_listener INT
    [ "$status" = 130 ]
}

# Each of them has a stalled stdout and a message that waits for it.
stalled_listener() {
    local folder=$1 free=$2 text=$3
    in_folder "$folder" stall_out "$free"
    in_folder "$folder" start_listener hl7-listen -o raw 127.0.0.1:0
    dial
    say_block "$text"
    has_been_read
}

@test "SIGTERM with a stalled stdout: AE after 10 s, exit 0, or 74 with a torn line; none spins" {
    local waiting=() wires=() name listener wanted used
    stalled_listener whole 0 "$(text whole)"
    waiting+=("whole $LISTENER 0 $WIRE")
    stalled_listener torn 4096 "$(text torn "NTE|1||$(printf '%06000d' 0)")"
    waiting+=("torn $LISTENER 74 $WIRE")
    for listener in "${waiting[@]}"; do
        read -r name LISTENER wanted WIRE <<<"$listener"
        kill -s TERM "$LISTENER"
    done
    for listener in "${waiting[@]}"; do
        read -r name LISTENER wanted WIRE <<<"$listener"
        answered AE "$name"
        hear CLOSE
        hang_up
    done
    for listener in "${waiting[@]}"; do
        read -r name LISTENER wanted WIRE <<<"$listener"
        wait_listener
        [ "$status" = "$wanted" ] || {
            echo "$name ended with $status, not $wanted"
            return 1
        }
    done
    grep -q 'the last line is torn' "$DIR/torn/err"
    used=$(times | awk 'NR == 2 { gsub(/[ms]/, " "); print $1 * 60 + $2 + $3 * 60 + $4 }')
    echo "all of this took $used s of the processor"
    [ "${used%.*}" -lt 5 ]
}
