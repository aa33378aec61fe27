# astm-decode as its user sees it. What it prints for the captures of tests/data is in tests/golden/astm, the ids,
# which are new each time, written as ID.
load helper

setup() {
    cd "$BATS_TEST_DIRNAME/data" || return
    GOLDEN=$BATS_TEST_DIRNAME/golden/astm
    DIR=$BATS_TEST_TMPDIR
}

# most_memory KIB: what comes may take that much; sanitizers take more of their own, and there only the rest is tested.
most_memory() {
    [ -n "${SANITIZE:-}" ] || ulimit -v "$1"
}

without_ids() {
    sed -E 's/("(message_)?id":")[0-9A-Z]{26}"/\1ID"/g; s/^astm\t[0-9A-Z]{26}\t/astm\tID\t/'
}

# golden STATUS NAME ARGS…: what the program prints is tests/golden/astm/NAME, its stderr NAME.err there or nothing.
golden() {
    local wanted=$1 name=$2
    run --separate-stderr astm-decode "${@:3}"
    printf '%s\n' "$output" | without_ids >"$DIR/out"
    printf '%s' "${stderr:+$stderr$'\n'}" >"$DIR/err"
    diff "$GOLDEN/$name" "$DIR/out"
    if [ -e "$GOLDEN/$name.err" ]; then
        diff "$GOLDEN/$name.err" "$DIR/err"
    else
        diff /dev/null "$DIR/err"
    fi
    [ "$status" = "$wanted" ]
}

# is_status N ARGS…: it exits with N.
is_status() {
    run --separate-stderr astm-decode "${@:2}"
    [ "$status" = "$1" ]
}

# many N: N messages of a patient and a result each, about 190 bytes.
many() {
    awk -v n="$1" 'BEGIN {
        for (i = 1; i <= n; i++)
            printf "H|\\^&|%d||analyzer^1|||||||P|LIS2-A2|20260301101500\rP|1||%d||DOE^JANE||19700102|F\r" \
                "O|1|S-%d||^^^GLU|R\rR|1|^^^GLU|5.4|mmol/L|3.9^6.1|N||F||op||20260301101012\rL|1|N\r", i, i, i
    }'
}

# A line longer than any memory that we give.
long_line() {
    printf 'H|\\^&|1\rC|1|I|'
    head -c "$1" /dev/zero | tr '\0' x
}

# ---- what it prints ----

@test "a message is one line of JSON with its decoded records inside" {
    golden 0 chemistry.message chemistry.astm
    golden 0 chemistry.message -o message chemistry.astm
}

@test "-o record prints a record a line, with the id of its message" {
    golden 0 chemistry.record -o record chemistry.astm
}

@test "-o result prints a result a line" {
    golden 0 chemistry.result -o result chemistry.astm
}

@test "-o tsv prints the same as a table with a header line" {
    golden 0 chemistry.tsv -o tsv chemistry.astm
}

@test "-o frame prints the events on the wire" {
    golden 0 chemistry.frame -o frame chemistry.astm
}

@test "-o text prints the records as text, an empty line between messages" {
    astm-decode -o text chemistry.astm >"$DIR/out"
    diff "$GOLDEN/chemistry.text" "$DIR/out"
}

@test "-o raw prints the bytes of the records" {
    astm-decode -o raw latin1.astm | cmp - latin1.astm
    astm-decode -o raw gb18030.astm | cmp - gb18030.astm
    astm-decode -o raw chemistry.astm | tr '\r' '\n' | diff - <(sed '/^$/d' "$GOLDEN/chemistry.text")
}

@test "--positional prints every field, escapes as sent" {
    golden 0 logbook.positional --positional -o record logbook.astm
    golden 0 chemistry.positional --positional chemistry.astm
}

@test "line ends, remarks, delimiters of the sender's own and impossible ones are noted" {
    golden 0 logbook.message logbook.astm
}

