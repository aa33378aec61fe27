# mllp-frame as its user sees it. In what is expected VT is `<`, FS is `>` and CR is `/`.
load helper

setup() {
    cd "$BATS_TEST_DIRNAME/data" || return
    DIR=$BATS_TEST_TMPDIR
    MSH='MSH|^~\&|||||||ACK|'
}

visible() {
    tr '\v\034\r' '<>/'
}

# framed TEXT WANT: what mllp-frame makes of TEXT, which printf makes.
framed() {
    # shellcheck disable=SC2059
    printf "$1" | mllp-frame | visible >"$DIR/out"
    printf %s "$2" | diff - "$DIR/out"
}

m='MSH|^~\\&|||||||ACK|' # for printf

# ---- text to blocks ----

@test "a message becomes a block" {
    framed "${m}1\rMSA|AA|7\r" "<${MSH}1/MSA|AA|7/>/"
    framed "" ""
}

@test "LF and CR LF become CR, and the last segment gets one" {
    framed "${m}1\nMSA|AA|7\n" "<${MSH}1/MSA|AA|7/>/"
    framed "${m}1\r\nMSA|AA|7\r\n" "<${MSH}1/MSA|AA|7/>/"
    framed "${m}1\nMSA|AA|7" "<${MSH}1/MSA|AA|7/>/"
    framed "${m}1" "<${MSH}1/>/"
    framed "${m}1\r\nMSA|AA|7\nNTE|1\rNTE|2" "<${MSH}1/MSA|AA|7/NTE|1/NTE|2/>/"
}

@test "LF within a segment that ends with CR stays" {
    framed "${m}1\rNTE|1||a\nb\r" "<${MSH}1/NTE|1||a"$'\n'"b/>/"
}

@test "empty lines are left out" {
    framed "\n\n${m}1\n\nMSA|AA|7\n\n" "<${MSH}1/MSA|AA|7/>/"
}

@test "a file of several messages is split at MSH" {
    framed "${m}1\rMSA|AA|7\r${m}2\r\n${m}3\n" "<${MSH}1/MSA|AA|7/>/<${MSH}2/>/<${MSH}3/>/"
    hl7-decode -o text oul.hl7 | mllp-frame | hl7-decode -o text | diff - <(hl7-decode -o text oul.hl7)
}

@test "the head and the end of a batch go into the blocks of its first and last message" {
    framed "FHS|^~\\\\&\rBHS|^~\\\\&\r${m}1\r${m}2\rBTS|2\rFTS|1\r" \
        "<FHS|^~\\&/BHS|^~\\&/${MSH}1/>/<${MSH}2/BTS|2/FTS|1/>/"
    framed "${m}1\nBTS\nFTS\n" "<${MSH}1/BTS/FTS/>/"
    framed "FHS|^~\\\\&\r" "<FHS|^~\\&/>/"
}

@test "what is in blocks already is put into blocks again" {
    mllp-frame both.hl7 | cmp - both.hl7
}

@test "other separators are understood" {
    framed 'MSH!@$/%%!A\rZZZ!1\nOBX!2\nX|3\r' '<MSH!@$/%!A/ZZZ!1/OBX!2'$'\n''X|3/>/'
}

@test "files are framed one after the other" {
    mllp-frame oul.hl7 - batch.hl7 <latin1.hl7 >"$DIR/out"
    [ "$(hl7-decode --get MSH-10 "$DIR/out" | xargs)" = "C9-1 C9-2 P2-1 H5-101 H5-102" ]
}

@test "text that cannot stand in a block is left out and named, and the exit status is 1" {
    run --separate-stderr bash -c "printf '${m}1\rNTE|a\034b\r${m}2\r' | mllp-frame | tr '\v\034\r' '<>/'; exit \${PIPESTATUS[1]}"
    [ "$status" = 1 ]
    [ "$output" = "<${MSH}2/>/" ]
    [ "$stderr" = "mllp-frame: stdin: offset 0: control-byte a message with a VT or FS in it was left out" ]
    run --separate-stderr bash -c "printf 'PID|1\n${m}2\r' | mllp-frame | tr '\v\034\r' '<>/'; exit \${PIPESTATUS[1]}"
    [ "$status" = 1 ]
    [ "$output" = "<${MSH}2/>/" ]
    [ "$stderr" = "mllp-frame: stdin: offset 0: noise 6 bytes are neither block nor message" ]
}

# ---- blocks to text ----

@test "-d takes messages out of their blocks" {
    mllp-frame -d both.hl7 | cmp - <(tr -d '\v\034' <both.hl7 | sed 's/\r\r/\r/g')
    printf '\vMSH|1\034\r\vMSH|2\nPID\n\034\n' | mllp-frame --decode | cmp - <(printf 'MSH|1\rMSH|2\nPID\n')
}

@test "there and back nothing changes where segments end with CR" {
    tr '\n' '\r' <oul.hl7 >"$DIR/oul.hl7"
    for file in batch.hl7 "$DIR/oul.hl7"; do
        mllp-frame <"$file" | mllp-frame -d | cmp - "$file"
    done
    mllp-frame <oul.hl7 | mllp-frame -d | cmp - "$DIR/oul.hl7"
    sed 's/$/\r/' oul.hl7 | mllp-frame | mllp-frame -d | cmp - "$DIR/oul.hl7"
}

