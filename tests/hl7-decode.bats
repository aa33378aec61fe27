# hl7-decode as its user sees it. What it prints for the captures of tests/data is in tests/golden/hl7, the ids, which are
# new each time, written as ID.
load helper

setup() {
    cd "$BATS_TEST_DIRNAME/data" || return
    GOLDEN=$BATS_TEST_DIRNAME/golden/hl7
    DIR=$BATS_TEST_TMPDIR
}

without_ids() {
    sed -E 's/("(message_)?id":")[0-9A-Z]{26}"/\1ID"/g; s/^hl7\t[0-9A-Z]{26}\t/hl7\tID\t/'
}

# golden STATUS NAME ARGS…: what the program prints is tests/golden/hl7/NAME, its stderr NAME.err or nothing.
golden() {
    local wanted=$1 name=$2
    run --separate-stderr hl7-decode "${@:3}"
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

# many N: N messages of a patient and a result each, about 200 bytes, in blocks.
many() {
    awk -v n="$1" 'BEGIN {
        for (i = 1; i <= n; i++)
            printf "\vMSH|^~\\&|analyzer|LAB|||20260301101500||ORU^R01|%d|P|2.5.1\rPID|1||%d||DOE^JANE||19700102|F\r" \
                "OBR|1|O-%d|S-%d\rOBX|1|NM|GLU^Glucose^L||5.4|mmol/L|3.9-6.1|N|||F|||20260301101012\r\034\r", i, i, i, i
    }'
}

# A message with an OBX-5 of N bytes.
document() {
    printf '\vMSH|^~\\&|A||||||ORU^R01|1\rOBX|1|ED|DOC||^application^pdf^Base64^'
    head -c "$1" /dev/zero | tr '\0' A
    printf '\r\034\r'
}

# ---- what it prints ----

@test "a message is one line of JSON with its decoded segments inside" {
    golden 0 both.message both.hl7
    golden 0 both.message -o message both.hl7
}

@test "-o record prints a segment a line, with the id of its message" {
    golden 0 both.record -o record both.hl7
}

@test "-o result prints a result a line" {
    golden 0 both.result -o result both.hl7
    golden 0 oul.result -o result oul.hl7
}

@test "-o tsv prints the same as a table with a header line" {
    golden 0 both.tsv -o tsv both.hl7
}

@test "-o frame prints the events on the wire" {
    golden 0 both.frame -o frame both.hl7
    golden 1 cut.frame -o frame cut.hl7
}

@test "-o text prints the segments as text, an empty line between messages" {
    hl7-decode -o text both.hl7 >"$DIR/out"
    tr -d '\v\034' <both.hl7 | tr '\r' '\n' | diff - "$DIR/out"
}

@test "-o raw prints the bytes of the segments" {
    hl7-decode -o raw both.hl7 latin1.hl7 iso2022.hl7 |
        cmp - <(cat both.hl7 latin1.hl7 iso2022.hl7 | tr -d '\v\034' | sed 's/\r\r/\r/g')
    hl7-decode -o raw oul.hl7 | tr '\r' '\n' | cmp - oul.hl7
}

@test "--positional prints every field, escapes as sent" {
    printf 'MSH|^~\\&|A||||||ORU|1||\rOBX|1|TX|||a\\T\\b\\.br\\|""|||\rNTE\rNTE|\r' >"$DIR/one"
    hl7-decode --positional "$DIR/one" | sed 's/.*"records"://' >"$DIR/out"
    echo '[["MSH","|","^~\\&","A","","","","","","ORU","1","",""],["OBX","1","TX","","","a\\T\\b\\.br\\",null,"","",""],["NTE"],["NTE",""]]}' |
        diff - "$DIR/out"
    hl7-decode "$DIR/one" | sed 's/.*"records"://' >"$DIR/out"
    echo '[["MSH","|","^~\\&","A","","","","","","ORU","1"],["OBX","1","TX","","","a&b\n",null],["NTE"],["NTE"]]}' |
        diff - "$DIR/out"
}

@test "a batch is its messages" {
    golden 0 batch.message batch.hl7
    # in blocks of their own, of which only the last has the end of the batch
    mllp-frame <batch.hl7 | hl7-decode >"$DIR/out"
    [ "$(grep -c '"notes":\["batch the message came in a batch envelope"' "$DIR/out")" = 2 ]
}

