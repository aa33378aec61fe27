# Conversations written by hand (tests/peer), played over a socket by a program that knows nothing of ours: to
# astm-listen as an instrument would (peer/astm), to instsim as a host would (peer/sender). Each transcript says in its
# header what it shows and what must come of it; in peer/astm:
#
#   #options: ARGS      for astm-listen; transcripts with the same share a listener
#   #messages: N        messages that are handed over
#   #complete: A,B      of each, in order, true or false
#   #records: A,B       how many records each has
#   #jq: EXPRESSION     true of the array of the messages, where jq is there to tell; any number of these
#   #log-lacks: WORD …  none of these may stand in the log
#   #exit: N            the listener ends by itself, with this status
#
# and in peer/sender:
#
#   #message: FILE      of tests/data, what instsim sends
#   #options: ARGS      for instsim
#   #endpoint: listen   instsim listens, the host connects
#   #exit: N            instsim ends by itself, with this status; without it, it is told to
#
# No answer too many goes unseen: a transcript ends when the other side has closed, and then nothing may be left over.
load helper

setup_file() {
    PEER=$BATS_TEST_DIRNAME/peer
    PLAY=$BUILD/tests/peer/play
    if [ ! -x "$PLAY" ]; then # make check builds it; bats alone does not
        PLAY=$BATS_FILE_TMPDIR/play
        "${CC:-cc}" -o "$PLAY" "$PEER/play.c"
    fi
    export PEER PLAY
}

setup() {
    DIR=$BATS_TEST_TMPDIR
    PROBLEMS=$DIR/problems
    : >"$PROBLEMS"
}

# setting KEY FILE: what the header of a transcript says, a line for each time it says it.
setting() {
    sed -n "s/^#$1: *//p" "$2"
}

# problem FILE TEXT…: the test will fail, but not before all has been tried.
problem() {
    echo "${1#"$PEER"/}: ${*:2}" | tee -a "$PROBLEMS"
}

no_problems() {
    [ ! -s "$PROBLEMS" ]
}

# same FILE WHAT GOT WANTED
same() {
    [ "$3" = "$4" ] || problem "$1" "$2: got '$3', expected '$4'"
}

