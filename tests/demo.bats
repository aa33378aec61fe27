# The demo that `make demo` runs: it has to work wherever the programs do.
load helper

demo() {
    sh "$BATS_TEST_DIRNAME/../cmd/demo.sh" "$BUILD/bin"
}

# The lines of the table, from its header on.
table() {
    sed -n '/^ *protocol /,$p' <<<"$output"
}

@test "the demo shows what an ASTM and an HL7 analyzer measured in one table, and exits 0" {
    local patient
    run --separate-stderr demo
    [ "$status" = 0 ]
    # shellcheck disable=SC2154 # run sets it
    [ -z "$stderr" ]
    [[ $(table | head -n 1) =~ ^\ *protocol\ +patient_id\ +specimen_id\ +test\ +value\ +units\ +flags$ ]]
    instsim astm --profile chemistry -c 2 - >"$BATS_TEST_TMPDIR/astm"
    instsim hl7 --profile coagulation -c 2 - >"$BATS_TEST_TMPDIR/hl7"
    [ "$(table | grep -c '^  astm ')" = "$(grep -c '^R|' "$BATS_TEST_TMPDIR/astm")" ]
    [ "$(table | grep -c '^  hl7 ')" = "$(grep -c '^OBX|' "$BATS_TEST_TMPDIR/hl7")" ]
    [ "$(table | wc -l)" = $(($(table | grep -c '^  astm \|^  hl7 ') + 1)) ]
    grep -hE '^P(ID)?\|' "$BATS_TEST_TMPDIR/astm" "$BATS_TEST_TMPDIR/hl7" | grep -oE 'TEST[0-9]+' \
        >"$BATS_TEST_TMPDIR/patients"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/patients")" = 4 ]
    while read -r patient; do
        [[ $output = *"$patient"* ]]
    done <"$BATS_TEST_TMPDIR/patients"
}

@test "the demo says what is run, and that each message was accepted" {
    run demo
    [ "$(grep -c '^astm-listen .*&$\|^instsim astm \|^hl7-listen .*&$\|^instsim hl7 ' <<<"$output")" = 4 ]
    [ "$(grep -c '^  message [12] accepted' <<<"$output")" = 4 ]
}

@test "the columns of the table stand below each other" {
    run --separate-stderr demo
    local header line before
    mapfile -t lines < <(table)
    header=${lines[0]}
    for column in patient_id specimen_id test value; do
        before=${header%%"$column"*}
        for line in "${lines[@]:1}"; do
            [ "${line:${#before}-1:1}" = ' ' ]
            [ "${line:${#before}:1}" != ' ' ]
        done
    done
}

@test "the demo ends by itself and soon, leaves nothing behind, and needs nothing but what POSIX has" {
    local tool start
    mkdir "$BATS_TEST_TMPDIR/posix" "$BATS_TEST_TMPDIR/tmp"
    for tool in sh awk mkdir mkfifo rm sed cat; do
        ln -s "$(command -v "$tool")" "$BATS_TEST_TMPDIR/posix"
    done
    start=$SECONDS
    run --separate-stderr env -i PATH="$BATS_TEST_TMPDIR/posix" TMPDIR="$BATS_TEST_TMPDIR/tmp" \
        sh "$BATS_TEST_DIRNAME/../cmd/demo.sh" "$BUILD/bin"
    [ "$status" = 0 ]
    [ $((SECONDS - start)) -lt 20 ] # 1 s, and what a busy machine adds
    [ -z "$(ls "$BATS_TEST_TMPDIR/tmp")" ]
}

@test "the demo ends with an error where there are no programs" {
    run sh "$BATS_TEST_DIRNAME/../cmd/demo.sh" "$BATS_TEST_TMPDIR"
    [ "$status" != 0 ]
    run sh "$BATS_TEST_DIRNAME/../cmd/demo.sh"
    [ "$status" != 0 ]
}
