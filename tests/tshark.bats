# What instsim sends and hl7-listen answers, as tshark reads it: an HL7 reader of another hand.
load helper
load wire

setup() {
    DIR=$BATS_TEST_TMPDIR
    need tshark
    need text2pcap
}

# packets FILE PCAP FROM TO: the bytes of FILE as packets of one TCP connection, small enough to cut messages anywhere.
packets() {
    od -An -v -tx1 "$1" | awk '{ printf "%06x%s\n", (NR - 1) % 80 * 16, $0 }' >"$1.hex"
    text2pcap -q -T "$3,$4" "$1.hex" "$2" >"$DIR/text2pcap.log" 2>&1
}

# read_with_tshark PCAP [OPTION…]: what it sees: the segments, a line each, in …/segments; in BLOCKS how many blocks.
# Nothing may be malformed.
read_with_tshark() {
    tshark -r "$@" -o hl7.display_llp:TRUE -T fields -E aggregator=@ -e _ws.malformed -e hl7.malformed \
        -e hl7.llp.sob -e hl7.segment 2>"$DIR/tshark.log" >"$DIR/seen"
    cut -f 1,2 "$DIR/seen" | tr -d '\t' | grep . >"$DIR/malformed" || :
    diff /dev/null "$DIR/malformed"
    cut -f 4 "$DIR/seen" | tr '@' '\n' | sed 's/\\r$//' | grep . | plain >"$DIR/segments"
    BLOCKS=$(cut -f 3 "$DIR/seen" | tr '@' '\n' | grep -c .)
}

# What is not ASCII is shown in one way or another.
plain() {
    LC_ALL=C sed -e 's/\xef\xbf\xbd/?/g' -e 's/[^ -~]/?/g'
}

# The segments of a capture of blocks, a line each.
segments_of() {
    tr -d '\v\034\n' <"$1" | tr '\r' '\n' | grep . | plain
}

# talk ARGS…: instsim with these arguments, through a relay that keeps what went to the listener in …/sent, and what
# came from it in …/answered. The listener's arguments are in $LISTEN.
talk() {
    # shellcheck disable=SC2086 # several words
    start_listener hl7-listen $LISTEN "unix:$DIR/listener"
    socat -r "$DIR/sent" -R "$DIR/answered" "UNIX-LISTEN:$DIR/relay" "UNIX-CONNECT:$DIR/listener" 3>&- &
    started+=($!)
    run timeout 30 "$@" --retry 0.05,1,1 --max-retries 100 "unix:$DIR/relay"
    wait "${started[-1]}" || :
}

@test "tshark finds fault with what is no HL7, so that finding none means something" {
    printf '\vhello\034\r' >"$DIR/odd"
    packets "$DIR/odd" "$DIR/pcap" 40000 2575
    run -1 read_with_tshark "$DIR/pcap"
    [ "$(wc -l <"$DIR/malformed")" = 1 ]
}

@test "made-up messages of every profile and type, and their answers, are well-formed, segment by segment" {
    need socat
    local type profile
    LISTEN=
    for type in oru-2.5.1 oru-2.3.1 oul-2.5.1; do
        for profile in chemistry hematology molecular; do
            talk instsim hl7 --profile $profile --type $type --seed 3 -c 10
            [ "$status" = 0 ]
            stop_listener
            packets "$DIR/sent" "$DIR/pcap" 40000 2575
            read_with_tshark "$DIR/pcap"
            [ "$BLOCKS" = 10 ]
            instsim hl7 --profile $profile --type $type --seed 3 -c 10 - | grep . | plain | tr @ '\n' |
                diff - "$DIR/segments"

            packets "$DIR/answered" "$DIR/pcap" 2575 40000
            read_with_tshark "$DIR/pcap"
            [ "$BLOCKS" = 10 ]
            segments_of "$DIR/answered" | diff - "$DIR/segments"
            [ "$(grep -c '^MSH|' "$DIR/segments")" = 10 ]
            [ "$(grep -c '^MSA|AA|' "$DIR/segments")" = 10 ]
            rm "$DIR/sent" "$DIR/answered"
        done
    done
}

