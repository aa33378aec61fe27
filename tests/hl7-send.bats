# hl7-send: what it reads, what the other side may do, and what is reported.
load helper
load wire
load delivery

setup() {
    set_up_sender
}

# order ID [CONDITIONS]: one message as text, with LF; CONDITIONS are MSH-15 and MSH-16.
order() {
    printf 'MSH|^~\\&|LIS||||20260301||OML^O33|%s|P|2.5.1|||%s\nPID|1||4711\n' "$1" "${2:-}"
}

# ask ID [CONDITIONS]: the same as a line.
ask() {
    printf '{"id":"%s","text":"MSH|^~\\\\&|LIS||||20260301||OML^O33|%s|P|2.5.1|||%s\\nPID|1||4711"}\n' "$1" "$1" "${2:-}"
}

# quick OPTION…: a sender that the test connects to.
quick() {
    start_sender hl7-send "$@" listen:127.0.0.1:0
    dial
}

# ---- what is read ----

@test "text of any line ends goes out byte for byte, and each message is reported in its order" {
    {
        order one
        order two | tr '\n' '\r'
        order three | sed 's/$/\r/'
        printf '\n\n'
        order four | head -c -1
    } >"$DIR/text"
    start_other arrived hl7-listen -q -c 4 -o raw "unix:$DIR/line"
    run -0 --separate-stderr hl7-send --retry 0.05,1,1 -n lab "unix:$DIR/line" "$DIR/text"
    [ "$(grep -c '"link":"lab","peer":"unix","status":"sent","code":"AA","attempts":1,' <<<"$output")" = 4 ]
    grep -o '"number":.*"control_id":"[^"]*"' <<<"$output" |
        diff <(printf '"number":%s,"control_id":"%s"\n' 1 one 2 two 3 three 4 four) -
    wait "$OTHER"
    for n in one two three four; do
        order $n
    done | tr '\n' '\r' | cmp - "$DIR/arrived"
    [[ $stderr = *"4 sent, 0 not sent, 0 sent before, 0 no messages"* ]]
}

@test "a batch loses its envelope; a byte order mark and blank lines are nothing" {
    start_other arrived hl7-listen -q -c 3 -o raw "unix:$DIR/line"
    {
        printf '\xef\xbb\xbf\r\n\n'
        tr '\r' '\n' <"$BATS_TEST_DIRNAME/data/batch.hl7"
        order last
    } | hl7-send -q --retry 0.05,1,1 "unix:$DIR/line" >"$DIR/out"
    wait "$OTHER"
    { grep -avE '^(FHS|BHS|BTS|FTS)' <(tr '\r' '\n' <"$BATS_TEST_DIRNAME/data/batch.hl7") && order last; } |
        tr '\n' '\r' | cmp - "$DIR/arrived"
    numbers | diff <(seq 3) -
}

@test "lines with text, lines of the decoder, and of a journal, whose keys are passed over" {
    start_listener hl7-listen -q -c 2 -j "$DIR/journal" 127.0.0.1:0
    mllp-frame -d "$BATS_TEST_DIRNAME/data/batch.hl7" | hl7-send -q "127.0.0.1:$PORT" >"$DIR/first"
    wait_listener
    grep -q '^{"type":"window"' "$DIR/journal"
    start_other arrived hl7-listen -q -c 5 -o raw "unix:$DIR/line"
    {
        ask a
        cat "$DIR/journal"
        hl7-decode --positional "$BATS_TEST_DIRNAME/data/oul.hl7"
    } | hl7-send -q --retry 0.05,1,1 "unix:$DIR/line" >"$DIR/out"
    wait "$OTHER"
    numbers | diff <(seq 5) -
    [ "$(grep -c '"status":"sent"' "$DIR/out")" = 5 ]
    grep -o '"control_id":"[^"]*"' "$DIR/out" | cut -d '"' -f 4 | diff <(printf '%s\n' a H5-101 H5-102 C9-1 C9-2) -
    tr '\n' '\r' <"$BATS_TEST_DIRNAME/data/oul.hl7" | cmp - <(tail -c "$(wc -c <"$BATS_TEST_DIRNAME/data/oul.hl7")" "$DIR/arrived")
}