@test "damage is named with its place, the rest is decoded, and the exit status is 1" {
    golden 1 mishaps.message mishaps.astm
}

@test "-o frame shows damage too" {
    golden 1 mishaps.frame -o frame mishaps.astm
}

@test "--ignore-checksum uses what is damaged, and notes it" {
    golden 1 mishaps.ignored --ignore-checksum mishaps.astm
}

@test "what is not UTF-8 is read as ISO-8859-1, and noted" {
    golden 0 latin1.message latin1.astm
}

@test "--charset names the sender's set; second bytes are no delimiters" {
    golden 0 gb18030.message --charset GB18030 gb18030.astm
    golden 0 gb18030.message --charset=gb18030 gb18030.astm
}

@test "--checksum auto learns the convention; std names the one that would fit" {
    run --separate-stderr astm-decode --checksum auto noterm.astm
    [ "$status" = 0 ]
    [[ $output == *'"checksum-learned the convention is noterm, not std"'* ]]
    run --separate-stderr astm-decode --checksum noterm noterm.astm
    [ "$status" = 0 ]
    [[ $output == *'"complete":true,"notes":[]'* ]]
    run --separate-stderr astm-decode noterm.astm
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ $stderr == *'it would fit --checksum noterm'* ]]
    run --separate-stderr astm-decode --checksum none noterm.astm
    [ "$status" = 0 ]
    [[ $output == *'"complete":true,"notes":[]'* ]]
}

@test "--max-message leaves longer messages out and says so" {
    run --separate-stderr astm-decode --max-message 200 long.astm short.astm
    [ "$status" = 1 ]
    [ "$(without_ids <<<"$output" | grep -c '"source":"short.astm"')" = 1 ]
    [ "${#lines[@]}" = 1 ]
    [ "$stderr" = "astm-decode: long.astm: offset 0: too-long a message of more than 200 bytes was left out" ]
}

@test "-q leaves what is damaged on stderr; -v says of each file what was in it" {
    run --separate-stderr astm-decode -q resent.astm
    [ "$status" = 1 ]
    [ "$stderr" = "astm-decode: resent.astm: offset 230: bad-checksum frame 4: given 02, computed 04" ]
    run --separate-stderr astm-decode -v two.astm resent.astm - <short.astm
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 4 ]
    [ "${#stderr_lines[@]}" = 4 ]
    [ "${stderr_lines[0]}" = "astm-decode: two.astm: bytes 76, messages 2, defects 0" ]
    [[ ${stderr_lines[1]} == *bad-checksum* ]]
    [ "${stderr_lines[2]}" = "astm-decode: resent.astm: bytes $(wc -c <resent.astm), messages 1, defects 1" ]
    [ "${stderr_lines[3]}" = "astm-decode: stdin: bytes 161, messages 1, defects 0" ]
    run --separate-stderr astm-decode -v -c 1 -o tsv two.astm short.astm
    [ "$status" = 0 ]
    [ "$stderr" = "astm-decode: two.astm: bytes 76, messages 1, defects 0" ]
}

# ---- where it reads ----

@test "it reads stdin where there is no FILE, and where FILE is -" {
    for args in "" -; do
        # shellcheck disable=SC2086 # one or none
        run --separate-stderr astm-decode $args <short.astm
        [ "$status" = 0 ]
        [[ $output == *'"source":"-","offset":0,'*'"specimen_id":"S-2001"'* ]]
        [ "${#lines[@]}" = 1 ]
    done
}

@test "it reads several files in turn and names each" {
    run --separate-stderr astm-decode two.astm - chemistry.astm <short.astm
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 5 ]
    [[ ${lines[0]} == *'"source":"two.astm"'* && ${lines[1]} == *'"source":"two.astm"'* ]]
    [[ ${lines[2]} == *'"source":"-"'* ]]
    [[ ${lines[3]} == *'"source":"chemistry.astm"'* && ${lines[4]} == *'"source":"chemistry.astm"'* ]]
}

