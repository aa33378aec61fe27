# Captured HL7 traffic, where CORPUS names a folder of it (tests/run leaves this file out otherwise): each file below
# $CORPUS/hl7 is decoded in every form, and what comes of it is counted. $CORPUS/EXPECTED.tsv says how much it should
# be: file, messages, records, results; `-` is not counted.
load helper
load encode

setup() {
    [ -n "$CORPUS" ] || skip "CORPUS names no folder"
    DIR=$BATS_TEST_TMPDIR
    FILES=("$CORPUS"/hl7/*)
    [ -e "${FILES[0]}" ]
}

# decode FILE FORMAT…: to …/out. No other exit status than that of good and of defective input.
decode() {
    local status=0
    # shellcheck disable=SC2086 # options may follow
    hl7-decode -o $2 "$1" >"$DIR/out" 2>"$DIR/err" || status=$?
    [ "$status" -le 1 ] || {
        echo "$1, -o $2: exit status $status"
        cat "$DIR/err"
        return 1
    }
}

@test "every file is decoded in every form" {
    local file format
    for file in "${FILES[@]}"; do
        for format in message record result tsv frame text raw "message --positional"; do
            decode "$file" "$format"
        done
    done
}

@test "every line is JSON" {
    need jq
    local file format
    for file in "${FILES[@]}"; do
        for format in message record result frame "message --positional"; do
            decode "$file" "$format"
            jq -s . "$DIR/out" >"$DIR/json" || {
                echo "$file, -o $format"
                return 1
            }
            [ "$(jq length "$DIR/json")" = "$(wc -l <"$DIR/out")" ]
        done
    done
}

@test "the segments of a file come out again as they are, however they are decoded" {
    local file
    for file in "${FILES[@]}"; do
        decode "$file" raw
        mv "$DIR/out" "$DIR/raw"
        decode "$DIR/raw" raw
        cmp "$DIR/out" "$DIR/raw" || {
            echo "$file"
            return 1
        }
        mllp-frame <"$DIR/raw" | mllp-frame -d | cmp - "$DIR/raw"
    done
}

@test "messages, segments and results are as many as were counted by other means" {
    local file
    for file in "${FILES[@]}"; do
        decode "$file" message
        printf '%s\t%d' "hl7/${file##*/}" "$(wc -l <"$DIR/out")"
        decode "$file" record
        printf '\t%d' "$(wc -l <"$DIR/out")"
        decode "$file" result
        printf '\t%d\n' "$(wc -l <"$DIR/out")"
    done >"$DIR/counts"
    awk -F '\t' '
        NR == FNR { for (i = 2; i <= NF; i++) got[$1, i] = $i; have[$1]; next }
        FNR == 1 { for (i = 2; i <= NF; i++) what[i] = $i; next }
        $1 !~ /^hl7\// { next }
        !($1 in have) { print $1 " is not there"; wrong++; next }
        {
            files++
            for (i = 2; i <= 4; i++)
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
        identical hl7 "$file"
    done
}

@test "decoded, encoded and decoded again every message says the same" {
    need jq
    local file
    for file in "${FILES[@]}"; do
        alike hl7 "$file"
    done
}
