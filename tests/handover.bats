# The hand-over to commands (-x) and consumers (-s), with both protocols: verdicts, replies, deaths, and what is left of
# children.
# shellcheck disable=SC2016 # commands are for a shell that is started later
load helper
load wire

VT=$'\x0b' FS=$'\x1c'

setup() {
    export DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" "$DIR/wait" # what a test reads that waits for a while
}

# await COMMAND…: it has to succeed within 30 s.
await() {
    local end=$((SECONDS + 30))
    until "$@"; do
        [ $SECONDS -lt $end ] || {
            echo "never: $*"
            return 1
        }
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
}

refuses() {
    local word=$1
    shift
    run --separate-stderr timeout 20 "$@"
    # shellcheck disable=SC2154 # run sets it
    if [ "$status" != 64 ] || [[ $stderr != *"$word"* ]]; then
        echo "$*: status $status, expected 64 and '$word': $stderr"
        return 1
    fi
}

count_lines() {
    [ "$(wc -l <"$1")" = "$2" ] || {
        echo "$1 has $(wc -l <"$1") lines, not $2"
        return 1
    }
}

has_lines() {
    [ "$(wc -l <"$1" 2>/dev/null || echo 0)" -ge "$2" ]
}

gone() {
    ! kill -0 "$1" 2>/dev/null
}

# The children of the listener, as ps has them.
children() {
    ps -o pid=,stat= --ppid "$LISTENER"
}

childless() {
    [ -z "$(children)" ]
}

# hl7 ID [TYPE]: a block with a message of that control id.
hl7() {
    printf '\x0bMSH|^~\\&|wire|LAB|||20260301101500||%s|%s|P|2.5.1\rPID|1||4711\rOBX|1|NM|GLU||5.4|mmol/L\r\x1c\r' \
        "${2:-ORU^R01}" "$1"
}

say_hl7() {
    hl7 "$@" >&"$WIRE"
}

# answered CODE ID: the next block, which is then BLOCK, is such an answer to that message; it has to come within 20 s.
answered() {
    local LC_ALL=C status=0
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" BLOCK || status=$?
    if [ $status != 0 ] || [ "${BLOCK:0:1}" != "$VT" ] || [[ $BLOCK != *$'\r'"MSA|$1|$2"[$'\r|']* ]]; then
        printf 'expected %s %s, got %q (status %s)\n' "$1" "$2" "$BLOCK" $status
        return 1
    fi
    hear $'\r'
}

post() {
    say_hl7 "$1"
    answered "${2:-AA}" "$1"
}

# a session with one frame, which is answered with NAK and then, the second time, with ACK
deliver_twice() {
    say "$ENQ" && hear "$ACK" && say_frame 1 "$(message "$1")" && hear "$NAK" && say_frame 1 "$(message "$1")" &&
        hear "$ACK" && say "$EOT"
}

# ---- options ----

@test "a command that is none, and numbers that are none, end with 64" {
    local program
    for program in astm-listen hl7-listen inst-listen; do
        refuses "is no command" $program -x ' ' 0
        refuses "is no command" $program --sink '' 0
        refuses "--jobs" $program -x true --jobs 0 0
        refuses "--jobs" $program -x true --jobs 1025 0
        refuses "--window" $program -s cat --window x 0
        refuses "--exec-timeout" $program -x true --exec-timeout 0 0
        refuses "--sink-timeout" $program -s cat --sink-timeout soon 0
    done
}

@test "an option of a command or a consumer that is not there, and a second one of them or of journals, end with 64" {
    local program
    for program in astm-listen hl7-listen inst-listen; do
        refuses "--jobs is for --exec" $program --jobs 2 -s cat 0
        refuses "--exec-timeout is for --exec" $program --exec-timeout 2 0
        refuses "--window is for --sink" $program --window 3 -x true 0
        refuses "--sink-timeout is for --sink" $program --sink-timeout 3 0
        refuses "--exec was given twice" $program -x true -x false 0
        refuses "--sink was given twice" $program -s cat --sink cat 0
        refuses "--journal was given twice" $program -j "$DIR/a" -j "$DIR/b" 0
        [ ! -e "$DIR/a" ]
    done
}