@test "a line that is none, and text outside of messages: reported with the line, and what follows is sent" {
    quick -n lab
    feed 'nonsense' "$(order a)"
    end_feed
    take_order a
    number_as 1 '"status":"failed","reason":"bad-text it is outside of any message","line":1}'
    ends_with 1
    number_as 2 '"control_id":"a"' '"status":"sent"'
    set_up_sender_again
    quick
    feed '{"id":"x"}' '{"id":"y","text":"PID|1"}' '' '[]' "$(ask b)" '{"id":7,"text":"'
    take_order b
    end_feed
    ends_with 1
    reported_as x '"number":1' '"reason":"bad-line ' '"line":1}'
    reported_as y '"number":2' '"reason":"bad-text it has no MSH'
    number_as 3 '"reason":"bad-line an object is expected, and an array is there","line":4}'
    reported_as b '"number":4' '"status":"sent"'
    number_as 5 '"reason":"bad-line column 16: a string has no end","line":6}'
}

# A second sender in one test.
set_up_sender_again() {
    rm "$DIR/in" "$DIR/nothing"
    set_up_sender
}

@test "--max-message: what is longer is reported, and the next one is sent" {
    quick --max-message 100
    {
        order long
        printf 'NTE|1||%0500d\n' 7
        order short
    } >&"$FEED"
    end_feed
    take_order short
    ends_with 1
    number_as 1 '"reason":"too-long it is longer than --max-message"' '"line":1}'
    number_as 2 '"status":"sent"'
}

@test "--charset: the input is UTF-8 and goes out in that set; what it lacks is reported" {
    start_other arrived hl7-listen -q -c 1 -o raw "unix:$DIR/line"
    printf 'MSH|^~\\&|||||||ADT|1|P|2.5\nPID|1||Mü\nMSH|^~\\&|||||||ADT|2|P|2.5\nPID|1||Ж\n' |
        { run -1 hl7-send -q --charset ISO-8859-1 --retry 0.05,1,1 "unix:$DIR/line"; echo "$output" >"$DIR/out"; }
    wait "$OTHER"
    grep -qa $'|M\xfc' "$DIR/arrived"
    number_as 1 '"status":"sent"'
    number_as 2 '"reason":"bad-text a character is not in the character set"'
}

@test "-c stops after N messages, and the other ones stay unread" {
    quick -c 2
    feed "$(ask a)" "$(ask b)" "$(ask c)"
    take_order a
    take_order b
    hear CLOSE
    ends_with 0
    numbers | diff <(seq 2) -
}

# ---- endpoints ----

@test "it dials, again until somebody is there, and again between two messages" {
    start_sender hl7-send --retry 0.1,1,1 "dial:unix:$DIR/line"
    feed "$(ask a)"
    await 1 retrying "$DIR/err"
    start_other one hl7-listen -q -c 1 "unix:$DIR/line"
    reported_as a '"status":"sent"'
    wait "$OTHER"
    await 1 'disconnected' "$DIR/err"
    start_other two hl7-listen -q -c 1 "unix:$DIR/line"
    feed "$(ask b)"
    end_feed
    ends_with 0
    reported_as b '"status":"sent"'
}

@test "unix sockets, connected to and listened on; an inherited socket, connected or listening" {
    start_other arrived hl7-listen -q -c 1 "listen:unix:$DIR/line"
    ask a | hl7-send -q --retry 0.05,1,1 "unix:$DIR/line" >"$DIR/out"
    reported_as a '"peer":"unix"' sent
    wait "$OTHER"
    start_sender hl7-send "listen:unix:$DIR/other"
    start_other arrived hl7-listen -q -c 1 "dial:unix:$DIR/other"
    feed "$(ask b)"
    end_feed
    ends_with 0
    wait "$OTHER"
    INPUT=/dev/null start_listener hl7-listen -q -c 1 127.0.0.1:0
    dial
    ask c >"$DIR/ask" # read to its end before the listener is done and goes
    hl7-send -q "fd:$WIRE" "$DIR/ask" >"$DIR/fd"
    hang_up
    wait_listener
    grep -q '"id":"c".*"status":"sent"' "$DIR/fd"
}

