# The contract of instsim: what it sends, to whom, how often, and what it says became of it. What it sends byte by byte
# is in astm-peer.bats.
load helper
load wire

setup() {
    DIR=$BATS_TEST_TMPDIR
}

# refused STATUS WORD ARGS…: with these arguments it ends with that status, says why on stderr and nothing on stdout.
refused() {
    local wanted=$1 word=$2
    shift 2
    run --separate-stderr timeout 20 instsim "$@" </dev/null
    # shellcheck disable=SC2154 # run sets it
    if [ "$status" != "$wanted" ] || [ -n "$output" ] || [[ $stderr != *"$word"* ]]; then
        echo "instsim $*: status $status, expected $wanted and '$word': $stderr"
        return 1
    fi
}

in_folder() {
    local BATS_TEST_TMPDIR=$DIR/$1
    mkdir -p "$BATS_TEST_TMPDIR"
    shift
    "$@"
}

# How many messages of the log were accepted and given up, as its last line says.
summary_is() {
    [ "$(tail -n 1 "$1")" = "instsim: $2" ] || {
        tail -n 3 "$1"
        return 1
    }
}

# Columns of a table that do not depend on when and whence.
constant_columns() {
    awk -F '\t' -v OFS='\t' '
        NR == 1 { for (i = 1; i <= NF; i++) varies[i] = $i ~ /^(message_id|link|peer|source|received)$/ }
        { for (i = 1; i <= NF; i++) if (varies[i]) $i = ""; print }' "$1"
}

# ---- help, usage, exit status ----

@test "--help and --version go to stdout, exit 0" {
    run --separate-stderr instsim --help
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'usage: instsim '* ]]
    run --separate-stderr instsim --version
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'instsim (instlink) '[0-9]* ]]
    run -74 bash -c 'instsim --help >/dev/full'
}

@test "a wrong command line ends with 64 and says what is wrong" {
    refused 64 protocol
    refused 64 protocol hl9 127.0.0.1:4000
    refused 64 'no endpoint' astm
    refused 64 'nothing to send' astm 4000
    refused 64 chemistry astm --profile alchemy 4000
    refused 64 'not both' astm --profile chemistry 4000 "$BATS_TEST_DIRNAME/data/two.astm"
    refused 64 --seed astm --seed x --profile chemistry 4000
    refused 64 --count astm -c 1.5 --profile chemistry 4000
    refused 64 --count astm -c 0 --profile chemistry 4000
    refused 64 --attempts astm --attempts often --profile chemistry 4000
    refused 64 --size astm --size 0 --profile chemistry 4000
    refused 64 --size astm --size 1M --profile chemistry 4000
    refused 64 --checksum astm --checksum md5 --profile chemistry 4000
    refused 64 --checksum astm --checksum auto --profile chemistry 4000
    refused 64 --role astm --role nurse --profile chemistry 4000
    refused 64 --timers astm --timers lunch=1 --profile chemistry 4000
    refused 64 --retry astm --retry 1 --profile chemistry 4000
    refused 64 "port 0" astm --profile chemistry 127.0.0.1:0
    refused 64 "Try 'instsim --help'" astm --nonsense
}

@test "a file that is not there ends with 66, one without a message with 1, a closed or full stdout with 74" {
    refused 66 "$DIR/none" astm 4000 "$DIR/none"
    : >"$DIR/empty"
    refused 1 'no message' astm 4000 "$DIR/empty"
    run -74 bash -c 'instsim astm --profile chemistry - >&-'
    run -74 bash -c 'instsim astm --profile chemistry -c 100 - >/dev/full'
    run -74 timeout 20 bash -c 'instsim astm --profile chemistry listen:127.0.0.1:0 >&-'
}

@test "where nobody listens it says when it tries again, and ends with 69 when it may not" {
    start_listener astm-listen 127.0.0.1:0
    stop_listener
    refused 69 'given up after 3 attempts' astm --retry 0.01,1,1 --max-retries 2 --profile chemistry "$PORT"
    refused 69 'retrying in 0.0 s (attempt 2)' astm --retry 0.01,1,1 --max-retries 1 --profile chemistry "$PORT"
    refused 69 unknown astm --max-retries 0 --profile chemistry no-such-host.invalid:1
    refused 69 'No such file' astm --max-retries 0 --profile chemistry "unix:$DIR/none"
    start_listener astm-listen 127.0.0.1:0
    refused 69 'in use' astm --profile chemistry "listen:127.0.0.1:$PORT"
}

# ---- what it sends ----

@test "the same seed gives the same bytes, another seed others, in every profile" {
    local profile
    for profile in chemistry hematology coagulation urinalysis immunoassay bloodgas molecular; do
        instsim astm --profile $profile --seed 7 -c 30 - >"$DIR/one"
        instsim astm --profile $profile --seed 7 -c 30 - >"$DIR/same"
        instsim astm --profile $profile --seed 8 -c 30 - >"$DIR/other"
        cmp "$DIR/one" "$DIR/same"
        none cmp -s "$DIR/one" "$DIR/other"
        [ "$(grep -c '^H|' "$DIR/one")" = 30 ]
        run -0 astm-decode -c 30 "$DIR/one"
        [ "${#lines[@]}" = 30 ]
    done
}

