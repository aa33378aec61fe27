# Captured traffic of real analyzers, where CORPUS names a folder of it (tests/run leaves this file out otherwise): each
# file below $CORPUS/astm is decoded in every form, and what comes of it is counted. $CORPUS/EXPECTED.tsv says how much
# it should be: file, messages, records, results, frames, bad_checksums; `-` is not counted. Records are counted that
# have more than their type.
load helper
load encode
load wire # none

setup() {
    [ -n "$CORPUS" ] || skip "CORPUS names no folder"
    DIR=$BATS_TEST_TMPDIR
    FILES=("$CORPUS"/astm/*)
    [ -e "${FILES[0]}" ]
}

# decode FILE FORMAT: to …/out. No other exit status than that of good and of defective input.
decode() {
    local status=0
    astm-decode -o "$2" "$1" >"$DIR/out" 2>"$DIR/err" || status=$?
    [ "$status" -le 1 ] || {
        echo "$1, -o $2: exit status $status"
        cat "$DIR/err"
        return 1
    }
}

# What FILE holds, as EXPECTED.tsv has it.
count() {
    local messages records results frames bad
    decode "$1" message
    messages=$(wc -l <"$DIR/out")
    records=$(awk '{ n += gsub(/[{]"type":"[^"]*",/, "") - 1 } END { print n + 0 }' "$DIR/out")
    decode "$1" result
    results=$(wc -l <"$DIR/out")
    decode "$1" frame
    frames=$(grep -c '"event":"frame"' "$DIR/out" || :)
    bad=$(grep -c '"good":false' "$DIR/out" || :)
    printf '%s\t%s\t%s\t%s\t%s\t%s\n' "${1#"$CORPUS"/}" "$messages" "$records" "$results" "$frames" "$bad"
}

@test "every file is decoded in every form" {
    local file format
    for file in "${FILES[@]}"; do
        for format in message record result tsv frame text raw; do
            decode "$file" $format
        done
    done
}

@test "every line is JSON" {
    need jq
    local file format
    for file in "${FILES[@]}"; do
        for format in message record result frame; do
            decode "$file" $format
            jq -s . "$DIR/out" >"$DIR/json" || {
                echo "$file, -o $format"
                return 1
            }
            [ "$(jq length "$DIR/json")" = "$(wc -l <"$DIR/out")" ]
        done
    done
}

@test "the records of a file come out again as they are, however they are decoded" {
    local file
    for file in "${FILES[@]}"; do
        decode "$file" raw
        mv "$DIR/out" "$DIR/raw"
        decode "$DIR/raw" raw
        cmp "$DIR/out" "$DIR/raw" || {
            echo "$file"
            return 1
        }
    done
}

@test "records go into frames and come out again as they were, whatever the frames" {
    local file args
    for file in "${FILES[@]}"; do
        decode "$file" raw
        mv "$DIR/out" "$DIR/raw"
        for args in "" --whole --session "--size 1 --session" "--size 63993 --whole" "--checksum noterm"; do
            # shellcheck disable=SC2086 # to be split
            astm-frame $args "$DIR/raw" >"$DIR/framed"
            astm-frame -d --checksum auto "$DIR/framed" | cmp - "$DIR/raw"
        done
        decode "$file" text
        astm-frame "$DIR/out" | astm-frame -d | tr '\r' '\n' | cmp - <(sed '/^$/d' "$DIR/out")
    done
}

# Whether FILE is one sender's side of sessions, with nothing else, nothing missing and nothing damaged.
plain() {
    [ "$(head -c 1 "$1")" = $'\5' ] && [ "$(tail -c 1 "$1")" = $'\4' ] && none grep -q $'\6' "$1" &&
        astm-frame -d -q "$1" >"$DIR/text" 2>"$DIR/err"
}

# Whether astm-frame makes FILE of the text in …/text, in one of the shapes that there are.
made_again() {
    local args
    for args in "" --session "--session --size 63993" "--whole --size 63993"; do
        # shellcheck disable=SC2086 # to be split
        ! astm-frame $args "$DIR/text" | cmp -s - "$1" || return 0
    done
    echo "$1"
    return 1
}

@test "captures of plain sessions are made again, byte for byte, from their text" {
    local file n=0
    for file in "${FILES[@]}"; do
        if plain "$file"; then
            made_again "$file"
            n=$((n + 1))
        fi
    done
    [ $n -gt 0 ]
}

@test "messages, records, results, frames and wrong checksums are as many as were counted by other means" {
    local file
    for file in "${FILES[@]}"; do
        count "$file"
    done >"$DIR/counts"
    awk -F '\t' '
        NR == FNR { for (i = 2; i <= NF; i++) got[$1, i] = $i; have[$1]; next }
        FNR == 1 { for (i = 2; i <= NF; i++) what[i] = $i; next }
        $1 !~ /^astm\// { next }
        !($1 in have) { print $1 " is not there"; wrong++; next }
        {
            files++
            for (i = 2; i <= NF; i++)
                if ($i != "-" && $i != got[$1, i]) {
                    print $1 ": " what[i] ": got " got[$1, i] ", expected " $i
                    wrong++
                }
        }
        END { exit wrong > 0 || !files }' "$DIR/counts" "$CORPUS/EXPECTED.tsv"
}

@test "every message comes back from its positional form byte for byte" {
    local file
    for file in "${FILES[@]}"; do
        identical astm "$file"
    done
}

# Lost is only what is said by nothing: H without delimiters gets those of the standard.
@test "decoded, encoded and decoded again every message says the same" {
    need jq
    local file
    for file in "${FILES[@]}"; do
        alike astm "$file" '(.[] | select(.type == "H" and .delimiters == null)).delimiters = "\\^&"'
    done
}
