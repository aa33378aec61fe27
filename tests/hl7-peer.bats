# Conversations written by hand (tests/peer/hl7), from the standard and not from what a program says, played over a
# socket to hl7-listen as an instrument would, by a program that knows nothing of ours. Each transcript says in its
# header what it shows and what must come of it:
#
#   #options: ARGS      for hl7-listen; transcripts with the same share a listener
#   #printed: ID …      the control ids of the messages that are printed, in order; - is a message without, * is any
#   #messages: N        instead: how many are printed
#   #jq: EXPRESSION     true of the array of the messages, where jq is there to tell; any number of these
#   #log: N TEXT        so many lines about its connections with this text stand in the log; without TEXT, in all
#   #exit: N            the listener ends by itself, with this status
#   #whole:             not played byte by byte
#
# All transcripts play at once, each on connections of its own and in the name of a sender of its own. No answer too
# many goes unseen: a transcript ends when the other side has closed, and then nothing may be left over.
#
# shellcheck disable=SC2030,SC2031 # DIR is another one in a subshell, on purpose
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

# problem TEXT: the test will fail, but not before all has been tried.
problem() {
    echo "$*" | tee -a "$PROBLEMS"
}

no_problems() {
    [ ! -s "$PROBLEMS" ]
}

# setting KEY FILE…: a line for each time that a header says it, FILE, tab, and what it says.
setting() {
    awk -v key="#$1:" 'index($0, key) == 1 { print FILENAME "\t" substr($0, length(key) + 2) }' "${@:2}"
}

