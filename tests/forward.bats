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
    instsim "$1" -q -c "$2" --attempts 100 --retry 0.1,1,1 --profile bloodgas ${3:+--timers "$3"} unix:near \
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
        if [ $victim = sender ]; then # the listener's child
            kill -s KILL "$(pgrep -P "${RUN[near]}")"
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
            kill -s KILL "$(pgrep -P "${RUN[near]}")"
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