@test "500 messages arrive as they were made, value by value" {
    instsim astm --profile chemistry --seed 1 -c 500 - >"$DIR/made"
    start_listener astm-listen -c 500 -o result 127.0.0.1:0
    instsim astm --profile chemistry --seed 1 -c 500 "127.0.0.1:$PORT" 2>"$DIR/log"
    summary_is "$DIR/log" '500 accepted, 0 given up'
    wait_listener
    [ "$status" = 0 ]
    local drop='s/"\(message_id\|link\|peer\|source\|received\)":"[^"]*",//g'
    astm-decode -o result "$DIR/made" | sed "$drop" >"$DIR/decoded"
    sed "$drop" "$DIR/out" | diff "$DIR/decoded" -
    [ "$(wc -l <"$DIR/decoded")" -gt 1000 ]

    start_listener astm-listen -c 500 -o text 127.0.0.1:0
    instsim astm -q --profile chemistry --seed 1 -c 500 --whole --size 1000 "127.0.0.1:$PORT"
    wait_listener
    cmp "$DIR/made" "$DIR/out"
    start_listener astm-listen -c 500 -o tsv 127.0.0.1:0
    instsim astm -q --profile chemistry --seed 1 -c 500 "127.0.0.1:$PORT"
    wait_listener
    astm-decode -o tsv "$DIR/made" >"$DIR/table"
    constant_columns "$DIR/table" >"$DIR/wanted"
    constant_columns "$DIR/out" | diff "$DIR/wanted" -
}

@test "files are sent, framed captures and bare records alike, each message once and in order" {
    {
        printf '%s' "$ENQ"
        frame 1 $'H|\\^&|framed-1||file\r'
        frame 2 $'R|1|^^^K|4.0\r'
        frame 3 $'L|1|N\r'
        printf '%s%s' "$EOT" "$ENQ"
        frame 1 "$(message framed-2)"
        printf '%s' "$EOT"
    } >"$DIR/framed"
    message bare-1 | tr '\r' '\n' >"$DIR/bare"
    start_listener astm-listen -c 4 127.0.0.1:0
    message stdin-1 | instsim astm "127.0.0.1:$PORT" "$DIR/framed" "$DIR/bare" - 2>"$DIR/log"
    wait_listener
    summary_is "$DIR/log" '4 accepted, 0 given up'
    [ "$(grep -o '"control_id":"[^"]*"' "$DIR/out" | paste -s -d ' ')" = \
        '"control_id":"framed-1" "control_id":"framed-2" "control_id":"bare-1" "control_id":"stdin-1"' ]
}

@test "-c N sends files over and over, each pass with fresh control ids" {
    message a >"$DIR/one"
    printf 'H|\\^&\rL|1|N\rH@!~$\r@x\rL@1@N\rH|\\^&|c|pass|sender\rL|1|N\r' >"$DIR/two"
    start_listener astm-listen -o text 127.0.0.1:0
    instsim astm -c 9 "127.0.0.1:$PORT" "$DIR/one" "$DIR/two" 2>"$DIR/log"
    summary_is "$DIR/log" '9 accepted, 0 given up'
    stop_listener
    grep '^H' "$DIR/out" | diff - <(
        printf '%s\n' 'H|\^&|a||wire' 'H|\^&' 'H@!~$' 'H|\^&|c|pass|sender' \
            'H|\^&|a-2||wire' 'H|\^&|-2' 'H@!~$@-2' 'H|\^&|c-2|pass|sender' 'H|\^&|a-3||wire'
    )
}

@test "--size, --whole and --checksum shape the frames" {
    start_listener astm-listen --checksum xor -o frame 127.0.0.1:0
    instsim astm -q --checksum xor --profile hematology --size 100 "127.0.0.1:$PORT"
    stop_listener
    grep -q '"end":"ETB"' "$DIR/out"
    grep -q '"end":"ETX"' "$DIR/out"
    grep -o '"number":[0-9],"length":[0-9]*' "$DIR/out" >"$DIR/lengths"
    none grep -v ':\([0-9]\|[0-9][0-9]\|100\)$' "$DIR/lengths"
    start_listener astm-listen -o frame 127.0.0.1:0
    instsim astm -q --profile bloodgas --whole --size 60000 "127.0.0.1:$PORT"
    stop_listener
    [ "$(grep -c '"number":' "$DIR/out")" = 1 ]
}

# ---- to whom ----

@test "listen: waits for hosts, one after the other" {
    hold_log
    start_listener instsim astm -c 3 -R 5 --profile chemistry listen:127.0.0.1:0
    [[ ${ENDPOINTS[0]} =~ ^listen:127\.0\.0\.1:[1-9][0-9]*$ ]]
    in_folder one astm-listen -q -c 1 --retry 0.05,1,1 "dial:127.0.0.1:$PORT" >"$DIR/one.out"
    in_folder two astm-listen -q -c 2 --retry 0.05,1,1 "dial:127.0.0.1:$PORT" >"$DIR/two.out"
    wait_listener
    [ "$status" = 0 ]
    [ "$(cat "$DIR/one.out" "$DIR/two.out" | wc -l)" = 3 ]
    [ -z "$(cat "$DIR/one.out" "$DIR/two.out" | grep -o '"control_id":"[^"]*"' | sort | uniq -d)" ]
}

@test "listen: a second host is served when the first one goes" {
    hold_log
    start_listener instsim astm -c 1 --profile bloodgas listen:127.0.0.1:0
    dial
    hear "$ENQ"
    local first=$WIRE
    dial
    exec {first}>&-
    hear "$ENQ"
    hang_up
    stop_listener
    [ "$status" = 69 ]
}

@test "fd: and unix: work as endpoints" {
    start_listener astm-listen "unix:$DIR/socket" 127.0.0.1:0
    instsim astm -q --profile chemistry "unix:$DIR/socket"
    dial "${ENDPOINTS[1]##*:}"
    instsim astm -q --profile chemistry -c 2 "fd:$WIRE"
    hang_up
    stop_listener
    [ "$(wc -l <"$DIR/out")" = 3 ]
}

# ---- what becomes of it ----

@test "a message that no attempt delivers is given up: exit 69 if it was all, 1 if others were accepted" {
    play_host <<'END'
repeat 2
< <ENQ>
> <ACK>
< <STX>1H|\^&|bad||wire<CR><ETX><CS><CR><LF>
repeat 5
> <NAK>
< <STX>1H|\^&|bad||wire<CR><ETX><CS><CR><LF>
end
> <NAK>
< <EOT>
end
END
    printf 'H|\\^&|bad||wire\rL|1|N\r' >"$DIR/bad"
    run timeout 20 instsim astm --attempts 2 --timers busy=0.05 "127.0.0.1:$PORT" "$DIR/bad"
    [ "$status" = 69 ]
    [[ $output = *'given up after 2 attempts: refused'* ]]
    wait_host

    start_listener astm-listen --max-message 100 127.0.0.1:0
    message short >"$DIR/short"
    run timeout 20 instsim astm --attempts 1 --timers busy=0.05 "127.0.0.1:$PORT" "$DIR/short" \
        <(printf 'H|\\^&|long||wire\rC|1|I|%0200d\rL|1|N\r' 0)
    [ "$status" = 1 ]
    [[ $output = *'1 accepted, 1 given up' ]]
    stop_listener
    [ "$(wc -l <"$DIR/out")" = 1 ]
}

@test "a receiver that does not answer: no reply in time, EOT, and again later" {
    play_host <<'END'
< <ENQ>
< <EOT>
quiet 200
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
< <EOT>
close
END
    printf 'H|\\^&|x||wire\rL|1|N\r' >"$DIR/x"
    run timeout 20 instsim astm --attempts 3 --timers reply=1,busy=0.2 --max-retries 0 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 69 ]
    [[ $output = *'no answer within 1 s'*'no-reply (frame 1, attempt 2)'*'0 accepted'* ]]
    wait_host
}

@test "a receiver that is busy: the next ENQ comes after --timers busy" {
    play_host <<'END'
< <ENQ>
> <NAK>
quiet 300
< <ENQ>
> <NAK>
quiet 300
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
> <ACK>
< <STX>2L|1|N<CR><ETX><CS><CR><LF>
> <ACK>
< <EOT>
END
    printf 'H|\\^&|x||wire\rL|1|N\r' >"$DIR/x"
    run timeout 20 instsim astm --attempts 1 --timers busy=1 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 0 ]
    [[ $output = *'the receiver is busy: next bid in 1 s'* ]]
    wait_host
}

@test "a connection that is lost in mid-message: it connects again and sends the message from the start" {
    play_host <<'END'
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
> <ACK>
< <STX>2L|1|N<CR><ETX><CS><CR><LF>
close
reconnect
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
> <ACK>
< <STX>2L|1|N<CR><ETX><CS><CR><LF>
> <ACK>
< <EOT>
END
    printf 'H|\\^&|x||wire\rL|1|N\r' >"$DIR/x"
    run timeout 20 instsim astm --retry 0.05,1,1 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 0 ]
    [[ $output = *'connection-lost (frame 2, attempt 1)'*'1 accepted, 0 given up' ]]
    wait_host
}

@test "a connection that is lost with the last attempt ends it in good order" {
    play_host <<'END'
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
close
END
    printf 'H|\\^&|x||wire\rL|1|N\r' >"$DIR/x"
    run timeout 20 instsim astm --attempts 1 --retry 0.05,1,1 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 69 ]
    [[ $output = *'given up after 1 attempt: connection-lost'*'0 accepted, 1 given up' ]]
    wait_host
}