@test "ids are unique and sort by time" {
    many 1000 | astm-decode -o tsv | cut -f 2 | tail -n +2 >"$DIR/ids"
    [ "$(wc -l <"$DIR/ids")" = 1000 ]
    LC_ALL=C sort -u "$DIR/ids" | cmp - "$DIR/ids"
}

@test "offsets are places in the file" {
    many 300 >"$DIR/many"
    astm-decode "$DIR/many" | sed 's/.*"offset":\([0-9]*\),.*"control_id":"\([0-9]*\)".*/\1 \2/' >"$DIR/places"
    [ "$(wc -l <"$DIR/places")" = 300 ]
    grep -aob 'H|' <(tr '\r' '\n' <"$DIR/many") | cut -d : -f 1 | paste -d ' ' - <(seq 300) | diff - "$DIR/places"
}

@test "-c stops after N messages, counted over all files" {
    run --separate-stderr astm-decode -c 3 two.astm short.astm chemistry.astm
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 3 ]
    [[ ${lines[2]} == *'"source":"short.astm"'* ]]
    run --separate-stderr astm-decode --count=1 -o text two.astm
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 4 ]
    run --separate-stderr astm-decode -c 1 mishaps.astm
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 1 ]
}

@test "each message is printed as soon as it is complete although stdin stays open" {
    mkfifo "$DIR/in" "$DIR/out"
    timeout 30 astm-decode <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in" {out}<"$DIR/out"
    tr '\n' '\r' <short.astm >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [[ $line == *'"specimen_id":"S-2001"'*'}]}' ]]
    head -c 600 chemistry.astm >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [[ $line == *'"control_id":"M-0017"'*'}]}' ]]
    tail -c +601 chemistry.astm >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [[ $line == *'"control_id":"M-0018"'*'}]}' ]]
    exec {in}>&-
    run ! read -r -t 20 -u "$out" line
    wait $!
}

@test "so is each event" {
    mkfifo "$DIR/in" "$DIR/out"
    timeout 30 astm-decode -o frame <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in" {out}<"$DIR/out"
    printf '\5' >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [ "$line" = '{"type":"frame","protocol":"astm","event":"ENQ","source":"-","offset":0}' ]
    exec {in}>&-
    wait $!
}

@test "-c N ends it although stdin stays open" {
    mkfifo "$DIR/in"
    timeout 30 astm-decode -c 1 -o text <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in"
    cat two.astm >&"$in"
    wait $!
    exec {in}>&-
    [ "$(wc -l <"$DIR/out")" = 5 ]
}

@test "bytes may come one at a time" {
    mkfifo "$DIR/in"
    timeout 30 astm-decode <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in"
    while IFS= read -r -d '' -n 1 byte; do
        printf %s "$byte" >&"$in"
    done <short.astm
    exec {in}>&-
    wait $!
    astm-decode <short.astm | without_ids | diff - <(without_ids <"$DIR/out")
}

@test "SIGTERM ends it in the middle of a message" {
    mkfifo "$DIR/in"
    astm-decode <"$DIR/in" >"$DIR/out" 3>&- &
    local pid=$!
    exec {in}>"$DIR/in"
    head -c 100 short.astm >&"$in"
    kill "$pid"
    wait "$pid" || status=$?
    exec {in}>&-
    [ "$status" = 143 ]
    [ ! -s "$DIR/out" ]
}

# ---- help, version, exit status ----

@test "--help and --version print to stdout and exit 0" {
    for option in -h --help; do
        run --separate-stderr astm-decode "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "usage: astm-decode "* ]]
    done
    for option in -V --version; do
        run --separate-stderr astm-decode "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "astm-decode (instlink) "[0-9]* ]]
    done
}

