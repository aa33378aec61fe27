# --proxy-protocol in the three listeners: what stands in a PROXY header is the peer, everywhere; what is no header ends
# the connection. The header's grammar, byte by byte, is in unit/proxy_header_test.c; a real haproxy is at the end.
load helper
load wire

VT=$'\x0b' FS=$'\x1c'
FIVE='PROXY TCP4 10.0.0.5 192.0.2.1 4711 4000\r\n'      # 10.0.0.5:4711
SIX='PROXY TCP4 10.0.0.6 192.0.2.1 4712 4000\r\n'       # 10.0.0.6:4712
SIGNATURE='\r\n\r\n\x00\r\nQUIT\n'                      # of version 2
FIVE_2=$SIGNATURE'\x21\x11\x00\x0c\x0a\x00\x00\x05\xc0\x00\x02\x01\x12\x67\x0f\xa0'
LOCAL=$SIGNATURE'\x20\x00\x00\x00'

setup() {
    DIR=$BATS_TEST_TMPDIR
    LINKS=$DIR/links
    PATH=$PATH:/usr/sbin
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
}

# refused STATUS WORD PROGRAM ARGS…: ends with that status, says why on stderr and nothing on stdout.
refused() {
    local wanted=$1 word=$2
    shift 2
    run --separate-stderr timeout 20 "$@"
    # shellcheck disable=SC2154 # run sets it
    if [ "$status" != "$wanted" ] || [ -n "$output" ] || [[ $stderr != *"$word"* ]]; then
        echo "$*: status $status, expected $wanted and '$word': $stderr"
        return 1
    fi
}

# await COMMAND…: waits until it succeeds, 60 s at most.
await() {
    local end=$((SECONDS + 60))
    until "$@"; do
        if [ $SECONDS -gt $end ]; then
            echo "in vain: $*"
            return 1
        fi
        read -r -t 0.03 <>"$DIR/nothing" || :
    done
}

has_lines() {
    [ "$(grep -c -e "$2" "$3")" -ge "$1" ]
}

# await_err PATTERN [N]: waits until stderr has N lines (1) that match.
await_err() {
    await has_lines "${2:-1}" "$1" "$DIR/err"
}

count_lines() {
    [ "$(wc -l <"$1")" = "$2" ] || {
        echo "$1 has $(wc -l <"$1") lines, not $2"
        return 1
    }
}

# port N: of the endpoint with that number, from 0.
port() {
    echo "${ENDPOINTS[$1]##*:}"
}

# The peers of the messages, in order, on one line.
peers() {
    grep -o '"peer":"[^"]*"' "$DIR/out" | cut -d '"' -f 4 | paste -s -d ' '
}

# metric NAME VALUE: of the only link.
metric() {
    grep -q -E "^instlink_$1\{link=\"[^\"]*\"\} $2\$" "$DIR/metrics"
}

# begin HEADER [PORT]: connects and sends it in one piece; HEADER is as for printf's %b.
begin() {
    dial "${2:-$PORT}"
    printf %b "$1" >"$DIR/header"
    cat "$DIR/header" >&"$WIRE"
}

# block ID: an HL7 message with that control id in a block.
block() {
    printf '\x0bMSH|^~\\&|wire|LAB|||20260301101500||ORU^R01|%s|P|2.5.1\rPID|1||4711||Quimby^Ada\r\x1c\r' "$1"
}

# post ID: a message with that id, which has to be answered with AA.
post() {
    local LC_ALL=C answer=''
    block "$1" >&"$WIRE"
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" answer || return
    [ "${answer:0:1}" = "$VT" ] && [[ $answer == *$'\r'"MSA|AA|$1"[$'\r|']* ]] && hear $'\r'
}

# Whether IPv6 is there.
six() {
    [ -s /proc/net/if_inet6 ]
}

# ---- the peer ----

@test "astm-listen: the address in a header of version 1 or 2 is the peer, in the output and in every line" {
    local header
    for header in "$FIVE" "$FIVE_2"; do
        start_listener astm-listen -v --proxy-protocol 127.0.0.1:0
        begin "$header"
        deliver one
        hang_up
        await_err ': disconnected'
        stop_listener
        [ "$status" = 0 ]
        [ "$(peers)" = 10.0.0.5:4711 ]
        grep -q '10.0.0.5:4711: connected' "$DIR/err"
        grep -q '10.0.0.5:4711: message handed over' "$DIR/err"
        [ "$(grep -v 'listens on' "$DIR/err" | grep -c '127.0.0.1:[0-9]*: ')" = "$(grep -c '127.0.0.1:0: 10.0.0.5:4711: ' "$DIR/err")" ]
        count_lines "$DIR/out" 1
    done
}