@test "a batch that says another number of messages than there are: 1, and all that are there are decoded" {
    sed 's/BTS|2/BTS|3/' batch.hl7 >"$DIR/three"
    run --separate-stderr hl7-decode --get MSH-10 "$DIR/three"
    [ "$status" = 1 ]
    [ "$output" = H5-101$'\n'H5-102 ]
    [ "$stderr" = "hl7-decode: $DIR/three: offset $(($(wc -c <batch.hl7) - 12)): batch-count BTS-1 says 3, and the messages since BHS are 2" ]
}

@test "segments may end with CR, LF or CR LF" {
    tr '\n' '\r' <oul.hl7 >"$DIR/cr"
    sed 's/$/\r/' oul.hl7 >"$DIR/crlf"
    for file in oul.hl7 "$DIR/cr" "$DIR/crlf"; do
        hl7-decode -o raw "$file" | cmp - "$DIR/cr"
    done
}

@test "--specimen says where results have their specimen from" {
    printf 'MSH|^~\\&|||||||ORU^R01|1|P|2.3.1\rPID|1||P7\rOBR|1|BAR|FILL|T\rOBX|1|NM|T||5\r' >"$DIR/one"
    run hl7-decode -o result "$DIR/one"
    [[ $output = *'"specimen_id":"FILL"'* ]]
    run hl7-decode -o result --specimen SPM-2.1,OBR-2.1 "$DIR/one"
    [[ $output = *'"specimen_id":"BAR"'* ]]
    run hl7-decode -o result --specimen PID-3.1 "$DIR/one"
    [[ $output = *'"specimen_id":"P7"'* ]]
    run hl7-decode --specimen MSH-4 "$DIR/one"
    [ "$status" = 64 ]
}

@test "--segment-end decides what ends a segment" {
    printf 'MSH|^~\\&|||||||ACK|1\rNTE|1||a\nPID|b\r' >"$DIR/one"
    run hl7-decode -o text "$DIR/one"
    [ "${lines[1]}/${lines[2]}" = "NTE|1||a/PID|b" ]
    run hl7-decode --segment-end cr -o text "$DIR/one"
    [ "${lines[1]}" = 'NTE|1||a\.br\PID|b' ]
    run hl7-decode --segment-end=lf -o text "$DIR/one"
    [ "${lines[0]}" = 'MSH|^~\&|||||||ACK|1\.br\NTE|1||a' ]
}

@test "damage is named with its place, the rest is decoded, and the exit status is 1" {
    golden 1 cut.message cut.hl7
    printf 'rubbish\v\034\r\vPID|1\r\034\r' | cat - both.hl7 >"$DIR/bad"
    run --separate-stderr hl7-decode -o text "$DIR/bad"
    [ "$status" = 1 ]
    [ "${stderr_lines[0]}" = "hl7-decode: $DIR/bad: offset 0: noise 7 bytes are neither block nor message" ]
    [ "${stderr_lines[1]}" = "hl7-decode: $DIR/bad: offset 8: unreadable the block is empty" ]
    [ "${stderr_lines[2]}" = "hl7-decode: $DIR/bad: offset 11: unreadable it does not begin with MSH" ]
    [ "${#stderr_lines[@]}" = 3 ]
    [ "$(grep -c ^MSH <<<"$output")" = 4 ]
}

@test "what MSH-18 says is believed as far as it can be, else noted" {
    golden 0 latin1.message latin1.hl7
    golden 0 iso2022.message iso2022.hl7
}

@test "--charset names the sender's set; second bytes are no separators" {
    printf 'MSH|^~\\&|||||||ADT|1\rPID|1||7||\xb0\xa2\x81|^\x81\x5c\r' >"$DIR/one"
    run hl7-decode --charset GB18030 "$DIR/one"
    [[ $output == *'"charset":"GB18030"'*'["PID","1","","7","",["阿亅","乗"]]'* ]]
    sed 's/|1$/|1||||||||GB 18030-2000/' <(tr '\r' '\n' <"$DIR/one") >"$DIR/two"
    run hl7-decode "$DIR/two"
    [[ $output == *'"charset":"GB18030"'*'["PID","1","","7","",["阿亅","乗"]]'* ]]
}

