# astm-frame as its user sees it. In what is expected ENQ is `<`, EOT `>`, STX `{`, ETX `}`, ETB `~`, CR `/` and LF `.`.
load helper

setup() {
    cd "$BATS_TEST_DIRNAME/data" || return
    DIR=$BATS_TEST_TMPDIR
}

visible() {
    tr '\5\4\2\3\27\r\n' '<>{}~/.'
}

# framed TEXT WANT [ARGS…]: what astm-frame makes of TEXT, which printf makes. In WANT a checksum is `##`.
framed() {
    local text=$1 want=$2
    shift 2
    # shellcheck disable=SC2059
    printf "$text" | astm-frame "$@" | visible | sed 's/\([}~]\)[0-9A-F][0-9A-F]/\1##/g' >"$DIR/out"
    printf %s "$want" | diff - "$DIR/out"
}

# unframed BYTES WANT [ARGS…]: the text in BYTES, which printf makes of them.
unframed() {
    local bytes=$1 want=$2
    shift 2
    # shellcheck disable=SC2059
    printf "$bytes" | astm-frame -d "$@" | visible >"$DIR/out"
    printf %s "$want" | diff - "$DIR/out"
}

# records FILE: its messages as they go into frames.
records() {
    tr '\n' '\r' <"$1"
}

# ---- text to frames ----

@test "a message becomes a session, with a frame for each record" {
    framed 'H|\\^&\rP|1\rL|1\r' '<{1H|\^&/}##/.{2P|1/}##/.{3L|1/}##/.>'
    framed '' ''
    printf 'H|\\^&\rL|1\r' | astm-frame | cmp - <(printf '\5\0021H|\\^&\r\003E5\r\n\0022L|1\r\0033B\r\n\4')
}

@test "frame numbers run from 1 to 7 and on with 0" {
    records ten.astm | astm-frame | visible | grep -o '{[0-7]' | tr -d '{\n' >"$DIR/numbers"
    [ "$(cat "$DIR/numbers")" = 1234567012 ]
}

@test "CR, LF and CR LF end records, and the last one gets a CR" {
    local want='<{1H|\^&/}##/.{2P|1/}##/.{3L|1/}##/.>'
    framed 'H|\\^&\nP|1\nL|1\n' "$want"
    framed 'H|\\^&\r\nP|1\r\nL|1\r\n' "$want"
    framed 'H|\\^&\nP|1\r\nL|1' "$want"
    framed '\n\nH|\\^&\r\rP|1\n\r\n\nL|1\n\n' "$want"
    framed '\357\273\277H|\\^&\nP|1\nL|1\n' "$want"
}

@test "a file of several messages is split behind L and before H, a session each" {
    framed 'H|\\^&|1\rL|1\rH|\\^&|2\rH|\\^&|3\rL|1\r' \
        '<{1H|\^&|1/}##/.{2L|1/}##/.><{1H|\^&|2/}##/.><{1H|\^&|3/}##/.{2L|1/}##/.>'
    astm-decode -o text chemistry.astm | astm-frame | astm-decode -o text | diff - <(astm-decode -o text chemistry.astm)
    [ "$(astm-decode -o text chemistry.astm | astm-frame | tr -dc '\5' | wc -c)" = "$(astm-decode chemistry.astm | wc -l)" ]
}

@test "records before any H are a message" {
    framed 'R|1|a\rH|\\^&\rL|1\r' '<{1R|1|a/}##/.><{1H|\^&/}##/.{2L|1/}##/.>'
}

@test "--session is one session for each file, whose numbers go on" {
    framed 'H|\\^&|1\rL|1\rH|\\^&|2\rL|1\r' '<{1H|\^&|1/}##/.{2L|1/}##/.{3H|\^&|2/}##/.{4L|1/}##/.>' --session
    framed '' '' --session
    astm-frame --session two.astm two.astm | visible | grep -o '[<>]\|{[0-7]' | tr -d '{\n' >"$DIR/shape"
    [ "$(cat "$DIR/shape")" = "<12345670><12345670>" ]
}