@test "an inherited connection that ends: what is left is reported as no-connection" {
    start_listener hl7-listen -q -c 1 127.0.0.1:0
    dial
    run -1 --separate-stderr hl7-send -q "fd:$WIRE" <<<"$(ask a; ask b)"
    hang_up
    wait_listener
    [[ ${lines[0]} = *'"id":"a"'*'"status":"sent"'* ]]
    [[ ${lines[1]} = *'"id":"b"'*'"status":"failed","reason":"no-connection"'* ]]
}

@test "a serial line" {
    need socat
    start_other ptys socat -d -d "pty,raw,echo=0,link=$DIR/left" "pty,raw,echo=0,link=$DIR/right"
    await 1 'starting data transfer' "$DIR/ptys.err"
    local ptys=$OTHER
    start_other arrived hl7-listen -c 2 "serial:$DIR/right,38400"
    await 1 ' connected' "$DIR/arrived.err" # what comes before the line is open is lost
    { ask a; ask b; } | timeout 30 hl7-send -q --retry 0.1,1,1 "serial:$DIR/left,38400" >"$DIR/out"
    reported sent | diff <(printf '%s\n' a b) -
    wait "$OTHER"
    kill "$ptys"
}

@test "-R tells the port, and stdin cannot be the link" {
    start_sender hl7-send listen:127.0.0.1:0
    [[ ${ENDPOINTS[0]} = listen:127.0.0.1:[1-9]* ]]
    end_feed
    ends_with 0
    INPUT=/dev/null start_listener hl7-listen -q 127.0.0.1:0
    dial
    run -64 --separate-stderr hl7-send fd:0 <&"$WIRE"
    [[ $stderr = *"stdin is the link fd:0"* ]]
}

# ---- what the other side answers ----

@test "AE is tried again, AR fails at once, and the next one is sent" {
    quick
    feed "$(ask a)" "$(ask b)" "$(ask c)"
    hear_order a
    answer AE a 'not now'
    hear_order a
    answer AA a 'thank you'
    hear_order b
    answer AR b never
    take_order c
    end_feed
    ends_with 1
    reported_as a '"status":"sent","code":"AA","text":"thank you","attempts":2'
    reported_as b '"status":"failed","reason":"rejected","code":"AR","text":"never","attempts":1'
    reported_as c '"status":"sent"'
    numbers | diff <(seq 3) -
}

@test "enhanced mode: sent is when CA and AA have come; CE is tried again; CR fails" {
    quick
    feed "$(ask a 'AL|AL')" "$(ask b 'AL|NE')" "$(ask c 'NE|NE')" "$(ask d 'AL|AL')"
    hear_order_of a
    answer CA a
    none grep -q '"id":"a"' "$DIR/out"
    answer AA a
    hear_order_of b
    answer CE b
    hear_order_of b
    answer CA b
    hear_order_of c
    hear_order_of d
    answer CR d
    end_feed
    ends_with 1
    reported_as a '"status":"sent","code":"AA","attempts":1'
    reported_as b '"status":"sent","code":"CA","attempts":2'
    reported_as c '"status":"sent","attempts":1'
    reported_as d '"status":"failed","reason":"rejected","code":"CR"'
}

# hear_order_of ID: hear_order, whatever MSH says behind the version.
hear_order_of() {
    hear_order "$1"
}

@test "silence: a new connection, and a late answer is not mistaken for that to the next message" {
    quick --answer-timeout 0.3
    local first=$WIRE
    feed "$(ask a)"
    hear_order a
    hear CLOSE
    answer AA a late 2>/dev/null || :
    dial
    hear_order a
    answer AA a
    feed "$(ask b)"
    WIRE=$first answer AR b late 2>/dev/null || :
    take_order b
    end_feed
    ends_with 0
    reported_as a '"status":"sent","code":"AA","attempts":2'
    reported_as b '"status":"sent","code":"AA","attempts":1'
}

# block ID, reply CODE ID: as a transcript has them: the message of `ask`, without conditions, and an answer to it.
block() {
    printf '<VT>MSH|^~\\&|LIS||||20260301||OML^O33|%s|P|2.5.1|||<CR>PID|1||4711<CR><FS><CR>\n' "$1"
}

