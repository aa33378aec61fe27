# A laboratory under load for SOAK_SECONDS (600): inst-listen with three ASTM listeners, two HL7 dials, a serial line that
# is pulled out and plugged in again, and a link that detects, over a network that splits, delays, corrupts and drops.
# Every result of every message has to be handed over exactly once.
SOAK_SECONDS=${SOAK_SECONDS:-600}
# shellcheck disable=SC2034 # the helper exports it
BATS_TEST_TIMEOUT=$((SOAK_SECONDS * 2 + 120))
load ../helper
load ../wire

# Accidents, one in so many bytes; an instrument sends some ten messages a second. HL7 has no checksum, and nobody would
# notice a corruption.
ASTM_ACCIDENTS=(-d 20000 -c 6000 -l 500 -m 50)
HL7_ACCIDENTS=(-d 30000 -l 50 -m 80)

setup() {
    DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
    instruments=()
    proxies=()
}

# await COMMAND…: waits until it succeeds, 60 s at most.
await() {
    local end=$((SECONDS + 60))
    until "$@"; do
        if [ $SECONDS -gt $end ]; then
            echo "in vain: $*"
            return 1
        fi
        let_pass 0.03
    done
}

let_pass() {
    read -r -t "$1" <>"$DIR/nothing" || :
}