@test "hl7-listen: the address in a header of version 1 or 2 is the peer, also of a message that comes again" {
    local header
    for header in "$FIVE" "$FIVE_2"; do
        start_listener hl7-listen --proxy-protocol 127.0.0.1:0
        begin "$header"
        post one
        hang_up
        begin "$SIX"
        post one
        hang_up
        await_err ': disconnected' 2
        stop_listener
        [ "$status" = 0 ]
        [ "$(peers)" = 10.0.0.5:4711 ]
        grep -q '10.0.0.6:4712: a message came again' "$DIR/err"
        none grep '127.0.0.1:[1-9]' "$DIR/err"
    done
}

@test "inst-listen: what follows the header says the protocol; links without the option take none" {
    printf '%s\n' 'lab auto 127.0.0.1:0 proxy-protocol' 'bare auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    begin "$FIVE"
    deliver one
    hang_up
    begin "$FIVE_2"
    post two
    hang_up
    dial "$(port 1)"
    post bare
    hang_up
    begin "$FIVE" "$(port 1)" # noise, and a message
    post noise
    hang_up
    stop_listener
    [ "$status" = 0 ]
    [ "$(peers | cut -d ' ' -f 1,2)" = '10.0.0.5:4711 10.0.0.5:4711' ]
    [ "$(grep -c '"link":"bare","peer":"127.0.0.1:[0-9]*"' "$DIR/out")" = 2 ]
}

@test "a header a byte at a time, or with what follows it in one piece, and cut anywhere" {
    local header i
    start_listener astm-listen --proxy-protocol --dedup 0 127.0.0.1:0
    for header in "$FIVE" "$FIVE_2"; do
        { printf %b "$header$ENQ"; frame 1 "$(message piece)"; printf %s "$EOT"; } >"$DIR/bytes"
        dial
        cat "$DIR/bytes" >&"$WIRE"
        hear "$ACK"
        hear "$ACK"
        hang_up
        for i in 1 4 12 13 15 16 17 27 28 29 40 41 42; do
            dial
            head -c "$i" "$DIR/bytes" >&"$WIRE"
            read -r -t 0.02 <>"$DIR/nothing" || :
            tail -c "+$((i + 1))" "$DIR/bytes" >&"$WIRE"
            hear "$ACK"
            hear "$ACK"
            hang_up
        done
    done
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 28
    none grep -c refused "$DIR/err"
    none grep -v 10.0.0.5:4711 "$DIR/out"
    start_listener astm-listen --proxy-protocol 127.0.0.1:0
    dial
    for ((i = 1; i <= $(wc -c <"$DIR/bytes"); i++)); do
        tail -c "+$i" "$DIR/bytes" | head -c 1 >&"$WIRE"
    done
    hear "$ACK"
    hear "$ACK"
    hang_up
    stop_listener
    [ "$(peers)" = 10.0.0.5:4711 ]
}

@test "UNKNOWN and LOCAL leave the socket's own address; IPv6 and unix are told as such; additions are passed over" {
    local tlv zeros one
    zeros=$(printf '\\x00%.0s' {1..108})
    one=$(printf '\\x00%.0s' {1..15})'\x01'
    tlv=$SIGNATURE'\x21\x11\x00\x19\x0a\x00\x00\x05\xc0\x00\x02\x01\x12\x67\x0f\xa0\x03\x00\x04abcd\x04\x00\x03\x05\x05\x05'
    start_listener hl7-listen --proxy-protocol 127.0.0.1:0
    begin 'PROXY UNKNOWN\r\n'
    post one
    hang_up
    begin 'PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'
    post two
    hang_up
    begin "$LOCAL"
    post three
    hang_up
    begin 'PROXY TCP6 2001:db8::5 2001:db8::1 4711 4000\r\n'
    post four
    hang_up
    begin "$SIGNATURE"'\x21\x21\x00\x24'"$one$one"'\x12\x67\x0f\xa0'
    post five
    hang_up
    begin "$SIGNATURE"'\x21\x31\x00\xd8'"/run/x${zeros:28}$zeros"
    post six
    hang_up
    begin "$tlv"
    post seven
    hang_up
    begin "$SIGNATURE"'\x21\x11\x0f\xf0\x0a\x00\x00\x05\xc0\x00\x02\x01\x12\x67\x0f\xa0'"$(printf 'x%.0s' {1..4068})"
    post eight
    hang_up
    stop_listener
    [ "$status" = 0 ]
    [ "$(peers | sed 's/127.0.0.1:[0-9]*/own/g')" = \
        'own own own [2001:db8::5]:4711 [::1]:4711 unix 10.0.0.5:4711 10.0.0.5:4711' ]
}