reply() {
    printf '<VT>MSH|^~\\&|||||2026||ACK|1|P|2.5.1<CR>MSA|%s|%s<CR><FS><CR>\n' "$1" "$2"
}

# meets LINE…: those are sent to the host whose transcript is on stdin. It may be dialled in vain never, and lost never
# but by the sender's own choice.
meets() {
    rm -f "$DIR/ready.host"
    play_host
    printf '%s\n' "$@" >"$DIR/lines"
    run --separate-stderr timeout 100 hl7-send -q --max-retries 0 "127.0.0.1:$PORT" "$DIR/lines"
    wait_host
    printf '%s\n' "$output" >"$DIR/out"
}

@test "two messages with one control id, or none: a late answer to the first is not given to the second" {
    local id
    for id in 1 ''; do
        meets "$(ask "$id" | sed s/id/a/)" "$(ask "$id" | sed s/id/b/)" <<END
timeout 40000
< $(block "$id")
> $(reply AA "$id")
eof
> $(reply AA "$id")
close
reconnect
< $(block "$id")
> $(reply AR "$id")
END
        [ "$status" = 1 ]
        number_as 1 '"status":"sent","code":"AA","attempts":1'
        number_as 2 '"status":"failed","reason":"rejected","code":"AR","attempts":1'
    done
}

@test "a message that is tried again, and one after a refusal that names none: likewise" {
    meets "$(ask a)" "$(ask b)" "$(ask c)" <<END
timeout 40000
< $(block a)
> $(reply AE a)
eof
> $(reply AE a)
close
reconnect
< $(block a)
> $(reply AA a)
< $(block b)
> $(reply AR '')
eof
> $(reply AR '')
close
reconnect
< $(block c)
> $(reply AA c)
END
    [ "$status" = 1 ]
    reported_as a '"status":"sent","code":"AA","attempts":2'
    reported_as b '"status":"failed","reason":"rejected"'
    reported_as c '"status":"sent","code":"AA","attempts":1'
}

@test "messages with control ids of their own, and those that nobody answers, stay on one connection" {
    meets "$(ask a)" "$(ask b)" "$(ask a)" "$(ask 1 'NE|NE')" "$(ask 1 'NE|NE')" "$(ask c)" <<END
timeout 40000
< $(block a)
> $(reply AA a)
> $(reply AA a)
< $(block b)
> $(reply AA b)
< $(block a)
> $(reply AA a)
< $(block 1 | sed 's/|||<CR>/|||NE|NE<CR>/')
< $(block 1 | sed 's/|||<CR>/|||NE|NE<CR>/')
< $(block c)
> $(reply AA c)
END
    [ "$status" = 0 ]
    [ "$(grep -c '"status":"sent"' "$DIR/out")" = 6 ]
}

@test "a peer that does not end its side: the old connection is not waited for" {
    meets "$(ask 1)" "$(ask 1)" <<END
timeout 40000
< $(block 1)
> $(reply AA 1)
eof
pause 2000
close
reconnect
< $(block 1)
> $(reply AA 1)
END
    [ "$status" = 0 ]
    number_as 2 '"status":"sent"'
}

@test "where the other side connects, messages with one control id stay on its connection" {
    quick
    feed "$(ask 1)" "$(ask 1)"
    take_order 1
    take_order 1
    end_feed
    ends_with 0
    numbers | diff <(seq 2) -
}

@test "answers twice, for another control id, of no kind, and noise: only the right one counts" {
    quick -v --answer-timeout 20
    feed "$(ask a)" "$(ask b)" "$(ask c)"
    hear_order a
    answer AA x
    answer AR b
    say 'noise between blocks'
    answer AA a
    answer AR a
    hear_order b
    answer AA a
    answer AA b
    hear_order c
    answer ZZ c
    hear_order c
    answer AA c
    end_feed
    ends_with 0
    reported_as a '"status":"sent","code":"AA","attempts":1'
    reported_as b '"status":"sent","code":"AA","attempts":1'
    reported_as c '"attempts":2'
    grep -q unmatched-answer "$DIR/err"
    grep -q duplicate-answer "$DIR/err"
    grep -q odd-answer "$DIR/err"
}