@test "--size is the most text of a frame; a longer record is several" {
    framed 'H|\\^&|12345\rL|1\r' '<{1H|\^~##/.{2&|12~##/.{3345/}##/.{4L|1/}##/.>' --size 4
    framed 'H|\\^&\rL|1\r' '<{1H|\^&/}##/.{2L|1/}##/.>' --size 6
    astm-frame long.astm | astm-decode -o frame | grep -o '"length":[0-9]*' | cut -d : -f 2 | sort -n | tail -n 1 >"$DIR/most"
    [ "$(cat "$DIR/most")" = 240 ]
    [ "$(astm-frame --size 1K --whole long.astm | tr -dc '\27' | wc -c)" -lt "$(astm-frame --whole long.astm | tr -dc '\27' | wc -c)" ]
}

@test "--whole is one run of ETB frames a message, and the last of both shapes counts" {
    framed 'H|\\^&\rP|1\rL|1\r' '<{1H|\^&/P|1/L|1/}##/.>' --whole
    framed 'H|\\^&\rP|1\rL|1\r' '<{1H|\^&/P|1~##/.{2/L|1/}##/.>' --whole --size 9
    framed 'H|\\^&\rL|1\r' '<{1H|\^&/}##/.{2L|1/}##/.>' --per-record
    framed 'H|\\^&\rL|1\rH|\\^&\rL|1\r' '<{1H|\^&/L|1/}##/.{2H|\^&/L|1/}##/.>' --whole --session
}

@test "--checksum is what astm-decode takes it for" {
    local which
    for which in std noterm stx xor; do
        astm-frame --checksum $which two.astm >"$DIR/frames"
        astm-decode --checksum $which -o raw "$DIR/frames" | cmp - <(records two.astm)
        [ "$(astm-decode --checksum auto "$DIR/frames" | grep -c "the convention is $which")" = "$([ $which = std ] && echo 0 || echo 1)" ]
    done
    framed 'L|1\r' '<{1L|1/}/.>' --checksum none
}

