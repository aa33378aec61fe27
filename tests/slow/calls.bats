# Calls that fail, one at a time: of each function the first one of a run, then the second one of another run, and so on
# until a run has no such call left (of memory every sixth, unless EVERY_MALLOC says otherwise). Nothing is acknowledged
# that is not in the file; and the program goes on, or ends with a status and a line that says why. See peer/faults.c.
load ../helper
load ../wire

FS=$'\x1c' PATIENCE=10
SHIM=$BUILD/tests/peer/faults.so

setup() {
    DIR=$BATS_TEST_TMPDIR
    export BATS_TEST_TIMEOUT=60
    [ -e "$SHIM" ] || skip "$SHIM is not there"
}

# send_hl7 ID, send_astm ID: over a connection of its own. True where it was acknowledged.
send_hl7() {
    local answer='' status=0
    dial 2>/dev/null || return
    printf '\x0bMSH|^~\\&|wire|LAB|||20260301||ORU^R01|%s|P|2.5.1\rPID|1||4711\rOBX|1|NM|GLU||5.4\r\x1c\r' "$1" >&"$WIRE"
    IFS= read -r -d "$FS" -t 8 -u "$WIRE" answer || :
    [[ $answer = *$'\r'"MSA|AA|$1"* ]] || status=1
    hang_up
    return $status
}

send_astm() {
    local status=0
    dial 2>/dev/null || return
    { say "$ENQ" && hear "$ACK" && say_frame 1 "$(message "$1")" && hear "$ACK"; } >/dev/null 2>&1 || status=1
    [ $status = 1 ] || say "$EOT" 2>/dev/null || :
    hang_up
    return $status
}

# send_cut ID: two messages, the first without L, which is whole when the second begins. True where all was acknowledged.
send_cut() {
    local i status=1
    dial 2>/dev/null || return
    if { say "$ENQ" && hear "$ACK" && say_frame 1 $'H|\\^&|'"$1-1"$'\rR|1|^^^GLU|5.4\r' && hear "$ACK"; } >/dev/null 2>&1; then
        for i in 1 2 3; do
            say_frame 2 "$(message "$1-2")" 2>/dev/null && hear "$ACK" >/dev/null 2>&1 || continue
            printf '%s\n' "$1-1" "$1-2" >>acknowledged
            say "$EOT" 2>/dev/null || :
            status=0
            break
        done
    fi
    hang_up
    return $status
}

# offer KIND ID: three times, until it is acknowledged.
offer() {
    local i
    for i in 1 2 3; do
        if "send_$1" "$2"; then
            echo "$2" >>acknowledged
            return
        fi
    done
    echo "$2 is never acknowledged" >>unanswered
}

# A command that keeps what is on its stdin, once it has all of it, and a consumer that keeps all that it is fed.
KEEP_ONE='cat >one.$$ && cat one.$$ >>kept.exec'
KEEP_ALL='while IFS= read -r line; do printf "%s\n" "$line" >>kept.sink && echo ok; done'

check_lines() { # FILE…
    local id
    while read -r id; do
        grep -aq "^{\"type\":\"message\",.*\"control_id\":\"$id\"" "$@" || echo "$id is acknowledged and lost" >>problems
    done <acknowledged
    cat "$@" | grep -ao '"control_id":"[^"]*"' | sort | uniq -d | sed 's/$/ is there twice/' >>problems
}

