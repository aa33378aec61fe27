# astm-send: what it reads, what the other side may do, and what is reported.
load helper
load wire
load delivery

setup() {
    set_up_sender
}

# quick OPTION…: a sender that the test connects to.
quick() {
    start_sender astm-send "$@" listen:127.0.0.1:0
    dial
}

# hear_frame NUMBER TEXT: the next frame begins so.
hear_frame() {
    local LC_ALL=C line status=0
    IFS= read -r -d $'\n' -t 20 -u "$WIRE" line || status=$?
    [[ $status = 0 && $line = "$STX$1$2"* ]] || {
        printf 'no frame %s %s: %q (status %s)\n' "$1" "$2" "$line" $status
        return 1
    }
}

# ---- what is read ----

@test "text with any line ends, lines with text, and lines of the decoder: byte for byte, in order" {
    start_other arrived astm-listen -q -c 6 -o raw "unix:$DIR/line"
    message one >"$DIR/text" # with CR
    message two | tr '\r' '\n' >>"$DIR/text"
    message three | sed 's/\r/\r\n/g' | head -c -2 >>"$DIR/text"
    {
        astm four
        astm-decode --positional "$BATS_TEST_DIRNAME/data/two.astm"
    } >"$DIR/lines"
    run -0 astm-send -q --retry 0.05,1,1 -n lab "unix:$DIR/line" "$DIR/text" "$DIR/lines"
    wait "$OTHER"
    [ "$(grep -c '"link":"lab","peer":"unix","status":"sent","attempts":1,' <<<"$output")" = 6 ]
    grep -o '"number":[0-9]*' <<<"$output" | cut -d : -f 2 | diff <(seq 6) -
    {
        message one
        message two
        message three
        printf 'H|\\^&|four\rO|1|S-1||^^^GLU\rL|1|N\r'
        tr '\n' '\r' <"$BATS_TEST_DIRNAME/data/two.astm"
    } | cmp - "$DIR/arrived"
}

@test "frames in the input are told of as such, and a message without H is none" {
    quick
    { printf '\x02'; message a; } >&"$FEED"
    end_feed
    ends_with 1
    number_as 1 '"reason":"bad-text it is not text, but what a link sends: take the frames off it first","line":1}'
    set_up_sender_again
    quick
    printf 'P|1\rO|1\rH|\\^&|a\rL|1\rR|1\r' >&"$FEED"
    end_feed
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$ACK"
    hear_frame 2 L
    say "$ACK"
    hear "$EOT"
    ends_with 1
    number_as 1 '"reason":"bad-text it is outside of any message","line":1}'
    number_as 2 '"control_id":"a"' '"status":"sent"'
    number_as 3 '"line":5}'
    [ "$(wc -l <"$DIR/out")" = 3 ]
}

set_up_sender_again() {
    rm "$DIR/in" "$DIR/nothing"
    set_up_sender
}

@test "--size, --whole and --checksum make the frames" {
    cat >"$DIR/script" <<'END'
< <ENQ>
> <ACK>
< <STX>1H|\^&|a<CR>O|1|S-<ETB><CS:xor><CR><LF>
> <ACK>
< <STX>21||^^^GLU<CR>L|1|<ETB><CS:xor><CR><LF>
> <ACK>
< <STX>3N<CR><ETX><CS:xor><CR><LF>
> <ACK>
< <EOT>
END
    start_sender astm-send --whole --size 14 --checksum xor listen:127.0.0.1:0
    feed "$(astm a)"
    end_feed
    play "$PORT" "$DIR/script"
    ends_with 0
}

@test "a serial line" {
    need socat
    start_other ptys socat -d -d "pty,raw,echo=0,link=$DIR/left" "pty,raw,echo=0,link=$DIR/right"
    await 1 'starting data transfer' "$DIR/ptys.err"
    local ptys=$OTHER
    start_other arrived astm-listen -c 2 "serial:$DIR/right,38400"
    await 1 ' connected' "$DIR/arrived.err" # what comes before the line is open is lost
    { astm a; astm b; } | timeout 40 astm-send -q --timers reply=1,busy=0.2 --retry 0.1,1,1 "serial:$DIR/left,38400" >"$DIR/out"
    reported sent | diff <(printf '%s\n' a b) -
    wait "$OTHER"
    control_ids "$DIR/arrived" | diff <(printf '%s\n' a b) -
    kill "$ptys"
}

