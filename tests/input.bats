# -i of the listeners: messages for instruments from stdin, and what becomes of each.
load helper
load wire
load delivery

setup() {
    DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" "$DIR/in" # the first is what a test reads that waits for a while
    exec {FEED}<>"$DIR/in"
    export INPUT=$DIR/in
}

teardown() {
    end_started
}

# feed LINE…: to the listener's stdin.
feed() {
    printf '%s\n' "$@" >&"$FEED"
}

# refused_line LINE REASON: it is reported with that reason, and what comes after it is read.
refused_line() {
    feed "$1"
    await 1 "\"reason\":\"$2"
}

# ---- who gets what ----

@test "an order goes out byte for byte, CR, LF and CR LF end records, and is reported as sent" {
    start_listener astm-listen -i -n cobas 127.0.0.1:0
    cat >"$DIR/script" <<'END'
< <ENQ>
> <ACK>
< <STX>1H|\^&|17<CR><ETX><CS><CR><LF>
> <ACK>
< <STX>2O|1|S-1<CR><ETX><CS><CR><LF>
> <ACK>
< <STX>3C|1|<xC3><xA9><CR><ETX><CS><CR><LF>
> <ACK>
< <STX>4L|1<CR><ETX><CS><CR><LF>
> <ACK>
< <EOT>
END
    feed '{"link":"cobas","id":"o-17","text":"H|\\^&|17\nO|1|S-1\r\n\r\nC|1|\u00e9\rL|1","other":[1,{"x":2}]}'
    play "$PORT" "$DIR/script"
    reported_as o-17 '"link":"cobas","peer":"127.0.0.1:' '"status":"sent","attempts":1,"milliseconds":'
    none grep -q 'S-1' "$DIR/out" "$DIR/err"
    grep -q 'message delivered' "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
}

@test "200 messages from a file keep their order, and all are reported in it" {
    numbered hl7 1 200 >"$DIR/orders"
    INPUT=$DIR/orders start_listener hl7-listen -q -i 127.0.0.1:0
    start_other received hl7-listen -q "dial:127.0.0.1:$PORT"
    await 200 '"status":"sent"'
    seq -f o-%g 200 >"$DIR/wanted"
    reported sent | diff "$DIR/wanted" -
    control_ids "$DIR/received" | diff "$DIR/wanted" -
    reports | grep -q '"code":"AA","attempts":1'
    stop_other
}

@test "more than a queue holds comes from a pipe at the pace of the only link" {
    start_listener hl7-listen -q -i 127.0.0.1:0
    start_other received hl7-listen -q "dial:127.0.0.1:$PORT"
    feed "$(hl7 first)"
    reported_as first '"sent"'
    numbered hl7 1 3000 >&"$FEED"
    await 3001 '"status":"sent"'
    seq -f o-%g 3000 >"$DIR/wanted"
    control_ids "$DIR/received" | tail -n +2 | diff "$DIR/wanted" -
    stop_other
}

@test "the newest connection gets it, or the one that peer names" {
    local first second
    start_listener hl7-listen -i 127.0.0.1:0
    feed '{}' # what is read before
    dial
    first=$WIRE
    say "$VT"
    await 1 'connected' "$DIR/err"
    dial
    second=$WIRE
    say "$VT"
    await 2 'connected' "$DIR/err"
    local peers
    mapfile -t peers < <(sed -nE 's/.*: (127\.0\.0\.1:[0-9]+): connected/\1/p' "$DIR/err")
    feed "$(hl7 a)"
    take_order a
    feed "$(hl7 b "\"peer\":\"${peers[0]}\",")"
    WIRE=$first
    take_order b
    feed "$(hl7 c '"peer":"127.0.0.1",')"
    WIRE=$second
    take_order c
    reported_as b "\"peer\":\"${peers[0]}\""
    reported_as c "\"peer\":\"${peers[1]}\""
}