# play FLAGS FILE: the addresses it had go to …/NAME.peers.
play() {
    local name=${2##*/}
    # shellcheck disable=SC2086,SC2153 # none or one; start_listener sets PORT
    "$PLAY" $1 "$PORT" "$2" >"$DIR/$name.peers" 2>"$DIR/$name.log" 3>&- || problem "$(<"$DIR/$name.log")"
}

# check_lines FILE…: complains where …/out and …/err say of their connections what they do not. What is printed of each
# goes to …/NAME.json.
check_lines() {
    local peers=("${@##*/}")
    peers=("${peers[@]/#/"$DIR/"}")
    awk -v dir="$DIR/" '
        function base(path) {
            sub(/.*\//, "", path)
            return path
        }
        function after_key(line) {
            return substr(line, index(line, ":") + 2)
        }
        function complain(of, what, got, wanted) {
            if (got "" != wanted "")
                print of ": " what ": got " got ", expected " wanted
        }
        function check_printed(of,    ids, wanted, n, i, fine) {
            n = split(printed[of], wanted, " ")
            fine = split(got[of], ids, " ") == n
            for (i = 1; i <= n; i++)
                fine = fine && (wanted[i] == "*" || wanted[i] == ids[i])
            if (!fine)
                complain(of, "printed", got[of], " " printed[of])
        }
        function check_log(of, rule,    text, lines, n, i, count) {
            count = 0
            text = rule ~ / / ? substr(rule, index(rule, " ") + 1) : ""
            n = split(log_of[of], lines, "\n")
            for (i = 1; i < n; i++)
                count += text == "" || index(lines[i], text) > 0
            complain(of, "lines in the log with (" text ")", count, rule + 0)
        }
        FILENAME ~ /[.]txt$/ && /^#printed:/ { printed[base(FILENAME)] = after_key($0) }
        FILENAME ~ /[.]txt$/ && /^#messages:/ { messages[base(FILENAME)] = after_key($0) }
        FILENAME ~ /[.]txt$/ && /^#log:/ { rules[base(FILENAME), ++count[base(FILENAME)]] = after_key($0) }
        FILENAME ~ /[.]peers$/ { of[$0] = substr(base(FILENAME), 1, length(base(FILENAME)) - 6) }
        FILENAME == dir "out" && match($0, /"peer":"[^"]*"/) {
            name = of[substr($0, RSTART + 8, RLENGTH - 9)]
            print >(dir name ".json")
            head = substr($0, 1, 1000)
            got[name] = got[name] " " (match(head, /"control_id":"[^"]*"/) ? substr(head, RSTART + 14, RLENGTH - 15) : "-")
            total[name]++
            complain(name, "a message that is not whole", head ~ /"complete":false/, 0)
        }
        FILENAME == dir "err" && match($0, / 127[.]0[.]0[.]1:[0-9]+: /) {
            name = of[substr($0, RSTART + 1, RLENGTH - 3)]
            log_of[name] = log_of[name] $0 "\n"
        }
        END {
            for (name in printed)
                check_printed(name)
            for (name in messages)
                complain(name, "messages", total[name] + 0, messages[name])
            for (name in count)
                for (i = 1; i <= count[name]; i++)
                    check_log(name, rules[name, i])
        }' "$@" "${peers[@]/%/.peers}" "$DIR/out" "$DIR/err"
}

check_fields() {
    local file expression
    while IFS=$'\t' read -r file expression; do
        jq -s -e "$expression" "$DIR/${file##*/}.json" >/dev/null 2>"$DIR/jq" ||
            echo "${file##*/}: not so: $expression $(<"$DIR/jq")"
    done < <(setting jq "$@")
}

# with_listener FLAGS CHECK OPTIONS FILE…: plays the files at once to one listener.
with_listener() {
    local flags=$1 check=$2 options=$3 file pid pids=() ends
    shift 3
    # shellcheck disable=SC2086 # several words
    start_listener hl7-listen -o message $options listen:127.0.0.1:0
    for file; do
        play "$flags" "$file" &
        pids+=($!)
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
    [ "$status" = "$((${ends#*$'\t'}))" ] || problem "${1##*/}: hl7-listen $options ended with status $status"
    check_lines "$@" | tee -a "$PROBLEMS"
    [ "$check" = lines ] || check_fields "$@" | tee -a "$PROBLEMS"
}

# transcripts FLAGS CHECK FILE…: plays them all, those that want the same options to one listener; all listeners run at
# once, each with a folder of its own. CHECK is lines, or fields too.
transcripts() {
    local flags=$1 check=$2 file options group pid pids=()
    local -A with=()
    shift 2
    while IFS=$'\t' read -r file options; do
        with[$file]=$options
    done < <(setting options "$@")
    local -A files=()
    for file; do
        files[" ${with[$file]:-}"]+="$file"$'\n'
    done
    for options in "${!files[@]}"; do
        mapfile -t group <<<"${files[$options]%$'\n'}"
        (
            trap end_started EXIT
            DIR=$BATS_TEST_TMPDIR/${#pids[@]}
            BATS_TEST_TMPDIR=$DIR
            mkdir "$DIR"
            with_listener "$flags" "$check" "${options# }" "${group[@]}"
        ) &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid" || problem "a listener was not played to"
    done
    no_problems
}

@test "every transcript is of a kind that is played, and says what it shows and what must come of it" {
    local file name
    for file in "$PEER"/hl7/*; do
        name=${file##*/}
        case $name in
        ack-*.txt | refused-*.txt | count-*.txt | shape-*.txt | id-*.txt | block-*.txt | strict-*.txt) ;;
        vt-*.txt | bare*.txt | segment-*.txt | batch-*.txt | unreadable-*.txt | limit-*.txt) ;;
        commit-*.txt | close-*.txt | repeat-*.txt | answer-*.txt | text-*.txt) ;;
        *) problem "$name: no test plays it" ;;
        esac
    done
    awk '
        FNR == 1 && !/^# / { print FILENAME ": does not say what it shows" }
        FNR == 1 { names[++n] = FILENAME; name = FILENAME; gsub(/.*\/|[.]txt$/, "", name) }
        /^#(printed|messages):/ { printed[FILENAME]++ }
        /^#[^ ]/ && !/^#(options|printed|messages|jq|log|exit|whole):/ { print FILENAME ": means nothing: " $0 }
        /^> .*MSH/ { sends[FILENAME] = 1 }
        /MSH/ && index($0, name) { named[FILENAME] = 1 }
        /^> .*M<NUL>S<NUL>H<NUL>/ { named[FILENAME] = 1 }
        END {
            for (i = 1; i <= n; i++) {
                if (printed[names[i]] != 1)
                    print names[i] ": has no #printed, or two"
                if (sends[names[i]] && !named[names[i]])
                    print names[i] ": has a sender that is not called like it"
            }
        }' "$PEER"/hl7/* | tee -a "$PROBLEMS"
    no_problems
}