# ---- what the other side does ----

@test "a frame that is refused is sent again; six times, and another session, and the report names the frame" {
    quick --attempts 2 --timers busy=0.2
    feed "$(astm a)"
    end_feed
    local i
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$NAK"
    hear_frame 1 H
    say "$ACK"
    for i in 1 2 3 4 5 6; do
        hear_frame 2 O
        say "$NAK"
    done
    hear "$EOT"
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$ACK"
    for i in 1 2 3 4 5 6; do
        hear_frame 2 O
        say "$NAK"
    done
    hear "$EOT"
    ends_with 69
    reported_as a '"status":"failed","reason":"refused","frame":2,"frames":2,"attempts":2'
}

@test "no answer to a frame: the report names it" {
    quick --attempts 1 --timers reply=0.3
    feed "$(astm a)" "$(astm b)"
    end_feed
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$ACK"
    hear_frame 2 O
    hear "$EOT"
    take_session b
    ends_with 1
    reported_as a '"reason":"no-reply","frame":2,"frames":2,"attempts":1'
    reported_as b sent
}

@test "ENQ answered with NAK is no attempt: it comes again after the busy time" {
    quick --attempts 1 --timers busy=0.1
    feed "$(astm a)"
    end_feed
    local i
    for i in 1 2 3 4 5; do
        hear "$ENQ"
        say "$NAK"
    done
    take_session a
    ends_with 0
    reported_as a '"attempts":1'
}

@test "an instrument that stays busy: reported after --send-timeout" {
    quick --send-timeout 1.5 --timers busy=0.1
    feed "$(astm a)" "$(astm b)"
    (
        while hear "$ENQ"; do
            say "$NAK" || break
        done
    ) >/dev/null 2>&1 3>&- {FEED}>&- &
    end_feed
    ends_with 69
    reported_as a '"status":"failed","reason":"timeout"'
    reported_as b '"status":"failed","reason":"timeout"'
    hang_up
    wait $!
}

@test "what the other side wants to send is refused, before and between messages, and ours are delivered" {
    quick -v
    say "$ENQ"
    hear "$NAK"
    say_frame 1 "$(message x)" # though it was refused: nothing
    say "$EOT"
    printf 'H|\\^&|bare\rL|1\r' >&"$WIRE"
    feed "$(astm a)"
    take_session a
    say "$ENQ"
    hear "$NAK"
    feed "$(astm b)"
    end_feed
    take_session b
    ends_with 0
    [ "$(wc -l <"$DIR/out")" = 2 ]
    grep -q 'ENQ answered with NAK: nothing is received here' "$DIR/err"
}

@test "contention, again and again: as the host it waits, refuses the next ENQ, and then has its turn" {
    quick --attempts 1 --timers contention=20
    feed "$(astm a)"
    local i
    for i in 1 2 3; do
        hear "$ENQ"
        say "$ENQ" # both at once: the host does not answer
        say "$ENQ"                # the instrument, after its wait
        hear "$NAK"
    done
    end_feed
    take_session a
    ends_with 0
    reported_as a '"attempts":1'
}

@test "contention as the instrument: it bids again after a second or two; a host that stays silent too" {
    quick --role instrument --attempts 1
    feed "$(astm a)"
    end_feed
    hear "$ENQ"
    say "$ENQ"
    take_session a
    ends_with 0
    set_up_sender_again
    quick --role host --attempts 1 --timers contention=0.3
    feed "$(astm b)"
    end_feed
    hear "$ENQ"
    say "$ENQ"
    take_session b
    ends_with 0
}