@test "an inherited connection that ends before all is sent: exit 1, for what is left cannot be sent" {
    start_listener astm-listen -c 2 127.0.0.1:0
    dial
    run timeout 20 instsim astm --profile bloodgas -c 5 "fd:$WIRE"
    [ "$status" = 1 ]
    [[ $output = *'2 accepted'* ]]
    hang_up
    wait_listener
}

@test "what the other side sends is acknowledged and printed" {
    start_listener instsim astm -n lis -o result --profile bloodgas listen:127.0.0.1:0
    dial
    hear "$ENQ"
    say "$NAK"
    deliver order
    hang_up
    stop_listener
    [ "$status" = 69 ] # its own message was not taken
    grep -q '"link":"lis".*"test":"GLU"' "$DIR/out"
}

# ---- both sides ----

# both ROLE ROLE: each has three messages for the other, over one connection, and both begin at once. Who has sent all
# leaves; what the other one has not sent by then it sends to astm-listen.
both() {
    local one two first endpoint
    start_listener instsim astm -v --role "$1" --timers contention=0.3 --seed 1 -c 3 --profile bloodgas \
        listen:127.0.0.1:0
    one=$LISTENER
    instsim astm -v --role "$2" --timers contention=0.3 --retry 0.05,1,1 --seed 2 -c 3 --profile hematology \
        "127.0.0.1:$PORT" >"$DIR/other.out" 2>"$DIR/other.err" 3>&- &
    two=$!
    started+=("$two")
    wait -n -p first
    endpoint=dial:127.0.0.1:$PORT
    [ "$first" = "$two" ] || endpoint=127.0.0.1:$PORT
    in_folder third start_listener astm-listen --retry 0.05,1,1 "$endpoint"
    [ "$first" = "$one" ] || wait "$one"
    [ "$first" = "$two" ] || wait "$two"
    stop_listener
    grep -q 'contention both sides sent ENQ' "$DIR/err" "$DIR/other.err"
    summary_is "$DIR/err" '3 accepted, 0 given up'
    summary_is "$DIR/other.err" '3 accepted, 0 given up'
    cat "$DIR/out" "$DIR/other.out" "$DIR/third/out" | grep -o '"control_id":"[^"]*"' | sort >"$DIR/ids"
    [ "$(wc -l <"$DIR/ids")" = 6 ]
    [ "$(sort -u "$DIR/ids" | wc -l)" = 6 ]
    [ "$(cat "$DIR/out" "$DIR/other.out" | wc -l)" -ge 3 ]
}