@test "a message that nobody asked for is answered AE, and what is under way goes on" {
    quick
    feed "$(ask a)"
    hear_order a
    say "$(printf '\x0bMSH|^~\\&|wire||||2026||ORU^R01|R1|P|2.5.1\rPID|1\r\x1c')"$'\r'
    local LC_ALL=C got=
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" got
    hear $'\r'
    [[ $got = *$'\rMSA|AE|R1'* ]]
    answer AA a
    end_feed
    ends_with 0
    [ "$(wc -l <"$DIR/out")" = 1 ]
}

@test "a connection lost in the middle: the message goes to the next one" {
    quick
    feed "$(ask a)" "$(ask b)"
    hear_order a
    hang_up
    dial
    take_order a
    take_order b
    end_feed
    ends_with 0
    reported_as a '"attempts":2'
}

@test "--attempts and --send-timeout end the tries" {
    quick --attempts 2
    feed "$(ask a)"
    hear_order a
    answer AE a
    hear_order a
    answer AE a full
    end_feed
    ends_with 69
    reported_as a '"status":"failed","reason":"error","code":"AE","text":"full","attempts":2'
    set_up_sender_again
    start_sender hl7-send --send-timeout 0.3 listen:127.0.0.1:0
    feed "$(ask b)" "$(ask c)"
    end_feed
    ends_with 69
    reported_as b '"status":"failed","reason":"no-connection","milliseconds":'
    reported_as c '"status":"failed","reason":"no-connection"'
}

@test "a peer that answers a byte at a time" {
    cat >"$DIR/script" <<'END'
< <VT>MSH|^~\&|LIS||||20260301||OML^O33|a|P|2.5.1|||<CR>PID|1||4711<CR><FS><CR>
> <VT>MSH|^~\&|||||2026||ACK|1|P|2.5.1<CR>MSA|AA|a<CR><FS><CR>
eof
END
    start_sender hl7-send listen:127.0.0.1:0
    feed "$(ask a)"
    end_feed
    play -b "$PORT" "$DIR/script"
    ends_with 0
    reported_as a sent
}

# ---- --parallel ----

@test "--parallel: so many are on their way at once, and reports keep the order" {
    start_sender hl7-send --parallel 2 listen:127.0.0.1:0
    dial
    local one=$WIRE
    dial
    local two=$WIRE
    feed "$(ask a)" "$(ask b)" "$(ask c)"
    # which connection has which of the first two is not said
    IFS= read -r -d "$FS" -t 20 -u "$two" block
    if [[ $block != *"|a|P"* ]]; then
        two=$one one=$WIRE
        IFS= read -r -d "$FS" -t 20 -u "$two" block
    fi
    WIRE=$two
    hear $'\r'
    WIRE=$one
    take_order b
    take_order c # there is room for it, though a is not answered
    none grep -q . "$DIR/out"
    WIRE=$two
    answer AA a
    end_feed
    ends_with 0
    reported sent | diff <(printf '%s\n' a b c) -
}

@test "--parallel: a thousand messages over eight connections, each once, reports in order" {
    numbered hl7 1 1000 >"$DIR/orders"
    start_listener hl7-listen -q -c 1000 127.0.0.1:0
    mv "$DIR/out" "$DIR/received"
    hl7-send -q --parallel 8 "127.0.0.1:$PORT" "$DIR/orders" >"$DIR/out"
    wait_listener
    reported sent | diff <(seq -f o-%g 1000) -
    control_ids "$DIR/received" | sort | diff <(seq -f o-%g 1000 | sort) -
}

# ---- --state ----

@test "--state: what was sent is not sent again, by id, and by text and count" {
    {
        order x
        order y
        order x
    } >"$DIR/text"
    quick --state "$DIR/state" -c 2
    cat "$DIR/text" >&"$FEED"
    take_order x
    take_order y
    ends_with 0
    set_up_sender_again
    quick --state "$DIR/state"
    cat "$DIR/text" >&"$FEED"
    end_feed
    take_order x # the second of that text
    ends_with 0
    number_as 1 '"status":"sent","reason":"sent-before"'
    number_as 2 '"status":"sent","reason":"sent-before"'
    number_as 3 '"status":"sent","code":"AA"'
    set_up_sender_again
    start_sender hl7-send --state "$DIR/state" listen:127.0.0.1:0
    cat "$DIR/text" >&"$FEED"
    end_feed
    ends_with 0
    [ "$(grep -c sent-before "$DIR/out")" = 3 ]
    [ "$(wc -l <"$DIR/state")" = 3 ]
}