@test "a wrong command line is 64, and says where to look" {
    local args
    for args in -Z --no-such-option "-o xml" "--output=" "-c x" "-c 0" "-c -1" "-c 1x" "--checksum md5" "--charset klingon" \
        "--max-message 0" "--max-message 1T" "--max-message" "--get r.4" "--get PID-3" "--get R.4 -o tsv"; do
        # shellcheck disable=SC2086 # to be split
        run --separate-stderr astm-decode $args short.astm
        [ "$status" = 64 ]
        [ -z "$output" ]
        [[ $stderr == "astm-decode: "*$'\n'"Try 'astm-decode --help'." ]]
    done
}

@test "a file that is not there is 66, and the others are decoded" {
    run --separate-stderr astm-decode short.astm no/such/file two.astm
    [ "$status" = 66 ]
    [ "${#lines[@]}" = 3 ]
    [ "$stderr" = "astm-decode: no/such/file: No such file or directory" ]
}

@test "a file that cannot be read is 74, and the others are decoded" {
    run --separate-stderr astm-decode . short.astm
    [ "$status" = 74 ]
    [ "${#lines[@]}" = 1 ]
    [[ $stderr == "astm-decode: .: "* ]]
    run bash -c 'astm-decode <&-'
    [ "$status" = 74 ]
    [ "$output" = "astm-decode: stdin: Bad file descriptor" ]
}

@test "a file that may not be read is 77, and the others are decoded" {
    local as=() folder
    install -m 0 short.astm "$DIR/secret"
    if [ "$(id -u)" = 0 ]; then
        need setpriv
        as=(setpriv --reuid=65534 --clear-groups)
        for folder in "$DIR" "${DIR%/*}" "${DIR%/*/*}"; do
            chmod a+x "$folder"
        done
        "${as[@]}" astm-decode -V >/dev/null || skip "another user may not run astm-decode here"
    fi
    run --separate-stderr "${as[@]}" astm-decode "$DIR/secret" - <short.astm
    [ "$status" = 77 ]
    [ "${#lines[@]}" = 1 ]
    [ "$stderr" = "astm-decode: $DIR/secret: Permission denied" ]
}

@test "the first thing that went wrong is the exit status, defects count least" {
    is_status 66 no-such-file mishaps.astm .
    is_status 74 . no-such-file
    is_status 66 mishaps.astm no-such-file
    is_status 1 mishaps.astm short.astm
}

@test "a full disk is 74" {
    [ -c /dev/full ] || skip "there is no /dev/full"
    local args
    for args in short.astm "-o text short.astm" "-o frame chemistry.astm" "-o tsv /dev/null" --help --version; do
        # shellcheck disable=SC2086 # to be split
        run bash -c 'astm-decode '"$args"' >/dev/full'
        [ "$status" = 74 ]
        [ "$output" = "astm-decode: cannot write to stdout: No space left on device" ]
    done
    many 5000 >"$DIR/many"
    run bash -c "astm-decode '$DIR/many' >/dev/full"
    [ "$status" = 74 ]
    [ "$output" = "astm-decode: cannot write to stdout: No space left on device" ]
}

@test "a closed stdout is 74 where there is something to print" {
    run bash -c 'astm-decode short.astm >&-'
    [ "$status" = 74 ]
    run bash -c 'astm-decode /dev/null >&-'
    [ "$status" = 0 ]
}

@test "a reader that goes away ends it with SIGPIPE, without a word" {
    many 20000 >"$DIR/many"
    run --separate-stderr bash -c "astm-decode '$DIR/many' | head -n 1 | wc -l; echo \${PIPESTATUS[0]}"
    [ "${lines[0]}" = 1 ]
    [ "${lines[1]}" = 141 ]
    [ -z "$stderr" ]
}

# ---- what is thrown at it ----

@test "random bytes are survived, and all that is printed is JSON" {
    need jq
    local size format
    for size in 1 100 10000 1000000; do
        head -c "$size" /dev/urandom >"$DIR/random"
        for format in message record result frame "message --positional" "message --ignore-checksum"; do
            # shellcheck disable=SC2086 # to be split
            astm-decode -o $format "$DIR/random" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
            jq -e . "$DIR/out" >/dev/null || [ ! -s "$DIR/out" ]
        done
    done
}