@test "a message that cannot stand in frames is named and left out" {
    local byte name
    for byte in 2=STX 3=ETX 4=EOT 5=ENQ 27=ETB; do
        name=${byte#*=}
        # shellcheck disable=SC2059
        printf "H|\\\\^&|1\rL|1\r\nH|\\\\^&|2\rR|1|a\\${byte%=*}b\rL|1\rH|\\\\^&|3\rL|1\r" >"$DIR/text"
        run --separate-stderr bash -c "astm-frame '$DIR/text' | astm-decode --get H.3; exit \${PIPESTATUS[0]}"
        [ "$status" = 1 ]
        [ "$output" = 1$'\n'3 ]
        [ "$stderr" = "astm-frame: $DIR/text: offset 13: control-byte a message with $name in it was left out" ]
    done
}

@test "a message longer than --max-message is named and left out, up to the next H" {
    {
        printf 'H|\\^&|1\rL|1\rH|\\^&|2\rR|1|'
        head -c 300000 /dev/zero | tr '\0' x
        printf '\rR|2|HHH\rL|1\rH|\\^&|3\rL|1\r'
    } >"$DIR/text"
    run --separate-stderr bash -c "astm-frame --max-message 1K '$DIR/text' | astm-decode --get H.3; exit \${PIPESTATUS[0]}"
    [ "$status" = 1 ]
    [ "$output" = 1$'\n'3 ]
    [ "$stderr" = "astm-frame: $DIR/text: offset 12: too-long a message of more than 1024 bytes was left out" ]
    astm-frame "$DIR/text" | astm-frame -d | cmp - "$DIR/text"
}

# limited ARGS…: astm-frame with less memory than the input below has bytes.
limited() {
    [ -n "${SANITIZE:-}" ] || ulimit -v 16384
    exec astm-frame "$@"
}

@test "memory does not grow with the input" {
    local i
    for i in {1..4000}; do
        cat two.astm
    done >"$DIR/text"
    for i in {1..100}; do
        cat "$DIR/text"
    done | (limited --session) | (limited -d -v) 2>"$DIR/err" | tail -c 11 | cmp - <(records two.astm | tail -c 11)
    [ "$(cat "$DIR/err")" = "astm-frame: stdin: bytes $((4000 * 100 * (76 + 8 * 7) + 2)), messages 800000, defects 0" ]
}

@test "input that comes in pieces gives the same" {
    local file
    for file in two.astm gb18030.astm logbook.astm; do
        dd bs=1 if="$file" 2>"$DIR/dd" | astm-frame | cmp - <(astm-frame "$file")
    done
    dd bs=1 if=mishaps.astm 2>"$DIR/dd" | astm-frame -d 2>"$DIR/one" >"$DIR/bytes" || [ $? = 1 ]
    astm-frame -d - <mishaps.astm 2>"$DIR/all" | cmp - "$DIR/bytes"
    diff "$DIR/one" "$DIR/all"
}

# ---- frames to text ----

@test "-d gives the text of the frames as it stands" {
    unframed '\5\0021H|\\^&\r\003E5\r\n\0022L|1\r\0033B\r\n\4' 'H|\^&/L|1/'
    unframed '\0021H|\\^&\r\nP|1\nL|1\r\003' 'H|\^&/.P|1.L|1/' --checksum none
    unframed '' ''
}

@test "-d ends a record at ETX and at the end of a session, and nowhere else" {
    unframed '\5\0021H|\\^&\003\r\n\0022R|1\027\r\n\0023|a\003\r\n\0024L|1\003\r\n\4' 'H|\^&/R|1|a/L|1/' --checksum none
    unframed '\5\0021H|\\^&\027\r\n\4\5\0021L\027\r\n' 'H|\^&/L/' --checksum none
    unframed '\5\0021\003\r\n\0022\003\r\n\4' '' --checksum none
}

@test "there and back nothing changes where records end with CR" {
    local file args
    for file in two.astm short.astm ten.astm long.astm; do
        records "$file" >"$DIR/text"
        for args in "" --session --whole "--size 1" "--size 7 --whole --session" "--size 63993" "--checksum none"; do
            # shellcheck disable=SC2086 # to be split
            astm-frame $args "$DIR/text" | astm-frame -d --checksum "${args##*m }" 2>"$DIR/err" >"$DIR/back" ||
                astm-frame $args "$DIR/text" | astm-frame -d >"$DIR/back"
            cmp "$DIR/back" "$DIR/text"
        done
        astm-frame "$file" | astm-frame -d | cmp - "$DIR/text"
        sed 's/$/\r/' "$file" | astm-frame | astm-frame -d | cmp - "$DIR/text"
    done
    for file in gb18030.astm latin1.astm; do
        astm-frame "$file" | astm-frame -d | cmp - "$file"
    done
}

@test "-d leaves frames out that come again, and answers" {
    frames=$(printf 'H|\\^&\rP|1\rL|1\r' | astm-frame | visible)
    repeated=${frames/"{2P|1/}3F/."/"{2P|1/}3F/.-{2P|1/}3F/.-"}
    tr '<>{}~/.-' '\5\4\2\3\27\r\n\6' <<<"${repeated}-" | astm-frame -d | cmp - <(printf 'H|\\^&\rP|1\rL|1\r')
    unframed '\5\6\0021a\003\r\n\6\4\5\0021a\003\r\n\4' 'a/a/' --checksum none
}

@test "-d skips blank lines and comments outside frames" {
    unframed '# H|of a log\n\r\n  \5 \0021L|1\r\0033A\r\n\n#x\r# y\n\4\n' 'L|1/'
}

@test "-d names what is damaged, and takes out the rest" {
    run --separate-stderr bash -c "astm-frame -d mishaps.astm | tr '\r' '\n'; exit \${PIPESTATUS[0]}"
    [ "$status" = 1 ]
    [ "$output" = "$(astm-decode -o text mishaps.astm 2>"$DIR/err" | sed '/^$/d')" ]
    [ "${#stderr_lines[@]}" = 6 ]
    [ "${stderr_lines[0]}" = "astm-frame: mishaps.astm: offset 29: bad-checksum frame 2: given 79, computed 68" ]
    [ "${stderr_lines[1]}" = "astm-frame: mishaps.astm: offset 164: gap frame 4 where 3 was due: something is missing" ]
    [ "${stderr_lines[2]}" = "astm-frame: mishaps.astm: offset 201: noise 10 bytes are in no frame" ]
    [ "${stderr_lines[3]}" = "astm-frame: mishaps.astm: offset 257: cut-frame a frame is cut off after 8 bytes" ]
    [ "${stderr_lines[4]}" = "astm-frame: mishaps.astm: offset 287: malformed-frame no frame number" ]
    [ "${stderr_lines[5]}" = "astm-frame: mishaps.astm: offset 330: cut-frame a frame is cut off after 4 bytes" ]
}

@test "-d glues nothing together over a gap" {
    run --separate-stderr bash -c "printf '\5\0021R|5\027\r\n\0023L|1\003\r\n\4' | astm-frame -d --checksum none | tr '\r' /; exit \${PIPESTATUS[1]}"
    [ "$status" = 1 ]
    [ "$output" = "R|5/L|1/" ]
    [ "$stderr" = "astm-frame: stdin: offset 9: gap frame 3 where 2 was due: something is missing" ]
}

@test "-d with bare records, and with a frame longer than --max-message" {
    run --separate-stderr astm-frame -d two.astm
    [ "$status" = 1 ]
    [ -z "$output" ]
    [ "$stderr" = "astm-frame: two.astm: offset 0: noise $(tr -d '\n' <two.astm | wc -c) bytes are in no frame" ]
    run --separate-stderr bash -c "astm-frame two.astm | astm-frame -d --max-message 10 | tr '\r' /; exit \${PIPESTATUS[1]}"
    [ "$status" = 1 ]
    [ "$output" = "P|1/L|1|N/P|1/L|1|N/" ]
    [[ ${stderr_lines[0]} == "astm-frame: stdin: offset 1: malformed-frame more text than a message may have" ]]
}

@test "-d --checksum auto learns, and std names what would fit" {
    astm-frame -d --checksum auto noterm.astm | cmp - <(astm-decode -q --checksum noterm -o raw noterm.astm)
    run --separate-stderr astm-frame -d noterm.astm
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ ${stderr_lines[0]} == *"bad-checksum frame 1: "*"; it would fit --checksum noterm" ]]
}