@test "--state: of several with one id, or with an empty one, that which was rejected is sent again, and no other" {
    local id
    for id in x ''; do
        rm -f "$DIR/state"
        for n in 1 2 3; do
            ask "c$n" | sed "s/\"id\":\"c$n\"/\"id\":\"$id\"/"
        done >"$DIR/text"
        for run in 1 2 3; do
            set_up_sender_again
            quick --state "$DIR/state"
            [ $run != 3 ] || sed -n 2p "$DIR/text" >&"$FEED" # alone it is known too
            [ $run = 3 ] || cat "$DIR/text" >&"$FEED"
            end_feed
            if [ $run = 1 ]; then
                take_order c1
                hear_order c2
                answer AR c2
                take_order c3
                ends_with 1
                number_as 2 '"status":"failed","reason":"rejected"'
            elif [ $run = 2 ]; then
                take_order c2
                ends_with 0
                number_as 1 '"status":"sent","reason":"sent-before"'
                number_as 2 '"status":"sent","code":"AA"'
                number_as 3 '"status":"sent","reason":"sent-before"'
            else
                ends_with 0
                number_as 1 '"status":"sent","reason":"sent-before"'
            fi
            hang_up
        done
    done
}

@test "--state: a second one with an id that was sent is rejected, and the program killed: it is sent again, alone too" {
    local one two
    one=$(ask c1 | sed 's/"id":"c1"/"id":"x"/') two=$(ask c2 | sed 's/"id":"c2"/"id":"x"/')
    quick --state "$DIR/state"
    feed "$one"
    take_order c1
    number_as 1 '"status":"sent"'
    feed "$two"
    hear_order c2
    answer AR c2
    number_as 2 '"status":"failed"'
    stop_listener KILL
    hang_up
    set_up_sender_again
    quick --state "$DIR/state"
    feed "$two" "$one"
    end_feed
    take_order c2
    ends_with 0
    number_as 1 '"status":"sent","code":"AA"'
    number_as 2 '"status":"sent","reason":"sent-before"'
}

@test "--state: killed in the middle and run again, over and over: all arrives, in order, and nothing twice that was reported" {
    numbered hl7 1 300 >"$DIR/orders"
    start_listener hl7-listen -q --dedup 0 127.0.0.1:0
    mv "$DIR/out" "$DIR/received"
    local n=0 run=0 wanted
    : >"$DIR/out"
    while [ "$n" -lt 300 ] && [ $((++run)) -lt 60 ]; do
        wanted=$((n + 1 + RANDOM % 40))
        head -n $((wanted + 40)) "$DIR/orders" >"$DIR/some" # however late it is killed
        hl7-send -q --state "$DIR/state" "127.0.0.1:$PORT" "$DIR/some" >"$DIR/out.$run" 2>"$DIR/err.$run" 3>&- &
        for ((i = 0; i < 2000; i++)); do
            [ -e "$DIR/state" ] && [ "$(wc -l <"$DIR/state")" -ge $wanted ] && break
            kill -0 $! 2>/dev/null || break
        done
        kill -KILL $! 2>/dev/null || :
        wait $! || :
        grep -v sent-before "$DIR/out.$run" | grep -a '}$' >>"$DIR/out" || :
        n=$(wc -l <"$DIR/state")
    done
    [ "$run" -gt 3 ]
    control_ids "$DIR/received" | uniq | diff <(seq -f o-%g 300) - # in order; what was under way may come twice
    reported sent >"$DIR/reported"
    [ -z "$(sort "$DIR/reported" | uniq -d)" ]
    # what was reported as sent did not go out after that
    [ "$(control_ids "$DIR/received" | wc -l)" -le $((300 + run)) ]
}

