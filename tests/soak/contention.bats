# Orders against more results than that on one ASTM line, over a bad network: ten thousand of them, or a thousand where
# there are less than ten minutes (SOAK_SECONDS).
# shellcheck disable=SC2034 # the helper exports it
BATS_TEST_TIMEOUT=3600
load ../helper
load ../wire
load ../delivery
load ../contention

setup() {
    set_up_sender
}

@test "results and orders at once, over a network that is late and cuts: each exactly once, in order" {
    if [ "${SOAK_SECONDS:-600}" -ge 600 ]; then
        contend 10000 200 300000
    else
        contend 1000 200 300000
    fi
}
