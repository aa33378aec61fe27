# Ten thousand orders against more results than that on one ASTM line, over a bad network.
# shellcheck disable=SC2034 # the helper exports it
BATS_TEST_TIMEOUT=3600
load ../helper
load ../wire
load ../delivery
load ../contention

setup() {
    set_up_sender
}

@test "10 000 results and 10 000 orders at once, over a network that is late and cuts: each exactly once, in order" {
    contend 10000 200 300000
}
