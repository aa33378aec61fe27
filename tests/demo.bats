# The demo that `make demo` runs: it has to work wherever the programs do.
load helper

demo() {
    sh "$BATS_TEST_DIRNAME/../cmd/demo.sh" "$BUILD/bin"
}

@test "the demo shows the results of three messages as a table, and exits 0" {
    run --separate-stderr demo
    [ "$status" = 0 ]
    # shellcheck disable=SC2154 # run sets it
    [[ $stderr != *rror* ]]
    [[ ${lines[0]} = 'astm-listen takes results at 127.0.0.1:'* ]]
    [[ ${lines[1]} =~ ^\ *patient_id\ +specimen_id\ +test\ +value\ +units\ +flags$ ]]
    [ ${#lines[@]} -ge 5 ]
    instsim astm --profile chemistry --seed 1 -c 3 - >"$BATS_TEST_TMPDIR/made"
    [ $((${#lines[@]} - 2)) = "$(grep -c '^R|' "$BATS_TEST_TMPDIR/made")" ]
    grep -o '^P|1|[^|]*' "$BATS_TEST_TMPDIR/made" | while IFS='|' read -r _ _ patient; do
        [[ $output = *"$patient"* ]]
    done
}

@test "the columns of the table stand below each other, also where names are not ASCII" {
    run --separate-stderr demo
    local at line
    at=${lines[1]%%test *}
    for line in "${lines[@]:2}"; do
        [ "${line:${#at}-1:1}" = ' ' ]
        [ "${line:${#at}:1}" != ' ' ]
    done
}

@test "the demo ends with an error where there are no programs" {
    run sh "$BATS_TEST_DIRNAME/../cmd/demo.sh" "$BATS_TEST_TMPDIR"
    [ "$status" != 0 ]
    run sh "$BATS_TEST_DIRNAME/../cmd/demo.sh"
    [ "$status" != 0 ]
}
