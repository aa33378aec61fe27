# From message lines back to the messages: what was decoded comes back, and what jq made of it can be sent.
load helper
load encode

setup() {
    DATA=$BATS_TEST_DIRNAME/data
    DIR=$BATS_TEST_TMPDIR
}

@test "from its positional form a message comes back byte for byte, in its own character set" {
    local file
    for file in "$DATA"/*.astm; do
        identical astm "$file"
    done
    for file in "$DATA"/*.hl7; do # but iso2022.hl7: iconv may switch as often as it likes
        [[ $file == */iso2022.hl7 ]] || identical hl7 "$file"
    done
}

@test "decoded, encoded and decoded again a message says the same" {
    need jq
    local file
    for file in "$DATA"/*.astm; do
        alike astm "$file"
    done
    for file in "$DATA"/*.hl7; do
        alike hl7 "$file"
    done
}

@test "made-up analyzers' messages come back" {
    need jq
    local profile
    for profile in chemistry hematology urinalysis; do
        instsim astm - -c 5 --profile $profile >"$DIR/session"
        identical astm "$DIR/session"
        alike astm "$DIR/session"
        instsim hl7 - -c 5 --profile $profile >"$DIR/blocks"
        identical hl7 "$DIR/blocks"
        alike hl7 "$DIR/blocks"
    done
}

@test "a field delimiter of the sender's own comes back" {
    printf 'H!\\^&!a|b!!x!!!!!!P\rR!1!^^^K!4&F&1|2\rL!1\r' >"$DIR/own"
    identical astm "$DIR/own"
    [ "$(jq -r .field_delimiter "$DIR/lines")" = ! ]
    need jq
    alike astm "$DIR/own"
    cmp "$DIR/text" "$DIR/own"
}

@test "where MSH-18 names a set that is not what was sent, what comes back is in the set that it was read as" {
    local msh='MSH|^~\\&|A|B|C|D|2026||ORU^R01|c1|P|2.5.1||||||~ISO IR87\r'
    need jq
    printf '%bPID|1||\x1b$B;3ED\x1b(B||M\xc3\xbcller\r' "$msh" >"$DIR/utf8"
    alike hl7 "$DIR/utf8"
    [ "$(jq -c '[.charset, .records[1][5]]' "$DIR/lines")" = '[null,"Müller"]' ]
    printf '%bPID|1||\x1b$B\x1b(B4711||M\xfcller\r' "$msh" >"$DIR/latin1"
    alike hl7 "$DIR/latin1"
    [ "$(jq -c '[.charset, .records[1][3,5]]' "$DIR/lines")" = '["ISO-8859-1","4711","Müller"]' ]
    printf '%bPID|1||\x1b$B;3ED\x1b(B||M\xfcller\r' "$msh" >"$DIR/both"
    decoded hl7 "$DIR/both" >"$DIR/lines"
    run -1 --separate-stderr encode hl7 <"$DIR/lines"
    [ "$stderr" = "line 1: records[1]: U+5C71 is not in ISO-8859-1" ]
}

@test "what jq changes is changed in the text, and keys may come in any order" {
    need jq
    decoded hl7 "$DATA/batch.hl7" | head -n 1 >"$DIR/lines"
    jq -c '.records[0][3] = "A|B" | .records |= map(select(.[0] != "NTE"))' "$DIR/lines" | encode hl7 |
        tr '\r' '\n' >"$DIR/text"
    [[ $(head -n 1 "$DIR/text") == 'MSH|^~\&|A\F\B|'* ]]
    run ! grep ^NTE "$DIR/text"
    decoded astm "$DATA/latin1.astm" >"$DIR/lines"
    encode astm <"$DIR/lines" >"$DIR/text"
    jq -cS '{records, charset}' "$DIR/lines" | encode astm | cmp - "$DIR/text"
    jq -c '{records, charset}' "$DIR/lines" | encode astm | cmp - "$DIR/text"
}

@test "a line that cannot be encoded is told, and the others are encoded all the same" {
    printf '%s\n' '{"records":[{"type":"L"}]}' '{"records":[{"type":"L","sqe":"1"}]}' '{"records":[{"type":"L"}]}' \
        >"$DIR/lines"
    run -1 --separate-stderr encode astm <"$DIR/lines"
    [ "$output" = $'L\rL\r' ]
    [ "$stderr" = "line 2: records[0].sqe: records of this type have no such field" ]
}
