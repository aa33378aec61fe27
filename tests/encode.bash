# What tests of encoding share: `load encode`, after helper.
PATH=$PATH:$BUILD/tests/bench # for encode, which makes text of message lines

# decoded PROTOCOL FILE [OPTION…]: its message lines, wrong checksums or not. Defective input is no failure.
decoded() {
    local status=0 options=("${@:3}")
    [ "$1" = hl7 ] || options+=(--ignore-checksum)
    "$1-decode" "${options[@]}" "$2" 2>"$BATS_TEST_TMPDIR/err" || status=$?
    [ $status -le 1 ] || {
        echo "$2: exit status $status"
        cat "$BATS_TEST_TMPDIR/err"
        return 1
    } >&2
}

# identical PROTOCOL FILE: from the positional form of its messages come their own bytes, which are more than none.
identical() {
    local dir=$BATS_TEST_TMPDIR
    echo "# $2"
    decoded "$1" "$2" -o raw >"$dir/raw"
    decoded "$1" "$2" --positional >"$dir/lines"
    encode "$1" <"$dir/lines" >"$dir/text"
    [ -s "$dir/text" ]
    cmp "$dir/text" "$dir/raw"
}

# alike PROTOCOL FILE [FILTER]: decoded, encoded and decoded again it says the same; of both sides FILTER is looked at.
alike() {
    local dir=$BATS_TEST_TMPDIR
    local keys="{charset, sender, control_id, records: (.records${3:+ | $3})}"
    echo "# $2"
    decoded "$1" "$2" >"$dir/lines"
    encode "$1" <"$dir/lines" >"$dir/text"
    decoded "$1" "$dir/text" >"$dir/again"
    jq -c "$keys" "$dir/lines" >"$dir/first"
    jq -c "$keys" "$dir/again" >"$dir/second"
    [ -s "$dir/first" ]
    cmp "$dir/first" "$dir/second"
}