# ---- no header ----

# ends HEADER WORD: a connection that begins so is closed, and the line on stderr has WORD.
ends() {
    refusals=$((refusals + 1))
    begin "$1"
    hear CLOSE 2>/dev/null # maybe by a reset, for it is left unread
    hang_up
    await_err 'refused a connection from 127.0.0.1:[0-9]*: ' "$refusals"
    tail -n 1 "$DIR/err" | grep -q -e "$2" || {
        echo "expected '$2':"
        tail -n 1 "$DIR/err"
        return 1
    }
}

@test "a connection without a valid header is closed, told and counted; nothing of it goes further, others go on" {
    local refusals=0 other
    start_listener inst-listen -v --proxy-protocol --metrics "$DIR/metrics" 127.0.0.1:0
    begin "$FIVE"
    other=$WIRE
    post one
    ends "$ENQ" 'does not begin with a PROXY header'
    ends "$(block none)" 'does not begin with a PROXY header'
    ends "PROXY TCP4 10.0.0.5\r\n$ENQ" 'PROXY line is malformed'
    ends "PROXY TCP4 10.0.0.5 192.0.2.1 4711 99999\r\n$(block none)" 'PROXY line is malformed'
    ends "PROXY UNKNOWN $(printf 'x%.0s' {1..100})" 'PROXY line has no end'
    ends "$SIGNATURE"'\x31\x11\x00\x0c' 'unknown version or command'
    ends "$SIGNATURE"'\x21\x12\x00\x0c' 'of no stream'
    ends "$SIGNATURE"'\x21\x11\x00\x0b' 'too short for its addresses'
    ends "$SIGNATURE"'\x21\x11\xff\xff' 'too long'
    refusals=$((refusals + 1))
    begin 'PROXY TCP4 10.0'
    hang_up
    await_err 'it ends within its PROXY header'
    dial # somebody looks whether the port is there
    hang_up
    WIRE=$other
    post two
    hang_up
    await metric connections_refused_total "$refusals"
    await metric messages_total 2
    metric connections_total 1
    stop_listener
    [ "$status" = 0 ]
    [ "$(peers)" = '10.0.0.5:4711 10.0.0.5:4711' ]
    [ "$(grep -c 'refused a connection' "$DIR/err")" = "$refusals" ]
    [ "$(grep -c ' connected$' "$DIR/err")" = 1 ]
}

@test "connections without a valid header are all counted, and those of one host told once" {
    local i
    start_listener inst-listen --proxy-protocol --metrics "$DIR/metrics" 127.0.0.1:0
    for i in 1 2 3; do
        begin "$(block none)"
        hear CLOSE 2>/dev/null
        hang_up
    done
    await metric connections_refused_total 3
    stop_listener
    [ "$(grep -c 'does not begin with a PROXY header' "$DIR/err")" = 1 ]
}

