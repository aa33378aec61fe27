# Cables that are pulled: peers that are gone without a word, in network namespaces of their own. What listens and dials
# is in one, the LIS; instruments are in others, each on a cable to it.
# shellcheck disable=SC2034 # the helper exports it
BATS_TEST_TIMEOUT=200
load ../helper
load ../wire

setup() {
    DIR=$BATS_TEST_TMPDIR
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
    need ip
    need nsenter
    unshare -n true 2>/dev/null || skip "network namespaces are not permitted here"
    namespace LIS
    at "$LIS" ip link set lo up
}

# namespace NAME: the variable NAME is a process with a network of its own.
namespace() {
    mkfifo "$DIR/$1"
    # shellcheck disable=SC2016 # for the shell that is started
    unshare -n sh -c 'echo >"$1"; exec sleep 600' - "$DIR/$1" 3>&- &
    started+=($!)
    printf -v "$1" %s $!
    read -r _ <"$DIR/$1"
}

# at NAMESPACE COMMAND…: there.
at() {
    nsenter --net="/proc/$1/ns/net" "${@:2}"
}

# plug N NAMESPACE: cable N leads from 10.77.N.1, the LIS, to the instrument there, which is 10.77.N.2.
plug() {
    at "$LIS" ip link add "cable$1" type veth peer name eth0 netns "$2"
    at "$LIS" ip address add "10.77.$1.1/24" dev "cable$1"
    at "$LIS" ip link set "cable$1" up
    at "$2" ip address add "10.77.$1.2/24" dev eth0
    at "$2" ip link set eth0 up
}

# pull NAMESPACE: nothing comes through its cable any more, in neither direction.
pull() {
    at "$1" ip link set eth0 down
}

# replug N NAMESPACE: another instrument, which knows of no connection, takes the address of the one that was there.
replug() {
    at "$LIS" ip link delete "cable$1"
    plug "$@"
}

# await COMMAND…: waits until it succeeds, 90 s at most.
await() {
    local end=$((SECONDS + 90))
    until "$@"; do
        if [ $SECONDS -gt $end ]; then
            echo "in vain: $*"
            return 1
        fi
        read -r -t 0.1 <>"$DIR/nothing" || :
    done
}

# await_err PATTERN [FOLDER]: waits until stderr of the listener (the one of FOLDER) has such a line.
await_err() {
    await grep -q -e "$1" "${2:-$DIR}/err"
}

port() {
    echo "${ENDPOINTS[$1]##*:}"
}

# in_folder NAME COMMAND…: with …/NAME as the test's folder.
in_folder() {
    mkdir -p "$DIR/$1"
    BATS_TEST_TMPDIR=$DIR/$1 "${@:2}"
}

# instrument NAMESPACE NAME ARGS…: plays the transcript on stdin, of which …/NAME tells.
instrument() {
    cat >"$DIR/script.$2"
    (
        [ -z "${OUT:-}" ] || exec {OUT}>&- # else the reader of the stalled listener would never see its end
        exec nsenter --net="/proc/$1/ns/net" play "${@:3}" "$DIR/script.$2" >"$DIR/$2" 2>&1 3>&-
    ) &
    started+=($!)
}

# An ASTM session, and an HL7 message (with its answer), with that control id.
session() {
    printf '%s\n' '> <ENQ>' '< <ACK>' "> <STX>1H|\\^&|$1||cable<CR>L|1|N<CR><ETX><CS><CR><LF>" '< <ACK>' '> <EOT>'
}

message() {
    printf '%s\n' "> <VT>MSH|^~\\&|a|b|||2026||ORU^R01|$1|P|2.5.1<CR>OBX|1|NM|A||1<CR><FS><CR>"
}

answer() {
    printf '%s\n' "< <VT>MSH|^~\\&|||a|b|<time>||ACK^R01|<id>|P|2.5.1<CR>MSA|AA|$1<CR><FS><CR>"
}

# listen PROGRAM ARGS…: starts it as start_listener does, in the LIS.
listen() {
    start_listener nsenter --net="/proc/$LIS/ns/net" "$@"
}

# What keeps a connection open.
stay() {
    echo 'pause 180000'
}

