# What is sent to instruments, and what becomes of it (`load delivery` after helper and wire): lines to send, reports, and
# the other side, played by the shell. DIR is the test's folder, in which the FIFO `nothing` is what a test reads that
# waits for a while.

VT=$'\x0b' FS=$'\x1c' STX=$'\x02' ETX=$'\x03'

# hl7 ID [MEMBERS] and astm ID [MEMBERS]: lines with a short message of that id.
hl7() {
    printf '{"id":"%s",%s"text":"MSH|^~\\\\&|LIS||||20260301||OML^O33|%s|P|2.5.1\\rPID|1||4711\\r"}\n' "$1" "${2:-}" "$1"
}

astm() {
    printf '{"id":"%s",%s"text":"H|\\\\^&|%s\\rO|1|S-1||^^^GLU\\rL|1|N\\r"}\n' "$1" "${2:-}" "$1"
}

# numbered KIND FROM TO [MEMBERS]: so many lines.
numbered() {
    local line
    line=$("$1" @ "${4:-}")
    seq "$2" "$3" | while read -r n; do
        printf '%s\n' "${line//@/o-$n}"
    done
}

# await N PATTERN [FILE]: waits until N lines of the listener's stdout (or FILE) match; at most 40 s.
await() {
    local file=${3:-$DIR/out} i
    for ((i = 0; i < 400; i++)); do
        if [ -e "$file" ] && [ "$(grep -c -- "$2" "$file")" -ge "$1" ]; then
            return
        fi
        read -r -t 0.1 <>"$DIR/nothing" || :
    done
    echo "$file never had $1 lines with $2:"
    tail -n 5 "$file"
    return 1
}

reports() {
    grep '^{"type":"delivery"' "$DIR/out"
}

# The ids of the reports with that status, in their order.
reported() {
    reports | grep "\"status\":\"$1\"" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4
}

# reported_as ID TEXT…: there is one report on it, which holds each of these.
reported_as() {
    local id=$1 line text
    await 1 "^{\"type\":\"delivery\",\"id\":\"$id\""
    line=$(reports | grep "\"id\":\"$id\"")
    [ "$(wc -l <<<"$line")" = 1 ]
    shift
    for text; do
        if [[ $line != *"$text"* ]]; then
            printf 'no %s in: %s\n' "$text" "$line"
            return 1
        fi
    done
}

# The control ids of the messages in FILE, in their order.
control_ids() {
    grep '^{"type":"message"' "$1" | grep -o '"control_id":"[^"]*"' | cut -d '"' -f 4
}

# start_other NAME COMMAND…: in the background, with stdout and stderr in …/NAME and …/NAME.err. OTHER is its pid.
start_other() {
    local name=$1
    shift
    "$@" </dev/null >"$DIR/$name" 2>"$DIR/$name.err" 3>&- {FEED}>&- &
    OTHER=$!
    started+=("$OTHER")
}

# stop_other [STATUS]: it has to end with that, 0 unless given.
stop_other() {
    local status=0
    kill "$OTHER"
    wait "$OTHER" || status=$?
    [ $status = "${1:-0}" ]
}

# ---- HL7 on the wire ----

# hear_order ID: the next block is the message with that id.
hear_order() {
    local LC_ALL=C status=0
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" BLOCK || status=$?
    if [ $status != 0 ] || [ "${BLOCK:0:1}" != "$VT" ] || [[ $BLOCK != *"|OML^O33|$1|P"* ]]; then
        printf 'no message %s: %q (status %s)\n' "$1" "$BLOCK" $status
        return 1
    fi
    hear $'\r'
}

# answer CODE ID [TEXT]
answer() {
    say "$(printf '\x0bMSH|^~\\&|||||20260301||ACK|A%s|P|2.5.1\rMSA|%s|%s|%s\r\x1c' "$2" "$1" "$2" "${3:-}")"$'\r'
}

take_order() {
    hear_order "$1" && answer AA "$1"
}

# ---- ASTM on the wire ----

# take_session ID: a session with that message, in three frames, is accepted.
take_session() {
    local LC_ALL=C i line
    hear "$ENQ" && say "$ACK" || return
    for i in 1 2 3; do
        IFS= read -r -d $'\n' -t 20 -u "$WIRE" line || return
        [[ $line == "$STX$i"*"$ETX"??$'\r' ]] || { printf 'no frame %s: %q\n' $i "$line"; return 1; }
        [ $i != 1 ] || [[ $line == *"|$1"* ]] || { printf 'not %s: %q\n' "$1" "$line"; return 1; }
        say "$ACK"
    done
    hear "$EOT"
}

# ---- senders ----

# set_up_sender: DIR, and a stdin that feed writes to and end_feed ends.
set_up_sender() {
    DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" "$DIR/in"
    exec {FEED}<>"$DIR/in"
    export INPUT=$DIR/in
}

# start_sender COMMAND…: as start_listener, and nobody but the test holds its stdin open.
start_sender() {
    start_listener without_feed "$@"
}

without_feed() {
    exec {FEED}>&-
    exec "$@"
}

# feed LINE…: to stdin.
feed() {
    printf '%s\n' "$@" >&"$FEED"
}

end_feed() {
    exec {FEED}>&-
}

# ends_with STATUS: the sender that was started ends with it.
ends_with() {
    wait_listener
    [ "$status" = "$1" ] || {
        echo "ended with status $status"
        cat "$DIR/out" "$DIR/err"
        return 1
    }
}

# number_as N TEXT…: there is one report on message N, which holds each of these.
number_as() {
    local line text
    await 1 "^{\"type\":\"delivery\".*\"number\":$1[,}]"
    line=$(reports | grep "\"number\":$1[,}]")
    [ "$(wc -l <<<"$line")" = 1 ]
    shift
    for text; do
        [[ $line = *"$text"* ]] || {
            printf 'no %s in: %s\n' "$text" "$line"
            return 1
        }
    done
}

# numbers: those of the reports, in their order.
numbers() {
    grep -o '"number":[0-9]*' "$DIR/out" | cut -d : -f 2
}