@test "a header has 3 s to come, whole; what waits for one is no connection, and takes no time of the processor" {
    local from half silent used
    start_listener inst-listen -v --proxy-protocol --log json --metrics "$DIR/metrics" 127.0.0.1:0
    from=$(date +%s%N)
    dial
    silent=$WIRE
    begin 'PROXY TCP4 10.0'
    half=$WIRE
    begin "$FIVE"
    deliver one
    hang_up
    await metric messages_total 1
    await metric connections 0
    await_err 'no PROXY header came within 3 s' 2
    from=$((($(date +%s%N) - from) / 1000000))
    [ $from -ge 2900 ]
    [ $from -lt 8000 ]
    [ "$(grep -c '"event":"refused".*"peer":"127.0.0.1:[0-9]*","reason":"proxy-header"' "$DIR/err")" = 2 ]
    for WIRE in $silent $half; do
        hear CLOSE
        hang_up
    done
    used=$(awk '{ print $14 + $15 }' "/proc/$LISTENER/stat")
    [ "$used" -lt 100 ]
    await metric connections_refused_total 2
    metric connections_total 1
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "who waits with half a header keeps nobody from stopping, nor a link from ending, and leaves no descriptor" {
    local before
    printf '%s\n' 'lab auto 127.0.0.1:0 proxy-protocol' 'stays auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    before=$(find "/proc/$LISTENER/fd" -mindepth 1 | wc -l)
    begin 'PROXY TCP4'
    echo 'stays auto 127.0.0.1:0' >"$LINKS"
    kill -s HUP "$LISTENER"
    await_err 'read again'
    hear CLOSE
    hang_up
    dial "$(port 1)"
    post one
    hang_up
    is_back() {
        [ "$(find "/proc/$LISTENER/fd" -mindepth 1 | wc -l)" -lt "$before" ] # the socket of the link is gone too
    }
    await is_back
    stop_listener
    [ "$status" = 0 ]
    start_listener astm-listen --proxy-protocol 127.0.0.1:0
    begin 'PROXY TCP4'
    SECONDS=0
    stop_listener
    [ "$status" = 0 ]
    [ $SECONDS -lt 3 ]
    hang_up
}

# ---- who may ----

@test "--allow judges the address of the header; --proxy-from who may connect to bring one" {
    local refusals=0
    start_listener inst-listen --proxy-protocol --allow 10.0.0.5,2001:db8::/32 --log json 127.0.0.1:0
    begin "$FIVE"
    post one
    hang_up
    begin 'PROXY TCP6 2001:db8::5 2001:db8::1 4711 4000\r\n'
    post two
    hang_up
    begin "$SIX"
    hear CLOSE
    hang_up
    await_err '"event":"refused".*"peer":"10.0.0.6:4712","reason":"allow"'
    begin "$LOCAL" # the balancer itself is not on the list
    hear CLOSE
    hang_up
    await_err '"event":"refused".*"peer":"127.0.0.1:[0-9]*","reason":"allow"'
    stop_listener
    [ "$(peers)" = '10.0.0.5:4711 [2001:db8::5]:4711' ]
    start_listener inst-listen --proxy-from 192.0.2.0/24 --allow 10.0.0.0/8 --log json 127.0.0.1:0
    begin "$FIVE" 2>/dev/null || : # it may be closed before that
    hear CLOSE 2>/dev/null
    hang_up
    await_err '"event":"refused".*"peer":"127.0.0.1:[0-9]*","reason":"proxy-from"'
    stop_listener
    count_lines "$DIR/out" 0
    start_listener inst-listen --proxy-from 192.0.2.0/24 --proxy-from 127.0.0.1/32,::1 127.0.0.1:0 # it says both
    begin "$FIVE"
    post one
    hang_up
    ends "$ENQ" 'does not begin with a PROXY header'
    stop_listener
    [ "$(peers)" = 10.0.0.5:4711 ]
}

@test "without --proxy-from a header is taken from this machine's loopback alone" {
    local own
    six && start_listener inst-listen --proxy-protocol '*:0' || start_listener inst-listen --proxy-protocol 0.0.0.0:0
    begin "$FIVE"
    post one
    hang_up
    if six; then
        exec {WIRE}<>"/dev/tcp/::1/$PORT"
        cat "$DIR/header" >&"$WIRE"
        post two
        hang_up
    fi
    for own in $(hostname -I 2>/dev/null | tr ' ' '\n' | grep '^[0-9.]*$'); do # a machine need not have one
        exec {WIRE}<>"/dev/tcp/$own/$PORT"
        hear CLOSE
        hang_up
        await_err "refused a connection from $own:[0-9]*: .*--proxy-from"
    done
    stop_listener
    [ "$status" = 0 ]
    none grep -v 10.0.0.5:4711 "$DIR/out"
}

@test "--max-connections-per-peer and --replace count by the address of the header" {
    local one two
    start_listener inst-listen --proxy-protocol --max-connections-per-peer 1 127.0.0.1:0
    begin "$FIVE"
    one=$WIRE
    post one
    begin "$SIX"
    two=$WIRE
    post two
    begin "$FIVE_2"
    hear CLOSE
    hang_up
    await_err 'refused a connection from 10.0.0.5:4711: there are 1 from there'
    for WIRE in $one $two; do
        hang_up
    done
    stop_listener
    start_listener inst-listen --proxy-protocol --replace 127.0.0.1:0
    begin "$FIVE"
    one=$WIRE
    post one
    begin "$SIX"
    two=$WIRE
    post two
    begin "$FIVE_2"
    post three
    hang_up
    WIRE=$one
    hear CLOSE
    hang_up
    WIRE=$two
    post four
    hang_up
    await_err ': disconnected' 3
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -c '10.0.0.5:4711: a new connection from there takes its place' "$DIR/err")" = 1 ]
    none grep '10.0.0.6:4712: .*takes its place' "$DIR/err"
}