# session MODE FAULTS: a run in the current folder. What is wrong is in the file problems, and what has failed in fired.
session() {
    local endpoints=() endpoint into=() status=0 i
    LISTENER=
    mkfifo ready nothing
    touch acknowledged kept.exec kept.sink
    local where=listen:localhost:0
    case $1 in
    cut) where=listen:127.0.0.1:0 ;; # no look-up whose memory fails first
    journal | rotated) into=(-j journal) ;;
    exec) into=(-x "$KEEP_ONE") ;;
    sink) into=(-s "$KEEP_ALL") ;;
    all) into=(-x "$KEEP_ONE" -s "$KEEP_ALL" -j journal) ;;
    esac
    env "FAULTS=$2" FAULTS_FIRED=fired FAULTS_CALLS=calls "LD_PRELOAD=$SHIM" inst-listen -R 5 --metrics metrics \
        "${into[@]}" "$where" 5>ready >out 2>err </dev/null 3>&- &
    LISTENER=$!
    PORT=
    mapfile endpoints <ready
    for endpoint in "${endpoints[@]}"; do # half of a line counts for nothing
        [[ $endpoint != listen:127.*$'\n' ]] || PORT=${endpoint##*:}
    done
    PORT=${PORT%$'\n'}
    if [ -n "$PORT" ] && [ "$1" = cut ]; then
        send_cut c1 || send_cut c2 || send_cut c3 || echo "nothing is ever acknowledged" >>unanswered
    elif [ -n "$PORT" ]; then
        offer hl7 h1
        offer astm a1
        if [ "$1" = rotated ]; then
            mv journal journal.1
            kill -s HUP "$LISTENER"
        fi
        offer hl7 h2
        offer hl7 h1
        offer astm a2
    fi
    kill -s TERM "$LISTENER" 2>/dev/null || :
    for ((i = 0; i < 150; i++)); do
        ! read -r -t 0.1 <>nothing && kill -0 "$LISTENER" 2>/dev/null || break
    done
    [ $i -lt 150 ] || kill -s KILL "$LISTENER"
    wait "$LISTENER" || status=$?
    case $status in
    0) cat unanswered 2>/dev/null >>problems ;; # it went on: in the end all are acknowledged
    71 | 73 | 74) [ -s err ] || echo "ended with $status and without a word" >>problems ;;
    69) grep -q 'localhost' err || echo "ended with 69: $(cat err)" >>problems ;; # the look-up failed
    *) echo "ended with status $status: $(cat err)" >>problems ;;
    esac
    check_stores "$1"
}

# check_stores MODE: each has all that was acknowledged.
check_stores() {
    case $1 in
    stdout | cut) check_lines out ;;
    exec) check_lines kept.exec ;;
    sink) check_lines kept.sink ;;
    all)
        check_lines kept.exec
        check_lines kept.sink
        check_lines journal
        ;;
    *) check_lines journal* ;;
    esac
    [ ! -e journal ] || ! grep -avhE '^\{"type":"(message|window|proven)",.*\}$' journal* >>problems || echo "is torn" >>problems
}

# in_folder NAME MODE FAULTS: a session in a folder of its own.
in_folder() {
    mkdir "$DIR/$1"
    (set +e; cd "$DIR/$1" && exec 3>&- && session "$2" "$3"; :) >"$DIR/$1/log" 2>&1 </dev/null
}

