# Both sides of an ASTM line want to send at once (`load contention` after helper, wire and delivery).

# contend N BURST DROP: an instrument pushes N results while the host pushes N orders, BURST at a time, through a network
# that is late and loses the connection at one in DROP bytes. Each has to arrive exactly once, in its order.
contend() {
    local n from proxy=$DIR/proxy.ready
    mkfifo "$proxy"
    start_listener without_feed astm-listen -q -i --attempts 1000 --send-timeout 2h \
        --timers contention=0.1,busy=0.1,reply=2 127.0.0.1:0
    start_other proxy onto_fd 6 "$proxy" proxy -d "$3" -l 3000 -m 5 -R 6 "$PORT"
    local network=$OTHER
    read -r PORT <"$proxy"
    start_other received instsim astm -v -c 1000000 --attempts 1000 --retry 0.05,1,1 \
        --timers contention=0.1,busy=0.1,reply=2 --profile bloodgas "127.0.0.1:$PORT"
    for ((from = 1; from <= $1; from += $2)); do
        await "$from" '^{"type":"message"' # results go on between the bursts
        numbered astm "$from" $((from + $2 - 1)) >&"$FEED"
        await $((from + $2 - 1)) '^{"type":"delivery".*"status":"sent"'
    done
    await "$1" '^{"type":"message"'
    # the network behaves from here on, so that the last ones arrive
    kill -USR1 "$network"
    stop_other 1 # not all of its messages went
    stop_listener
    [ "$status" = 0 ]
    kill "$network"
    wait "$network" || :
    # orders
    reported sent | diff <(seq -f o-%g "$1") -
    control_ids "$DIR/received" | diff <(seq -f o-%g "$1") -
    # results: what the instrument knows to be accepted is there, nothing is there twice, and none is missing in between
    control_ids "$DIR/out" >"$DIR/ids"
    [ -z "$(sort "$DIR/ids" | uniq -d)" ]
    n=$(wc -l <"$DIR/ids")
    [ "$n" -ge "$1" ]
    [ "$n" -ge "$(grep -c 'message .* accepted, ' "$DIR/received.err")" ]
    instsim astm - -c "$n" --profile bloodgas | astm-decode >"$DIR/made"
    control_ids "$DIR/made" | diff - "$DIR/ids"
    # and it was what it was to be
    [ "$(grep -c contention "$DIR/received.err")" -ge 3 ]
    grep -q ' [1-9][0-9]* dropped' "$DIR/proxy.err"
    echo "# $n results, $(grep -c contention "$DIR/received.err") contentions, $(cat "$DIR/proxy.err")"
}

# onto_fd FD FIFO COMMAND…: with FD open for writing on FIFO.
onto_fd() {
    local fd=$1 fifo=$2
    shift 2
    eval "exec $fd>\"\$fifo\""
    exec "$@"
}