@test "--max-connections counts those whose header is waited for" {
    local open=() i
    start_listener inst-listen -v --proxy-protocol --max-connections 2 127.0.0.1:0
    for i in 1 2; do
        begin 'PROXY TCP4'
        open+=("$WIRE")
    done
    dial
    hear CLOSE
    hang_up
    await_err 'there are 2 already (--max-connections)'
    for WIRE in "${open[@]}"; do
        hang_up
    done
    await_err 'it ends within its PROXY header' 2
    begin "$FIVE"
    post one
    hang_up
    stop_listener
    [ "$status" = 0 ]
}

# ---- where ----

@test "unix: and an inherited socket that listens take headers too" {
    need socat
    { printf %b "$FIVE"; block one; } >"$DIR/bytes"
    start_listener hl7-listen --proxy-from 192.0.2.1 "unix:$DIR/socket" # who may is said by the file's permissions
    socat -t 20 - "UNIX-CONNECT:$DIR/socket" <"$DIR/bytes" | grep -q 'MSA|AA|one'
    { printf '%b' "$LOCAL" && block two; } | socat -t 20 - "UNIX-CONNECT:$DIR/socket" | grep -q 'MSA|AA|two'
    stop_listener
    [ "$status" = 0 ]
    [ "$(peers)" = '10.0.0.5:4711 unix' ]
    start_listener inherit 1 inst-listen --proxy-protocol
    begin "$FIVE_2"
    post one
    hang_up
    stop_listener
    [ "$(peers)" = 10.0.0.5:4711 ]
}

@test "who does not listen takes no header: 64 on the command line, 78 in a links file" {
    local program endpoint
    for program in astm-listen hl7-listen inst-listen; do
        for endpoint in dial:127.0.0.1:4000 serial:/dev/ttyS0 "dial:unix:$DIR/socket"; do
            refused 64 "--proxy-protocol: '$endpoint' does not listen" "$program" --proxy-protocol "$endpoint"
            refused 64 "'$endpoint' does not listen" "$program" --proxy-from 127.0.0.1 127.0.0.1:0 "$endpoint"
        done
        refused 64 --proxy-from "$program" --proxy-from laboratory 127.0.0.1:0
        refused 64 --proxy-from "$program" --proxy-from '' 127.0.0.1:0
        refused 64 proxy-protocol "$program" --proxy-protocol=2 127.0.0.1:0
    done
    printf '%s\n' 'a astm 127.0.0.1:0 proxy-protocol' 'b hl7 dial:127.0.0.1:4000 proxy-protocol' >"$LINKS"
    refused 78 "$LINKS:2: proxy-protocol: 'dial:127.0.0.1:4000' does not listen" inst-listen -f "$LINKS"
    echo 'a astm serial:/dev/ttyS0 proxy-from=10.0.0.0/8' >"$LINKS"
    refused 78 "$LINKS:1: proxy-protocol: 'serial:/dev/ttyS0' does not listen" inst-listen -f "$LINKS"
    echo 'a astm dial:127.0.0.1:4000' >"$LINKS" # of all links
    refused 78 "$LINKS:1: proxy-protocol: " inst-listen --proxy-protocol -f "$LINKS"
    echo 'a astm 127.0.0.1:0 proxy-protocol=1' >"$LINKS"
    refused 78 "$LINKS:1: proxy-protocol: it has no value" inst-listen -f "$LINKS"
    echo 'a astm 127.0.0.1:0 proxy-from=10.0.0.0/99' >"$LINKS"
    refused 78 "$LINKS:1: proxy-from: " inst-listen -f "$LINKS"
    start_listener astm-listen 127.0.0.1:0
    dial
    refused 64 'is for sockets that listen' inst-listen --proxy-protocol "fd:$WIRE"
    hang_up
}

# ---- a balancer ----