# sweep MODE CALL [OTHERS]: CALL fails in each place, or, with EVERY=N, in every Nth; and with it OTHERS. Sixteen runs at
# a time.
sweep() {
    local name=$1.$2${3:+-${3%:*}} n i folder pids=() bad=
    [ -e "$DIR/$1.none" ] || in_folder "$1.none" "$1" none:0
    [ ! -s "$DIR/$1.none/problems" ]
    n=$(awk -v call="$2" '$1 == call { print $2 }' "$DIR/$1.none/calls")
    echo "$1: $n calls to $2"
    [ "$n" -ge 1 ]
    for ((i = 1 + ${FROM:-0}; i <= n + 1; i += ${EVERY:-1})); do # one more, where a run takes other ways
        in_folder "$name.$i" "$1" "$2:$i${3:+,$3}" &
        pids+=($!)
        [ $((${#pids[@]} % 16)) != 0 ] || wait "${pids[@]}" || :
    done
    wait "${pids[@]}" || :
    grep -qsx "$2" "$DIR/$name".*/fired
    for folder in "$DIR/$name".*; do
        [ ! -s "$folder/problems" ] || {
            echo "${folder##*/}: $(cat "$folder/problems")"
            sed 's/^/    it said: /' "$folder/err"
            bad=1
        }
    done
    [ -z "$bad" ]
}

@test "stdout: calls to write that fail, or write half" {
    sweep stdout write
    sweep stdout short
}

@test "stdout: memory is exhausted" {
    EVERY=${EVERY_MALLOC:-6} FROM=0 sweep stdout malloc # the beginning of all three modes is the same
}

@test "a message without L that the next one ends: memory is exhausted" {
    sweep cut malloc
}

@test "a rejects file whose folder cannot be synced is none, exit 73" {
    need timeout
    run -73 timeout 20 env FAULTS=fsync:1 LD_PRELOAD="$SHIM" astm-listen --rejects "$DIR/rejects" 127.0.0.1:0
    [[ $output = *"--rejects: $DIR/rejects: Input/output error"* ]]
}

@test "stdout: calls of all other kinds fail" {
    local call
    for call in send accept open rename fork pipe; do
        sweep stdout $call
    done
}

@test "an answer for which the system has no memory: the connection is closed, and the message comes again" {
    start_listener env FAULTS=nobufs:1 "FAULTS_FIRED=$DIR/fired" LD_PRELOAD="$SHIM" hl7-listen 127.0.0.1:0
    dial
    printf '\x0bMSH|^~\\&|wire|LAB|||20260301||ORU^R01|h1|P|2.5.1\rPID|1||4711\rOBX|1|NM|GLU||5.4\r\x1c\r' >&"$WIRE"
    hear CLOSE
    hang_up
    grep -qx nobufs "$DIR/fired"
    grep -q 'memory is exhausted' "$DIR/err"
    send_hl7 h1
    [ "$(jq -r .control_id "$DIR/out")" = h1 ]
}

@test "the journal: calls to write that fail, or write half" {
    sweep journal write
    sweep journal short
}

@test "the journal: half a line that cannot be cut off at once" {
    sweep journal short ftruncate:1
}

@test "the journal: the disk fails" {
    sweep journal fdatasync
    sweep journal fdatasync ftruncate:1
    sweep journal fsync
    sweep journal flock
}

@test "the journal: memory is exhausted" {
    EVERY=${EVERY_MALLOC:-6} FROM=2 sweep journal malloc
}

@test "the journal: calls of all other kinds fail" {
    local call
    for call in send accept open rename fork pipe; do
        sweep journal $call
    done
}

@test "the journal, renamed: calls to files fail" {
    local call
    for call in open write short fdatasync fsync flock; do
        sweep rotated $call
    done
}

@test "the journal, renamed: memory is exhausted" {
    EVERY=${EVERY_MALLOC:-6} FROM=4 sweep rotated malloc
}

@test "a command for each message: calls to write that fail, or write half" {
    sweep exec write
    sweep exec short
}

@test "a command for each message: calls of all other kinds fail" {
    local call
    for call in accept open rename fork pipe; do
        sweep exec $call
    done
}

@test "a command for each message: memory is exhausted" {
    EVERY=${EVERY_MALLOC:-6} FROM=1 sweep exec malloc
}

@test "a consumer: calls to write that fail, or write half" {
    sweep sink write
    sweep sink short
}

@test "a consumer: calls of all other kinds fail" {
    local call
    for call in accept open rename fork pipe; do
        sweep sink $call
    done
}

@test "a consumer: memory is exhausted" {
    EVERY=${EVERY_MALLOC:-6} FROM=3 sweep sink malloc
}

@test "a command, a consumer and the journal: what they are given is with each of them, once" {
    local call
    for call in write short fdatasync fork pipe; do
        sweep all $call
    done
}

@test "a command, a consumer and the journal: memory is exhausted" {
    EVERY=${EVERY_MALLOC:-6} FROM=5 sweep all malloc
}