@test "--state: another process has it: 75; no regular file, or another: 73; no permission: 77" {
    start_sender hl7-send --state "$DIR/state" listen:127.0.0.1:0
    run -75 --separate-stderr hl7-send --state "$DIR/state" unix:x <<<"$(ask a)"
    [[ $stderr = *"$DIR/state"* ]]
    run -73 --separate-stderr hl7-send --state "$DIR/nothing" unix:x <<<"$(ask a)"
    run -73 --separate-stderr hl7-send --state "$DIR/no/where" unix:x <<<"$(ask a)"
    [[ $stderr = *"$DIR/no/where"* ]]
    echo 'MSH|^~\&|' >"$DIR/orders.hl7"
    run -73 --separate-stderr hl7-send --state "$DIR/orders.hl7" unix:x <<<"$(ask a)"
    [[ $stderr = *"$DIR/orders.hl7: it is no journal: it begins with something else"* ]]
    [ "$(cat "$DIR/orders.hl7")" = 'MSH|^~\&|' ]
    end_feed
    ends_with 0
}

@test "--state: a full disk holds the reports back, and ends with 74 when it lasts" {
    start_sender bash -c 'exec > >(exec cat >"$0/out" 5>&-) 2> >(exec cat >"$0/err" 5>&-) && ulimit -f 1 && exec "$@"' \
        "$DIR" hl7-send --state "$DIR/state" listen:127.0.0.1:0
    dial
    numbered hl7 1 60 >&"$FEED"
    local n=0
    # each line of the state file has some 25 bytes: 1024 are full before the 50th message
    while ! grep -q 'state: ' "$DIR/err"; do
        take_order "o-$((++n))"
        for ((i = 0; i < 400; i++)); do # reported, or told of
            [ "$(reports | wc -l)" -lt $n ] && ! grep -q 'state: ' "$DIR/err" || break
            read -r -t 0.05 <>"$DIR/nothing" || :
        done
    done
    [ $n -gt 20 ]
    [ $n -lt 60 ]
    [ "$(reports | wc -l)" = $((n - 1)) ] # nobody is told of the one that is not remembered …
    [ "$(wc -l <"$DIR/state")" = $((n - 1)) ]
    stop_listener
    [ "$status" = 74 ]
    await 60 '"type":"delivery"' # … but at the end
    [ "$(grep -c '"status":"sent"' "$DIR/out")" = $n ] # and the next one never went out
}

# ---- bounds ----

@test "an input without an end, in which nothing is a message, does not keep signals out" {
    run timeout -k 10 1 hl7-send -q "unix:$DIR/nobody" </dev/zero
    [ "$status" = 124 ] # and not 137
}

@test "a closed stdin is no empty one" {
    run timeout 20 bash -c 'hl7-send unix:nobody <&-'
    [ "$status" = 74 ]
    [[ $output = *'stdin is closed'* ]]
}

@test "a peer that answers nothing: no more is read than is worth holding" {
    numbered hl7 10000 19999 >"$DIR/many"
    quick
    cat "$DIR/many" >&"$FEED" 2>/dev/null 3>&- {FEED}>&- &
    local writer=$! before=0 now=1 i
    # until nothing moves any more
    for ((i = 0; i < 300 && before != now; i++)); do
        before=$now
        read -r -t 0.5 <>"$DIR/nothing" || :
        now=$(awk '/rchar/ { print $2 }' "/proc/$LISTENER/io" 2>/dev/null) || skip "no /proc here"
    done
    kill -0 $writer # it is not all taken
    [ "$now" -lt $((1100 * 120 + 200000)) ]
    [ "$(awk '/VmRSS/ { print $2 }' "/proc/$LISTENER/status")" -lt 20000 ] || [ -n "${SANITIZE:-}" ]
    kill $writer
    hang_up
    stop_listener
    [ "$status" = 69 ]
}

@test "reports that nobody reads: nothing more is begun, and none is lost" {
    stall_out
    start_sender hl7-send -q listen:127.0.0.1:0
    dial
    {
        yes '{}' | head -n 6000
        ask a
    } >&"$FEED" 3>&- &
    local writer=$! byte=
    IFS= read -r -d '' -n 1 -t 1 -u "$WIRE" byte || :
    [ -z "$byte" ]
    end_feed
    resume_out
    take_order a
    wait $writer
    ends_with 1
    wait "$READER"
    [ "$(grep -c bad-line "$DIR/lines")" = 6000 ]
    tail -n 1 "$DIR/lines" | grep -q '"id":"a".*"status":"sent"'
}