@test "ENQ in the transfer phase and a receiver interrupt end the session, and the message goes out again whole" {
    quick --attempts 1
    feed "$(astm a)" "$(astm b)"
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$ENQ"
    say "$ENQ"
    hear "$NAK"
    take_session a
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$EOT" # in place of ACK
    hear "$EOT"
    end_feed
    say "$ENQ"
    hear "$NAK"
    take_session b
    ends_with 0
    reported sent | diff <(printf '%s\n' a b) -
}

@test "a connection lost in the middle of a message: it goes to the next one, from its first frame on" {
    quick
    feed "$(astm a)"
    end_feed
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 H
    say "$ACK"
    hear_frame 2 O
    hang_up
    dial
    take_session a
    ends_with 0
    reported_as a '"attempts":2'
}

@test "a peer that answers a byte at a time, with noise between" {
    cat >"$DIR/script" <<'END'
< <ENQ>
> <CR><LF><ACK>
< <STX>1H|\^&|a<CR><ETX><CS><CR><LF>
> xx<ACK>
< <STX>2O|1|S-1||^^^GLU<CR><ETX><CS><CR><LF>
> <NUL><ACK>
< <STX>3L|1|N<CR><ETX><CS><CR><LF>
> <ACK>
< <EOT>
END
    start_sender astm-send listen:127.0.0.1:0
    feed "$(astm a)"
    end_feed
    play -b "$PORT" "$DIR/script"
    ends_with 0
}

# ---- --state, --confirm, -c ----

@test "--state: what was sent is not sent again" {
    numbered astm 1 5 >"$DIR/orders"
    start_listener astm-listen -q --dedup 0 127.0.0.1:0
    mv "$DIR/out" "$DIR/received"
    astm-send -q -c 3 --state "$DIR/state" "127.0.0.1:$PORT" "$DIR/orders" >"$DIR/first"
    astm-send -q --state "$DIR/state" "127.0.0.1:$PORT" "$DIR/orders" >"$DIR/out"
    [ "$(grep -c '"status":"sent","reason":"sent-before"' "$DIR/out")" = 3 ]
    reported sent | diff <(seq -f o-%g 5) -
    control_ids "$DIR/received" | diff <(seq -f o-%g 5) -
}

@test "--confirm: ok, and retry with the reason" {
    quick --confirm --attempts 1 --timers reply=0.3
    feed "$(astm a)" "$(astm b)"
    end_feed
    take_session a
    hear "$ENQ"
    ends_with 1
    printf '%s\n' ok 'retry no-reply' | diff - "$DIR/out"
}

@test "a thousand messages, each once and in order" {
    numbered astm 1 1000 >"$DIR/orders"
    start_listener astm-listen -q -c 1000 127.0.0.1:0
    mv "$DIR/out" "$DIR/received"
    astm-send -q "127.0.0.1:$PORT" "$DIR/orders" >"$DIR/out"
    wait_listener
    reported sent | diff <(seq -f o-%g 1000) -
    control_ids "$DIR/received" | diff <(seq -f o-%g 1000) -
}

@test "exit status: usage 64, no input 66, nobody there 69" {
    run -0 astm-send --help
    [[ $output = "usage: astm-send "* ]]
    run -0 astm-send --version
    run -64 astm-send
    for option in --no-such '--parallel 2' '--mllp 1' '--size 0' '--checksum x' '--role x' '--timers x=1' '-c x'; do
        # shellcheck disable=SC2086 # two words
        run -64 astm-send $option 127.0.0.1:1
    done
    astm a >"$DIR/a"
    run -69 astm-send --max-retries 0 "unix:$DIR/none" "$DIR/a"
    [[ $output = *'"status":"failed","reason":"no-connection"'* ]]
    start_listener astm-listen -q 127.0.0.1:0
    run -66 astm-send "127.0.0.1:$PORT" "$DIR/none" "$DIR/a"
    run -74 bash -c "astm-send -q 127.0.0.1:$PORT '$DIR/a' >/dev/full"
}