@test "--get prints chosen fields, a row for each of the deepest segments" {
    hl7-decode --get MSH-10,PID-3.1,OBX-3.1,OBX-5 both.hl7 >"$DIR/out"
    printf '%s\t%s\t%s\t%s\n' H5-101 4711 WBC 7.42 H5-101 4711 HGB 9.8 H5-101 4711 NRBC '<^0.01' \
        H5-102 4712 WBC '***.**' | diff - "$DIR/out"
    hl7-decode --get OBR-2,SPM-2.1.1,OBX-3.1 oul.hl7 >"$DIR/out"
    printf '%s\t%s\t%s\n' O-41 S-4001 GLU O-42 S-4001 CHOL O-42 S-4001 HDL '' QC-2 GLU | diff - "$DIR/out"
    hl7-decode --get PID.5 --positional latin1.hl7 >"$DIR/out"
    echo 'LEFÈVRE^CÉLINE' | diff - "$DIR/out"
    run --separate-stderr hl7-decode --get ZZZ-1 both.hl7
    [ "$status" = 0 ]
    [ -z "$output$stderr" ]
}

@test "--max-message leaves longer messages out and says so" {
    run --separate-stderr hl7-decode --max-message 300 both.hl7
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 3 ]
    [ "$stderr" = "hl7-decode: both.hl7: offset 0: too-long a message of more than 300 bytes was left out" ]
}

@test "-q leaves what is damaged on stderr; -v says of each file what was in it" {
    run --separate-stderr hl7-decode -q cut.hl7
    [ "$status" = 1 ]
    [ "$stderr" = "hl7-decode: cut.hl7: offset 87: cut-block a block was cut off after 300 bytes, and left out" ]
    run --separate-stderr hl7-decode -v oul.hl7 - cut.hl7 <both.hl7
    [ "$status" = 1 ]
    [ "${#lines[@]}" = 8 ]
    [ "${#stderr_lines[@]}" = 4 ]
    [ "${stderr_lines[0]}" = "hl7-decode: oul.hl7: bytes $(wc -c <oul.hl7), messages 2, defects 0" ]
    [ "${stderr_lines[1]}" = "hl7-decode: stdin: bytes $(wc -c <both.hl7), messages 4, defects 0" ]
    [[ ${stderr_lines[2]} == *cut-block* ]]
    [ "${stderr_lines[3]}" = "hl7-decode: cut.hl7: bytes $(wc -c <cut.hl7), messages 2, defects 1" ]
}

# ---- where it reads ----

@test "it reads stdin where there is no FILE, and where FILE is -" {
    for args in "" -; do
        # shellcheck disable=SC2086 # one or none
        run --separate-stderr hl7-decode $args <latin1.hl7
        [ "$status" = 0 ]
        [[ $output == *'"source":"-","offset":1,'*'"control_id":"P2-1"'* ]]
        [ "${#lines[@]}" = 1 ]
    done
}

@test "it reads several files in turn and names each" {
    run --separate-stderr hl7-decode oul.hl7 - both.hl7 <latin1.hl7
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 7 ]
    [[ ${lines[1]} == *'"source":"oul.hl7"'* && ${lines[2]} == *'"source":"-"'* && ${lines[6]} == *'"source":"both.hl7"'* ]]
}

@test "offsets are places in the file" {
    many 300 >"$DIR/many"
    hl7-decode "$DIR/many" | sed 's/.*"offset":\([0-9]*\),.*"control_id":"\([0-9]*\)".*/\1 \2/' >"$DIR/places"
    [ "$(wc -l <"$DIR/places")" = 300 ]
    grep -aob 'MSH|' "$DIR/many" | cut -d : -f 1 | paste -d ' ' - <(seq 300) | diff - "$DIR/places"
}

@test "-c stops after N messages, counted over all files" {
    run --separate-stderr hl7-decode -c 3 oul.hl7 latin1.hl7 both.hl7
    [ "$status" = 0 ]
    [ "${#lines[@]}" = 3 ]
    [[ ${lines[2]} == *'"source":"latin1.hl7"'* ]]
    run --separate-stderr hl7-decode --count=1 -o text both.hl7
    [ "$status" = 0 ]
    [ "$(grep -c ^MSH <<<"$output")" = 1 ]
}