@test "random bytes in records and frames are printed as JSON" {
    need jq
    local i
    for i in 1 2 3 4 5 6 7 8; do
        {
            printf 'H|\\^&|%d\rP|1|' "$i"
            head -c 20000 /dev/urandom | tr -d '\2\4\5\6\25'
            printf '\rL|1\r'
        } >"$DIR/bytes"
        astm-decode "$DIR/bytes" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
        [ -s "$DIR/out" ]
        jq -e '.records | length > 0' "$DIR/out" >/dev/null
        astm-decode --positional "$DIR/bytes" 2>"$DIR/err" | jq -e '.records | length > 0' >/dev/null
        astm-decode -o tsv "$DIR/bytes" 2>"$DIR/err" | awk -F '\t' 'NF != 29 { exit 1 }'
    done
}

@test "NUL bytes and invalid UTF-8 become JSON" {
    need jq
    printf 'H|\\^&|\0\1\rP|1|\377\300\200^\355\240\200|a\0b\rL|1\r' >"$DIR/bytes"
    astm-decode "$DIR/bytes" |
        jq -ce '.charset, .control_id, (.records[1] | .practice_patient_id, .laboratory_patient_id)' >"$DIR/out"
    printf '%s\n' '"ISO-8859-1"' '"\u0000\u0001"' '["ÿÀ'$'\302\200''","í'$'\302\240\302\200''"]' '"a\u0000b"' |
        diff - "$DIR/out"
    astm-decode --charset utf-8 "$DIR/bytes" | jq -ce '.records[1].practice_patient_id' >"$DIR/out"
    echo '["���","���"]' | diff - "$DIR/out"
}

@test "a line of 100 MB takes little memory" {
    most_memory 65536
    run --separate-stderr astm-decode < <(long_line 100000000)
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ $stderr == *"too-long a message of more than 10485760 bytes was left out" ]]
    run --separate-stderr astm-decode < <(head -c 100000000 /dev/zero | tr '\0' x)
    [ "$status" = 1 ]
    [[ $stderr == *"noise 100000000 bytes are neither frame nor record" ]]
    run --separate-stderr astm-decode < <(printf '\2'; head -c 100000000 /dev/zero | tr '\0' x)
    [ "$status" = 1 ]
    [[ $stderr == *"cut-frame"* ]]
}

@test "a message of nearly 10 MB is printed with little memory beside its text" {
    most_memory 65536
    local format
    for format in message record result text raw; do
        { long_line 10000000; printf '\rR|1|A|5.4\rL|1\r'; } | astm-decode -o $format >"$DIR/out"
        [ "$(wc -c <"$DIR/out")" -gt 90 ]
    done
    { printf 'H|\\^&\rR|1|A|'; head -c 10000000 /dev/zero | tr '\0' '^'; printf '\rL|1\r'; } >"$DIR/hats"
    astm-decode -o result "$DIR/hats" >"$DIR/out"
    [ "$(wc -c <"$DIR/out")" -gt 40000000 ]
}

@test "memory does not grow with the file" {
    many 400000 >"$DIR/many"
    most_memory 16384
    astm-decode "$DIR/many" | tail -n 1 >"$DIR/out"
    grep -q '"control_id":"400000"' "$DIR/out"
    [ "$(astm-decode -o result "$DIR/many" | wc -l)" = 400000 ]
}

@test "no file name is too odd" {
    need jq
    cp short.astm "$DIR/$(printf 'a "b" \\ \n\t\1 c')"
    astm-decode "$DIR/a "* | jq -e .source >"$DIR/out"
    [[ $(<"$DIR/out") == *'/a \"b\" \\ \n\t\u0001 c"' ]]
}