@test "connections from several addresses: ambiguous without peer" {
    start_listener hl7-listen -i --proxy-protocol --send-timeout 1 127.0.0.1:0
    dial
    say $'PROXY TCP4 10.0.0.5 10.0.0.1 49152 4000\r\n'"$VT"
    await 1 'connected' "$DIR/err"
    local five=$WIRE
    dial
    say $'PROXY TCP6 2001:db8::6 2001:db8::1 49153 4000\r\n'"$VT"
    await 2 'connected' "$DIR/err"
    feed "$(hl7 nobody)" "$(hl7 six '"peer":"2001:db8::6",')" "$(hl7 port '"peer":"[2001:db8::6]:49153",')"
    take_order six
    take_order port
    reported_as nobody '"status":"failed","reason":"ambiguous"'
    feed "$(hl7 five '"peer":"10.0.0.5",')" "$(hl7 seven '"peer":"10.0.0.7",')"
    WIRE=$five
    take_order five
    reported_as five '"peer":"10.0.0.5:49152"' sent
    reported_as seven '"peer":"10.0.0.7"' '"reason":"no-connection"'
}

@test "what is for two peers of a link does not wait for each other" {
    start_listener hl7-listen -i --proxy-protocol 127.0.0.1:0
    dial
    say $'PROXY TCP4 10.0.0.5 10.0.0.1 49152 4000\r\n'
    local five=$WIRE
    dial
    say $'PROXY TCP4 10.0.0.6 10.0.0.1 49152 4000\r\n'
    feed "$(hl7 a '"peer":"10.0.0.5",')" "$(hl7 b '"peer":"10.0.0.5",')" "$(hl7 c '"peer":"10.0.0.6",')"
    take_order c
    WIRE=$five
    take_order a
    take_order b
    await 3 '"status":"sent"'
}

@test "a link whose connection comes later gets what has waited, in order" {
    start_listener hl7-listen -i --retry 0.05,1,1 "dial:unix:$DIR/later"
    feed "$(hl7 a)" "$(hl7 b)"
    await 1 retrying "$DIR/err"
    start_other received hl7-listen "unix:$DIR/later"
    reported_as b sent
    control_ids "$DIR/received" | diff <(printf '%s\n' a b) -
    stop_other
}

@test "a dead link fills its queue, message 1001 fails, and other links never wait" {
    start_listener inst-listen -q -i --protocol hl7 "unix:$DIR/dead" "unix:$DIR/live"
    start_other received hl7-listen -q "dial:unix:$DIR/live"
    numbered hl7 1 1001 "\"link\":\"unix:$DIR/dead\"," >&"$FEED"
    feed "$(hl7 alive "\"link\":\"unix:$DIR/live\",")" "$(hl7 last "\"link\":\"unix:$DIR/dead\",")"
    reported_as alive sent
    reported_as last '"reason":"queue-full"'
    reported_as o-1001 '"reason":"queue-full"'
    [ "$(reports | wc -l)" = 3 ]
    stop_other
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -c '"status":"failed","reason":"stopping"' "$DIR/out")" = 1000 ]
}

@test "the only link without a connection: message 1001 fails at once" {
    numbered hl7 1 1001 >"$DIR/orders"
    INPUT=$DIR/orders start_listener hl7-listen -q -i 127.0.0.1:0
    reported_as o-1001 '"status":"failed","reason":"queue-full","milliseconds":0'
    [ "$(reports | wc -l)" = 1 ]
}

@test "nobody comes within --send-timeout: failed" {
    start_listener hl7-listen -i --send-timeout 0.2 127.0.0.1:0
    feed "$(hl7 a)" "$(hl7 b)"
    reported_as a '"status":"failed","reason":"no-connection","milliseconds":'
    reported_as b '"reason":"no-connection"'
    none grep -q attempts "$DIR/out"
    grep -q 'a message is not delivered: no-connection' "$DIR/err"
}

@test "a link that is to be detected: messages wait until it has said what it speaks" {
    start_listener inst-listen -i -n lab 127.0.0.1:0
    dial
    feed "$(hl7 h)" "$(astm a)"
    say "$VT" # noise so far; then a block that says it
    say "$(printf 'MSH|^~\\&|wire|LAB|||20260301101500||ORU^R01|R1|P|2.5.1\rPID|1\r\x1c')"$'\r'
    local LC_ALL=C answers=
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" answers
    hear $'\r'
    [[ $answers == *'MSA|AA|R1'* ]]
    take_order h
    reported_as h sent
    reported_as a '"reason":"bad-text this connection speaks hl7: it has no MSH segment'
}