@test "contention between host and instrument is resolved, and nothing is lost" {
    both host instrument
}

@test "contention between two that both think they are the instrument is resolved too" {
    both instrument instrument
}

@test "the host does not answer the ENQ that it collided with, only the next, and waits before it bids again" {
    play_host <<'END'
< <ENQ>
> <ENQ>
quiet 200
> <ENQ>
< <ACK>
> <STX>1H|\^&|x||wire<CR>L|1|N<CR><ETX><CS><CR><LF>
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
> <ACK>
< <STX>2L|1|N<CR><ETX><CS><CR><LF>
> <ACK>
< <EOT>
END
    printf 'H|\\^&|x||wire\rL|1|N\r' >"$DIR/x"
    run --separate-stderr timeout 20 instsim astm --role host --timers contention=2 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 0 ]
    [[ $output = *'"control_id":"x"'* ]]
    wait_host
}

@test "astm-listen as a host, and instsim: no ENQ is lost when the line is taken again and again" {
    start_listener astm-listen --role host -c 50 127.0.0.1:0
    local pids=() i
    for i in 1 2 3 4 5; do
        instsim astm -q --seed $i -c 10 --profile bloodgas "127.0.0.1:$PORT" 3>&- &
        pids+=($!)
    done
    for i in "${pids[@]}"; do
        wait "$i"
    done
    wait_listener
    [ "$status" = 0 ]
    [ "$(wc -l <"$DIR/out")" = 50 ]
}

# ---- signals and reports ----

@test "SIGTERM: the message that is being sent is finished, no other is begun, and those not sent count: exit 1" {
    hold_log
    start_listener instsim astm -v -c 100 --profile bloodgas listen:127.0.0.1:0
    dial
    hear "$ENQ"
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    say "$ACK"
    local byte
    while IFS= read -r -d '' -n 1 -t 10 -u "$WIRE" byte && [ "$byte" != "$EOT" ]; do
        [ "$byte" != $'\n' ] || say "$ACK"
    done
    [ "$byte" = "$EOT" ]
    hear CLOSE
    hang_up
    await_log '*1 accepted, 0 given up, 99 not sent'
    wait_listener
    [ "$status" = 1 ]
}

@test "SIGTERM while it waits to try again ends it at once, with 69 as nothing was accepted; a second one in mid-message with 128 and its number" {
    local what
    hold_log
    for what in '--profile bloodgas' '--query S-17'; do
        # shellcheck disable=SC2086 # to be split
        start_listener instsim astm -v $what listen:127.0.0.1:0
        dial
        hear "$ENQ"
        say "$NAK"
        await_log '*the receiver is busy*'
        SECONDS=0
        kill -s TERM "$LISTENER"
        hear CLOSE
        hang_up
        wait_listener
        [ "$status" = 69 ]
        [ $SECONDS -lt 8 ] # not the 10 s of the busy time, nor of SIGTERM
        await_log '*0 accepted, 0 given up, 1 not sent'
    done

    start_listener instsim astm -v --profile bloodgas listen:127.0.0.1:0
    dial
    hear "$ENQ"
    say "$ACK"
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    stop_listener TERM
    [ "$status" = 143 ]
    hang_up
}

@test "it says on stderr what became of each message; with -q nothing, where all is well" {
    start_listener astm-listen 127.0.0.1:0
    run --separate-stderr instsim astm -c 2 --profile bloodgas "127.0.0.1:$PORT"
    [ "$status" = 0 ]
    [ -z "$output" ]
    [[ $stderr = *'message 1 accepted, '*' frames'*'message 2 accepted, '*'2 accepted, 0 given up' ]]
    run --separate-stderr instsim astm -q -c 2 --profile bloodgas "127.0.0.1:$PORT"
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
    run --separate-stderr instsim astm -vv --profile bloodgas "127.0.0.1:$PORT"
    [[ $stderr = *'> ENQ'*'< ACK'*'> frame 1 ETX'* ]]
}

# ---- HL7 ----

# segments ID [MSH-15 MSH-16]: a short message, as bare segments.
segments() {
    printf 'MSH|^~\\&|sim|LAB|||20260101||ORU^R01|%s|P|2.5%s\rPID|1||4711\r' "$1" "${2+|||$2|$3}"
}