@test "each message is printed as soon as it is complete although stdin stays open" {
    mkfifo "$DIR/in" "$DIR/out"
    timeout 30 hl7-decode <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in" {out}<"$DIR/out"
    cat latin1.hl7 >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [[ $line == *'"control_id":"P2-1"'*']]}' ]]
    head -c 700 both.hl7 >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [[ $line == *'"control_id":"H5-101"'*']]}' ]]
    IFS= read -r -t 20 -u "$out" line
    tail -c +701 both.hl7 >&"$in"
    IFS= read -r -t 20 -u "$out" line
    [[ $line == *'"control_id":"H5-102"'*']]}' ]]
    exec {in}>&-
    IFS= read -r -t 20 -u "$out" line
    run ! read -r -t 20 -u "$out" line
    wait $!
}

@test "-c N ends it although stdin stays open" {
    mkfifo "$DIR/in"
    timeout 30 hl7-decode -c 1 -o text <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in"
    cat both.hl7 >&"$in"
    wait $!
    exec {in}>&-
    [ "$(wc -l <"$DIR/out")" = 10 ]
}

@test "bytes may come one at a time" {
    mkfifo "$DIR/in"
    timeout 30 hl7-decode <"$DIR/in" >"$DIR/out" 3>&- &
    exec {in}>"$DIR/in"
    while IFS= read -r -d '' -n 1 byte; do
        printf %s "$byte" >&"$in"
    done <latin1.hl7
    exec {in}>&-
    wait $!
    hl7-decode <latin1.hl7 | without_ids | diff - <(without_ids <"$DIR/out")
}

@test "SIGTERM ends it in the middle of a message" {
    mkfifo "$DIR/in"
    hl7-decode <"$DIR/in" >"$DIR/out" 3>&- &
    local pid=$!
    exec {in}>"$DIR/in"
    head -c 100 both.hl7 >&"$in"
    kill "$pid"
    wait "$pid" || status=$?
    exec {in}>&-
    [ "$status" = 143 ]
    [ ! -s "$DIR/out" ]
}

# ---- help, version, exit status ----

@test "--help and --version print to stdout and exit 0" {
    for option in -h --help; do
        run --separate-stderr hl7-decode "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "usage: hl7-decode "* ]]
    done
    for option in -V --version; do
        run --separate-stderr hl7-decode "$option"
        [ "$status" = 0 ]
        [ -z "$stderr" ]
        [[ $output == "hl7-decode (instlink) "[0-9]* ]]
    done
}

@test "a wrong command line is 64, and says where to look" {
    local args
    for args in -Z --no-such-option "-o xml" -o "--output=" "-c x" "-c 0" "--charset klingon" "--max-message 0" "--max-message" \
        "--get PID" "--get PID-3,,OBX-5" "--get=" "--get P.6" "--get obx-5" \
        "--get OBX-5 -o tsv" "-o message --get OBX-5" "--segment-end crlf"; do
        # shellcheck disable=SC2086 # to be split
        run --separate-stderr hl7-decode $args both.hl7
        [ "$status" = 64 ]
        [ -z "$output" ]
        [[ $stderr == "hl7-decode: "*$'\n'"Try 'hl7-decode --help'." ]]
    done
}

@test "a file that is not there is 66, and the others are decoded" {
    run --separate-stderr hl7-decode latin1.hl7 no/such/file oul.hl7
    [ "$status" = 66 ]
    [ "${#lines[@]}" = 3 ]
    [ "$stderr" = "hl7-decode: no/such/file: No such file or directory" ]
}

@test "a file that cannot be read is 74, and the others are decoded" {
    run --separate-stderr hl7-decode . latin1.hl7
    [ "$status" = 74 ]
    [ "${#lines[@]}" = 1 ]
    [[ $stderr == "hl7-decode: .: "* ]]
}

@test "a file that may not be read is 77, and the others are decoded" {
    local as=() folder
    install -m 0 latin1.hl7 "$DIR/secret"
    if [ "$(id -u)" = 0 ]; then
        need setpriv
        as=(setpriv --reuid=65534 --clear-groups)
        for folder in "$DIR" "${DIR%/*}" "${DIR%/*/*}"; do
            chmod a+x "$folder"
        done
        "${as[@]}" hl7-decode -V >/dev/null || skip "another user may not run hl7-decode here"
    fi
    run --separate-stderr "${as[@]}" hl7-decode "$DIR/secret" - <latin1.hl7
    [ "$status" = 77 ]
    [ "${#lines[@]}" = 1 ]
    [ "$stderr" = "hl7-decode: $DIR/secret: Permission denied" ]
}