@test "a link that is taken out of the links file: what waits for it fails" {
    echo "one hl7 unix:$DIR/one" >"$DIR/links"
    echo "two hl7 unix:$DIR/two" >>"$DIR/links"
    start_listener inst-listen -i -f "$DIR/links"
    feed "$(hl7 a '"link":"one",')" "$(hl7 x)"
    reported_as x '"reason":"unknown-link there are several'
    sed -i 1d "$DIR/links"
    kill -HUP "$LISTENER"
    reported_as a '"reason":"link-gone"'
    feed "$(hl7 b '"link":"one",')" '{}'
    reported_as b '"link":"one","status":"failed","reason":"unknown-link '
    feed "$(hl7 c)"
    start_other received hl7-listen -q "dial:unix:$DIR/two"
    reported_as c '"link":"two"' sent
}

# ---- what the machine says ----

@test "AE is tried again, and AA is sent" {
    start_listener hl7-listen -i 127.0.0.1:0
    dial
    feed "$(hl7 a)" "$(hl7 b)"
    hear_order a
    answer AE a 'not now'
    hear_order a
    answer AA a 'thank you'
    take_order b
    reported_as a '"status":"sent","code":"AA","text":"thank you","attempts":2'
    reported_as b '"attempts":1'
    grep -q 'a message is not taken: error; tried again in 1.0 s (attempt 2)' "$DIR/err"
}

@test "AR fails at once, with its text; the next one goes out" {
    start_listener hl7-listen -i --log json 127.0.0.1:0
    dial
    feed "$(hl7 a)" "$(hl7 b)"
    hear_order a
    answer AR a $'unknown \xe9'
    take_order b
    reported_as a '"status":"failed","reason":"rejected","code":"AR","text":"unknown é","attempts":1'
    reported_as b sent
    await 1 '"event":"undelivered".*"reason":"rejected","attempts":1' "$DIR/err"
    await 1 '"event":"delivered".*"attempts":1,"milliseconds":' "$DIR/err"
}

@test "after --attempts it is given up" {
    start_listener hl7-listen -i --attempts 2 127.0.0.1:0
    dial
    feed "$(hl7 a)"
    hear_order a
    answer AE a
    hear_order a
    answer AE a full
    reported_as a '"status":"failed","reason":"error","code":"AE","text":"full","attempts":2'
}

@test "silence: the connection is closed, and the message goes to the next one" {
    start_listener hl7-listen -i --answer-timeout 1 127.0.0.1:0
    dial
    feed "$(hl7 a)" "$(hl7 b)"
    hear_order a
    hear CLOSE
    answer AA a late || :
    hang_up
    dial
    take_order a
    take_order b
    reported_as a '"status":"sent","code":"AA","attempts":2'
    reported_as b '"attempts":1'
}

@test "a frame that is refused six times: tried again in another session" {
    start_listener astm-listen -i 127.0.0.1:0
    dial
    feed "$(astm a)" "$(astm b)"
    hear "$ENQ"
    say "$ACK"
    local i line
    for i in 1 2 3 4 5 6; do
        IFS= read -r -d $'\n' -t 20 -u "$WIRE" line
        [[ $line == "${STX}1H"* ]]
        say "$NAK"
    done
    hear "$EOT"
    take_session a
    take_session b
    reported_as a '"status":"sent","attempts":2'
    reported_as b '"attempts":1'
}

@test "a failure tells the frame that it failed at" {
    start_listener astm-listen -i --attempts 1 --timers reply=1 127.0.0.1:0
    dial
    feed "$(astm a)"
    hear "$ENQ"
    say "$ACK"
    IFS= read -r -d $'\n' -t 20 -u "$WIRE" _
    say "$ACK"
    reported_as a '"status":"failed","reason":"no-reply","frame":2,"frames":2,"attempts":1'
}

@test "a connection that is lost in the middle: the message goes to the next one" {
    start_listener astm-listen -i 127.0.0.1:0
    dial
    feed "$(astm a)"
    hear "$ENQ"
    say "$ACK"
    hang_up
    dial
    take_session a
    reported_as a '"status":"sent","attempts":2'
}