# hl7_host: plays the script on stdin, as play_host does. @message ID [MSH-15 MSH-16] is a block with what `segments`
# makes, @answer CODE ID one with an acknowledgement.
hl7_host() {
    rm -f "$DIR/ready.host"
    play_host < <(sed -E \
        -e 's/@message ([^ ]*) (..) (..)$/<VT>MSH|^~\\\&|sim|LAB|||20260101||ORU^R01|\1|P|2.5|||\2|\3<CR>PID|1||4711<CR><FS><CR>/' \
        -e 's/@message ([^ ]*)$/<VT>MSH|^~\\\&|sim|LAB|||20260101||ORU^R01|\1|P|2.5<CR>PID|1||4711<CR><FS><CR>/' \
        -e 's/@answer (.*) (.*)/<VT>MSH|^~\\\&|||sim|LAB|20260101||ACK^R01|a-1|P|2.5<CR>MSA|\1|\2<CR><FS><CR>/')
}

@test "hl7: a wrong command line, and options of the other protocol, end with 64" {
    refused 64 'oru-2.5.1, oru-2.3.1, oul-2.5.1' hl7 --type adt --profile chemistry 4000
    refused 64 'no release' hl7 --mllp 3 --profile chemistry 4000
    refused 64 --answer-timeout hl7 --answer-timeout soon --profile chemistry 4000
    refused 64 'no endpoint' hl7 --profile chemistry
    refused 64 'nothing to send' hl7 4000
    refused 64 '--checksum is not for hl7' hl7 --checksum std --profile chemistry 4000
    refused 64 '--size is not for hl7' --size 100 hl7 --profile chemistry 4000
    refused 64 '--whole is not for hl7' hl7 --profile chemistry 4000 --whole
    refused 64 '--role is not for hl7' hl7 --role host --profile chemistry 4000
    refused 64 '--timers is not for hl7' hl7 --timers reply=1 --profile chemistry 4000
    refused 64 '--type is not for astm' astm --type oru-2.5.1 --profile chemistry 4000
    refused 64 '--mllp is not for astm' astm --mllp 1 --profile chemistry 4000
    refused 64 '--mllp-strict is not for astm' --mllp-strict astm --profile chemistry 4000
    refused 64 '--answer-timeout is not for astm' astm --profile chemistry 4000 --answer-timeout 1
}

@test "hl7: a file that is not there ends with 66, one without a message with 1; where nobody listens, 69" {
    refused 66 "$DIR/none" hl7 4000 "$DIR/none"
    echo 'no message' >"$DIR/text"
    refused 1 'no message' hl7 4000 "$DIR/text"
    run -74 bash -c 'instsim hl7 --profile chemistry -c 100 - >/dev/full'
    start_listener hl7-listen 127.0.0.1:0
    stop_listener
    refused 69 'given up after 2 attempts' hl7 --retry 0.01,1,1 --max-retries 1 --profile chemistry "$PORT"
}

@test "hl7: the same seed gives the same bytes, another seed others, in every profile and every type" {
    local profile type
    for profile in chemistry hematology coagulation urinalysis immunoassay bloodgas molecular; do
        for type in oru-2.5.1 oru-2.3.1 oul-2.5.1 law; do
            instsim hl7 --profile $profile --type $type --seed 7 -c 20 - >"$DIR/$type"
            instsim hl7 --profile $profile --type $type --seed 7 -c 20 - | cmp - "$DIR/$type"
            instsim hl7 --profile $profile --type $type --seed 8 -c 20 - >"$DIR/other"
            none cmp -s "$DIR/$type" "$DIR/other"
            [ "$(grep -c '^MSH|' "$DIR/$type")" = 20 ]
            run -0 --separate-stderr hl7-decode -c 20 "$DIR/$type"
            [ "${#lines[@]}" = 20 ]
            [ -z "$stderr" ]
        done
        instsim hl7 --profile $profile --seed 7 -c 20 - | cmp - "$DIR/oru-2.5.1"
        none cmp -s "$DIR/oru-2.5.1" "$DIR/oru-2.3.1"
        none cmp -s "$DIR/oru-2.5.1" "$DIR/oul-2.5.1"
        sed 's/|||NE|AL||UNICODE UTF-8|||LAB-29^IHE$/||||||UNICODE UTF-8/' "$DIR/law" | cmp - "$DIR/oul-2.5.1"
    done
    [ "$(grep -c '|ORU^R01|.*|2\.3\.1$\||ORU^R01|.*|2\.3\.1|' "$DIR/oru-2.3.1")" = 20 ]
    [ "$(grep -c '|ORU^R01^ORU_R01|.*|2\.5\.1|' "$DIR/oru-2.5.1")" = 20 ]
    [ "$(grep -c '|OUL^R22^OUL_R22|.*|2\.5\.1|' "$DIR/oul-2.5.1")" = 20 ]
}

@test "hl7: 1 000 messages arrive as they were made, none lost and none double" {
    local type drop='s/"\(message_id\|link\|peer\|source\|received\)":"[^"]*",//g'
    for type in oru-2.5.1 oru-2.3.1 oul-2.5.1; do
        start_listener hl7-listen -c 1000 -o result 127.0.0.1:0
        instsim hl7 --profile chemistry --type $type --seed 1 --count 1000 "127.0.0.1:$PORT" 2>"$DIR/log"
        wait_listener
        [ "$status" = 0 ]
        grep -q 'instsim: 1000 accepted, 0 given up' "$DIR/log"
        [ "$(grep -c ' accepted: AA after [0-9.]* ms$' "$DIR/log")" = 1000 ]
        instsim hl7 --profile chemistry --type $type --seed 1 --count 1000 - | hl7-decode -o result |
            sed "$drop" >"$DIR/decoded"
        sed "$drop" "$DIR/out" | cmp "$DIR/decoded" -
        [ "$(wc -l <"$DIR/decoded")" -gt 2000 ]
    done
}