# start_proxy ARGS…: PROXY is its port.
start_proxy() {
    local ready=$DIR/ready-proxy-${#proxies[@]}
    mkfifo "$ready"
    proxy -s ${#proxies[@]} -R 6 "$@" 6>"$ready" 2>"$DIR/proxy-${#proxies[@]}" 3>&- &
    proxies+=($!)
    started+=($!)
    read -r PROXY <"$ready"
}

# instrument NAME LINK astm|hl7 PROFILE ARGS…: an instrument that sends over that link for as long as it lives; what
# became of it is in …/NAME. Its seed is its number.
instrument() {
    local name=$1 link=$2 protocol=$3 profile=$4
    shift 4
    instruments+=("$name $link $protocol $profile $((${#instruments[@]} + 1))")
    instsim "$protocol" -c 1000000000 --attempts 1000000 --retry 0.05,1,1 --profile "$profile" \
        --seed ${#instruments[@]} "$@" 2>"$DIR/$name" >"$DIR/$name.back" 3>&- &
    pids[${#instruments[@]}]=$!
    started+=($!)
}

# has_more NAME N: the instrument has had more than N messages accepted.
has_more() {
    [ "$(accepted "$1")" -gt "$2" ]
}

accepted() {
    grep -c 'message [0-9]* accepted' "$DIR/$1"
}

# Results without what is this run's own.
plain() {
    sed -E 's/"(message_id|link|peer|source|received)":"[^"]*",//g' | sort
}

# same LINK astm|hl7 PROFILE SEED N: what came over the link in that protocol are the results of those N messages.
same() {
    instsim "$2" - --profile "$3" --seed "$4" -c "$5" | "$2-decode" -o result - | plain >"$DIR/expected"
    grep "\"protocol\":\"$2\",.*\"link\":\"$1\"" "$DIR/out" | plain >"$DIR/received"
    cmp "$DIR/expected" "$DIR/received" || {
        diff "$DIR/expected" "$DIR/received" | head -n 20
        return 1
    }
}

plug() {
    socat pty,raw,echo=0,link="$DIR/A" pty,raw,echo=0,link="$DIR/B" 3>&- 2>"$DIR/socat" &
    LINE=$!
    started+=("$LINE")
    await is_raw "$DIR/B"
}

is_raw() {
    [ -e "$1" ] && stty -F "$1" 2>/dev/null | grep -q -e -icanon
}

unplug() {
    kill "$LINE"
    wait "$LINE" || :
}

# The time that the test has, with the serial line pulled out every few seconds.
run_laboratory() {
    local end=$((SECONDS + SOAK_SECONDS))
    pulled=0
    while [ $SECONDS -lt $end ]; do
        let_pass 4
        unplug
        pulled=$((pulled + 1))
        let_pass 0.$((RANDOM % 9))
        plug
    done
}

@test "a laboratory with accidents of all kinds: every result of every message exactly once" {
    need socat
    local i n name link protocol profile seed pid ports=() messages=0 pids=()
    plug
    for i in 1 2; do
        instrument dial-$i dial-$i hl7 coagulation -R 7 listen:127.0.0.1:0 7>"$DIR/ready-$i"
        await test -s "$DIR/ready-$i"
        start_proxy -i "${HL7_ACCIDENTS[@]}" "$(sed 's/.*://' "$DIR/ready-$i")"
        ports[i]=$PROXY
    done
    cat >"$DIR/links" <<END
astm-1  astm  127.0.0.1:0
astm-2  astm  127.0.0.1:0
astm-3  astm  127.0.0.1:0  frame-numbers=any
dial-1  hl7   dial:127.0.0.1:${ports[1]}  retry=0.05\\,1.5\\,1
dial-2  hl7   dial:127.0.0.1:${ports[2]}  retry=0.05\\,1.5\\,1
line    astm  serial:$DIR/A,38400  retry=0.1\\,1\\,1
any     auto  127.0.0.1:0
END
    start_listener inst-listen -f "$DIR/links" --metrics "$DIR/metrics" -o result
    for i in 1 2 3; do
        start_proxy "${ASTM_ACCIDENTS[@]}" "${ENDPOINTS[i - 1]##*:}"
        instrument astm-$i astm-$i astm bloodgas --timers reply=5,busy=0.05 "127.0.0.1:$PROXY"
    done
    start_proxy "${ASTM_ACCIDENTS[@]}" "${ENDPOINTS[6]##*:}"
    instrument any-astm any astm coagulation --timers reply=5,busy=0.05 "127.0.0.1:$PROXY"
    start_proxy "${HL7_ACCIDENTS[@]}" "${ENDPOINTS[6]##*:}"
    instrument any-hl7 any hl7 coagulation "127.0.0.1:$PROXY"
    # short frames, as a line of this kind is much faster than one that is real
    instrument line line astm coagulation --size 12 --timers reply=0.5,busy=0.05 "serial:$DIR/B,38400"

    run_laboratory
    for pid in "${proxies[@]}"; do
        kill -s USR1 "$pid"
    done
    for i in "${instruments[@]}"; do # until nothing is left that was cut before
        await has_more "${i%% *}" $(($(accepted "${i%% *}") + 2))
    done
    for pid in "${pids[@]}"; do
        kill "$pid"
        wait "$pid" || [ $? = 1 ] # not all of its messages went
    done
    stop_listener
    [ "$status" = 0 ]
    for pid in "${proxies[@]}"; do
        kill "$pid"
        wait "$pid"
    done
    cat "$DIR"/proxy-*
    echo "line pulled out $pulled times, $(grep -c 'came again' "$DIR/err") messages came again"
    for i in "${instruments[@]}"; do
        read -r name link protocol profile seed <<<"$i"
        n=$(accepted "$name")
        messages=$((messages + n))
        echo "$name: $n messages, $(grep -c 'not accepted' "$DIR/$name") attempts in vain"
        same "$link" "$protocol" "$profile" "$seed" "$n"
        [ "$(grep -c 'not accepted' "$DIR/$name")" -gt 0 ]
        [ ! -s "$DIR/$name.back" ]
    done
    echo "# $messages messages in $SOAK_SECONDS s, $(grep -c 'came again' "$DIR/err") came again" >&3
    [ "$(awk '/^instlink_messages_total/ { n += $NF } END { print n }' "$DIR/metrics")" = "$messages" ]
    grep -q 'bad-checksum' "$DIR/err"
    grep -q 'came again' "$DIR/err"
    grep -q 'line: .*the line is gone; retrying' "$DIR/err"
}
