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
    refused 64 --attempts astm --attempts often --profile chemistry 4000
    refused 64 --size astm --size 0 --profile chemistry 4000
    refused 64 --size astm --size 1M --profile chemistry 4000
    refused 64 --checksum astm --checksum md5 --profile chemistry 4000
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
        frame 1 $'H|\\^&|framed-1||file\r' && frame 2 $'R|1|^^^K|4.0\r' && frame 3 $'L|1|N\r'
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
    [ "$status" = 0 ]
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
quiet 100
< <ENQ>
> <ACK>
< <STX>1H|\^&|x||wire<CR><ETX><CS><CR><LF>
< <EOT>
close
END
    printf 'H|\\^&|x||wire\rL|1|N\r' >"$DIR/x"
    run timeout 20 instsim astm --attempts 3 --timers reply=0.2,busy=0.2 --max-retries 0 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 69 ]
    [[ $output = *'no answer within 0.2 s'*'no-reply (frame 1, attempt 2)'*'0 accepted'* ]]
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
    run timeout 20 instsim astm --attempts 1 --timers busy=0.4 "127.0.0.1:$PORT" "$DIR/x"
    [ "$status" = 0 ]
    [[ $output = *'the receiver is busy: next bid in 0.4 s'* ]]
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
    [[ $output = *'given up after 1 attempts: connection-lost'*'0 accepted, 1 given up' ]]
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
    [ "$status" = 0 ]
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
    run --separate-stderr timeout 20 instsim astm --role host --timers contention=0.4 "127.0.0.1:$PORT" "$DIR/x"
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

@test "SIGTERM: the message that is being sent is finished, no other is begun, exit 0" {
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
    await_log '*1 accepted, 0 given up'
    wait_listener
    [ "$status" = 0 ]
}

@test "SIGTERM while it waits to try again ends it at once; a second one in mid-message with 128 and its number" {
    hold_log
    start_listener instsim astm -v --profile bloodgas listen:127.0.0.1:0
    dial
    hear "$ENQ"
    say "$NAK"
    await_log '*the receiver is busy*'
    SECONDS=0
    kill -s TERM "$LISTENER"
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 0 ]
    [ $SECONDS -le 3 ]
    await_log '*0 accepted, 0 given up'

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