@test "hl7: files are sent, captures and bare segments alike, each message once and in order, as it stands" {
    { segments captured-1; segments captured-2; } | tr '\r' '\n' | mllp-frame >"$DIR/capture"
    segments bare-1 | tr '\r' '\n' >"$DIR/bare"
    start_listener hl7-listen -c 4 -o raw 127.0.0.1:0
    segments stdin-1 | instsim hl7 "127.0.0.1:$PORT" "$DIR/capture" "$DIR/bare" - 2>"$DIR/log"
    wait_listener
    [ "$status" = 0 ]
    grep -q '4 accepted, 0 given up' "$DIR/log"
    for id in captured-1 captured-2 bare-1 stdin-1; do
        segments $id
    done | cmp - <(tr -d '\v\034\n' <"$DIR/out")
}

@test "hl7: -c N sends files over and over, each pass with fresh control ids" {
    { segments a; segments '' AL NE; } >"$DIR/one"
    printf 'MSH@*-?/@sim@@@@@@ORU*R01@c@P@2.5\rOBX@1@NM@GLU@@5.4\r' >"$DIR/two"
    start_listener hl7-listen -c 8 -o text 127.0.0.1:0
    instsim hl7 -c 8 "127.0.0.1:$PORT" "$DIR/one" "$DIR/two" 2>"$DIR/log"
    wait_listener
    [ "$status" = 0 ]
    grep -q '8 accepted, 0 given up' "$DIR/log"
    grep '^MSH' "$DIR/out" | cut -d '|' -f 10 | cut -d '@' -f 10 | diff - <(
        printf '%s\n' a '' c a-2 '' c-2 a-3 ''
    )
    grep '^MSH' "$DIR/out" | sed -n '4p;6p' | diff - <(
        printf '%s\n' 'MSH|^~\&|sim|LAB|||20260101||ORU^R01|a-2|P|2.5' 'MSH@*-?/@sim@@@@@@ORU*R01@c-2@P@2.5'
    )
}