@test "refusals, and answers in enhanced mode, are well-formed" {
    local bytes
    start_listener hl7-listen --max-message 2K -c 4 127.0.0.1:0
    dial
    bytes=$(
        printf '\vMSH|^~\\&|A|B|C|D|20260101||ORU^R01|original|P|2.3.1\rPID|1\r\034\r'
        printf '\vMSH|^~\\&|A|B|C|D|20260101||ORU^R01^ORU_R01|enhanced|P|2.5.1|||AL|AL\rPID|1\r\034\r'
        printf '\vMSH|^~\\&|A|B|C|D|20260101||OUL^R22|long|P|2.5\rNTE|1||%04000d\r\034\r' 0
        printf '\vMSH|^~\\&|A|B|C|D|20260101||ORU^R01|long-231|P|2.3.1\rNTE|1||%04000d\r\034\r' 0
        printf '\vhello\034\r'
        printf '\vMSH*:~\\&*A*B*C*D*20260101**ORU:R01*others*P*2.4\rPID*1\r\034\r'
        printf '\vMSH|^~\\&|A|||||||last|P|2.6\rPID|1\r\034\r'
        printf '\vMSH|^~\\&|A|||||||more|P|2.6\rPID|1\r\034\r'
        printf '\vMSH|^~\\&|A|||||||more|P|2.6|||AL|AL\rPID|1\r\034\r'
    )
    say "$bytes"
    cat <&"$WIRE" >"$DIR/answered"
    hang_up
    wait_listener
    [ "$status" = 0 ]
    packets "$DIR/answered" "$DIR/pcap" 2575 40000
    read_with_tshark "$DIR/pcap"
    segments_of "$DIR/answered" | diff - "$DIR/segments"
    sed -n 's/^MSA[|*]\([A-Z]*\)[|*]*\([^|*]*\).*/\1 \2/p' "$DIR/segments" | diff - <(
        printf '%s\n' 'AA original' 'CA enhanced' 'AA enhanced' 'AR long' 'AR long-231' 'AR ' 'AA others' 'AA last' \
            'AE more' 'CE more'
    )
    [ "$BLOCKS" = 10 ]
}

@test "commit blocks of release 2 do not hide the messages between them" {
    need socat
    LISTEN='--mllp 2'
    talk instsim hl7 --mllp 2 --profile bloodgas -c 5
    [ "$status" = 0 ]
    stop_listener
    [ "$(tr -dc '\006' <"$DIR/answered" | wc -c)" = 5 ]
    # the commit blocks are none of HL7's messages
    LC_ALL=C sed 's/\v[\x06\x15]\x1c\r//g' "$DIR/answered" >"$DIR/messages"
    packets "$DIR/messages" "$DIR/pcap" 2575 40000
    read_with_tshark "$DIR/pcap"
    [ "$BLOCKS" = 5 ]
    [ "$(grep -c '^MSA|AA|' "$DIR/segments")" = 5 ]
    LC_ALL=C sed 's/\v[\x06\x15]\x1c\r//g' "$DIR/sent" >"$DIR/messages"
    packets "$DIR/messages" "$DIR/pcap" 40000 2575
    read_with_tshark "$DIR/pcap"
    [ "$BLOCKS" = 5 ]
}

# start_capture: tshark keeps what goes over the loopback from and to PORT in …/live; CAPTURE is its pid.
start_capture() {
    tshark -q -i lo -f "tcp port $PORT" -w "$DIR/live" 2>"$DIR/capture.log" 3>&- &
    CAPTURE=$!
    started+=("$CAPTURE")
    mkfifo "$DIR/nothing"
    until [ "$(captured tcp)" -gt 0 ]; do # it captures when it has seen a connection
        kill -0 "$CAPTURE" 2>/dev/null || return 1
        crowd -x "$PORT" 1
        read -r -t 0.2 <>"$DIR/nothing" || :
    done
}

# captured FILTER: how many packets of it have been captured.
captured() {
    tshark -r "$DIR/live" -d "tcp.port==$PORT,hl7" -Y "$1" 2>/dev/null | wc -l
}

@test "on the wire, between instsim and hl7-listen: as many messages and segments as were sent, none malformed" {
    start_listener hl7-listen 127.0.0.1:0
    start_capture || skip "the loopback may not be captured"
    instsim hl7 -q --profile hematology --seed 4 -c 20 "127.0.0.1:$PORT"
    stop_listener
    until [ "$(captured 'hl7 && tcp.srcport == '"$PORT")" -ge 20 ]; do
        read -r -t 0.2 <>"$DIR/nothing" || :
    done
    kill -s INT "$CAPTURE"
    wait "$CAPTURE"
    read_with_tshark "$DIR/live" -d "tcp.port==$PORT,hl7"
    [ "$BLOCKS" = 40 ]
    instsim hl7 --profile hematology --seed 4 -c 20 - | grep . | plain >"$DIR/made"
    grep -v -e '^MSA|' -e '|ACK^R01^ACK|' "$DIR/segments" | diff "$DIR/made" -
    [ "$(grep -c '^MSH|' "$DIR/segments")" = 40 ]
    [ "$(grep -c '^MSA|AA|' "$DIR/segments")" = 20 ]
}
