# Orders against results on one ASTM line, over a bad network. tests/soak has more of it.
# shellcheck disable=SC2034 # the helper exports it
BATS_TEST_TIMEOUT=300
load helper
load wire
load delivery
load contention

setup() {
    set_up_sender
}

@test "300 results and 300 orders at once, over a network that is late and cuts: each exactly once, in order" {
    contend 300 30 200000
}