@test "the other side sends at the same time: what yields is no attempt, and nothing is lost or doubled" {
    local n
    start_listener astm-listen -q -i --timers contention=0.3 127.0.0.1:0
    start_other received instsim astm -v --timers contention=0.3 -c 100000 --profile bloodgas "127.0.0.1:$PORT"
    for n in 1 2 3 4 5; do
        await $((n * 2)) '^{"type":"message"'
        feed "$(astm o-$n)"
        reported_as o-$n sent
    done
    stop_other 1 # not all that it had were taken
    [ "$(reports | grep -c '"attempts":1,')" = 5 ]
    control_ids "$DIR/received" | diff <(seq -f o-%g 5) -
    stop_listener
    # what was accepted has been printed, once
    grep '^{"type":"message"' "$DIR/out" | grep -o '"digest":"[^"]*"' >"$DIR/digests"
    [ "$(wc -l <"$DIR/digests")" -ge "$(grep -c 'message .* accepted, ' "$DIR/received.err")" ]
    [ -z "$(sort "$DIR/digests" | uniq -d)" ]
}

# contend ANSWER: an order is bid for and refused, and a session of the instrument's begins, in which its first frame has
# that answer.
contend() {
    dial
    feed "$(astm b)"
    hear "$ENQ"
    say "$NAK$ENQ"
    hear "$ACK"
    say_frame 1 "$(printf 'H|\\^&|17\r')"
    hear "$1"
}

@test "--interrupt asks a sender to stop for an order" {
    start_listener astm-listen -i --interrupt --timers busy=0.3 127.0.0.1:0
    contend "$EOT"
    say "$EOT"
    take_session b
    reported_as b sent
}

@test "without --interrupt an order waits until the sender is through" {
    start_listener astm-listen -i --timers busy=0.3 127.0.0.1:0
    contend "$ACK"
    say_frame 2 "$(printf 'L|1|N\r')"
    hear "$ACK"
    say "$EOT"
    take_session b
    reported_as b sent
}

@test "1000 messages each way at once, all exactly once" {
    numbered hl7 1 1000 >"$DIR/orders"
    INPUT=$DIR/orders start_listener hl7-listen -q -i 127.0.0.1:0
    instsim hl7 -q -c 1000 --profile hematology "127.0.0.1:$PORT" >"$DIR/received"
    start_other rest hl7-listen "dial:127.0.0.1:$PORT" # what was not sent when the instrument left
    await 1 connected "$DIR/rest.err"
    await 1000 '"status":"sent"'
    stop_other
    cat "$DIR/received" "$DIR/rest" >"$DIR/all"
    control_ids "$DIR/all" | diff <(seq -f o-%g 1000) -
    reported sent | diff <(seq -f o-%g 1000) -
    [ "$(control_ids "$DIR/out" | sort -u | wc -l)" = 1000 ]
    [ "$(control_ids "$DIR/out" | wc -l)" = 1000 ]
    stop_listener
    [ "$status" = 0 ]
}

# ---- lines ----

@test "a line that is none: reported with its number and what is wrong, and nothing stops" {
    start_listener hl7-listen -i -n lab 127.0.0.1:0
    feed '' '  '
    refused_line 'nonsense' 'bad-line column 1: .*"line":3}'
    refused_line '[]' 'bad-line column 1: an object is expected","line":4}'
    refused_line '{"text":17}' 'bad-line column .*"line":5}'
    refused_line '{"id":"x"}' 'bad-line .*text.*"line":6}'
    refused_line '{"id":"x","text":"' 'bad-line column 18: a string has no end","line":7}'
    refused_line '{"text":"a","text":"b"}' 'bad-line .*"line":8}'
    refused_line $'{"text":"\xff"}' 'bad-line .*"line":9}'
    feed '{"id":"l","link":"other","text":"MSH|^~\\&|"}'
    reported_as l '"link":"other","status":"failed","reason":"unknown-link there is none of that name","line":10}'
    dial
    feed "$(hl7 good '"link":"lab","peer":null,')"
    take_order good
    reported_as good sent
    [ "$(reports | wc -l)" = 9 ]
    stop_listener
    [ "$status" = 0 ]
}