# balance SEND PORT…: a haproxy before these ports, with that option of its servers; it says on …/haproxy whom it served.
# It listens on a socket that it inherits, at the port BALANCER, and on …/balancer.
balance() {
    local send=$1 port
    shift
    {
        printf 'global\n    log stderr format raw local0\n'
        printf 'defaults\n    log global\n    option tcplog\n    mode tcp\n'
        printf '    timeout connect 5s\n    timeout client 30s\n    timeout server 30s\n'
        printf 'listen lab\n    bind fd@3\n    bind unix@%s\n    balance roundrobin\n' "$DIR/balancer"
        for port; do
            printf '    server s%s 127.0.0.1:%s %s check inter 200ms\n' "$port" "$port" "$send"
        done
    } >"$DIR/haproxy.cfg"
    : >"$DIR/haproxy" # what an earlier one said is not taken for this one's
    inherit -1 haproxy -db -f "$DIR/haproxy.cfg" >>"$DIR/haproxy" 2>&1 3>&- &
    HAPROXY=$!
    started+=("$HAPROXY")
    await balances
}

balances() {
    BALANCER=$(grep -m 1 -x -E '[1-9][0-9]*' "$DIR/haproxy")
}

# Whom haproxy served, as it says it, one a line.
served() {
    sed -nE 's/^(127[0-9.]*:[0-9]+) \[.*/\1/p' "$DIR/haproxy"
}

has_served() {
    [ "$(served | wc -l)" = "$1" ]
}

@test "several listeners behind one haproxy, version 1 and 2: each message has its instrument's address (haproxy)" {
    local send i endpoint
    need haproxy
    need socat
    for send in send-proxy send-proxy-v2; do
        printf '%s\n' 'a hl7 127.0.0.1:0' 'b hl7 127.0.0.1:0' 'c auto 127.0.0.1:0' >"$LINKS"
        start_listener inst-listen --proxy-protocol --allow 127.0.0.0/24 -f "$LINKS"
        balance "$send" "$(port 0)" "$(port 1)" "$(port 2)"
        for i in 1 2 3 4 5 6; do
            block "$send-$i" | socat -t 20 - "TCP:127.0.0.1:$BALANCER,bind=127.0.0.1$i" | grep -q "MSA|AA|$send-$i"
        done
        await has_served 6
        kill "$HAPROXY"
        wait "$HAPROXY" || :
        stop_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 6
        [ "$(peers | tr ' ' '\n' | sort)" = "$(served | sort)" ]
        [ "$(peers | tr ' ' '\n' | cut -d : -f 1 | sort | paste -s -d ' ')" = \
            '127.0.0.11 127.0.0.12 127.0.0.13 127.0.0.14 127.0.0.15 127.0.0.16' ]
        [ "$(grep -o '"link":"."' "$DIR/out" | sort | uniq -c | awk '{ print $1 }' | paste -s -d ' ')" = '2 2 2' ]
        none grep refused "$DIR/err" # haproxy looks whether they are there all the while
    done
}

@test "ASTM through haproxy, version 1 and 2; who is not on --allow is turned away by his own address (haproxy)" {
    local send
    need haproxy
    need socat
    for send in send-proxy send-proxy-v2; do
        start_listener astm-listen --proxy-protocol --allow 127.0.0.1 127.0.0.1:0
        balance "$send" "$PORT"
        instsim astm -q -c 5 --profile chemistry "127.0.0.1:$BALANCER"
        await has_served 1
        [ "$(peers | tr ' ' '\n' | sort -u)" = "$(served)" ]
        socat -t 20 - "TCP:127.0.0.1:$BALANCER,bind=127.0.0.9" <<<"$ENQ" >"$DIR/answer" || :
        [ ! -s "$DIR/answer" ]
        await_err 'refused a connection from 127.0.0.9:[0-9]*: it is not allowed (--allow)'
        kill "$HAPROXY"
        wait "$HAPROXY" || :
        stop_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 5
    done
}

@test "whose address haproxy does not tell, as on its unix socket, is haproxy itself (haproxy)" {
    local send
    need haproxy
    need socat
    for send in send-proxy send-proxy-v2; do
        start_listener hl7-listen --proxy-protocol 127.0.0.1:0
        balance "$send" "$PORT"
        block "$send" | socat -t 20 - "UNIX-CONNECT:$DIR/balancer,retry=100,interval=0.1" | grep -q "MSA|AA|$send"
        kill "$HAPROXY"
        wait "$HAPROXY" || :
        stop_listener
        [ "$status" = 0 ]
        [[ $(peers) == 127.0.0.1:* ]]
    done
}