@test "a dead peer is noticed within 60 s, by who waits, who has answered and who has dialled; the next one is taken" {
    local slow pulled
    namespace FIRST
    namespace SECOND
    plug 1 "$FIRST"
    instrument "$FIRST" far -l 10.77.1.2:4000 < <(message dialled && answer dialled && stay)
    printf '%s\n' 'waits astm 10.77.1.1:0 max-connections-per-peer=1' \
        'dials hl7 dial:10.77.1.2:4000 connect-timeout=1,retry=0.3\,1\,1' >"$DIR/links"
    in_folder slow stall_out
    in_folder slow listen hl7-listen 10.77.1.1:0
    slow=$LISTENER
    instrument "$FIRST" near "10.77.1.1:$PORT" < <(message unheard && stay)
    await_err ' connected' "$DIR/slow"
    listen inst-listen -f "$DIR/links"
    instrument "$FIRST" silent "10.77.1.1:$PORT" < <(session waits && stay)
    await_err 'waits: .*message handed over'
    await_err 'dials: .*message handed over'

    pull "$FIRST"
    pulled=$SECONDS
    in_folder slow resume_out # the answer is on its way, and never arrives
    await_err 'waits: 10.77.1.2:[0-9]*: disconnected'
    await_err 'dials: 10.77.1.2:4000: disconnected'
    await_err '10.77.1.2:[0-9]*: disconnected' "$DIR/slow"
    echo "noticed after $((SECONDS - pulled)) s"
    [ $((SECONDS - pulled)) -le 60 ]
    await_err 'dials: .*; retrying in 0.3 s (attempt [3-9])'

    replug 1 "$SECOND"
    instrument "$SECOND" next "10.77.1.1:$PORT" < <(session next && stay)
    instrument "$SECOND" far-next -l 10.77.1.2:4000 < <(message next-dialled && answer next-dialled && stay)
    await grep -q '"control_id":"next"' "$DIR/out"
    await grep -q '"control_id":"next-dialled"' "$DIR/out"
    stop_listener
    [ "$status" = 0 ]
    [ "$(wc -l <"$DIR/out")" = 4 ]
    LISTENER=$slow
    stop_listener
    [ "$status" = 0 ]
    wait "$READER"
    grep -q '"control_id":"unheard"' "$DIR/slow/lines"
}

@test "--replace: an instrument that comes back takes the place of its dead connection at once" {
    namespace FIRST
    namespace SECOND
    plug 1 "$FIRST"
    listen inst-listen -vv --replace 10.77.1.1:0
    instrument "$FIRST" first "10.77.1.1:$PORT" < <(session first && stay)
    await_err '< EOT' # nothing is under way that would fail when the cable is gone
    pull "$FIRST"
    replug 1 "$SECOND"
    at "$SECOND" sh -c 'echo 20000 30000 >/proc/sys/net/ipv4/ip_local_port_range' || : # others than the first one's
    instrument "$SECOND" second "10.77.1.1:$PORT" < <(session second && stay)
    await grep -q '"control_id":"second"' "$DIR/out"
    # where the second one happens to have the port of the first one, its own system has reset that connection
    grep -qE 'a new connection from there takes its place|disconnected: Connection reset by peer' "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
    [ "$(wc -l <"$DIR/out")" = 2 ]
}

@test "IPv6: listened on, dialled, and allowed or not, over a cable" {
    local id
    namespace FIRST
    plug 1 "$FIRST"
    at "$LIS" ip address add fd77::1/64 dev cable1 nodad
    at "$FIRST" ip address add fd77::2/64 dev eth0 nodad
    instrument "$FIRST" far -l '[fd77::2]:4000' < <(message dialled && answer dialled && stay)
    printf '%s\n' 'open auto [fd77::1]:0 allow=fd77::/64' 'closed auto [fd77::1]:0 allow=fd78::/64' 'every auto *:0' \
        'far hl7 dial:[fd77::2]:4000 retry=0.1\,1\,1' >"$DIR/links"
    listen inst-listen -f "$DIR/links"
    [[ ${ENDPOINTS[0]} =~ ^listen:\[fd77::1\]:[1-9][0-9]*$ ]]
    instrument "$FIRST" open "[fd77::1]:$(port 0)" < <(session open && stay)
    instrument "$FIRST" closed "[fd77::1]:$(port 1)" < <(echo eof)
    instrument "$FIRST" six "[fd77::1]:$(port 2)" < <(session six && stay)
    instrument "$FIRST" four "10.77.1.1:$(port 2)" < <(session four && stay)
    await_err 'refused a connection from \[fd77::2\]:[0-9]*: it is not allowed'
    for id in dialled open six four; do
        await grep -q "\"control_id\":\"$id\"" "$DIR/out"
    done
    grep -q '"peer":"\[fd77::2\]:4000"' "$DIR/out"
    grep -q '"peer":"10.77.1.2:[0-9]*"' "$DIR/out"
    stop_listener
    [ "$status" = 0 ]
    [ "$(wc -l <"$DIR/out")" = 4 ]
}