@test "a text that cannot be sent fails at once, with the reason" {
    start_listener inst-listen -i --protocol astm -n a 127.0.0.1:0
    local n=0 pair
    for pair in ':it does not begin with an H record' 'R|1:it does not begin' 'H|\\^\u0002:it holds STX' \
        'H|\\^\u0003:it holds ETX' 'H|\\^\u0004:it holds EOT' 'H|\\^\u0005:it holds ENQ' 'H|\\^\u000b:it holds VT' \
        'H|\\^\u0017:it holds ETB' 'H|\\^\u001c:it holds FS' \
        'H|\\^&\rL|1\nH|\\^&|2\rL|1:it holds several messages'; do
        feed "{\"id\":\"a$((++n))\",\"text\":\"${pair%%:*}\"}"
        reported_as "a$n" "\"reason\":\"bad-text ${pair#*:}"
    done
    stop_listener
    start_listener hl7-listen -i 127.0.0.1:0
    for pair in 'PID|1:it has no MSH' 'MSH|^~\\&|\u001c:it holds FS' 'MSH|^~\\&|\u000b:it holds VT' \
        'MSH|^~\\&|\u0002:it holds STX' 'MSH|^~\\&|||||||ORU|1|P|2.5\rPID|1\rMSH|^~\\&|:it holds several messages'; do
        feed "{\"id\":\"a$((++n))\",\"text\":\"${pair%%:*}\"}"
        reported_as "a$n" "\"reason\":\"bad-text ${pair#*:}"
    done
    stop_listener
    start_listener inst-listen -i 127.0.0.1:0
    for pair in 'MSH|^~\\&|||||||ORU|1|P|2.5\rMSH|^~\\&|' 'H|\\^&\rH|\\^&'; do
        feed "{\"id\":\"a$((++n))\",\"text\":\"$pair\"}"
        reported_as "a$n" '"reason":"bad-text it holds several messages"'
    done
}

@test "the link's character set is the message's" {
    start_listener astm-listen -i --charset ISO-8859-1 127.0.0.1:0
    feed '{"id":"no","text":"H|\\^&|\u0416\rL|1"}' '{"id":"yes","text":"H|\\^&|\u00e9\rL|1"}'
    cat >"$DIR/script" <<'END'
< <ENQ>
> <ACK>
< <STX>1H|\^&|<xE9><CR><ETX><CS><CR><LF>
> <ACK>
< <STX>2L|1<CR><ETX><CS><CR><LF>
> <ACK>
< <EOT>
END
    play "$PORT" "$DIR/script"
    reported_as yes sent
    reported_as no "\"reason\":\"bad-text a character is not in the link's character set\""
}

@test "a message of 1 MB, and a line that is longer than can be" {
    start_listener hl7-listen -q -i --max-buffer 8M 127.0.0.1:0
    start_other received hl7-listen -q "dial:127.0.0.1:$PORT"
    {
        hl7 big | tr -d '\n' | sed 's/\\r"}$//'
        head -c 1000000 /dev/zero | tr '\0' x
        printf '"}\n{"id":"too long","text":"'
        head -c 5000000 /dev/zero | tr '\0' x
        printf '"}\n'
        hl7 small
    } >&"$FEED"
    reported_as big sent
    reported_as small sent
    grep -q '"reason":"bad-line it is too long","line":2}' "$DIR/out"
    [ "$(head -n 1 "$DIR/received" | wc -c)" -gt 1000000 ]
    stop_other
}

@test "the end of stdin ends nothing, and its last line needs no LF" {
    hl7 last | tr -d '\n' >"$DIR/orders"
    INPUT=$DIR/orders start_listener hl7-listen -i -c 1 127.0.0.1:0
    dial
    take_order last
    reported_as last sent
    hang_up
    instsim hl7 -q --profile chemistry "127.0.0.1:$PORT"
    wait_listener
    [ "$status" = 0 ]
}