@test "-q leaves what is damaged on stderr; -v says of each file what was in it" {
    run --separate-stderr astm-frame -d -q resent.astm
    [ "$status" = 1 ]
    [ "$stderr" = "astm-frame: resent.astm: offset 230: bad-checksum frame 4: given 02, computed 04" ]
    astm-frame --size 1 two.astm >"$DIR/frames"
    run --separate-stderr astm-frame -d -v resent.astm "$DIR/frames"
    [ "$status" = 1 ]
    [ "${stderr_lines[1]}" = "astm-frame: resent.astm: bytes $(wc -c <resent.astm), messages 1, defects 1" ]
    [ "${stderr_lines[2]}" = "astm-frame: $DIR/frames: bytes $(wc -c <"$DIR/frames"), messages 2, defects 0" ]
    run --separate-stderr astm-frame -v two.astm - < <(printf 'H|\\^&\rL|\3\rH|\\^&\rL\r')
    [ "$status" = 1 ]
    [ "${stderr_lines[0]}" = "astm-frame: two.astm: bytes $(wc -c <two.astm), messages 2, defects 0" ]
    [[ ${stderr_lines[1]} == *control-byte* ]]
    [[ ${stderr_lines[2]} == "astm-frame: stdin: bytes "*", messages 1, defects 1" ]]
}