# play FLAGS PORT FILE: what it says of FILE goes to …/NAME.log, the addresses it had to …/NAME.peers.
play() {
    local name=${3##*/}
    # shellcheck disable=SC2086 # none or one
    "$PLAY" $1 "$2" "$3" >"$DIR/$name.peers" 2>"$DIR/$name.log" 3>&- || problem "$3" "$(cat "$DIR/$name.log")"
}

# The lines of …/out that FILE's connections brought, in order, go to …/NAME.json.
messages_of() {
    local address
    while read -r address; do
        grep -F "\"peer\":\"$address\"" "$DIR/out" || :
    done <"$DIR/${1##*/}.peers" >"$DIR/${1##*/}.json"
}

# What each message of a file says of its completeness, and how many records it has.
complete_of() {
    awk 'match($0, /"complete":(true|false)/) { print substr($0, RSTART + 11, RLENGTH - 11) }' "$1" | paste -s -d , -
}

records_of() {
    awk '{ print gsub(/[{]"type":"/, "") - 1 }' "$1" | paste -s -d , -
}

check_counts() {
    local json=$DIR/${1##*/}.json word
    messages_of "$1"
    same "$1" messages "$(($(wc -l <"$json")))" "$(setting messages "$1")"
    same "$1" complete "$(complete_of "$json")" "$(setting complete "$1")"
    same "$1" records "$(records_of "$json")" "$(setting records "$1")"
    for word in $(setting log-lacks "$1"); do
        ! grep -F -- "$word" "$DIR/err" >/dev/null || problem "$1" "'$word' stands in the log"
    done
}

check_fields() {
    local json=$DIR/${1##*/}.json expression
    messages_of "$1"
    setting jq "$1" >"$DIR/expressions"
    while read -r expression; do
        jq -s -e "$expression" "$json" >/dev/null 2>"$DIR/jq" || problem "$1" "not so: $expression" "$(cat "$DIR/jq")"
    done <"$DIR/expressions"
}

# with_listener HOW FLAGS CHECK OPTIONS FILE…: plays the files to one listener, one after the other or all at once.
with_listener() {
    local how=$1 flags=$2 check=$3 options=$4 file pid pids=() ends
    shift 4
    # shellcheck disable=SC2086 # several words
    start_listener astm-listen -o message $options listen:127.0.0.1:0
    for file; do
        if [ "$how" = at-once ]; then
            # shellcheck disable=SC2153 # start_listener sets it
            play "$flags" "$PORT" "$file" &
            pids+=($!)
        else
            play "$flags" "$PORT" "$file"
        fi
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || :
    done
    ends=$(setting exit "$1")
    if [ -n "$ends" ] && [ ! -s "$PROBLEMS" ]; then
        wait_listener
    else
        stop_listener 2>/dev/null || :
    fi
    same "$1" "exit status of astm-listen $options" "$status" "${ends:-0}"
    rm -f "$DIR"/ready.*
    for file; do
        "$check" "$file"
    done
}

# transcripts HOW FLAGS CHECK FILE…: plays them all, those that want the same options to one listener.
transcripts() {
    local how=$1 flags=$2 check=$3 options all file files
    shift 3
    mapfile -t all < <(for file; do printf '%s\n' "$(setting options "$file")"; done | sort -u)
    for options in "${all[@]}"; do
        files=()
        for file; do
            [ "$(setting options "$file")" != "$options" ] || files+=("$file")
        done
        with_listener "$how" "$flags" "$check" "$options" "${files[@]}"
    done
    no_problems
}

# Plays FILE as the host that instsim sends to.
host() {
    local ready=$DIR/ready.host port pid host ends name=${1##*/}
    rm -f "$ready"
    mkfifo "$ready"
    "$PLAY" -l -R 6 0 "$1" 6>"$ready" >"$DIR/$name.log" 2>&1 3>&- &
    host=$!
    read -r port <"$ready"
    # shellcheck disable=SC2046 # several words
    instsim astm $(setting options "$1") "127.0.0.1:$port" "$BATS_TEST_DIRNAME/data/$(setting message "$1")" \
        >"$DIR/out" 2>"$DIR/err" </dev/null 3>&- &
    pid=$!
    started+=("$host" "$pid")
    ends=$(setting exit "$1")
    if ! wait "$host"; then
        problem "$1" "$(cat "$DIR/$name.log" "$DIR/err")"
        ends=
    fi
    [ -n "$ends" ] || kill -s TERM "$pid" 2>/dev/null || :
    status=0
    wait "$pid" || status=$?
    same "$1" "exit status of instsim" "$status" "${ends:-$status}"
    started=()
}

# Plays FILE as the host that connects to instsim.
connecting_host() {
    # shellcheck disable=SC2046 # several words
    start_listener instsim astm $(setting options "$1") listen:127.0.0.1:0 \
        "$BATS_TEST_DIRNAME/data/$(setting message "$1")"
    play "" "$PORT" "$1"
    stop_listener 2>/dev/null || :
    rm -f "$DIR"/ready.*
}

@test "every transcript is of a kind that is played, and says what must come of it" {
    local file
    for file in "$PEER"/astm/*; do
        case ${file##*/} in
        session-*.txt | frame-*.txt | checksum-*.txt | number-*.txt | record-*.txt | text-*.txt | unframed*.txt) ;;
        *) problem "$file" "no test plays it" ;;
        esac
        [ -n "$(setting messages "$file")" ] || problem "$file" "has no #messages"
    done
    for file in "$PEER"/sender/*; do
        [ -r "$BATS_TEST_DIRNAME/data/$(setting message "$file")" ] || problem "$file" "has no #message"
    done
    no_problems
}

@test "the player of transcripts tells a right answer from a wrong, a missing and a superfluous one" {
    local wanted port host
    cd "$DIR"
    printf '%s\n' 'timeout 1000' '> <ENQ>' '< <ACK>' '> <STX>1H|\^&|<*3:A><ETX><CS><CR><LF>' '< <ACK>' >instrument
    while read -r wanted answer; do
        mkfifo ready
        printf '%s\n' '< <ENQ>' '> <ACK>' '< <STX>1H|\^&|AAA<ETX>17<CR><LF>' "$answer" >host
        "$PLAY" -l -R 6 0 host 6>ready 2>/dev/null 3>&- &
        host=$!
        read -r port <ready
        run "$PLAY" "$port" instrument
        wait "$host" || :
        same "$answer" "exit status" "$status" "$wanted"
        rm ready
    done <<-'END'
	0 > <ACK>
	1 > <NAK>
	1 > <ACK><ACK>
	1 pause 1500
	1 close
	END
    no_problems
}

@test "sessions: ENQ, EOT, messages without L, repeats and limits are taken as the standard and the habits have it" {
    transcripts in-turn "" check_counts "$PEER"/astm/session-*.txt
}

@test "frames: however a message is framed, cut and sent, it is acknowledged and handed over once" {
    transcripts in-turn "" check_counts "$PEER"/astm/frame-*.txt
}

@test "checksums: each is checked, by the convention that holds" {
    transcripts in-turn "" check_counts "$PEER"/astm/checksum-*.txt
}

@test "frame numbers: repeats are acknowledged and not stored, gaps are refused" {
    transcripts in-turn "" check_counts "$PEER"/astm/number-*.txt
}

@test "records: whatever ends them, and without an H" {
    transcripts in-turn "" check_counts "$PEER"/astm/record-*.txt
}

@test "text: any delimiters, any bytes, and none of it in the log" {
    transcripts in-turn "" check_counts "$PEER"/astm/text-*.txt
}

@test "bare records without frames are messages too, and are not answered" {
    transcripts in-turn "" check_counts "$PEER"/astm/unframed*.txt
}

@test "what is handed over has the fields that were sent (jq)" {
    local files
    need jq
    mapfile -t files < <(grep -l '^#jq:' "$PEER"/astm/*.txt)
    transcripts in-turn "" check_fields "${files[@]}"
}

@test "all the same where every byte comes on its own" {
    transcripts in-turn -b check_counts "$PEER"/astm/*.txt
}

@test "all the same where all of them come at once, each on a connection of its own" {
    transcripts at-once "" check_counts "$PEER"/astm/*.txt
}

@test "instsim sends as the standard has it, and takes what a host may answer" {
    local file
    for file in "$PEER"/sender/*.txt; do
        if [ "$(wc -l <"$PROBLEMS")" -ge 5 ]; then
            problem "$file" "not played any more, nor what follows it"
            break
        elif [ "$(setting endpoint "$file")" = listen ]; then
            connecting_host "$file"
        else
            host "$file"
        fi
    done
    no_problems
}
