# FORWARDING of instlink(7), as its reader copies it: whatever is killed, every message arrives.
# shellcheck disable=SC2034 # the helper exports it
BATS_TEST_TIMEOUT=180
load helper

setup() {
    need mandoc
    DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
    cd "$DIR" || return
}

teardown() {
    local name
    for name in near far sender; do
        [ -z "${RUN[$name]:-}" ] || kill_it "$name"
    done
    end_started
}

declare -gA RUN=() COMMAND=()

# recipe NAME HEADING N: the command NAME is what the page shows there, between unix sockets, and without long waits.
recipe() {
    local line
    line=$("$BATS_TEST_DIRNAME/slow/recipe" "$2" "$3")
    [ -n "$line" ]
    line=${line//dial:10.0.0.1:4000/10.0.0.1:2575}
    line=${line/10.0.0.1:2575/--retry 0.1,1,1 unix:far}
    line=${line/sleep 1/sleep 0.05}
    line=${line/ 2575/ unix:near}
    COMMAND[$1]=${line/ 4000/ unix:near}
}

# run_it NAME: in a process group of its own, so that all of a pipeline can be killed.
run_it() {
    set -m
    bash -c "exec 2>>$1.err; ${COMMAND[$1]}" </dev/null >>"$1.out" 3>&- &
    RUN[$1]=$!
    set +m
}

# kill_it NAME: with all that it has started.
kill_it() {
    kill -s KILL -- "-${RUN[$1]}" 2>/dev/null || :
    wait "${RUN[$1]}" 2>/dev/null || :
    RUN[$1]=
}

# kill_sender: the child of the listener, once it is there.
kill_sender() {
    local i pid=
    for ((i = 0; i < 1000; i++)); do
        pid=$(pgrep -P "${RUN[near]}") && break
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    kill -s KILL "$pid"
}

arrived() {
    [ ! -e far.journal ] || grep -o '"control_id":"[^"]*"' far.journal
}

# await_arrived N: so many lines are in the far journal, or the instrument has ended; at most 100 s.
await_arrived() {
    local i
    for ((i = 0; i < 2000; i++)); do
        [ "$(arrived | wc -l)" -lt "$1" ] && kill -0 "$INSTRUMENT" 2>/dev/null || return 0
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    echo "only $(arrived | wc -l) of $1 have arrived"
    tail -n 3 ./*.err
    return 1
}

# instrument PROTOCOL N: sends N messages, over and over until each is taken.
instrument() {
    instsim "$1" -c "$2" --attempts 100 --retry 0.1,1,1 --profile bloodgas ${3:+--timers "$3"} unix:near \
        >/dev/null 2>instrument.err 3>&- &
    INSTRUMENT=$!
    started+=("$INSTRUMENT")
}

# What it sends, as control ids.
wanted() {
    instsim "$1" - -c "$2" --profile bloodgas | "$1-decode" | grep -o '"control_id":"[^"]*"' | sort
}

@test "a relay of HL7: the sender, the listener and the other host are killed under load, and each message is there once" {
    local n=0 victim
    recipe near Relay 1
    COMMAND[far]='exec hl7-listen -q -j far.journal unix:far'
    run_it far
    run_it near
    instrument hl7 200
    for victim in sender far near sender far near; do
        await_arrived $((n += 15 + RANDOM % 15))
        if [ $victim = sender ]; then
            kill_sender
        else
            kill_it $victim
            run_it $victim
        fi
    done
    wait "$INSTRUMENT"
    arrived | sort | diff <(wanted hl7 200) -
}

@test "a relay of ASTM: the same, and nothing is lost" {
    local n=0 victim
    recipe near Relay 2
    COMMAND[far]='exec astm-listen -q -j far.journal unix:far'
    run_it far
    run_it near
    instrument astm 60 busy=0.3
    for victim in sender far near; do
        await_arrived $((n += 8 + RANDOM % 8))
        if [ $victim = sender ]; then
            kill_sender
        else
            kill_it $victim
            run_it $victim
        fi
    done
    wait "$INSTRUMENT"
    arrived | sort -u | diff <(wanted astm 60) -
    [ "$(arrived | wc -l)" -le 63 ] # of what was killed, one may have come twice
}

@test "store and forward: all three are killed under load, and again while nobody sends: in order, each once" {
    local n=0 victim
    recipe near 'Store and forward' 1
    recipe sender 'Store and forward' 2
    COMMAND[far]='exec hl7-listen -q -j far.journal unix:far'
    run_it near
    run_it far
    instrument hl7 200
    until [ -e inbox ]; do
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    run_it sender
    for victim in sender far near sender far near; do
        await_arrived $((n += 15 + RANDOM % 15))
        kill_it $victim
        run_it $victim
    done
    wait "$INSTRUMENT"
    kill_it near
    kill_it far
    run_it far
    for ((i = 0; i < 1000; i++)); do
        [ "$(arrived | wc -l)" -lt 200 ] || break
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    arrived | diff <(instsim hl7 - -c 200 --profile bloodgas | hl7-decode | grep -o '"control_id":"[^"]*"') -
    [ "$(grep -c '"status":"failed"' reports)" = 0 ]
}

# end_tail: of the second line, under load; its sender ends when all that it has read is sent, half a line perhaps. The
# instrument pauses until that is done.
end_tail() {
    local i tail=
    for ((i = 0; i < 1000; i++)); do
        ! tail=$(pgrep -g "${RUN[sender]}" -x tail) || break
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    kill "$tail"
    kill -s STOP "$INSTRUMENT"
    i=0
    wait "${RUN[sender]}" || i=$?
    [ $i -le 1 ]
}

# await_more FILE: the instrument goes on, and something is appended.
await_more() {
    local i before
    before=$(wc -c <"$1")
    kill -s CONT "$INSTRUMENT"
    for ((i = 0; i < 1000; i++)); do
        [ "$(wc -c <"$1")" = "$before" ] || return 0
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    return 1
}

# sent_until_now: tells the instrument to stop, and prints how many of its messages were taken.
sent_until_now() {
    kill "$INSTRUMENT"
    kill -s CONT "$INSTRUMENT"
    wait "$INSTRUMENT" || [ $? = 1 ] # not all that it had were taken
    sed -n 's/^instsim: \([0-9]*\) accepted.*/\1/p' instrument.err
}

@test "store and forward: under load the file is renamed again and again: in order, each once" {
    local i n
    recipe near 'Store and forward' 1
    recipe sender 'Store and forward' 2
    recipe rotate 'Store and forward' 3
    COMMAND[far]='exec hl7-listen -q -j far.journal unix:far'
    run_it near
    run_it far
    instrument hl7 1000000 # more than it comes to
    until [ -s inbox ]; do
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    for i in 1 2 3 4 5; do
        run_it sender
        kill -s CONT "$INSTRUMENT"
        await_arrived $(($(arrived | wc -l) + 20 + RANDOM % 30))
        end_tail
        await_more inbox
        listener=${RUN[near]} bash -c "${COMMAND[rotate]}" 2>>rotate.err 3>&-
        kill -s STOP "$INSTRUMENT"
        [ "$(head -c 16 inbox)" = '{"type":"window"' ]
    done
    sent_until_now >taken
    n=$(<taken)
    echo "# $n messages"
    run_it sender
    for ((i = 0; i < 1000; i++)); do
        [ "$(arrived | wc -l)" -lt "$n" ] || break
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    arrived | diff <(instsim hl7 - -c "$n" --profile bloodgas | hl7-decode | grep -o '"control_id":"[^"]*"') -
    [ "$(grep '"status":"failed"' reports | grep -vc '"reason":"bad-line')" = 0 ]
}

@test "a plain pipeline passes messages on" {
    recipe near 'A plain pipeline' 1
    COMMAND[far]='exec hl7-listen -q -j far.journal unix:far'
    run_it far
    run_it near
    instrument hl7 20
    wait "$INSTRUMENT"
    for ((i = 0; i < 1000; i++)); do
        [ "$(arrived | wc -l)" -lt 20 ] || break
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
    arrived | sort | diff <(wanted hl7 20) -
}