@test "-d names what is damaged, and takes out the rest" {
    run --separate-stderr bash -c "cat cut.hl7 <(printf xyz) | mllp-frame -d | grep -ao 'MSH|.*'; exit \${PIPESTATUS[1]}"
    [ "$status" = 1 ]
    [ "$(tr '\r' '\n' <<<"$output" | grep -c ^MSH)" = 2 ]
    [ "${stderr_lines[0]}" = "mllp-frame: stdin: offset 87: cut-block a block was cut off after 300 bytes, and left out" ]
    [ "${stderr_lines[1]}" = "mllp-frame: stdin: offset 652: noise 3 bytes are neither block nor message" ]
}

@test "commit blocks of release 2 are left out, and are defects in release 1" {
    printf '\vMSH|1\r\034\r\v\6\034\r\v\25\034\r\vMSH|2\r\034\r' >"$DIR/commit"
    for args in -d "-d --mllp 2"; do
        # shellcheck disable=SC2086 # to be split
        mllp-frame $args "$DIR/commit" | cmp - <(printf 'MSH|1\rMSH|2\r')
    done
    run --separate-stderr bash -c "mllp-frame -d --mllp=1 '$DIR/commit' | tr '\r' /; exit \${PIPESTATUS[0]}"
    [ "$status" = 1 ]
    [ "$output" = "MSH|1/MSH|2/" ]
    [ "${#stderr_lines[@]}" = 2 ]
    [ "${stderr_lines[0]}" = "mllp-frame: $DIR/commit: offset 9: commit-block a block of MLLP release 2 was left out" ]
}

@test "-q leaves what is damaged on stderr; -v says of each file what was in it" {
    run --separate-stderr mllp-frame -d -q cut.hl7
    [ "$status" = 1 ]
    [ "$stderr" = "mllp-frame: cut.hl7: offset 87: cut-block a block was cut off after 300 bytes, and left out" ]
    run --separate-stderr mllp-frame -d -v both.hl7 cut.hl7
    [ "$status" = 1 ]
    [ "${stderr_lines[0]}" = "mllp-frame: both.hl7: bytes $(wc -c <both.hl7), messages 4, defects 0" ]
    [ "${stderr_lines[2]}" = "mllp-frame: cut.hl7: bytes $(wc -c <cut.hl7), messages 2, defects 1" ]
    run --separate-stderr mllp-frame -v batch.hl7 - < <(printf "FHS|^~\\\\&\r${m}1\rNTE|a\034b\r${m}2\r")
    [ "$status" = 1 ]
    [ "${stderr_lines[0]}" = "mllp-frame: batch.hl7: bytes $(wc -c <batch.hl7), messages 2, defects 0" ]
    [[ ${stderr_lines[1]} == *control-byte* ]]
    [[ ${stderr_lines[2]} == "mllp-frame: stdin: bytes "*", messages 1, defects 1" ]]
}

@test "bytes may come one at a time, and each block is written as soon as it is complete" {
    mkfifo "$DIR/in" "$DIR/out"
    timeout 30 mllp-frame -d <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in" {out}<"$DIR/out"
    while IFS= read -r -d '' -n 1 byte; do
        printf %s "$byte" >&"$in"
    done <latin1.hl7
    LC_ALL=C IFS= read -r -t 20 -d $'\r' -u "$out" line
    [[ $line == 'MSH|'*'|P2-1|P|2.3.1' ]]
    exec {in}>&-
    [ "$(cat <&"$out" | wc -c)" -gt 60 ]
    wait $!
}

# ---- help, version, exit status ----

@test "--help and --version print to stdout and exit 0" {
    for option in -h --help; do
        run --separate-stderr mllp-frame "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "usage: mllp-frame "* ]]
    done
    for option in -V --version; do
        run --separate-stderr mllp-frame "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "mllp-frame (instlink) "[0-9]* ]]
    done
}

@test "a wrong command line is 64, and says where to look" {
    local args
    for args in -Z --no-such-option "--mllp 3" "--mllp 11" "--mllp=" "-o text"; do
        # shellcheck disable=SC2086 # to be split
        run --separate-stderr mllp-frame $args both.hl7
        [ "$status" = 64 ]
        [ -z "$output" ]
        [[ $stderr == "mllp-frame: "*$'\n'"Try 'mllp-frame --help'." ]]
    done
}

@test "files that are not there, or cannot be read" {
    run --separate-stderr mllp-frame no/such/file
    [ "$status" = 66 ]
    [ "$stderr" = "mllp-frame: no/such/file: No such file or directory" ]
    run --separate-stderr mllp-frame .
    [ "$status" = 74 ]
}

@test "a full disk is 74" {
    [ -c /dev/full ] || skip "there is no /dev/full"
    local args
    for args in oul.hl7 "-d both.hl7" --help --version; do
        # shellcheck disable=SC2086 # to be split
        run bash -c 'mllp-frame '"$args"' >/dev/full'
        [ "$status" = 74 ]
        [ "$output" = "mllp-frame: cannot write to stdout: No space left on device" ]
    done
}

@test "a reader that goes away ends it with SIGPIPE, without a word" {
    for i in {1..3000}; do
        cat oul.hl7
    done >"$DIR/many"
    run --separate-stderr bash -c "mllp-frame '$DIR/many' | head -c 10 | wc -c; echo \${PIPESTATUS[0]}"
    [ "${lines[0]}" = 10 ]
    [ "${lines[1]}" = 141 ]
    [ -z "$stderr" ]
}

@test "random bytes are survived" {
    local size
    for size in 1 100 10000 1000000; do
        head -c "$size" /dev/urandom >"$DIR/random"
        mllp-frame "$DIR/random" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
        mllp-frame -d "$DIR/random" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
    done
}