@test "hl7: listen:, fd: and unix: work as endpoints" {
    start_listener hl7-listen "unix:$DIR/socket" 127.0.0.1:0
    instsim hl7 -q --seed 1 --profile chemistry "unix:$DIR/socket"
    dial "${ENDPOINTS[1]##*:}"
    instsim hl7 -q --seed 2 --profile chemistry -c 2 "fd:$WIRE"
    hang_up
    stop_listener
    [ "$(wc -l <"$DIR/out")" = 3 ]
    start_listener instsim hl7 -c 3 --profile chemistry listen:127.0.0.1:0
    hl7-listen -q -c 1 --retry 0.05,1,1 "dial:127.0.0.1:$PORT" >"$DIR/one"
    hl7-listen -q -c 2 --retry 0.05,1,1 "dial:127.0.0.1:$PORT" >"$DIR/two"
    wait_listener
    [ "$status" = 0 ]
    [ "$(cat "$DIR/one" "$DIR/two" | grep -o '"control_id":"[^"]*"' | sort -u | wc -l)" = 3 ]
}

# outcome STATUS ARGS…: what it ends with, sending messages of $DIR/file to the host; its report is $output.
outcome() {
    local wanted=$1
    shift
    run timeout 20 instsim hl7 --retry 0.05,1,1 --max-retries 5 "$@" "127.0.0.1:$PORT" "$DIR/file"
    [ "$status" = "$wanted" ] || {
        echo "status $status, not $wanted"
        return 1
    }
}

@test "hl7: AE, or CE, is tried again, and AA is the end of it" {
    hl7_host <<'END'
< @message x
> @answer AE x
quiet 500
< @message x
> @answer AA x
< @message y AL AL
> @answer CE y
quiet 500
< @message y AL AL
> @answer CA y
> @answer AA y
END
    { segments x; segments y AL AL; } >"$DIR/file"
    outcome 0
    [[ $output = *'message 1 not accepted: error, AE (attempt 1)'*'message 1 accepted: AA after '*' ms'* ]]
    [[ $output = *'message 2 not accepted: error, CE (attempt 1)'*'message 2 accepted: AA after '*' ms'* ]]
    [[ $output = *'2 accepted, 0 given up'* ]]
    [[ $output =~ answered\ after\ [0-9.]+\ ms\ on\ average,\ [0-9.]+\ ms\ at\ the\ longest ]]
    wait_host
}

@test "hl7: with -v what the answer says of a refusal is told, without anything that moves a terminal" {
    hl7_host <<'END'
< @message x
> <VT>MSH|^~\&|||sim|LAB|20260101||ACK^R01|a-1|P|2.5<CR>MSA|AE|x|on paper<CR>ERR|||207^busy^HL70357|E||||come <SYN>[31m<CR><FS><CR>
< @message x
> @answer AE x
< @message x
> <VT>MSH|^~\&|||sim|LAB|20260101||ACK^R01|a-2|P|2.3<CR>MSA|AR|x|no such test<CR><FS><CR>
END
    segments x >"$DIR/file"
    outcome 69 -v
    [[ $output = *'message 1: the answer says MSA-3 on paper; ERR-3 207^busy^HL70357; ERR-8 come ?[31m'$'\n'* ]]
    [[ $output = *'message 1: the answer says MSA-3 no such test'$'\n'*'given up after 3 attempts: rejected'* ]]
    [ "$(grep -c 'the answer says' <<<"$output")" = 2 ]
    wait_host
}

@test "hl7: AE is tried --attempts times and then given up; the next message goes out all the same: exit 1" {
    hl7_host <<'END'
repeat 2
< @message x
> @answer AE x
end
< @message y
> @answer AA y
END
    { segments x; segments y; } >"$DIR/file"
    outcome 1 --attempts 2
    [[ $output = *'error, AE (attempt 1)'*'error, AE (attempt 2)'*'message 1 given up after 2 attempts: error'* ]]
    [[ $output = *'message 2 accepted: AA'*'1 accepted, 1 given up'* ]]
    wait_host
}

@test "hl7: AR, or CR, is given up at once: exit 69 if it was all, 1 if others were accepted" {
    hl7_host <<'END'
< @message x
> @answer AR x
< @message y AL NE
> @answer CR y
END
    { segments x; segments y AL NE; } >"$DIR/file"
    outcome 69
    [[ $output = *'message 1 not accepted: rejected, AR (attempt 1)'*'given up after 1 attempt: rejected'* ]]
    [[ $output = *'message 2 not accepted: rejected, CR (attempt 1)'*'0 accepted, 2 given up'* ]]
    wait_host
    hl7_host <<'END'
< @message x
> @answer AR x
< @message y AL NE
> @answer CA y
END
    outcome 1
    [[ $output = *'message 2 accepted: CA after '*'1 accepted, 1 given up'* ]]
    wait_host
}

@test "hl7: an answer with another control id does not count, and is told of; the right one after it does" {
    hl7_host <<'END'
< @message x
> @answer AA y
> @answer AR another
> @answer AA x
END
    segments x >"$DIR/file"
    outcome 0
    [[ $output = *'unmatched-answer an acknowledgement (AA) of another message'*'begins x'* ]]
    [[ $output = *'unmatched-answer an acknowledgement (AR) of another message'*'begins xxx'* ]]
    [[ $output = *'1 accepted, 0 given up'* ]]
    wait_host
}

@test "hl7: no answer in time: it connects anew, so that a late one is not mistaken, and sends it again" {
    hl7_host <<'END'
< @message x
eof
close
reconnect
< @message x
> @answer AA y
eof
close
reconnect
< @message y
> @answer AA x
> @answer AA y
END
    { segments x; segments y; } >"$DIR/file"
    outcome 1 --answer-timeout 1 --attempts 2
    [[ $output = *'no answer within 1 s'*'message 1 not accepted: no-answer (attempt 1)'* ]]
    [[ $output = *'unmatched-answer'*'message 1 given up after 2 attempts: no-answer'* ]]
    [[ $output = *'message 2 accepted: AA'*'1 accepted, 1 given up'* ]]
    wait_host
}

@test "hl7: garbage is no answer, and neither is a message without MSA; the answer after them counts" {
    hl7_host <<'END'
< @message x
> HTTP/1.1 400 Bad Request<CR><LF><CR><LF>
> <VT>MSH|^~\&|||sim|LAB|20260101||ACK^R01|a-0|P|2.5<CR><FS><CR>
< <VT>MSH|^~\&|sim|LAB|||<time>||ACK^R01|<id>|P|2.5<CR>MSA|AA|a-0<CR><FS><CR>
> @answer AA x
END
    segments x >"$DIR/file"
    outcome 0 -v
    [[ $output = *'outside blocks ignored, beginning xxx'*'1 accepted, 0 given up'* ]]
    wait_host
    hl7_host <<'END'
< @message x
> OK<CR><LF>
eof
END
    outcome 69 --answer-timeout 0.3 --attempts 1
    [[ $output = *'no-answer (attempt 1)'*'0 accepted, 1 given up'* ]]
    wait_host
}

@test "hl7: an answer with a code that is none is told of, and the message tried again" {
    hl7_host <<'END'
< @message x
> @answer OK x
< @message x
> @answer AA x
END
    segments x >"$DIR/file"
    outcome 0
    [[ $output = *'odd-answer'*'message 1 not accepted: odd-answer (attempt 1)'*'1 accepted, 0 given up'* ]]
    wait_host
}

@test "hl7: what MSH-15 and MSH-16 ask for is waited for, and nothing else" {
    hl7_host <<'END'
< @message both AL AL
> @answer CA both
quiet 200
> @answer AA both
< @message accept AL NE
> @answer CA accept
< @message application NE AL
> @answer AA application
< @message nothing NE NE
< @message error NE ER
< @message success NE SU
> @answer AA success
END
    {
        segments both AL AL
        segments accept AL NE
        segments application NE AL
        segments nothing NE NE
        segments error NE ER
        segments success NE SU
    } >"$DIR/file"
    outcome 0 --answer-timeout 3 # as long an error is waited for, where only that is asked for
    [[ $output = *'message 1 accepted: AA after '*'message 2 accepted: CA after '*'message 3 accepted: AA'* ]]
    [[ $output = *'message 4 accepted: nothing asked for'*'message 5 accepted: nothing asked for'* ]]
    [[ $output = *'6 accepted, 0 given up'* ]]
    wait_host
}

@test "hl7: CA alone is no end where AA was asked for" {
    hl7_host <<'END'
< @message x AL AL
> @answer CA x
eof
END
    segments x AL AL >"$DIR/file"
    outcome 69 --answer-timeout 0.3 --attempts 1
    [[ $output = *'message 1 not accepted: no-answer (attempt 1)'* ]]
    wait_host
}

@test "hl7: a connection that is lost before the answer: it connects again and sends the message again" {
    hl7_host <<'END'
< @message x
close
reconnect
< @message x
> @answer AA x
END
    segments x >"$DIR/file"
    outcome 0
    [[ $output = *'message 1 not accepted: connection-lost (attempt 1)'*'1 accepted, 0 given up'* ]]
    wait_host
}

@test "hl7: with --mllp 2 a message waits for the commit block and for the answer; NAK is tried again" {
    hl7_host <<'END'
< @message x
> <VT><NAK><FS><CR>
quiet 500
< @message x
> <VT><ACK><FS><CR>
quiet 200
> @answer AA x
< <VT><ACK><FS><CR>
< @message y NE NE
quiet 200
> <VT><ACK><FS><CR>
END
    { segments x; segments y NE NE; } >"$DIR/file"
    outcome 0 --mllp 2
    [[ $output = *'message 1 not accepted: error (attempt 1)'*'message 1 accepted: AA'*'2 accepted, 0 given up'* ]]
    wait_host
    start_listener hl7-listen --mllp 2 -c 20 127.0.0.1:0
    instsim hl7 --mllp 2 -c 20 --profile bloodgas "127.0.0.1:$PORT" 2>"$DIR/log"
    wait_listener
    [ "$status" = 0 ]
    grep -q '20 accepted, 0 given up' "$DIR/log"
    [ "$(grep -o '"control_id":"[^"]*"' "$DIR/out" | sort -u | wc -l)" = 20 ]
}

@test "hl7: --mllp 2 to a host without commit blocks: what it accepts is accepted, and counts as odd: exit 1" {
    start_listener hl7-listen -c 3 127.0.0.1:0
    run timeout 20 instsim hl7 --mllp 2 -c 3 --profile bloodgas "127.0.0.1:$PORT"
    [ "$status" = 1 ]
    [[ $output = *'odd-answer answered AA without a commit block before'*'message 3 accepted: AA after '*' ms, without a commit block'* ]]
    [[ $output = *'3 accepted, 3 without a commit block, 0 given up'* ]]
    wait_listener
    [ "$(wc -l <"$DIR/out")" = 3 ]
}

@test "hl7: what the other side sends is acknowledged and printed, also while an answer is awaited" {
    hl7_host <<'END'
< @message x
> <VT>MSH|^~\&|lis|||||20260101|OML^O33|o-1|P|2.5<CR>PID|1||4712<CR>OBR|1||S-1<CR>OBX|1|NM|GLU||5.4<CR><FS><CR>
< <VT>MSH|^~\&|||lis||<time>||ACK^O33|<id>|P|2.5<CR>MSA|AA|o-1<CR><FS><CR>
> @answer AA x
END
    segments x >"$DIR/file"
    run --separate-stderr timeout 20 instsim hl7 -n lis -o result "127.0.0.1:$PORT" "$DIR/file"
    [ "$status" = 0 ]
    [[ $output = *'"link":"lis"'*'"test":"GLU"'* ]]
    [[ $stderr = *'1 accepted, 0 given up'* ]]
    wait_host
}

@test "hl7: two that both send and receive at once lose nothing" {
    local one
    start_listener instsim hl7 --seed 1 -c 50 --profile bloodgas listen:127.0.0.1:0
    one=$LISTENER
    instsim hl7 --retry 0.05,1,1 --max-retries 3 --seed 2 -c 50 --profile hematology "127.0.0.1:$PORT" \
        >"$DIR/other.out" 2>"$DIR/other.err" || :
    kill -s TERM "$one" 2>/dev/null || : # it may have sent all, and ended
    wait_listener
    cat "$DIR/err" "$DIR/other.err" | grep -c ' accepted: AA' >"$DIR/accepted"
    cat "$DIR/out" "$DIR/other.out" | grep -o '"control_id":"[^"]*"' | sort >"$DIR/ids"
    [ "$(wc -l <"$DIR/ids")" -ge 50 ]
    [ "$(wc -l <"$DIR/ids")" -ge "$(cat "$DIR/accepted")" ]
    [ -z "$(uniq -d "$DIR/ids")" ]
}

@test "hl7: SIGTERM: the answer to what was sent is waited for, no other message is begun: exit 1" {
    hold_log
    segments x >"$DIR/file"
    start_listener instsim hl7 -v -c 100 listen:127.0.0.1:0 "$DIR/file"
    dial
    local text
    IFS= read -r -d $'\x1c' -t 10 -u "$WIRE" text
    [[ $text = $'\x0b'"MSH|"*"|x|"* ]]
    hear $'\r'
    kill -s TERM "$LISTENER"
    await_log '*stopping'
    say $'\x0bMSH|^~\\&|||sim|LAB|20260101||ACK^R01|a-1|P|2.5\rMSA|AA|x\r\x1c\r'
    hear CLOSE
    hang_up
    await_log '*1 accepted, 0 given up, 99 not sent'
    wait_listener
    [ "$status" = 1 ]
}

@test "hl7: it says on stderr what became of each message; with -q nothing, where all is well" {
    start_listener hl7-listen 127.0.0.1:0
    run --separate-stderr instsim hl7 -c 2 --profile bloodgas "127.0.0.1:$PORT"
    [ "$status" = 0 ]
    [ -z "$output" ]
    [[ $stderr = *'message 1 accepted: AA after '*'message 2 accepted: AA after '*'2 accepted, 0 given up'* ]]
    run --separate-stderr instsim hl7 -q -c 2 --profile bloodgas "127.0.0.1:$PORT"
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
    run --separate-stderr instsim hl7 -vv --profile bloodgas "127.0.0.1:$PORT"
    [[ $stderr = *'> block, '*'< block, '* ]]
}