# ---- --confirm ----

@test "--confirm: ok, retry and reject, in order" {
    quick --confirm --attempts 1
    feed "$(ask a)" "$(ask b)" 'nonsense' "$(ask c)"
    take_order a
    hear_order b
    answer AE b
    hear_order c
    answer AR c
    end_feed
    ends_with 1
    diff - "$DIR/out" <<'END'
ok
retry error AE
reject bad-line column 1: a word that is none of true, false and null
reject rejected AR
END
}

@test "--confirm: nobody is there: all that were read in that time are for later at once" {
    start_sender hl7-send --confirm --send-timeout 1 listen:127.0.0.1:0
    feed "$(ask a)" "$(ask b)" "$(ask c)" "$(ask d)"
    await 4 '^retry no-connection$'
    end_feed
    ends_with 69
    # one after the other they would have taken 4 s; the last one waited no longer than the first
    none grep -qvx 'retry no-connection' "$DIR/out"
}

# ---- the end ----

@test "SIGTERM: what waits is reported, what is under way may end" {
    quick
    feed "$(ask a)" "$(ask b)"
    hear_order a
    kill "$LISTENER"
    reported_as_after b a
    ends_with 1
}

# What is reported first waits for the order of reports: a has to be answered.
reported_as_after() {
    await 1 stopping "$DIR/err"
    answer AA "$2"
    reported_as "$2" '"status":"sent"'
    reported_as "$1" '"status":"failed","reason":"stopping"'
}

@test "stdout that is full or closed: 74; a reader that goes away: 74" {
    start_listener hl7-listen -q 127.0.0.1:0
    run -74 bash -c "hl7-send -q 127.0.0.1:$PORT >/dev/full" <<<"$(ask a)"
    run -74 bash -c "hl7-send -q 127.0.0.1:$PORT >&-" <<<"$(ask a)"
    numbered hl7 1 2000 >"$DIR/orders"
    run -0 bash -c "{ hl7-send -q 127.0.0.1:$PORT '$DIR/orders'; echo \$? >'$DIR/status'; } | head -n 1"
    [ "$(cat "$DIR/status")" = 74 ]
}

@test "stdout that is full: what was not tried is told of in one line" {
    start_listener hl7-listen -q 127.0.0.1:0
    numbered hl7 1 200 >"$DIR/orders"
    for way in "" "--parallel 3"; do
        run -74 bash -c "hl7-send -q $way 127.0.0.1:$PORT '$DIR/orders' 2>'$DIR/full' >/dev/full"
        [ "$(grep -c '^hl7-send: cannot write to stdout: ' "$DIR/full")" = 1 ]
        [ "$(grep -c '^hl7-send: stopping: messages not tried: [1-9][0-9]*$' "$DIR/full")" = 1 ]
        [ "$(wc -l <"$DIR/full")" -le 5 ] # up to three may be on their way
    done
}

@test "exit status: usage 64, no input 66, nobody there 69, no permission 77" {
    run -0 hl7-send --help
    [[ $output = "usage: hl7-send "* ]]
    run -0 hl7-send --version
    run -64 hl7-send
    run -64 hl7-send nowhere:
    for option in --no-such '--attempts 0' '--parallel 0' '--parallel 257' '--send-timeout x' '--size 3' '-c 0' '--mllp 3'; do
        # shellcheck disable=SC2086 # two words
        run -64 hl7-send $option 127.0.0.1:1
    done
    start_listener hl7-listen -q 127.0.0.1:0
    ask a >"$DIR/a"
    run -66 --separate-stderr hl7-send "127.0.0.1:$PORT" "$DIR/none" "$DIR/a"
    [[ $output = *'"id":"a"'*'"status":"sent"'* ]]
    [[ $stderr = *"$DIR/none: No such file"* ]]
    run -69 hl7-send --max-retries 0 "unix:$DIR/none" "$DIR/a"
    [[ $output = *'"status":"failed","reason":"no-connection"'* ]]
    run -69 hl7-send "listen:127.0.0.1:$PORT" "$DIR/a"
    run -74 hl7-send --max-retries 0 "unix:$DIR/none" "$DIR"
}