@test "the player of transcripts tells a time, a new id and words from what is none" {
    local wanted answer port host
    cd "$DIR"
    printf '%s\n' 'timeout 1000' '> Q' 'repeat 2' '  < <turn>|<time>|<id>|' '  + <words>|<CR>' end >instrument
    while read -r wanted answer; do
        mkfifo ready
        printf '%s\n' '< Q' "> $answer" >host
        "$PLAY" -l -R 6 0 host 6>ready 2>/dev/null 3>&- &
        host=$!
        read -r port <ready
        run "$PLAY" "$port" instrument
        wait "$host" || :
        [ "$status" = "$wanted" ] || problem "$answer: status $status, expected $wanted"
        rm ready
    done <<-'END'
	0 1|20260102030405|A-1|too long|<CR>2|20260102030406|A-2|it ends here: (MSH-10)|<CR>
	0 1|202601020304|0123456789.BCDEF_xyz|w|<CR>2|20261231235960.1234+0100|x|y|<CR>
	1 1|20260102030405|A-1|too long|<CR>2|20260102030406|A-1|too long|<CR>
	1 1|20260102030405|A-1|too long|<CR>3|20260102030406|A-2|too long|<CR>
	1 1|20261302030405|A-1|too long|<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102030405|A-1|too long|<CR>2|20260102033006+01|A-2|too long|<CR>
	1 1||A-1|too long|<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102|A-1|too long|<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102030405||too long|<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102030405|01234567890ABCDEF_xyz|w|<CR>2|20260102030406|A-2|w|<CR>
	1 1|20260102030405|A 1|too long|<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102030405|A-1||<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102030405|A-1|too^long|<CR>2|20260102030406|A-2|too long|<CR>
	1 1|20260102030405|A-1|too long|<CR>
	END
    no_problems
}

@test "the player of transcripts refuses one that says what it cannot mean" {
    local line port host
    for line in '> 1|<time>|' '> <id>|' '< <words>' '> <turn>' '< <clock>|' $'quiet 10\n+ more'; do
        printf '%s\n' "$line" >"$DIR/wrong"
        mkfifo "$DIR/ready"
        printf 'timeout 1000\n' >"$DIR/host"
        "$PLAY" -l -R 6 0 "$DIR/host" 6>"$DIR/ready" 2>/dev/null 3>&- &
        host=$!
        read -r port <"$DIR/ready"
        run "$PLAY" "$port" "$DIR/wrong"
        kill "$host" 2>/dev/null || :
        wait "$host" || :
        [ "$status" = 2 ] || problem "$line: status $status"
        rm "$DIR/ready"
    done
    no_problems
}

@test "acknowledgement: each message gets the answers that it asks for, printed or refused, and no other" {
    transcripts "" lines "$PEER"/hl7/ack-*.txt "$PEER"/hl7/refused-*.txt "$PEER"/hl7/count-*.txt
}

@test "the shape of an answer follows its message: type, sender, version, character set, separators, control id" {
    transcripts "" lines "$PEER"/hl7/shape-*.txt "$PEER"/hl7/id-*.txt
}

@test "blocks: however a message is framed, cut and sent, it is printed once and answered once" {
    transcripts "" lines "$PEER"/hl7/block-*.txt "$PEER"/hl7/vt-*.txt "$PEER"/hl7/bare*.txt
}

@test "--mllp-strict takes FS CR alone, and --mllp 2 has a commit block before every answer" {
    transcripts "" lines "$PEER"/hl7/strict-*.txt "$PEER"/hl7/commit-*.txt
}

@test "segments and batches: whatever ends a segment, and each message of a block on its own" {
    transcripts "" lines "$PEER"/hl7/segment-*.txt "$PEER"/hl7/batch-*.txt
}

@test "what cannot be read, or is too much, is refused by name where it has one, and the link lives on" {
    transcripts "" lines "$PEER"/hl7/unreadable-*.txt "$PEER"/hl7/limit-*.txt
}

@test "a sender that closes, at once, half or in the middle" {
    transcripts "" lines "$PEER"/hl7/close-*.txt
}

@test "a message that comes again is answered again and printed once; a query is asked again" {
    transcripts "" lines "$PEER"/hl7/repeat-*.txt
}

@test "an answer is never answered, but for the accept acknowledgement that it asks for" {
    transcripts "" lines "$PEER"/hl7/answer-*.txt
}

@test "text: any bytes in any character set, and no patient in the log" {
    transcripts "" lines "$PEER"/hl7/text-*.txt
}

@test "what is printed has the fields that were sent (jq)" {
    local files
    need jq
    mapfile -t files < <(grep -l '^#jq:' "$PEER"/hl7/*.txt)
    transcripts "" fields "${files[@]}"
}

@test "all the same where every byte comes on its own" {
    local files
    mapfile -t files < <(grep -L '^#whole:' "$PEER"/hl7/*.txt)
    transcripts -b lines "${files[@]}"
}