@test "with -x or -s stdout is no target: nothing is printed there, and its reader may go" {
    start_listener hl7-listen -o tsv -s 'while read -r l; do echo ok; done' 127.0.0.1:0
    dial
    post a
    stop_listener
    [ "$status" = 0 ]
    [ ! -s "$DIR/out" ]
    rm -f "$DIR/err"
    mkfifo "$DIR/reader"
    timeout 30 hl7-listen -c 1 -x 'cat >"$DIR/got"' -R 5 127.0.0.1:0 5>"$DIR/ready" 3>&- > >(:) &
    LISTENER=$!
    started+=("$LISTENER")
    await test -s "$DIR/ready"
    IFS=: read -r _ _ PORT <"$DIR/ready"
    dial
    post b
    hang_up
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/got" 1
}

@test "inetd: a connected socket on stdin and stdout is a link where -x or -s takes the messages" {
    start_listener instsim hl7 -c 2 --profile chemistry listen:127.0.0.1:0
    dial
    run --separate-stderr timeout 20 bash -c "inst-listen -n lab -x 'cat >>\"\$DIR/got\"' fd:0 <&$WIRE >&$WIRE"
    [ "$status" = 0 ]
    count_lines "$DIR/got" 2
    hang_up
}

# ---- -x ----

@test "-x: exit 0 is the acknowledgement; CMD has the message on stdin, and whence it came in its environment" {
    local cmd='printf "%s " "$INSTLINK_LINK" "$INSTLINK_PROTOCOL" "$INSTLINK_PEER" "$INSTLINK_ID"; cat' got
    start_listener inst-listen -n lab -x "{ $cmd; } >>\"\$DIR/got\"" 127.0.0.1:0
    dial
    deliver one
    hang_up
    dial
    post two
    stop_listener
    [ "$status" = 0 ]
    mapfile -t got <"$DIR/got"
    [ ${#got[@]} = 2 ]
    [[ ${got[0]} =~ ^'lab astm 127.0.0.1:'[0-9]+' '([0-9A-Z]{26})' {"type":"message","protocol":"astm","id":"'([0-9A-Z]{26})\" ]]
    [ "${BASH_REMATCH[1]}" = "${BASH_REMATCH[2]}" ]
    [[ ${got[1]} = 'lab hl7 '*'"control_id":"two"'* ]]
}

@test "-x: -o is what stdin has; a CMD that does not read it is no error, nor is a view without a line" {
    start_listener astm-listen -o text -x 'cat >>"$DIR/got"' 127.0.0.1:0
    dial
    deliver one
    stop_listener
    [ "$(cat "$DIR/got")" = "$(message one | tr '\r' '\n')" ]
    rm "$DIR/err"
    start_listener astm-listen -o frame -x 'cat >>"$DIR/frame"; echo run >>"$DIR/runs"' 127.0.0.1:0
    dial
    deliver one
    stop_listener
    [ ! -s "$DIR/frame" ]
    [ ! -s "$DIR/out" ]
    count_lines "$DIR/runs" 1
    rm "$DIR/err"
    start_listener hl7-listen -x : 127.0.0.1:0
    dial
    { printf '\x0bMSH|^~\\&|wire|LAB|||20260301101500||ORU^R01|big|P|2.5.1\r'
        head -c 1000000 /dev/zero | tr '\0' x | fold -w 100 | sed 's/^/NTE|1||/' | tr '\n' '\r'
        printf '\r\x1c\r'; } >&"$WIRE"
    answered AA big
    stop_listener
    [ "$status" = 0 ]
}

@test "-x: 65 is never: NAK in ASTM, AR in HL7; with --rejects ASTM acknowledges it, and it is there" {
    start_listener astm-listen -x 'exit 65' 127.0.0.1:0
    dial
    deliver one "$NAK"
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|||wire\r'
    hear "$ACK"
    say_frame 2 $'L|1|N\r'
    hear "$NAK"
    say "$EOT"
    await grep -q 'dropped .*: its last frame was refused, and the sender has given up' "$DIR/err"
    stop_listener
    grep -q 'command ended with status 65: the message is refused for good' "$DIR/err"
    start_listener astm-listen --rejects "$DIR/rejects" -x 'exit 65' 127.0.0.1:0
    dial
    deliver one
    stop_listener
    [ "$status" = 0 ]
    cmp "$DIR/rejects" <(message one)
    [ "$(grep -c "a message that was rejected is acknowledged, and went to $DIR/rejects" "$DIR/err")" = 1 ]
    none grep 'handed over' "$DIR/err"
    start_listener astm-listen --log json --rejects "$DIR/rejects" -s 'while read -r l; do echo reject; done' -n lab 127.0.0.1:0
    dial
    deliver two
    stop_listener
    cmp "$DIR/rejects" <(message one && message two)
    grep '"event":"rejected"' "$DIR/err" | grep '"link":"lab"' | grep -q '"peer":"127.0.0.1:'
    none grep '"event":"message"' "$DIR/err"
    start_listener hl7-listen -x 'exit 65' 127.0.0.1:0
    dial
    post one AR
    stop_listener
}

@test "-x: any other status, 126, 127 and a signal are later; the status is told, and what comes again is taken" {
    local cmd='[ -e "$DIR/again" ] && exit 0; echo >"$DIR/again"; exit 75'
    start_listener astm-listen -x "$cmd" 127.0.0.1:0
    dial
    deliver_twice one
    stop_listener
    grep -q 'command ended with status 75: the message is refused for now' "$DIR/err"
    start_listener hl7-listen -x 'read -r l <"$DIR/what"; eval "$l"' 127.0.0.1:0
    dial
    while IFS='=' read -r line told; do
        echo "$line" >"$DIR/what"
        post one AE
        grep -q "command $told: the message is refused for now" "$DIR/err"
    done <<'END'
exit 75=ended with status 75
exit 1=ended with status 1
/dev/null=ended with status 126
/no/such/thing=ended with status 127
kill -9 $$=was killed by signal 9
END
    echo : >"$DIR/what"
    post one
    stop_listener
}

@test "-x: past --exec-timeout CMD and all that it has started is ended, and the message refused for now" {
    start_listener hl7-listen --exec-timeout 200ms -x 'sleep 1000 & echo $! >"$DIR/pid"; sleep 1000; exit 0' 127.0.0.1:0
    dial
    post one AE
    grep -q 'took longer than --exec-timeout' "$DIR/err"
    await gone "$(cat "$DIR/pid")"
    await childless
    stop_listener
}

@test "-x: messages of several connections run at a time, as --jobs says" {
    local wires=() cmd='echo >>"$DIR/begun"; until [ -e "$DIR/go" ]; do sleep 0.05; done'
    start_listener hl7-listen --jobs 2 --exec-timeout 60 -x "$cmd" 127.0.0.1:0
    for i in 1 2 3; do
        dial
        wires+=("$WIRE")
        say_hl7 "m-$i"
    done
    await has_lines "$DIR/begun" 2
    count_lines "$DIR/begun" 2
    : >"$DIR/go"
    for i in 1 2 3; do
        WIRE=${wires[$i - 1]} answered AA "m-$i"
    done
    count_lines "$DIR/begun" 3
    stop_listener
}

@test "-x: what CMD prints is the HL7 answer where its MSA-2 is the control id, and else the plain one is sent" {
    local cmd='id=$(sed -n "s/.*\"control_id\":\"\([^\"]*\)\".*/\1/p"); [ "$id" != odd ] || id=x; printf "MSH|^~\\\\&|||||||RSP^K22|r-1|P|2.5.1\nMSA|AA|$id\r\nQAK||OK\n"'
    start_listener hl7-listen -x "$cmd" 127.0.0.1:0
    dial
    say_hl7 q-1 QBP^Q22
    answered AA q-1
    [[ $BLOCK = $VT'MSH|^~\&|||||||RSP^K22|r-1|P|2.5.1'$'\rMSA|AA|q-1\rQAK||OK\r' ]]
    say_hl7 odd
    answered AA odd
    [[ $BLOCK != *QAK* ]]
    await grep -q own-answer "$DIR/err"
    stop_listener
}

@test "-x: what CMD prints goes to an ASTM instrument as a session of our own, after its EOT; what is no message does not" {
    start_listener astm-listen -x 'cat "$DIR/reply"' 127.0.0.1:0
    printf 'H|\\^&\nP|1\r\nL|1|N\n' >"$DIR/reply"
    dial
    deliver one
    hear "$ENQ"
    say "$ACK"
    IFS= read -r -d $'\n' -t 20 -u "$WIRE" line
    [[ $line = $'\x021H|\\^&\r'* ]]
    hang_up
    echo stored >"$DIR/reply"
    dial
    deliver two
    hang_up
    stop_listener
    grep -q 'no ASTM message' "$DIR/err"
}

@test "-x: a CMD that prints more than --max-message is ended, and the message refused for now" {
    start_listener hl7-listen --max-message 10K -x 'yes' 127.0.0.1:0
    dial
    post one AE
    grep -q 'printed more than --max-message' "$DIR/err"
    stop_listener
}

@test "-x with -j or --stdout: what comes while the message before is handed over is not left lying" {
    local options i
    for options in "-j $DIR/journal" --stdout; do
        rm -f "$DIR/err"
        # shellcheck disable=SC2086 # several words
        start_listener hl7-listen $options -x 'cat >/dev/null' 127.0.0.1:0
        dial
        for i in 1 2 3 4 5 6 7 8; do
            printf %s "$(hl7 "$i-a")$(hl7 "$i-b")$(hl7 "$i-c")" >&"$WIRE"
            answered AA "$i-a"
            answered AA "$i-b"
            answered AA "$i-c"
        done
        hang_up
        stop_listener
    done
}

@test "-x: 200 messages leave no descriptor and no zombie" {
    need ps
    start_listener hl7-listen -q -x 'cat >/dev/null' 127.0.0.1:0
    dial
    post first
    local before after
    await childless
    before=$(ls "/proc/$LISTENER/fd")
    for i in {1..200}; do
        post "m-$i"
    done
    await childless
    after=$(ls "/proc/$LISTENER/fd")
    [ "$before" = "$after" ]
    stop_listener
}

# ---- -s ----

@test "-s: 1 000 messages through a consumer that says ok to each" {
    start_listener hl7-listen -q -s 'while read -r l; do printf "%s\n" "$l" >>"$DIR/got"; echo ok; done' 127.0.0.1:0
    instsim hl7 -q -c 1000 --profile chemistry "127.0.0.1:$PORT"
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/got" 1000
    [ "$(grep -c '^{"type":"message".*}$' "$DIR/got")" = 1000 ]
}

@test "-s: the consumer is there before the first message, and gets message lines whatever -o says" {
    start_listener astm-listen -o raw -s 'echo >"$DIR/there"; while read -r l; do printf "%s\n" "$l" >>"$DIR/got"; echo ok; done' \
        127.0.0.1:0
    await test -e "$DIR/there"
    dial
    deliver one
    stop_listener
    grep -q '^{"type":"message",.*"control_id":"one"' "$DIR/got"
}

@test "-s: retry and reject refuse for now and for good, and WHY is in the HL7 answer" {
    local cmd='while read -r l; do case $l in *once*) [ -e "$DIR/again" ] && echo ok || { echo >"$DIR/again"; echo retry the disk is full; };; *) echo reject no such test;; esac; done'
    start_listener hl7-listen -s "$cmd" 127.0.0.1:0
    dial
    post once AE
    [[ $BLOCK = *"the disk is full"* ]]
    grep -q 'refuses a message for now: the disk is full' "$DIR/err"
    post once
    post never AR
    [[ $BLOCK = *"no such test"* ]]
    stop_listener
    rm "$DIR/again"
    start_listener astm-listen --rejects "$DIR/rejects" -s "$cmd" 127.0.0.1:0
    dial
    deliver_twice once
    deliver never
    stop_listener
    [ "$status" = 0 ]
    cmp "$DIR/rejects" <(message never)
}

@test "-s: ok TEXT is sent back: an answer of its own in HL7, a session of its own in ASTM" {
    start_listener hl7-listen -s 'read -r l; cat "$DIR/answer"; cat >/dev/null' 127.0.0.1:0
    printf '%s\n' 'ok "MSH|^~\\&|||||||RSP^K22|r-1|P|2.5.1\rMSA|AA|q-1\rQAK||\u00e4\r"' >"$DIR/answer"
    dial
    say_hl7 q-1 QBP^Q22
    answered AA q-1
    [[ $BLOCK = *$'\rQAK||\xc3\xa4\r' ]]
    stop_listener
    start_listener astm-listen -s 'read -r l; cat "$DIR/answer"; cat >/dev/null' 127.0.0.1:0
    printf '%s\n' 'ok "H|\\^&\nL|1|N\n"' >"$DIR/answer"
    dial
    deliver one
    hear "$ENQ"
    stop_listener KILL
}

@test "-s: a consumer that answers only after 64 lines gets them from 64 connections" {
    local wires=()
    start_listener hl7-listen -q -s 'for i in $(seq 64); do read -r l; done; yes ok | head -n 64; cat >/dev/null' 127.0.0.1:0
    for i in {1..64}; do
        dial
        wires+=("$WIRE")
        say_hl7 "m-$i"
    done
    for i in {1..64}; do
        WIRE=${wires[$i - 1]} answered AA "m-$i"
    done
    stop_listener
}

@test "-s: kill -9 of the consumer: what it has not confirmed is refused at once, and taken by the next when it comes again" {
    local wires=() pid
    start_listener hl7-listen -s 'echo $$ >>"$DIR/pids"; while read -r l; do
            printf "%s\n" "$l" >>"$DIR/got"; [ -e "$DIR/answers" ] && echo ok; done' 127.0.0.1:0
    for i in 1 2 3; do
        dial
        wires+=("$WIRE")
        say_hl7 "m-$i"
    done
    await has_lines "$DIR/got" 3
    pid=$(head -n 1 "$DIR/pids")
    : >"$DIR/answers"
    kill -9 "$pid"
    for i in 1 2 3; do
        WIRE=${wires[$i - 1]} answered AE "m-$i"
    done
    grep -q 'the consumer was killed by signal 9; it is started again in 1.0 s' "$DIR/err"
    count_lines "$DIR/got" 3
    for i in 1 2 3; do
        WIRE=${wires[$i - 1]} post "m-$i"
    done
    count_lines "$DIR/pids" 2
    count_lines "$DIR/got" 6
    await gone "$pid"
    stop_listener
}

@test "-s: what a consumer that dies was not fed waits for the next one, however short" {
    local cmd='[ -e "$DIR/fed" ] || { read -r l; : >"$DIR/fed"; read -r l <"$DIR/wait"; exit 1; }
        while read -r l; do echo ok; done'
    local wires=() i refused=0 many
    many=$(printf '%04000d' 0)
    start_listener hl7-listen -s "$cmd" 127.0.0.1:0
    for i in {1..40}; do # more than a pipe holds
        dial
        wires+=("$WIRE")
        printf '\x0bMSH|^~\\&|wire|LAB|||20260301||ORU^R01|m-%s|P|2.5.1\rOBX|1|ST|X||%s\r\x1c\r' $i "$many" >&"$WIRE"
    done
    await test -e "$DIR/fed"
    echo >"$DIR/wait"
    for i in {1..40}; do
        IFS= read -r -d "$FS" -t 20 -u "${wires[$i - 1]}" BLOCK
        [[ $BLOCK =~ MSA\|(A[AE])\|m-$i ]]
        [ "${BASH_REMATCH[1]}" = AA ] || refused=$((refused + 1))
    done
    [ $refused -gt 0 ] # those that it was fed
    [ $refused -lt 30 ]
    [ "$(grep -c 'the consumer ended with status 1; it is started again in 1.0 s' "$DIR/err")" = 1 ]
    stop_listener
    [ "$status" = 0 ]
}

@test "-s: one that reads no more may still answer, but not for long, and who comes meanwhile waits for the next one" {
    local cmd='[ -e "$DIR/deaf" ] || { read -r l; : >"$DIR/first"; read -r l; exec <&-; : >"$DIR/deaf"; echo ok; sleep 1000; }
        while read -r l; do echo ok; done' first
    start_listener hl7-listen -s "$cmd" 127.0.0.1:0
    dial
    first=$WIRE
    say_hl7 one
    await test -e "$DIR/first"
    dial
    say_hl7 two
    await test -e "$DIR/deaf"
    WIRE=$first answered AA one
    WIRE=$first say_hl7 three
    answered AE two
    WIRE=$first answered AA three
    grep -q 'the consumer has closed its stdin; it is started again in 1.0 s' "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
}

@test "-s: a consumer that is stopped: ASTM gets NAK in time, and the verdict on the repeat; HL7 waits" {
    start_listener inst-listen --timers reply=3.2 -s 'echo $$ >"$DIR/pid"; while read -r l; do echo ok; done' 127.0.0.1:0
    await test -s "$DIR/pid"
    local pid hl7
    pid=$(cat "$DIR/pid")
    kill -STOP "$pid"
    dial
    hl7=$WIRE
    say_hl7 waits
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 "$(message waits)"
    hear "$NAK"
    kill -CONT "$pid"
    say_frame 1 "$(message waits)"
    until hear "$ACK" >/dev/null; do
        say_frame 1 "$(message waits)"
    done
    WIRE=$hl7 answered AA waits
    stop_listener
    [ "$status" = 0 ]
}

@test "-s: past --sink-timeout the consumer and all that it has started is ended, and what comes again is taken" {
    local cmd='[ -e "$DIR/pid" ] || { sleep 1000 & echo $! >"$DIR/pid"; read -r l; echo ok; read -r l; sleep 1000; }
        while read -r l; do echo ok; done'
    start_listener hl7-listen --sink-timeout 1 -s "$cmd" 127.0.0.1:0
    await test -s "$DIR/pid" # it does not wait for a shell to start
    dial
    post one
    read -r -t 1.2 <>"$DIR/nothing" || : # who has nothing to answer may be silent
    none grep -q timeout "$DIR/err"
    post two AE
    grep -q 'the consumer has not answered within --sink-timeout; it is started again in 1.0 s' "$DIR/err"
    await gone "$(cat "$DIR/pid")"
    post two
    stop_listener
    [ "$status" = 0 ]
}

@test "-s: one that is stopped in the middle of a long line is ended by --sink-timeout too, and one that answers in time is not" {
    local cmd='exec 4<>"$DIR/nothing"; echo $$ >"$DIR/pid"; while read -r l; do read -r _ <&4; echo ok; done' i
    start_listener hl7-listen --sink-timeout 2 -s "$cmd" 127.0.0.1:0
    for i in 1 2 3; do
        dial
        say_hl7 "m-$i"
    done
    for i in 1 2 3; do # longer in all, not each
        read -r -t 0.9 <>"$DIR/wait" || :
        echo >"$DIR/nothing"
    done
    answered AA m-3
    none grep -q timeout "$DIR/err"
    kill -STOP "$(cat "$DIR/pid")"
    { printf '\x0bMSH|^~\\&|wire|LAB|||20260301101500||ORU^R01|big|P|2.5.1\rNTE|1||'
        head -c 1000000 /dev/zero | tr '\0' x
        printf '\r\x1c\r'; } >&"$WIRE"
    answered AE big
    grep -q 'has not answered within --sink-timeout' "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
}

@test "-s: rubbish, an answer too many, or a closed pipe is its death" {
    local what told code cmd='read -r what <"$DIR/what"; [ -e "$DIR/dead" ] && what="echo ok"; echo >"$DIR/dead"
        read -r l; eval "$what"; while read -r l; do echo ok; done'
    while IFS='=' read -r what code told; do
        rm -f "$DIR/dead"
        echo "$what" >"$DIR/what"
        start_listener hl7-listen -s "$cmd" 127.0.0.1:0
        dial
        say_hl7 one
        answered "$code" one
        await grep -q "the consumer $told" "$DIR/err"
        say_hl7 two
        answered AA two
        stop_listener
        [ "$status" = 0 ]
    done <<'END'
echo great=AE=answered with 5 bytes
echo ok great=AE=answered ok with something behind it that is no JSON string
echo ok; echo ok=AA=answered more than it was asked
exec >&-; sleep 1000=AE=has closed its stdout
exit 3=AE=ended with status 3
END
}

@test "-s: a consumer that cannot be started is tried again, and messages wait for it" {
    start_listener hl7-listen -s '"$DIR/consumer"' 127.0.0.1:0
    await grep -q 'ended with status 127; it is started again in 1.0 s' "$DIR/err"
    dial
    say_hl7 one
    printf '#!/bin/sh\nwhile read -r l; do echo ok; done\n' >"$DIR/new"
    chmod +x "$DIR/new"
    mv "$DIR/new" "$DIR/consumer"
    answered AA one
    stop_listener
    [ "$status" = 0 ]
}

# ---- several ----

@test "-x and -s: both have to take a message, and on the resend only the one that lacks it gets it" {
    local cmd='while read -r l; do echo >>"$DIR/fed"; [ -e "$DIR/again" ] && echo ok || { echo >"$DIR/again"; echo retry; }; done'
    start_listener astm-listen -x 'echo >>"$DIR/runs"' -s "$cmd" 127.0.0.1:0
    dial
    deliver_twice one
    stop_listener
    count_lines "$DIR/runs" 1
    count_lines "$DIR/fed" 2
    rm "$DIR"/{runs,fed,again}
    start_listener hl7-listen -x 'echo >>"$DIR/runs"' -s "$cmd" 127.0.0.1:0
    dial
    post one AE
    post one
    post one
    stop_listener
    count_lines "$DIR/runs" 1
    count_lines "$DIR/fed" 2
}

@test "-x and -s with --dedup 0: a resend goes to the one that lacks it too, and to both once both have it" {
    local cmd='while read -r l; do echo >>"$DIR/fed"; [ -e "$DIR/again" ] && echo ok || { echo >"$DIR/again"; echo retry; }; done'
    start_listener inst-listen --dedup 0 -x 'echo >>"$DIR/runs"' -s "$cmd" 127.0.0.1:0
    dial
    post one AE
    post one
    count_lines "$DIR/runs" 1
    count_lines "$DIR/fed" 2
    post one
    count_lines "$DIR/runs" 2
    count_lines "$DIR/fed" 3
    hang_up
    rm "$DIR"/{runs,fed,again}
    dial
    deliver_twice two
    count_lines "$DIR/runs" 1
    count_lines "$DIR/fed" 2
    stop_listener
    [ "$status" = 0 ]
}

@test "-x and -s: what the command gave back is the answer when the consumer takes the message the second time" {
    local cmd='id=$(sed -n "s/.*\"control_id\":\"\([^\"]*\)\".*/\1/p"); printf "MSH|^~\\&|||||||ACK|r-1|P|2.5.1\nMSA|AA|$id|own\n"'
    start_listener hl7-listen -x "$cmd" -s 'read -r l; echo retry; while read -r l; do echo ok; done' 127.0.0.1:0
    dial
    post one AE
    post one
    [[ $BLOCK = *'MSA|AA|one|own'* ]]
    stop_listener
}

@test "-s and --stdout: stdout gets what the consumer has taken, once" {
    start_listener hl7-listen -o text --stdout -s 'read -r l; echo retry; while read -r l; do echo ok; done' 127.0.0.1:0
    dial
    post one AE
    [ ! -s "$DIR/out" ]
    post one
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -c ^MSH "$DIR/out")" = 1 ]
}

# ---- the end ----

@test "SIGTERM: the consumer's stdin is closed, and it may finish" {
    start_listener hl7-listen -s 'while read -r l; do echo ok; done; sleep 0.5; echo >"$DIR/finished"' 127.0.0.1:0
    dial
    post one
    stop_listener
    [ "$status" = 0 ]
    [ -e "$DIR/finished" ]
}

@test "SIGTERM: a consumer that goes on has 5 s, a command what messages in flight have; none is left" {
    start_listener hl7-listen -s 'echo $$ >"$DIR/pid"; while :; do sleep 0.1; done' 127.0.0.1:0
    await test -s "$DIR/pid"
    stop_listener
    [ "$status" = 0 ]
    gone "$(cat "$DIR/pid")"
    rm "$DIR/pid"
    start_listener hl7-listen --exec-timeout 1h -x 'echo $$ >"$DIR/pid"; sleep 1000' 127.0.0.1:0
    dial
    say_hl7 one
    await test -s "$DIR/pid"
    stop_listener
    [ "$status" = 0 ]
    answered AE one
    gone "$(cat "$DIR/pid")"
}

@test "SIGTERM: a consumer that has not answered is ended when the 10 s are over, and not later" {
    local begin
    start_listener hl7-listen -s 'trap "" TERM; echo $$ >"$DIR/pid"; read -r l; echo >"$DIR/fed"; while :; do sleep 0.1; done' \
        127.0.0.1:0
    dial
    say_hl7 one
    await test -s "$DIR/fed"
    begin=$SECONDS
    stop_listener
    [ "$status" = 0 ]
    [ $((SECONDS - begin)) -lt 14 ] # not 8 s for what is in flight and then 5 and 1 more
    answered AE one
    gone "$(cat "$DIR/pid")"
}

@test "-x and -s: what is left in the background when CMD has ended is ended too" {
    start_listener hl7-listen -x 'sleep 1000 >/dev/null & echo $! >"$DIR/pid"; exit 0' 127.0.0.1:0
    dial
    post one
    await gone "$(cat "$DIR/pid")"
    post two
    await gone "$(cat "$DIR/pid")"
    stop_listener
    rm "$DIR/pid"
    start_listener hl7-listen -s 'sleep 1000 >/dev/null & echo $! >"$DIR/pid"; while read -r l; do echo ok; done' 127.0.0.1:0
    dial
    post one
    kill -0 "$(cat "$DIR/pid")"
    stop_listener
    [ "$status" = 0 ]
    await gone "$(cat "$DIR/pid")"
}

@test "kill -9 of the listener closes the consumer's stdin" {
    start_listener hl7-listen -s 'echo $$ >"$DIR/pid"; cat >/dev/null; echo >"$DIR/ended"' 127.0.0.1:0
    await test -s "$DIR/pid"
    stop_listener KILL
    await test -e "$DIR/ended"
}

@test "-c N with a consumer: exactly N messages, exit 0" {
    start_listener hl7-listen -q -c 3 -s 'while read -r l; do printf "%s\n" "$l" >>"$DIR/got"; echo ok; done' 127.0.0.1:0
    dial
    post one
    post two
    post three
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/got" 3
}