@test "bytes may come one at a time, and each frame and message is written as soon as it is complete" {
    mkfifo "$DIR/in" "$DIR/out"
    timeout 30 astm-frame --size 3 <"$DIR/in" 3>&- | timeout 30 astm-frame -d >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in" {out}<"$DIR/out"
    while IFS= read -r -d '' -n 1 byte; do
        printf %s "$byte" >&"$in"
    done < <(sed 5q two.astm)
    LC_ALL=C IFS= read -r -t 20 -d $'\r' -u "$out" line
    [ "$line" = 'H|\^&|||peer^1' ]
    exec {in}>&-
    [ "$(cat <&"$out" | tr -dc '\r' | wc -c)" = 4 ]
    wait $!
}

# ---- help, version, exit status ----

@test "--help and --version print to stdout and exit 0" {
    for option in -h --help; do
        run --separate-stderr astm-frame "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "usage: astm-frame "* ]]
    done
    for option in -V --version; do
        run --separate-stderr astm-frame "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "astm-frame (instlink) "[0-9]* ]]
    done
}

@test "a wrong command line is 64, and says where to look" {
    local args
    for args in -Z --no-such-option "--size 0" "--size 63994" "--size x" "--checksum sum" "--checksum auto" "--max-message 0" \
        "-d --size 9" "--session -d" "-d --whole" "--per-record --decode" "--whole --per-record" "-o text"; do
        # shellcheck disable=SC2086 # to be split
        run --separate-stderr astm-frame $args two.astm
        [ "$status" = 64 ]
        [ -z "$output" ]
        [[ $stderr == "astm-frame: "*$'\n'"Try 'astm-frame --help'." ]]
    done
    run --separate-stderr astm-frame -d --whole
    [ "${stderr_lines[0]}" = "astm-frame: --whole is for making frames, not for -d" ]
}

@test "files that are not there, or cannot be read" {
    run --separate-stderr astm-frame no/such/file
    [ "$status" = 66 ]
    [ "$stderr" = "astm-frame: no/such/file: No such file or directory" ]
    run --separate-stderr astm-frame -d .
    [ "$status" = 74 ]
}

@test "a full disk is 74" {
    [ -c /dev/full ] || skip "there is no /dev/full"
    local args
    for args in two.astm "--session two.astm" "-d chemistry.astm" --help --version; do
        # shellcheck disable=SC2086 # to be split
        run bash -c 'astm-frame '"$args"' >/dev/full'
        [ "$status" = 74 ]
        [ "$output" = "astm-frame: cannot write to stdout: No space left on device" ]
    done
}

@test "a reader that goes away ends it with SIGPIPE, without a word" {
    for i in {1..3000}; do
        cat two.astm
    done >"$DIR/many"
    run --separate-stderr bash -c "astm-frame '$DIR/many' | head -c 10 | wc -c; echo \${PIPESTATUS[0]}"
    [ "${lines[0]}" = 10 ]
    [ "${lines[1]}" = 141 ]
    [ -z "$stderr" ]
}

@test "random bytes are survived" {
    local size
    for size in 1 100 10000 1000000; do
        head -c "$size" /dev/urandom >"$DIR/random"
        astm-frame --session "$DIR/random" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
        astm-frame -d --checksum none "$DIR/random" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
        tr -d '\2\3\4\5\27' <"$DIR/random" | astm-frame >"$DIR/out"
        astm-frame -d "$DIR/out" >"$DIR/text"
        astm-frame "$DIR/text" | cmp - "$DIR/out"
    done
}