@test "stdin may be a socket or /dev/null, and a pipe stays blocking for others" {
    INPUT=/dev/null start_listener hl7-listen -q -i -c 1 127.0.0.1:0
    instsim hl7 -q --profile chemistry "127.0.0.1:$PORT"
    wait_listener
    [ "$status" = 0 ]
    [ -r /proc/self/fdinfo/0 ] || skip "no /proc here"
    start_listener hl7-listen -q -i 127.0.0.1:0
    feed 'x'
    await 1 bad-line
    ((!(8#$(awk '/^flags:/ { print $2 }' "/proc/$LISTENER/fdinfo/0") & 8#4000)))
}

@test "a stdin that cannot be read is told; what comes from instruments goes on, and 74 is the end" {
    local program
    for program in astm-listen hl7-listen inst-listen; do
        rm -f "$DIR/err"
        INPUT=$DIR start_listener $program -i 127.0.0.1:0
        await 1 'cannot read stdin' "$DIR/err"
        if [ $program != astm-listen ]; then
            instsim hl7 -q --profile chemistry "127.0.0.1:$PORT"
            await 1 '^{"type":"message"'
        fi
        stop_listener
        [ "$status" = 74 ]
    done
}

@test "a link that is stdin at once ends with 64" {
    start_listener instsim hl7 --profile chemistry listen:127.0.0.1:0
    dial
    run timeout 20 bash -c "hl7-listen -i fd:0 <&$WIRE"
    [ "$status" = 64 ]
    [[ $output = *"--input: stdin is the link fd:0"* ]]
    run timeout 20 bash -c "hl7-listen -i fd:$WIRE <&$WIRE"
    [ "$status" = 64 ]
    hang_up
    for option in '--attempts 0' '--attempts x' '--send-timeout never' '--send-timeout'; do
        # shellcheck disable=SC2086 # two words
        run -64 timeout 20 hl7-listen -i $option 0
    done
}

# ---- the end ----

@test "SIGTERM: what waits is reported, what is being sent may finish, exit 0" {
    start_listener hl7-listen -i 127.0.0.1:0
    dial
    feed "$(hl7 a)" "$(hl7 b)" "$(hl7 c)"
    hear_order a
    kill "$LISTENER"
    reported_as c '"status":"failed","reason":"stopping"'
    answer AA a
    hear CLOSE
    wait_listener
    [ "$status" = 0 ]
    reported_as a '"status":"sent"'
    reported_as b '"reason":"stopping"'
    [ "$(reports | wc -l)" = 3 ]
}

@test "SIGTERM: what gets no answer within the grace is reported too" {
    start_listener hl7-listen -i --answer-timeout 1m 127.0.0.1:0
    dial
    feed "$(hl7 a)"
    hear_order a
    stop_listener
    [ "$status" = 0 ]
    reported_as a '"status":"failed","reason":"stopping"'
}

@test "-c: what waits when it is reached is reported" {
    start_listener hl7-listen -i -n lab -c 1 127.0.0.1:0
    feed "$(hl7 a '"peer":"10.0.0.1",')" x
    await 1 bad-line
    instsim hl7 -q --profile chemistry "127.0.0.1:$PORT"
    wait_listener
    [ "$status" = 0 ]
    reported_as a '"reason":"stopping"'
}

@test "with -j messages go to the journal, and reports to stdout" {
    start_listener hl7-listen -q -i -j "$DIR/journal" 127.0.0.1:0
    feed "$(hl7 a)"
    instsim hl7 -q --profile chemistry -c 5 "127.0.0.1:$PORT" >/dev/null
    reported_as a sent
    stop_listener
    [ "$status" = 0 ]
    [ "$(wc -l <"$DIR/out")" = 1 ]
    [ "$(grep -c '"type":"message"' "$DIR/journal")" = 5 ]
}

@test "reports that nobody reads: nothing more is read or begun until somebody does, and none is lost" {
    stall_out
    start_listener hl7-listen -q -i 127.0.0.1:0
    dial
    {
        yes xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx | head -n 20000
        hl7 a
    } >&"$FEED" 3>&- {FEED}>&- &
    local writer=$! byte=
    IFS= read -r -d '' -n 1 -t 1 -u "$WIRE" byte || :
    [ -z "$byte" ]
    kill -0 $writer 2>/dev/null # the pipe is full, for it is not read
    resume_out
    take_order a
    wait $writer
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    [ "$(grep -c bad-line "$DIR/lines")" = 20000 ]
    tail -n 1 "$DIR/lines" | grep -q '"id":"a".*"status":"sent"'
}
