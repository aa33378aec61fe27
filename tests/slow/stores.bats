# The recipes of instlink(7) in STORES, as a user copies them from the rendered page, against real stores: whatever is
# stopped or killed under load, what was acknowledged is in the store once, and equal to what the decoders print.
# shellcheck disable=SC2016 # what looks like an expansion is text
load ../helper

setup() {
    DIR=$BATS_TEST_TMPDIR
    STORE='' SERVER='' # which it is, and the pid of its server
    PATH=$PATH:$(printf '%s:' /usr/lib/postgresql/*/bin)/usr/sbin
    need mandoc
    need perl
    need ps
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
    cd "$DIR" || return
}

teardown() {
    [ -z "$SERVER" ] || kill_store
    end_started
}

# await COMMAND…: it has to succeed within 30 s.
await() {
    local end=$((SECONDS + 30))
    until "$@"; do
        [ $SECONDS -lt $end ] || {
            echo "never: $*"
            return 1
        }
        read -r -t 0.01 <>"$DIR/nothing" || :
    done
}

# ---- the page ----

# block HEADING N: what the page shows there.
block() {
    "$BATS_TEST_DIRNAME/recipe" "$@"
}

# recipe NAME HEADING: sets the store up, writes the program to-NAME, and keeps the listener's command line.
recipe() {
    STORE=$1
    block "$2" 1 >setup.sh
    block "$2" 2 >"to-$1"
    COMMAND=$(block "$2" 3)
    [ -s setup.sh ]
    [ -s "to-$1" ]
    [[ $COMMAND = "inst-listen -s 'exec perl to-$1 "*"' 4000" ]]
    perl -c "to-$1" 2>/dev/null
    # shellcheck disable=SC1091
    . ./setup.sh >setup.out
}

# run_listener OPTION…: runs that command line, on a port that is free, and before a redis on its unix socket.
run_listener() {
    local command=${COMMAND/127.0.0.1:6379/$DIR/redis.sock}
    eval "set -- ${command% 4000} $*"
    start_listener "$@" 127.0.0.1:0
}

# ---- stores ----

# who runs the servers, for PostgreSQL does not run as root
ordinary() {
    if [ "$(id -u)" = 0 ]; then
        exec setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    fi
    exec "$@"
}

redis-cli() {
    command redis-cli -s "$DIR/redis.sock" "$@"
}

store_answers() {
    case $STORE in
    postgresql) psql service=lab -Xqc 'SELECT 1' >/dev/null 2>&1 ;;
    redis) [ "$(redis-cli ping 2>/dev/null)" = PONG ] ;;
    esac
}

# start_store: STORE's server.
start_store() {
    case $STORE in
    postgresql) # \ in a text is as dangerous as it can be
        ordinary postgres -D "$DIR/server/data" -k "$DIR/server" -c listen_addresses= -c standard_conforming_strings=off
        ;;
    redis) exec redis-server "$DIR/redis.conf" ;;
    esac >>"$DIR/server.log" 2>&1 3>&- &
    SERVER=$!
    await store_answers
}

stop_store() {
    case $STORE in
    postgresql) kill -s INT "$SERVER" ;; # which waits for nobody
    redis) redis-cli shutdown ;;
    esac
    wait "$SERVER" 2>/dev/null || :
    SERVER=''
}

kill_store() {
    local pids
    mapfile -t pids < <(ps -o pid= --ppid "$SERVER" | tr -d ' ')
    kill -9 "$SERVER" "${pids[@]}" || :
    wait "$SERVER" 2>/dev/null || :
    SERVER=''
}

make_postgresql() {
    need postgres
    need setpriv
    STORE=postgresql
    mkdir server
    if [ "$(id -u)" = 0 ]; then
        chown 65534:65534 server
        chmod go+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$DIR"
    fi
    (cd server && ordinary initdb -D data -U lab -A trust -E UTF8 --locale=C --no-sync) >initdb.out 2>&1
    printf '[lab]\nhost=%s\nuser=lab\ndbname=postgres\n' "$DIR/server" >services
    export PGSERVICEFILE=$DIR/services
    start_store
}

make_redis() {
    need redis-server
    STORE=redis
    printf '%s\n' 'port 0' "unixsocket $DIR/redis.sock" "dir $DIR" 'save ""' >redis.conf
    start_store
}

# The lines in the store, in any order.
stored() {
    case $STORE in
    sqlite) sqlite3 -cmd '.timeout 5000' results.db 'SELECT line FROM messages' ;;
    postgresql) psql service=lab -XAtc 'SELECT line FROM messages' ;;
    redis) redis-cli --raw XRANGE messages - + | awk 'NR % 3 == 0' ;;
    directory) cat results/*.json ;;
    esac
}

# ---- messages ----

# Of lines the records alone, sorted: the rest differs between what came over a link and what was decoded from a file.
records() {
    LC_ALL=C sed -e 's/.*,"records"://' -e 's/}$//' | LC_ALL=C sort
}

# Seven instruments with 100 messages each, that try again until all are accepted: begin_load starts two of them,
# under_load one more, and end_load what is left, and waits for all.
begin_load() {
    LOAD=()
    begin_next
    begin_next
}

begin_next() {
    local seed=$((${#LOAD[@]} + 1)) protocol=hl7
    [ $seed -le 7 ] || return 0
    [ $seed != 2 ] && [ $seed != 4 ] || protocol=astm
    instsim $protocol -q --attempts 100000 --profile coagulation --seed $seed -c 100 "127.0.0.1:$PORT" \
        >"sim.$seed" 2>&1 3>&- &
    LOAD+=($!)
    started+=($!)
}

end_load() {
    for _ in {1..7}; do
        begin_next
    done
    await_load
}

await_load() {
    local pid
    for pid in "${LOAD[@]}"; do
        wait "$pid"
    done
}

load_sent() {
    local seed
    for seed in 1 3 5 6 7; do
        instsim hl7 - --profile coagulation --seed $seed -c 100 | hl7-decode -q
    done
    for seed in 2 4; do
        instsim astm - --profile coagulation --seed $seed -c 100 | astm-decode -q
    done
}

# under_load N: so many messages more have been taken, and there are others to come.
under_load() {
    local before
    before=$(taken)
    begin_next
    await has_taken $((before + $1))
    [ "$(taken)" -lt $((${#LOAD[@]} * 100 - 10)) ]
}

has_taken() {
    [ "$(taken)" -ge "$1" ]
}

taken() {
    grep -c 'message handed over' err || :
}

kill_sink() {
    kill -9 "$(ps -o pid= --ppid "$LISTENER")"
}

# Messages that would be more than text, one of 5 MB, and one without control id, whose text looks like a key.
nasty() {
    local header='MSH|^~\&|nasty|LAB|||20260301101500||ORU^R01' end='|P|2.5.1||||||UNICODE UTF-8'
    printf '%s\r' "$header|n-1$end" "PID|1||1||'); DROP TABLE messages; --" "OBX|1|ST|X||'; \\E\\echo 'x"
    printf '%s\r' "$header|n-2$end" 'PID|1||2||\\ \n \E\n \E\ $$ $1 ${x} :x :"y" %s '"''' \"\"\"\"^\`id\`^😀é" \
        'OBX|1|ST|.print|| \0 \X00\ \X0D\ .quit'
    printf '%s\r' "$header|n-3$end"
    printf 'OBX|1|ED|X||'
    head -c 3750000 /dev/zero | tr '\0' "'" | sed "s/''''/\"'A\\\\/g"
    printf '\r'
    printf '%s\r' "$header|$end" 'PID|1||4||"key":"00000000000000000000000000000000"'
}

# send_nasty: twice, as somebody does who has forgotten; what has no control id is stored each time.
send_nasty() {
    nasty >nasty.hl7
    for _ in 1 2; do
        instsim hl7 -q "127.0.0.1:$PORT" nasty.hl7
    done
}

# The store has all of it once.
all_stored() {
    { load_sent && hl7-decode -q nasty.hl7 && hl7-decode -q nasty.hl7 | tail -n 1; } | records >expected
    stored | records >found
    [ "$(wc -l <expected)" = 705 ]
    [ "$(wc -l <found)" = 705 ]
    cmp expected found
}

# Two listeners, each with its program, get the same messages at the same time: the store has them once.
feed_by_two() {
    local before listeners=()
    before=$(stored | wc -l)
    LOAD=()
    for _ in 1 2; do
        run_listener
        listeners+=("$LISTENER")
        instsim hl7 -q --profile bloodgas --attempts 100 --seed 8 -c 100 "127.0.0.1:$PORT" >>sim.8 2>&1 3>&- &
        LOAD+=($!)
        instsim astm -q --profile bloodgas --attempts 100 --seed 9 -c 50 "127.0.0.1:$PORT" >>sim.9 2>&1 3>&- &
        LOAD+=($!)
    done
    started+=("${LOAD[@]}")
    await_load
    for LISTENER in "${listeners[@]}"; do
        stop_listener
        [ "$status" = 0 ]
    done
    [ "$(stored | wc -l)" = $((before + 150)) ]
}

# ---- tests ----

@test "SQLite: its process and the program killed under load, the database locked for a while" {
    local locker
    need sqlite3
    recipe sqlite SQLite
    run_listener
    begin_load
    under_load 30
    kill -9 "$(ps -o pid= --ppid "$(ps -o pid= --ppid "$LISTENER" | tr -d ' ')")"
    under_load 30
    kill_sink
    mkfifo hold
    sqlite3 results.db <hold >locked 3>&- &
    locker=$!
    started+=("$locker")
    exec {hold}>hold
    printf '.timeout 5000\nBEGIN EXCLUSIVE;\n.print locked\n' >&"$hold"
    await test -s locked
    read -r -t 1.5 <>nothing || :
    exec {hold}>&-
    wait "$locker"
    under_load 30
    kill_sink
    end_load
    send_nasty
    stop_listener
    [ "$status" = 0 ]
    all_stored
}

@test "PostgreSQL: stopped, killed and started, the program killed under load; and two listeners that feed it" {
    make_postgresql
    recipe postgresql PostgreSQL
    run_listener
    begin_load
    under_load 30
    stop_store
    start_store
    under_load 30
    kill_store
    start_store
    under_load 30
    kill_sink
    end_load
    send_nasty
    stop_listener
    [ "$status" = 0 ]
    all_stored
    feed_by_two
}

@test "Redis: stopped, killed, frozen and started, the program killed under load; and two listeners that feed it" {
    make_redis
    recipe redis Redis
    run_listener --sink-timeout 1
    begin_load
    under_load 30
    stop_store
    start_store
    under_load 30
    kill_store
    start_store
    under_load 30
    kill_sink
    under_load 30
    kill -STOP "$SERVER"
    await grep -q 'the consumer has not answered within --sink-timeout' err
    kill -CONT "$SERVER"
    end_load
    send_nasty
    stop_listener
    [ "$status" = 0 ]
    all_stored
    feed_by_two
}

@test "a directory: gone for a while, and the program killed, under load" {
    recipe directory Directory
    run_listener
    begin_load
    under_load 30
    mv results away
    await grep -q 'the consumer ended' err
    mv away results
    under_load 30
    kill_sink
    under_load 30
    kill_sink
    end_load
    send_nasty
    stop_listener
    [ "$status" = 0 ]
    all_stored
}

@test "several hosts: the balancer takes its configuration (haproxy), and the listener its options" {
    need haproxy
    block 'Several hosts, one store' 1 >haproxy.cfg
    [ "$(wc -l <haproxy.cfg)" -gt 5 ]
    haproxy -c -f haproxy.cfg
    COMMAND=$(block 'Several hosts, one store' 2)
    [[ $COMMAND = inst-listen*" '*:4000'" ]]
    COMMAND=${COMMAND% *}
    run_listener
    stop_listener
    [ "$status" = 0 ]
}