@test "a full disk is 74" {
    [ -c /dev/full ] || skip "there is no /dev/full"
    local args
    for args in both.hl7 "-o text both.hl7" "-o frame both.hl7" "-o tsv /dev/null" "--get MSH-10 both.hl7" --help --version; do
        # shellcheck disable=SC2086 # to be split
        run bash -c 'hl7-decode '"$args"' >/dev/full'
        [ "$status" = 74 ]
        [ "$output" = "hl7-decode: cannot write to stdout: No space left on device" ]
    done
}

@test "a reader that goes away ends it with SIGPIPE, without a word" {
    many 20000 >"$DIR/many"
    run --separate-stderr bash -c "hl7-decode '$DIR/many' | head -n 1 | wc -l; echo \${PIPESTATUS[0]}"
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
        for format in message record result frame "message --positional"; do
            # shellcheck disable=SC2086 # to be split
            hl7-decode -o $format "$DIR/random" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
            jq -e . "$DIR/out" >/dev/null || [ ! -s "$DIR/out" ]
        done
    done
}

@test "random bytes in segments are printed as JSON, whatever MSH-18 says" {
    need jq
    local set
    for set in "" ASCII 8859/1 8859/7 "UNICODE UTF-8" "GB 18030-2000" BIG-5 "~ISO IR87~ISO IR159" "KS X 1001" "UNICODE UTF-16" x; do
        {
            printf 'MSH|^~\\&|||||||ORU|1||||||||%s\rOBX|1|TX|A||' "$set"
            head -c 20000 /dev/urandom | tr -d '\13\34'
            printf '\rNTE|1|\r'
        } >"$DIR/bytes"
        hl7-decode "$DIR/bytes" >"$DIR/out" 2>"$DIR/err" || [ $? = 1 ]
        [ -s "$DIR/out" ]
        jq -e '.records | length > 0' "$DIR/out" >/dev/null
        hl7-decode --positional "$DIR/bytes" 2>"$DIR/err" | jq -e '.records | length > 0' >/dev/null
        hl7-decode -o tsv "$DIR/bytes" 2>"$DIR/err" | awk -F '\t' 'NF != 29 { exit 1 }'
        hl7-decode --get OBX-1,OBX-5,OBX-5.1 "$DIR/bytes" 2>"$DIR/err" | awk -F '\t' 'NF != 3 { exit 1 }'
    done
}

@test "a message of nearly 10 MB is printed with little memory beside its text" {
    [ -n "${SANITIZE:-}" ] || ulimit -v 65536
    local format
    for format in message record result text raw; do
        document 10000000 | hl7-decode -o $format >"$DIR/out"
        [ "$(wc -c <"$DIR/out")" -gt 9999999 ]
    done
    { printf 'MSH|^~\\&|||||||ORU|1\rOBX|1|TX|A||'; head -c 10000000 /dev/zero | tr '\0' '~'; } >"$DIR/waves"
    hl7-decode "$DIR/waves" >"$DIR/out"
    [ "$(wc -c <"$DIR/out")" -gt 70000000 ]
}

@test "a line of 100 MB takes little memory" {
    [ -n "${SANITIZE:-}" ] || ulimit -v 65536
    run --separate-stderr hl7-decode < <(document 100000000)
    [ "$status" = 1 ]
    [ -z "$output" ]
    [[ $stderr == *"too-long a message of more than 10485760 bytes was left out" ]]
    run --separate-stderr hl7-decode < <(head -c 100000000 /dev/zero | tr '\0' x)
    [ "$status" = 1 ]
    [[ $stderr == *"noise 100000000 bytes are neither block nor message" ]]
}

@test "memory does not grow with the file" {
    many 300000 >"$DIR/many"
    [ -n "${SANITIZE:-}" ] || ulimit -v 16384
    hl7-decode "$DIR/many" | tail -n 1 >"$DIR/out"
    grep -q '"control_id":"300000"' "$DIR/out"
    [ "$(hl7-decode -o result "$DIR/many" | wc -l)" = 300000 ]
    [ "$(hl7-decode --get OBX-5 "$DIR/many" | wc -l)" = 300000 ]
}
