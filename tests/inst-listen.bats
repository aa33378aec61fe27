# The contract of inst-listen: many links in one process, a links file that is read again, detection, serial lines, who
# may connect and how many, what is told of links. What all listeners share is in astm-listen.bats and hl7-listen.bats.
load helper
load wire

VT=$'\x0b' FS=$'\x1c'

setup() {
    DIR=$BATS_TEST_TMPDIR
    LINKS=$DIR/links
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
}

# refused STATUS WORD ARGS…: with these arguments it ends with that status, says why on stderr and nothing on stdout.
refused() {
    local wanted=$1 word=$2
    shift 2
    run --separate-stderr timeout 20 inst-listen "$@"
    # shellcheck disable=SC2154 # run sets it
    if [ "$status" != "$wanted" ] || [ -n "$output" ] || [[ $stderr != *"$word"* ]]; then
        echo "inst-listen $*: status $status, expected $wanted and '$word': $stderr"
        return 1
    fi
}

# wrong WHERE WORD LINE…: a links file of these lines ends with 78, and stderr says FILE:WHERE: WORD.
wrong() {
    local where=$1 word=$2
    shift 2
    printf '%s\n' "$@" >"$LINKS"
    refused 78 "inst-listen: $LINKS:$where: " -f "$LINKS" || return
    if [[ $stderr != *"$word"* ]]; then
        echo "expected '$word': $stderr"
        return 1
    fi
}

# await COMMAND…: waits until it succeeds, 60 s at most.
await() {
    local end=$((SECONDS + 60))
    until "$@"; do
        if [ $SECONDS -gt $end ]; then
            echo "in vain: $*"
            return 1
        fi
        read -r -t 0.03 <>"$DIR/nothing" || :
    done
}

# await_err PATTERN [N]: waits until stderr has N lines (1) that match.
await_err() {
    await has_lines "${2:-1}" "$1" "$DIR/err"
}

has_lines() {
    [ "$(grep -c -e "$2" "$3")" -ge "$1" ]
}

count_lines() {
    [ "$(wc -l <"$1")" = "$2" ] || {
        echo "$1 has $(wc -l <"$1") lines, not $2"
        return 1
    }
}

# Each message of FILE is there once.
all_different() {
    [ -z "$(grep -o '"link":"[^"]*"\|"control_id":"[^"]*"' "$1" | paste - - | sort | uniq -d)" ]
}

# port N: of the endpoint with that number, from 0.
port() {
    echo "${ENDPOINTS[$1]##*:}"
}

# Of the listener, what /proc knows.
descriptors() {
    find "/proc/$LISTENER/fd" -mindepth 1 2>/dev/null | wc -l
}

# Hundredths of a second that the listener has taken of the processor.
processor() {
    awk '{ print $14 + $15 }' "/proc/$LISTENER/stat"
}

# ---- HL7 by hand ----

# block ID [SEGMENT…]: a message with that control id in a block.
block() {
    printf '\x0bMSH|^~\\&|wire|LAB|||20260301101500||ORU^R01|%s|P|2.5.1\r' "$1"
    shift
    [ $# -gt 0 ] || set -- 'PID|1||4711||Quimby^Ada' 'OBX|1|NM|GLU||5.4|mmol/L'
    printf '%s\r' "$@"
    printf '\x1c\r'
}

# answered CODE ID: the next block is such an answer to that message.
answered() {
    local LC_ALL=C status=0 answer=''
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" answer || status=$?
    if [ $status != 0 ] || [ "${answer:0:1}" != "$VT" ] || [[ $answer != *$'\r'"MSA|$1|$2"[$'\r|']* ]]; then
        printf 'expected %s %s, got %q (status %s)\n' "$1" "$2" "$answer" $status
        return 1
    fi
    hear $'\r'
}

# post ID [CODE]: a message with that id, which has to be answered with AA (or CODE).
post() {
    block "$1" >&"$WIRE"
    answered "${2:-AA}" "$1"
}

# ---- serial lines ----

# plug: two ends of a line, …/A and …/B. unplug takes them away.
plug() {
    need socat
    socat pty,raw,echo=0,link="$DIR/A" pty,raw,echo=0,link="$DIR/B" 3>&- 2>"$DIR/socat" &
    LINE=$!
    started+=("$LINE")
    await is_raw "$DIR/B" # the last thing that socat does
}

is_raw() {
    [ -e "$1" ] && stty -F "$1" | grep -q -e -icanon
}

unplug() {
    kill "$LINE"
    wait "$LINE" || :
}

# ---- help, usage, exit status ----

@test "--help and --version go to stdout, exit 0" {
    run --separate-stderr inst-listen --help
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'usage: inst-listen '* ]]
    run --separate-stderr inst-listen -V
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output = 'inst-listen (instlink) '[0-9]* ]]
    run -74 bash -c 'inst-listen --help >/dev/full'
    run -74 bash -c 'inst-listen --version >&-'
}

@test "a wrong command line ends with 64 and says what is wrong" {
    : >"$LINKS"
    refused 64 'no endpoint'
    refused 64 "Try 'inst-listen --help'" --no-such-option 0
    refused 64 --protocol --protocol poct 0
    refused 64 --log --log xml 0
    refused 64 --allow --allow 10.0.0.0/33 0
    refused 64 --allow --allow 10.0.0.0/8,laboratory 0
    refused 64 --allow --allow '' 0
    refused 64 --max-connections-per-peer --max-connections-per-peer 0 0
    refused 64 --connect-timeout --connect-timeout x 0
    refused 64 --retry --retry 1,2 0
    refused 64 --retry --retry 0,1,1 0
    refused 64 --checksum --checksum crc 0
    refused 64 --ack --ack sometimes 0
    refused 64 "Try 'inst-listen --help'" --get R.4 0
    refused 64 several -n lab 0 0
    refused 64 'none' -n lab -f "$LINKS"
    refused 64 --max-connections --max-connections 0 0
    refused 64 'no time at all' --message-timeout 0 0
    refused 64 'no time at all' --connect-timeout 0ms 0
    refused 64 "'laboratory' is no network" --allow 10.0.0.0/8,laboratory 0
    refused 64 "'10.0.0.65' is one too many" --allow "$(printf '10.0.0.%s,' {1..64})10.0.0.65" 0
    refused 64 'reply: nothing' --timers reply=1ms 0
    run --separate-stderr inst-listen -y 0
    [ "$status" = 64 ]
    [[ $stderr = 'inst-listen: '* ]]
    refused 64 UTF-8 -n $'l\xe4b' 0
    refused 64 path serial:
    refused 64 speed serial:/dev/ttyS0,9601
    refused 64 8N1 serial:/dev/ttyS0,9600,9N1
    refused 64 'flow control' serial:/dev/ttyS0,9600,8N1,dtr
    refused 64 'no socket' fd:77
    refused 64 'errors are told' fd:2
}

@test "a links file that is not there ends with 66, one that may not be read with 77" {
    local dir ordinary=()
    refused 66 "$DIR/none: No such file" -f "$DIR/none"
    refused 66 "$DIR/none: No such file" -f "$DIR/none" 0
    dir=$(mktemp -d /tmp/inst-listen.XXXXXX)
    chmod 755 "$dir"
    cp "$BUILD/bin/inst-listen" "$dir"
    : >"$dir/links"
    chmod 0 "$dir/links"
    mkdir -m 555 "$dir/closed"
    [ "$(id -u)" != 0 ] || ordinary=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    run "${ordinary[@]}" timeout 20 "$dir/inst-listen" -f "$dir/links"
    [ "$status" = 77 ]
    run "${ordinary[@]}" timeout 20 "$dir/inst-listen" "unix:$dir/closed/socket"
    rm -rf "$dir"
    [ "$status" = 77 ]
}

@test "a links file may be a pipe that ends; a FIFO without a writer is told, and holds nothing up" {
    local ready=$DIR/ready.pipe
    mkfifo "$ready"
    { echo 'piped auto 127.0.0.1:0' && read -r -t 0.1 <>"$DIR/nothing" || echo 'late auto 127.0.0.1:0'; } |
        inst-listen -c 1 -f /dev/stdin -R 5 5>"$ready" >"$DIR/out" 2>"$DIR/err" 3>&- &
    LISTENER=$!
    started+=("$LISTENER")
    mapfile -t ENDPOINTS <"$ready"
    [ ${#ENDPOINTS[@]} = 2 ]
    dial "$(port 1)"
    deliver late
    hang_up
    wait_listener
    [ "$status" = 0 ]
    mkfifo "$DIR/fifo"
    refused 66 'nobody writes' -f "$DIR/fifo"
    refused 66 'no regular file' --password "$DIR/fifo" 0
    wrong 1 'no regular file' "lab astm 0 password=$DIR/fifo"
}

@test "SIGHUP: a links file that has become a FIFO, or names one, is told, and the links go on" {
    echo 'lab auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    dial
    deliver one
    printf '%s\n' 'lab auto 127.0.0.1:0' "other astm 127.0.0.1:0 password=$DIR/nothing" >"$LINKS"
    reload
    grep -q "$LINKS:2: password: $DIR/nothing: it is no regular file; the links stay as they are" "$DIR/err"
    deliver two
    rm "$LINKS"
    mkfifo "$LINKS"
    reload
    grep -q "$LINKS: it is no regular file; the links stay as they are" "$DIR/err"
    deliver three
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 3
}

@test "SIGHUP: where the file of --password has gone, no link begins without one" {
    echo secret >"$DIR/password"
    echo 'lab astm 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS" --password "$DIR/password"
    rm "$DIR/password"
    echo 'other astm 127.0.0.1:0' >>"$LINKS"
    reload
    grep -q -e "--password: $DIR/password: No such file or directory; the links stay as they are" "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
}

@test "a links file that is wrong ends with 78, and the file, the line and what is wrong are told" {
    wrong 1 'a name, a protocol' 'lab'
    wrong 1 'a name, a protocol' 'lab astm'
    wrong 2 'a name, a protocol' '# comment' 'lab astm 0 role=host more'
    wrong 1 'none of astm, hl7, auto' 'lab poct 0'
    wrong 4 "another link of the name 'lab'" 'lab astm 0' '' 'other astm 0' 'lab hl7 0'
    wrong 1 'no endpoint' 'lab astm 127.0.0.1:70000'
    wrong 1 'no endpoint' 'lab astm dial:*:4000'
    wrong 1 'speed' 'lab astm serial:/dev/ttyS0,1'
    wrong 3 'no-such-option: there is no such option' 'a astm 0' 'b hl7 0' 'c auto 0 no-such-option'
    wrong 1 'mllp: it is not for astm' 'lab astm 0 mllp=2'
    wrong 1 'checksum: it is not for hl7' 'lab hl7 0 checksum=std'
    wrong 1 'checksum' 'lab auto 0 checksum=crc'
    wrong 1 'role: it needs a value' 'lab astm 0 role'
    wrong 1 'replace: it has no value' 'lab astm 0 replace=yes'
    wrong 1 'allow' 'lab astm 0 allow=10.0.0.0/99'
    wrong 1 'charset' 'lab astm 0 charset=klingon'
    wrong 1 'option' 'lab astm 0 role=host,,retry=1'
    wrong 1 'no-such-file' 'lab astm 0 password=/no-such-file'
    wrong 1 'UTF-8' $'l\xe4b astm 0'
    wrong 1 'too long' "lab astm 0 $(printf '%05000d' 0)"
    printf 'lab astm 0\nl\0b astm 0\n' >"$LINKS"
    refused 78 "$LINKS:2: the line holds a NUL" -f "$LINKS"
    echo 'lab astm 127.0.0.1:0' >"$LINKS"
    run --separate-stderr timeout 20 inst-listen -f "$LINKS" -R 5 -c 1 5>/dev/full 127.0.0.1:70000
    [ "$status" = 64 ]
    echo '127.0.0.1:0 astm 127.0.0.1:0' >"$LINKS"
    refused 78 "another link of the name '127.0.0.1:0'" -f "$LINKS" 127.0.0.1:0
}

@test "69, 71, 73 and 74 are what they are in every listener" {
    start_listener inst-listen 127.0.0.1:0
    refused 69 'in use' "$PORT"
    echo "lab astm 127.0.0.1:$PORT" >"$LINKS"
    refused 69 "inst-listen: $LINKS:1: lab: 127.0.0.1:$PORT: cannot listen: Address already in use" -f "$LINKS"
    stop_listener
    [ "$status" = 0 ]
    refused 69 'given up after 2 attempts' --retry 0.01,1,1 --max-retries 1 "dial:127.0.0.1:$PORT"
    echo "lab hl7 dial:127.0.0.1:$PORT retry=0.01\\,1\\,1,max-retries=2" >"$LINKS"
    refused 69 'given up after 3 attempts' -f "$LINKS"
    refused 69 'given up after 2 attempts' --retry 0.01,1,1 --max-retries 1 "serial:$DIR/none"
    refused 69 'given up after 1 attempt' --max-retries 0 "serial:$DIR/none"
    run timeout 20 bash -c 'exec 3>&-; ulimit -n 4; exec inst-listen 127.0.0.1:0'
    [ "$status" = 71 ]
    refused 73 "$DIR/none" --rejects "$DIR/none/rejects" 0
    run timeout 20 bash -c 'inst-listen 127.0.0.1:0 >&-'
    [ "$status" = 74 ]
    ln -s -f /dev/full "$DIR/out"
    start_listener inst-listen -q 127.0.0.1:0
    dial
    post unwritten AE
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 74 ]
}

# ---- links ----

@test "a links file names links, their protocols and options; comments and escapes are understood" {
    cat >"$LINKS" <<END
# the laboratory
lab\ one  astm  127.0.0.1:0   checksum=none,timers=receive=20   # behind it
	two   hl7   listen:127.0.0.1:0	ack=original,mllp=1

three     auto  unix:$DIR/socket
END
    start_listener inst-listen -f "$LINKS" 127.0.0.1:0
    [ ${#ENDPOINTS[@]} = 4 ]
    [ "${ENDPOINTS[3]}" = "listen:unix:$DIR/socket" ]
    instsim astm -q --checksum none --profile chemistry "127.0.0.1:$(port 1)"
    instsim hl7 -q --profile chemistry "127.0.0.1:$(port 2)"
    instsim hl7 -q --seed 2 --profile chemistry "unix:$DIR/socket"
    instsim astm -q --seed 3 --profile chemistry "127.0.0.1:$PORT"
    stop_listener
    [ "$status" = 0 ]
    run grep -o '"protocol":"[a-z0-9]*"\|"link":"[^"]*"' "$DIR/out"
    [ "$(paste - - <<<"$output")" = "\"protocol\":\"astm\"	\"link\":\"lab one\"
\"protocol\":\"hl7\"	\"link\":\"two\"
\"protocol\":\"hl7\"	\"link\":\"three\"
\"protocol\":\"astm\"	\"link\":\"127.0.0.1:0\"" ]
}

@test "a byte order mark at the beginning of a links file is none of its first name" {
    printf '\xef\xbb\xbflab astm 127.0.0.1:0\n' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    dial
    deliver one
    hang_up
    stop_listener
    [ "$status" = 0 ]
    grep -q '"link":"lab"' "$DIR/out"
    printf '\xef\xbb\xbf# comment\n' >"$LINKS"
    start_listener inst-listen -f "$LINKS" 127.0.0.1:0
    stop_listener
    [ "$status" = 0 ]
}

@test "options on the command line are those of every link, and a link's own come after them" {
    printf 'short astm 127.0.0.1:0\nlong astm 127.0.0.1:0 max-message=10K\n' >"$LINKS"
    start_listener inst-listen -f "$LINKS" --max-message 1K
    local end answer=("$NAK" "$ACK")
    for end in 0 1; do
        dial "$(port $end)"
        say "$ENQ"
        hear "$ACK"
        say_frame 1 $'H|\\^&|long||wire\r'"C|1|I|$(printf '%02000d' 0)"$'\rL|1|N\r'
        hear "${answer[end]}"
        say "$EOT"
        hang_up
    done
    stop_listener
    count_lines "$DIR/out" 1
    grep -q '"link":"long"' "$DIR/out"
}

@test "-c N counts over all links, and results of both protocols are one table" {
    start_listener inst-listen -c 2 -o tsv 127.0.0.1:0 127.0.0.1:0
    instsim astm -q --profile chemistry "127.0.0.1:$(port 0)"
    instsim hl7 -q --profile chemistry "127.0.0.1:$(port 1)"
    wait_listener
    [ "$status" = 0 ]
    [ "$(grep -c '^protocol	' "$DIR/out")" = 1 ]
    [ "$(cut -f 1 "$DIR/out" | sort -u | paste -s -d ' ')" = 'astm hl7 protocol' ]
    [ -z "$(awk -F '\t' 'NR == 1 { n = NF } NF != n' "$DIR/out")" ]
}

@test "300 lines are 300 links, and each gets its message" {
    local i
    for i in {1..300}; do
        echo "link-$i auto 127.0.0.1:0"
    done >"$LINKS"
    start_listener inst-listen -q -f "$LINKS"
    [ ${#ENDPOINTS[@]} = 300 ]
    for i in {1..300}; do
        echo "--seed=$i" "${ENDPOINTS[i - 1]#listen:}"
    done | xargs -P 4 -n 2 instsim astm -q --profile chemistry 3>&-
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -o '"link":"link-[0-9]*"' "$DIR/out" | sort -u | wc -l)" = 300 ]
    count_lines "$DIR/out" 300
    [ ! -s "$DIR/err" ]
}

# interrupted PORT: begins a session there, and says no more.
interrupted() {
    dial "$1"
    say "$ENQ"
    hear "$ACK"
    printf '\x021H|' >&"$WIRE"
}

@test "--timers is for every link, and timers= in the file for one: who is silent for too long may begin again" {
    printf '%s\n' 'given astm 127.0.0.1:0' 'own astm 127.0.0.1:0 timers=reply=20\,receive=0.8' \
        'slow auto 127.0.0.1:0 timers=receive=60' 'hl7 hl7 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS" --timers contention=30,receive=0.5,busy=5
    local slow
    interrupted "$(port 2)"
    slow=$WIRE
    interrupted "$(port 0)"
    await_err 'given: .*no-reply the sender was silent for 0.5 s'
    deliver given
    hang_up
    interrupted "$(port 1)"
    await_err 'own: .*no-reply the sender was silent for 0.8 s'
    deliver own
    hang_up
    dial "$(port 3)"
    post hl7
    hang_up
    WIRE=$slow
    frame 1 "$(message slow)" | tail -c +5 >&"$WIRE" # it goes on where it was
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 4
    none grep -q 'slow: .*no-reply' "$DIR/err"
    refused 64 --timers --timers receive=0 0
    refused 64 --timers --timers retry=1 0
    refused 64 --timers --timers receive 0
    wrong 1 'timers' 'lab astm 0 timers=receive=x'
    wrong 1 'timers: it is not for hl7' 'lab hl7 0 timers=receive=1'
}

# ---- endpoints ----

@test "-R names every endpoint in order, and each kind of them works" {
    local v6=()
    [ ! -s /proc/net/if_inet6 ] || v6=('[::1]:0')
    start_listener instsim hl7 --seed 4 --profile chemistry listen:127.0.0.1:0
    local dialled=dial:127.0.0.1:$PORT
    start_listener inst-listen 0 "unix:$DIR/socket" "$dialled" "serial:$DIR/none,19200,7E1,xonxoff" '*:0' "${v6[@]}"
    [ ${#ENDPOINTS[@]} = $((5 + ${#v6[@]})) ]
    [[ ${ENDPOINTS[0]} =~ ^listen:127\.0\.0\.1:[1-9][0-9]*$ ]]
    [ "${ENDPOINTS[1]}" = "listen:unix:$DIR/socket" ]
    [ "${ENDPOINTS[2]}" = "$dialled" ]
    [ "${ENDPOINTS[3]}" = "serial:$DIR/none,19200,7E1,xonxoff" ]
    instsim astm -q --seed 1 --profile chemistry "127.0.0.1:$(port 0)"
    instsim hl7 -q --seed 2 --profile chemistry "unix:$DIR/socket"
    instsim hl7 -q --seed 3 --profile chemistry "127.0.0.1:$(port 4)"
    [ ${#v6} = 0 ] || instsim astm -q --seed 5 --profile chemistry "[::1]:$(port 5)"
    await has_lines $((4 + ${#v6[@]})) '"type":"message"' "$DIR/out"
    stop_listener
    [ "$status" = 0 ]
    all_different "$DIR/out"
    grep -q "\"link\":\"$dialled\"" "$DIR/out"
    [ ! -e "$DIR/socket" ]
}

@test "dial: reaches IPv4 and IPv6" {
    local host hosts=(127.0.0.1)
    [ ! -s /proc/net/if_inet6 ] || hosts+=('[::1]')
    for host in "${hosts[@]}"; do
        start_listener instsim hl7 -q -c 2 --profile chemistry "listen:$host:0"
        start_listener inst-listen -c 2 --retry 0.1,1,1 "dial:$host:$PORT"
        wait_listener
        [ "$status" = 0 ]
        [ "$(grep -c -F "\"peer\":\"$host:$PORT\"" "$DIR/out")" = 2 ]
    done
}

@test "-R: a descriptor that cannot be written to is no error" {
    inst-listen -c 1 -R 5 5>/dev/full "unix:$DIR/socket" >"$DIR/out" 2>"$DIR/err" </dev/null 3>&- &
    LISTENER=$!
    started+=("$LISTENER")
    await test -S "$DIR/socket"
    instsim hl7 -q --retry 0.1,1,1 --profile chemistry "unix:$DIR/socket"
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "the limit on descriptors is raised as far as it goes" {
    start_listener bash -c 'ulimit -S -n 30; exec "$@"' - inst-listen --max-connections 200 127.0.0.1:0
    [ "$(timeout 50 crowd -m "$PORT" 200)" = 200 ]
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 200
    none grep -q -e descriptors -e 'Too many' "$DIR/err"
}

@test "sockets of a service manager are links with the names that it gives them" {
    local names
    for names in cobas:sysmex :sysmex cobas; do
        start_listener env LISTEN_FDNAMES="$names" inherit 2 inst-listen
        [ ${#ENDPOINTS[@]} = 2 ]
        dial "$(port 0)"
        deliver first
        hang_up
        dial "$(port 1)"
        post second
        hang_up
        stop_listener
        [ "$status" = 0 ]
        [ "$names $(grep -o '"link":"[^"]*"' "$DIR/out" | cut -d '"' -f 4 | paste -s -d ' ')" = "$(
            case $names in
            cobas:sysmex) echo "$names cobas sysmex" ;;
            :sysmex) echo "$names fd:3 sysmex" ;;
            *) echo "$names cobas fd:4" ;;
            esac
        )" ]
    done
    run timeout 20 inherit +1 inst-listen
    [ "$status" = 64 ]
    [[ $output = *'no endpoint; LISTEN_FDS is set, but for another process'* ]]
    run timeout 20 env LISTEN_FDS=abc inst-listen
    [ "$status" = 64 ]
    [[ $output = *'no endpoint; LISTEN_FDS is set, and is no number'* ]]
    run timeout 20 env LISTEN_FDS=1 inst-listen
    [ "$status" = 64 ]
    [[ $output = *'no endpoint; LISTEN_FDS is set, but LISTEN_PID'* ]]
    for names in 3 4; do # it would be written to, and closed
        run timeout 20 inherit 2 inst-listen -R "$names"
        [ "$status" = 64 ]
        [[ $output = *"--ready-fd: $names is a socket"* ]]
    done
}

@test "systemd-socket-activate starts it when somebody connects" {
    need systemd-socket-activate
    systemd-socket-activate -l "$DIR/socket" --fdname=lab inst-listen -c 1 >"$DIR/out" 2>"$DIR/err" 3>&- </dev/null &
    LISTENER=$!
    started+=("$LISTENER")
    await test -S "$DIR/socket"
    instsim hl7 -q --profile chemistry "unix:$DIR/socket"
    wait_listener
    [ "$status" = 0 ]
    grep -q '"link":"lab","peer":"unix"' "$DIR/out"
}

@test "a connected socket on stdin, as inetd passes it, is one link; when it ends the exit is 0" {
    start_listener instsim hl7 -c 2 --profile chemistry listen:127.0.0.1:0
    dial
    run --separate-stderr timeout 20 inst-listen -n lab fd:0 <&"$WIRE"
    [ "$status" = 0 ]
    [ "$(wc -l <<<"$output")" = 2 ]
    [[ $output = *'"protocol":"hl7"'*'"link":"lab"'* ]]
    run timeout 20 bash -c "inst-listen fd:$WIRE >&$WIRE"
    [ "$status" = 64 ]
    hang_up
}

@test "where stderr is the link's own socket, as inetd passes it, nothing is told there: the instrument gets answers alone" {
    cat >"$DIR/serve" <<'END'
exec 9<>"/dev/tcp/127.0.0.1/$1"
exec inst-listen -vv "${@:2}" fd:0 <&9 >&9 2>&9 9>&-
END
    printf '%s\n' '> <VT>MSH|^~\&|a|b|||2026||ORU^R01|one|P|2.5.1<CR>OBX|1|NM|A||1<CR><FS><CR>' \
        '< <VT>MSH|^~\&|||a|b|<time>||ACK^R01|<id>|P|2.5.1<CR>MSA|AA|one<CR><FS><CR>' >"$DIR/one"
    play_host <"$DIR/one"
    run timeout 20 bash "$DIR/serve" "$PORT" -j "$DIR/journal"
    [ "$status" = 0 ]
    wait_host
    rm "$DIR/ready.host"
    has_lines 1 '"control_id":"one"' "$DIR/journal"
    play_host <<<eof
    run timeout 20 bash "$DIR/serve" "$PORT" # stdout is it as well, and nothing else takes the messages
    [ "$status" = 64 ]
    wait_host
}

@test "dials wait 5 s at first; then longer by the factor up to the longest, and a tenth more or less" {
    start_listener inst-listen 0
    stop_listener
    rm "$DIR/err"
    hold_log
    start_listener inst-listen --log json "dial:127.0.0.1:$PORT"
    read -r -t 20 -u "$LOG" line
    [[ $line =~ '"type":"link","event":"retrying"'.*'"attempt":2,"wait_ms":'([0-9]+) ]]
    [ "${BASH_REMATCH[1]}" -ge 4500 ]
    [ "${BASH_REMATCH[1]}" -le 5500 ]
    SECONDS=0
    stop_listener # in the middle of the wait
    [ "$status" = 0 ]
    [ $SECONDS -lt 3 ]
    rm "$DIR/err"
    run timeout 20 inst-listen --log json --retry 0.04,1.5,0.15 --max-retries 7 "dial:127.0.0.1:$PORT"
    [ "$status" = 69 ]
    [ "$(grep -c '"event":"retrying"' <<<"$output")" = 7 ]
    grep -o '"attempt":.*"wait_ms":[0-9]*' <<<"$output" | tr -c '0-9\n' ' ' | awk '
        BEGIN { wait = 40 }
        $1 != NR + 1 || $2 < wait * .9 - 1 || $2 > wait * 1.1 { print "attempt", $1, "waits", $2, "not", wait; bad = 1 }
        $2 != wait { jitter = 1 }
        { wait = wait * 1.5 > 150 ? 150 : int(wait * 1.5) }
        END { exit bad || !jitter }'
}

@test "after a connection that worked the wait is the shortest again" {
    hold_log
    start_listener inst-listen --log json --retry 0.05,3,5 "dial:unix:$DIR/socket"
    await_log '*"attempt":4,"wait_ms":*'
    instsim hl7 -q --profile chemistry "listen:unix:$DIR/socket"
    await_log '*"event":"message"*'
    await_log '*"event":"disconnected"*'
    await_log '*"attempt":2,"wait_ms":[45]?,*'
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "500 dials to a port where nobody is: each goes on trying, none spins, and names leave no process behind" {
    local i used descriptors
    start_listener inst-listen 0
    stop_listener
    for i in {1..500}; do
        echo "link-$i auto dial:127.0.0.1:$PORT"
    done >"$LINKS"
    for i in {1..5}; do
        echo "name-$i astm dial:no-such-host.invalid:4000"
    done >>"$LINKS"
    start_listener inst-listen --log json --retry 0.3,1,1 -f "$LINKS" 127.0.0.1:0
    [ ${#ENDPOINTS[@]} = 506 ]
    await_err '"attempt":4,' 500
    descriptors=$(descriptors)
    used=$(processor)
    PORT=$(port 0)
    dial
    deliver meanwhile
    hang_up
    [ "$(grep '"attempt":3,' "$DIR/err" | grep -o '"link":"link-[^"]*"' | sort -u | wc -l)" = 500 ]
    await_err '"link":"name-1".*unknown'
    stop_listener
    [ "$status" = 0 ]
    echo "descriptors $descriptors, processor $used"
    [ "$descriptors" -lt 550 ]
    [ "$used" -lt 200 ]
}

@test "a name is looked up again at every attempt, and each of its addresses is tried" {
    local hosts
    unshare -m true 2>/dev/null || skip "mount namespaces are not permitted here"
    start_listener instsim hl7 -q --profile chemistry -c 2 --attempts 100 listen:127.0.0.1:0
    hosts=$DIR/hosts
    echo '127.0.0.2 analyzer' >"$hosts" # nobody is there
    # shellcheck disable=SC2016 # for the shell that is started
    start_listener unshare -m --propagation private sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$hosts" \
        inst-listen --retry 0.1,1,1 -n far "dial:analyzer:$PORT"
    await_err 'far: .*refused; retrying in 0.1 s (attempt 3)'
    none grep -q connected "$DIR/err"
    echo '# it has moved, and has no address' >"$hosts"
    await_err 'far: .*unknown; retrying'
    printf '%s\n' '127.0.0.3 analyzer' '127.0.0.2 analyzer' '127.0.0.1 analyzer' >"$hosts"
    await has_lines 2 '"type":"message"' "$DIR/out"
    grep -q 'far: 127.0.0.1:[0-9]*: connected' "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
}

@test "a name that is listened on is looked up while the links go on, and is all of its addresses" {
    local hosts
    unshare -m true 2>/dev/null || skip "mount namespaces are not permitted here"
    hosts=$DIR/hosts
    printf '%s\n' '127.0.0.3 here' '127.0.0.2 here' '192.0.2.1 here' '192.0.2.1 elsewhere' >"$hosts"
    # shellcheck disable=SC2016 # for the shell that is started
    start_listener unshare -m --propagation private sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$hosts" \
        inst-listen -q listen:here:0 127.0.0.1:0
    [ ${#ENDPOINTS[@]} = 3 ]
    [[ ${ENDPOINTS[*]} = listen:127.0.0.[23]:*' 'listen:127.0.0.[23]:*' 'listen:127.0.0.1:* ]]
    instsim hl7 -q --profile chemistry "${ENDPOINTS[0]#listen:}"
    instsim astm -q --profile chemistry "${ENDPOINTS[1]#listen:}"
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 2
    # shellcheck disable=SC2016
    run timeout 20 unshare -m --propagation private sh -c 'mount --bind "$0" /etc/hosts && exec "$@"' "$hosts" \
        inst-listen listen:elsewhere:0
    [ "$status" = 69 ]
    [[ $output = *'cannot listen'* ]]
}

@test "a name that is unknown when links are read again is told, and tried when they are read the next time" {
    echo 'lab auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    echo 'named auto no-such-host.invalid:4000' >>"$LINKS"
    reload
    await_err 'named: no-such-host.invalid:4000: the host is unknown'
    dial
    deliver meanwhile
    reload
    await_err 'named: no-such-host.invalid:4000: the host is unknown' 2
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "who does not answer a dial is given --connect-timeout, and others are not kept waiting" {
    inherit -1 sleep 60 2>"$DIR/port" 3>&- &
    started+=($!)
    await test -s "$DIR/port"
    PORT=$(<"$DIR/port")
    timeout 20 crowd "$PORT" 17 17 <>"$DIR/nothing" >"$DIR/crowd" 3>&- & # as many as fit into its backlog
    started+=($!)
    await test -s "$DIR/crowd"
    start_listener inst-listen --connect-timeout 0.2 --retry 0.1,1,1 "dial:127.0.0.1:$PORT" 127.0.0.1:0
    dial "$(port 1)"
    deliver meanwhile
    hang_up
    await_err 'no answer in time; retrying'
    stop_listener
    [ "$status" = 0 ]
}

@test "a system out of descriptors slows dialling and accepting down; it goes on when there are some" {
    local i used silent
    start_listener hl7-listen 127.0.0.1:0
    silent=$LISTENER
    for i in {1..60}; do
        echo "link-$i hl7 dial:127.0.0.1:$PORT"
    done >"$LINKS"
    start_listener bash -c 'ulimit -n 40; exec "$@"' - inst-listen --retry 0.2,1,1 -f "$LINKS" 127.0.0.1:0
    await_err 'Too many open files; retrying'
    used=$(processor)
    dial
    await_err 'Too many open files; retrying' 100
    [ "$(grep -c 'cannot accept: Too many open files; accepting rests' "$DIR/err")" -le 2 ]
    used=$(($(processor) - used))
    echo "processor $used"
    [ "$used" -lt 50 ]
    kill "$silent"
    deliver after
    await_err 'accepting goes on'
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
}

@test "a dialled peer that falls silent is left after --idle-timeout, to be dialled again" {
    inherit -1 sleep 60 2>"$DIR/port" 3>&- & # it takes connections, and nobody is behind them
    started+=($!)
    await test -s "$DIR/port"
    start_listener inst-listen --idle-timeout 0.1 -n far "dial:127.0.0.1:$(<"$DIR/port")"
    await_err 'far: .*idle for too long'
    await_err 'far: the connection is gone; retrying in .* (attempt 2)'
    stop_listener
    [ "$status" = 0 ]
}

# ---- serial lines ----

@test "serial: is raw and has the settings that are given, and says so where the device refuses them" {
    local tty settings wanted word
    plug
    exec {tty}<>"$DIR/A"
    for settings in ,19200,8N2,xonxoff ,4800,8N1,rtscts ''; do
        start_listener inst-listen "serial:$DIR/A$settings"
        await_err ' connected'
        stty -a <&"$tty" | tr ';\n' '  ' | sed 's/^/ /' >"$DIR/stty"
        stop_listener
        [ "$status" = 0 ]
        case $settings in
        ,19200*) wanted='speed 19200 baud cstopb ixon ixoff -crtscts' ;;
        ,4800*) wanted='speed 4800 baud -cstopb -ixon -ixoff crtscts' ;;
        *) wanted='speed 9600 baud -cstopb -ixon -ixoff -crtscts' ;;
        esac
        for word in $wanted cs8 -parenb clocal cread -icanon -echo -isig -opost -icrnl -istrip; do
            grep -q -e " $word " "$DIR/stty" || {
                echo "$settings: not $word: $(<"$DIR/stty")"
                return 1
            }
        done
    done
    start_listener inst-listen "serial:$DIR/A,9600,7E1" # a pseudo-terminal has 8 bits and no parity
    await_err 'the device does not take 9600,7E1; retrying'
    stop_listener
    [ "$status" = 0 ]
    stty -a <&"$tty" | grep -q -w cs8
    exec {tty}>&-
}

@test "serial: receives ASTM and HL7; unplugged it is tried again, and works when it is plugged in again" {
    local protocol seed=0
    plug
    start_listener inst-listen --retry 0.1,1,1 -n line "serial:$DIR/A,9600,8N1"
    for protocol in astm hl7 astm; do
        seed=$((seed + 1))
        await_err ' connected' $seed # what comes before the line is open is lost
        timeout 20 instsim $protocol -q -c 3 --seed $seed --profile chemistry "serial:$DIR/B,9600,8N1"
        await has_lines $((seed * 3)) '"link":"line"' "$DIR/out"
        unplug
        await_err 'the line is gone; retrying in 0.1 s (attempt 2)' $seed
        await_err 'No such file or directory; retrying' $seed
        plug
    done
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 9
    all_different "$DIR/out"
    [ "$(grep -c '"peer":"'"$DIR/A"'"' "$DIR/out")" = 9 ]
    unplug
}

@test "serial: an HL7 message that was cut by an unplugged line is sent again, and arrives once" {
    plug
    instsim hl7 --profile chemistry - >"$DIR/message"
    start_listener inst-listen --retry 0.1,1,1 "serial:$DIR/A"
    await_err ' connected'
    exec {WIRE}>"$DIR/B"
    say "$VT$(head -c 60 "$DIR/message")"
    await_err 'this is HL7'
    unplug
    await_err 'the line is gone'
    hang_up
    plug
    await_err ' connected' 2
    timeout 20 instsim hl7 -q --profile chemistry "serial:$DIR/B"
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
    grep -q 'cut-block' "$DIR/err"
    unplug
}

@test "two listeners on one device: the second says that it is busy, and has it when the first ends" {
    local first
    plug
    start_listener inst-listen "serial:$DIR/A"
    await_err connected
    first=$LISTENER
    start_listener inst-listen --retry 0.1,1,1 "serial:$DIR/A"
    await_err 'Device or resource busy; retrying in 0.1 s (attempt 3)'
    kill "$first"
    await_err ' connected'
    timeout 20 instsim hl7 -q --profile chemistry "serial:$DIR/B"
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
    unplug
}

# ---- detection ----

# session ID: a whole one, as from a sender that waits for no answer.
session() {
    printf '\x05'
    frame 1 "$(message "$1")"
    printf '\x04'
}

@test "auto says what it found: ENQ, a frame, an H record, VT, MSH; blanks and NULs before it mean nothing" {
    local n=0 case sign
    mkdir "$DIR/bytes"
    printf '\x05' >"$DIR/bytes/ENQ"
    printf '\0\0  \r\n\x05' >"$DIR/bytes/ENQ.2"
    printf '\x021H|' >"$DIR/bytes/a frame"
    printf '\0 \x021H|' >"$DIR/bytes/a frame.2"
    printf 'H|\\^&|' >"$DIR/bytes/an H record"
    printf ' \0\r\nH|\\^&|' >"$DIR/bytes/an H record.2"
    printf '\x0bMSH|' >"$DIR/bytes/VT"
    printf ' \0\n\x0bMSH|' >"$DIR/bytes/VT.2"
    printf 'MSH|^' >"$DIR/bytes/MSH"
    printf '  \r\0MSH|^' >"$DIR/bytes/MSH.2"
    start_listener inst-listen 127.0.0.1:0
    for case in "$DIR"/bytes/*; do
        n=$((n + 1))
        sign=${case##*/}
        sign=${sign%.2}
        dial
        cat "$case" >&"$WIRE"
        await_err "protocol this is [A-Z0-9]*: $sign\$" $((1 + (n - 1) % 2))
        hang_up
    done
    [ "$n" = 10 ]
    [ "$(grep -c 'this is ASTM' "$DIR/err")" = 6 ]
    [ "$(grep -c 'this is HL7' "$DIR/err")" = 4 ]
    stop_listener
    [ "$status" = 0 ]
}

@test "auto survives one-byte reads" {
    printf '%s\n' '> <NUL> <CR><ENQ>' '< <ACK>' '> <STX>1H|\^&|one||wire<CR>L|1|N<CR><ETX><CS><CR><LF>' '< <ACK>' \
        '> <EOT>' >"$DIR/astm"
    printf '%s\n' '> <NUL> <LF><VT>MSH|^~\&|a|b|||2026||ORU^R01|two|P|2.5.1<CR>OBX|1|NM|A||1<CR><FS><CR>' \
        '< <VT>MSH|^~\&|||a|b|<time>||ACK^R01|<id>|P|2.5.1<CR>MSA|AA|two<CR><FS><CR>' >"$DIR/hl7"
    start_listener inst-listen 127.0.0.1:0
    play -b "$PORT" "$DIR/astm"
    play -b "$PORT" "$DIR/hl7"
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -o '"control_id":"[a-z]*"' "$DIR/out" | paste -s -d ' ')" = '"control_id":"one" "control_id":"two"' ]
}

@test "a wrong guess loses no byte: whoever turns out to speak the other protocol is understood, and back again" {
    start_listener inst-listen 127.0.0.1:0
    dial
    say "$ENQ" # noise on the line, that looked like ASTM
    hear "$ACK"
    say "$EOT"
    post one
    deliver two
    printf 'M' >&"$WIRE"
    post three
    printf 'H' >&"$WIRE"
    deliver four
    hang_up
    dial
    printf 'MS\x05' >&"$WIRE"
    hear "$ACK"
    say_frame 1 "$(message five)"
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    [ "$status" = 0 ]
    run grep -o '"control_id":"[a-z]*"' "$DIR/out"
    [ "$(cut -d '"' -f 4 <<<"$output" | paste -s -d ' ')" = 'one two three four five' ]
}

@test "bytes count, not packets: sessions and blocks in one write are all answered, and noise before them swallows none" {
    start_listener inst-listen 127.0.0.1:0
    dial
    { session ein; block one; } >"$DIR/first"
    { block two; session zwei; block three; session drei; } >"$DIR/second"
    cat "$DIR/first" >&"$WIRE"
    hear "$ACK"
    hear "$ACK"
    answered AA one
    cat "$DIR/second" >&"$WIRE"
    answered AA two
    hear "$ACK"
    hear "$ACK"
    answered AA three
    hear "$ACK"
    hear "$ACK"
    hang_up
    dial
    printf 'SMITH^JANE|F\r\034\r' >&"$WIRE"
    post four
    hang_up
    dial
    printf 'H/W ready\r\n' >&"$WIRE"
    post five
    hang_up
    stop_listener
    [ "$status" = 0 ]
    run grep -o '"control_id":"[a-z]*"' "$DIR/out"
    [ "$(cut -d '"' -f 4 <<<"$output" | paste -s -d ' ')" = 'ein one two zwei three drei four five' ]
    [ "$(grep -c '"protocol":"astm"' "$DIR/out")" = 4 ]
    ! grep -q 'SMI\|JANE' "$DIR/err"
}

@test "noise on an auto link is named once per connection, and nothing of it is shown" {
    start_listener inst-listen 127.0.0.1:0
    dial
    printf 'GET /patient HTTP/1.1\r\n\r\n' >&"$WIRE"
    await_err 'noise 25 bytes at offset 0 that begin no message ignored, beginning xxx$'
    printf 'GET /patient HTTP/1.1\r\n\r\n' >&"$WIRE"
    post one
    hang_up
    stop_listener
    [ "$(grep -c ' noise ' "$DIR/err")" = 1 ]
    ! grep -q 'GET\|patient' "$DIR/err"
}

@test "each connection of a link is judged by itself" {
    local one
    start_listener inst-listen -n lab 127.0.0.1:0
    dial
    one=$WIRE
    say "$ENQ"
    hear "$ACK"
    dial
    post second
    hang_up
    WIRE=$one
    say_frame 1 "$(message first)"
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    grep -q '"protocol":"astm".*"link":"lab".*"control_id":"first"' "$DIR/out"
    grep -q '"protocol":"hl7".*"link":"lab".*"control_id":"second"' "$DIR/out"
}

@test "a link of one protocol says so too where the other comes byte by byte, but not where its own follows" {
    printf '%s\n' '> <VT>MSH|^~\&|a|b|||2026||ORU^R01|two|P|2.5.1<CR><FS><CR>' >"$DIR/hl7"
    printf '%s\n' '> noise<CR><STX>1H|\^&|one||wire<CR>' >"$DIR/astm"
    start_listener astm-listen 127.0.0.1:0
    play -b "$PORT" "$DIR/hl7"
    await_err 'wrong-protocol the other side speaks HL7 (VT), this link is for ASTM'
    stop_listener
    start_listener hl7-listen 127.0.0.1:0
    play -b "$PORT" "$DIR/astm"
    await_err 'wrong-protocol the other side speaks ASTM (a frame), this link is for HL7'
    stop_listener
    start_listener hl7-listen 127.0.0.1:0
    dial
    printf 'SMITH^JANE|F\r\034\r' >&"$WIRE"
    post one
    hang_up
    dial
    say "$ENQ"
    post two
    say "$ENQ"
    hang_up
    stop_listener
    [ "$status" = 0 ]
    ! grep -q wrong-protocol "$DIR/err"
}

@test "a link of one protocol that is talked to in the other says so plainly" {
    local program
    for program in astm-listen 'inst-listen --protocol astm'; do
        # shellcheck disable=SC2086 # words
        start_listener $program 127.0.0.1:0
        dial
        block foreign >&"$WIRE"
        await_err 'wrong-protocol the other side speaks HL7 (VT), this link is for ASTM'
        hang_up
        dial
        deliver right
        hang_up
        stop_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 1
    done
    for program in hl7-listen 'inst-listen --protocol hl7'; do
        # shellcheck disable=SC2086 # words
        start_listener $program 127.0.0.1:0
        dial
        say "$ENQ"
        await_err 'wrong-protocol the other side speaks ASTM (ENQ), this link is for HL7'
        hang_up
        dial
        post right
        hang_up
        stop_listener
        [ "$status" = 0 ]
        count_lines "$DIR/out" 1
    done
}

# ---- who may connect, how many, how long ----

@test "--allow lets its networks in and nobody else, IPv4 and IPv6, several of them, for all links or for one" {
    local six=no allow
    [ ! -s /proc/net/if_inet6 ] || six=yes
    for allow in 127.0.0.0/8 127.0.0.1 10.0.0.0/8,127.0.0.1/32 0.0.0.0/0; do
        start_listener inst-listen --allow "$allow" 127.0.0.1:0
        dial
        deliver "in"
        hang_up
        stop_listener
    done
    for allow in 10.0.0.0/8 127.0.0.2 ::1; do
        start_listener inst-listen --allow 192.0.2.0/24 --allow "$allow" 127.0.0.1:0
        dial
        hear CLOSE
        hang_up
        stop_listener
        grep -q 'refused a connection from 127.0.0.1:[0-9]*: it is not allowed (--allow)' "$DIR/err"
    done
    printf 'open astm 127.0.0.1:0\nclosed astm 127.0.0.1:0 allow=10.0.0.0/8\\,2001:db8::/32\n' >"$LINKS"
    [ $six = no ] || printf 'six astm [::1]:0 allow=::1\nno-six astm [::1]:0 allow=127.0.0.1\n' >>"$LINKS"
    [ $six = no ] || printf 'both astm *:0 allow=127.0.0.0/8\n' >>"$LINKS"
    start_listener inst-listen -f "$LINKS" --log json
    dial
    deliver open
    hang_up
    dial "$(port 1)"
    hear CLOSE
    hang_up
    grep -q '"event":"refused".*"link":"closed","peer":"127.0.0.1:[0-9]*","reason":"allow"' "$DIR/err"
    if [ $six = yes ]; then
        instsim astm -q --profile chemistry "[::1]:$(port 2)"
        exec {WIRE}<>"/dev/tcp/::1/$(port 3)"
        hear CLOSE
        hang_up
        dial "$(port 4)"
        deliver mapped
        hang_up
    fi
    stop_listener
    [ "$status" = 0 ]
}

@test "--allow: who tries again and again is told once, is counted each time, and is no error" {
    local i
    for i in '' -q -v; do
        # shellcheck disable=SC2086 # none or one
        start_listener inst-listen $i --metrics "$DIR/metrics" -n lab --allow 10.0.0.0/8 127.0.0.1:0
        for _ in 1 2 3 4 5; do
            dial
            hear CLOSE
            hang_up
        done
        await metric connections_refused_total 'link="lab"' 5
        stop_listener
        [ "$status" = 0 ]
        run grep -c 'refused a connection from 127.0.0.1:[0-9]*: it is not allowed (--allow)$' "$DIR/err"
        case $i in
        -q) [ "$output" = 0 ] ;;
        -v) [ "$output" = 5 ] ;;
        *) [ "$output" = 1 ] ;;
        esac
    done
}

@test "--max-connections-per-peer refuses what is more from one address; other links go on" {
    local one two
    printf 'lab hl7 127.0.0.1:0 max-connections-per-peer=2\nother hl7 127.0.0.1:0\n' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    dial
    one=$WIRE
    post one
    dial
    two=$WIRE
    post two
    dial
    hear CLOSE
    hang_up
    grep -q 'there are 2 from there (--max-connections-per-peer)' "$DIR/err"
    dial "$(port 1)"
    post other
    hang_up
    WIRE=$two
    hang_up
    await_err ' disconnected' 2
    dial
    post three
    hang_up
    WIRE=$one
    post four
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 5
}

@test "--replace: a new connection from the same peer retires the old one" {
    local one two
    start_listener inst-listen --replace 127.0.0.1:0 127.0.0.1:0
    dial "$(port 1)"
    post elsewhere
    two=$WIRE
    dial
    one=$WIRE
    deliver one
    dial
    deliver two
    await_err 'a new connection from there takes its place'
    hang_up
    for WIRE in "$one" "$two"; do
        [ "$WIRE" = "$two" ] || hear CLOSE
        hang_up
    done
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 3
    [ "$(grep -c 'takes its place' "$DIR/err")" = 1 ]
}

@test "--replace serves an instrument at once, also where its own old connection is the last that there may be" {
    local i old=()
    start_listener inst-listen --replace --max-connections 1 --metrics "$DIR/metrics" -n lab 127.0.0.1:0
    for i in 1 2 3; do
        dial
        old+=("$WIRE")
        deliver "$i"
    done
    await metric connections 'link="lab"' 1 # those that we have closed and who do not close count no more
    for WIRE in "${old[@]}"; do
        hang_up
    done
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 3
    none grep -q 'refused a connection' "$DIR/err"
}

@test "a connection that was closed for its silence makes room at once, whether its peer closes or not" {
    local silent
    start_listener inst-listen --max-connections 1 --idle-timeout 1 127.0.0.1:0
    dial
    silent=$WIRE
    deliver one
    hear CLOSE
    dial
    deliver two
    hang_up
    WIRE=$silent
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 2
}

@test "--max-connections counts over all links" {
    local open
    start_listener inst-listen --max-connections 2 127.0.0.1:0 127.0.0.1:0
    dial "$(port 0)"
    post one
    open=$WIRE
    dial "$(port 1)"
    post two
    open="$open $WIRE"
    dial "$(port 0)"
    hear CLOSE
    for WIRE in $WIRE $open; do
        hang_up
    done
    grep -q 'there are 2 already (--max-connections)' "$DIR/err"
    stop_listener
    [ "$status" = 0 ]
}

@test "who drips a byte at a time cannot hold a message open beyond --message-timeout, the link stays up" {
    local dripper end
    printf 'a auto 127.0.0.1:0\nh auto 127.0.0.1:0\n' >"$LINKS"
    start_listener inst-listen -f "$LINKS" --message-timeout 0.4
    for end in 0 1; do
        dial "$(port $end)"
        if [ $end = 0 ]; then
            say "$ENQ"
            hear "$ACK"
            printf '\x021H|' >&"$WIRE"
        else
            printf '\x0bMSH|^~\\&|wire|LAB|||2026||ORU^R01|drip|P|2.5.1\r' >&"$WIRE"
        fi
        (
            while read -r -t 0.05 <>"$DIR/nothing" || [ $? -gt 128 ]; do
                printf x
            done
        ) >&"$WIRE" 2>/dev/null 3>&- &
        dripper=$!
        started+=("$dripper")
        [ $end = 0 ] || answered AR drip
        await_err 'took more than\|too-slow\|too slow' $((end + 1))
        kill "$dripper"
        wait "$dripper" || :
        hang_up
        dial "$(port $end)"
        deliver "after-$end"
        hang_up
    done
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 2
}

@test "idle-timeout= closes connections of that link alone, also before they say what they speak" {
    local one
    printf 'a auto 127.0.0.1:0 idle-timeout=0.5\nb auto 127.0.0.1:0\n' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    dial "$(port 1)"
    one=$WIRE
    dial
    hear CLOSE
    hang_up
    dial
    post a
    hear CLOSE
    hang_up
    WIRE=$one
    post b
    hang_up
    stop_listener
    [ "$status" = 0 ]
    grep -q 'a: 127.0.0.1:[0-9]*: idle for too long' "$DIR/err"
    none grep -q 'b: .*idle' "$DIR/err"
}

@test "2 000 connections at once, ASTM and HL7: each sends a message and is answered, and none is lost" {
    [ "$(ulimit -H -n)" = unlimited ] || [ "$(ulimit -H -n)" -ge 2100 ] || skip "not so many descriptors are allowed"
    start_listener inst-listen -q --max-connections 2000 127.0.0.1:0
    [ "$(timeout 50 crowd -m "$PORT" 2000)" = 2000 ]
    stop_listener
    [ "$status" = 0 ]
    [ ! -s "$DIR/err" ]
    count_lines "$DIR/out" 2000
    [ "$(grep -o '"control_id":"[0-9]*"' "$DIR/out" | sort -u | wc -l)" = 2000 ]
    [ "$(grep -c '"protocol":"astm"' "$DIR/out")" = 1000 ]
}

# ---- SIGHUP ----

# reload: sends SIGHUP and waits until the file is read again.
reload() {
    local before
    before=$(grep -c 'read again\|stay as they are' "$DIR/err") || :
    kill -s HUP "$LISTENER"
    await_err 'read again\|stay as they are' $((before + 1))
}

@test "SIGHUP reads the file again: links that did not change keep their connections, others come and go" {
    local kept ended
    printf '%s\n' 'kept auto 127.0.0.1:0' 'ended auto 127.0.0.1:0' "changed auto unix:$DIR/socket" >"$LINKS"
    start_listener inst-listen -v -f "$LINKS" 127.0.0.1:0
    dial "$(port 1)"
    kept=$WIRE
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|kept||wire\r'
    hear "$ACK"
    dial "$(port 2)"
    ended=$WIRE
    post before
    printf '%s\n' '# new' "changed hl7 unix:$DIR/socket" "added auto unix:$DIR/added" 'kept  auto	127.0.0.1:0' >"$LINKS"
    reload
    grep -q "$LINKS read again: 1 links kept, 2 ended, 2 new" "$DIR/err"
    WIRE=$ended
    hear CLOSE
    hang_up
    run bash -c "exec 9<>/dev/tcp/127.0.0.1/$(port 2)"
    [ "$status" != 0 ]
    WIRE=$kept
    say_frame 2 $'L|1|N\r'
    hear "$ACK"
    say "$EOT"
    hang_up
    instsim hl7 -q --seed 1 --profile chemistry "unix:$DIR/socket"
    instsim astm -q --seed 2 --profile chemistry "unix:$DIR/added"
    dial
    post command
    hang_up
    stop_listener
    [ "$status" = 0 ]
    run grep -o '"link":"[^"]*"' "$DIR/out"
    [ "$(cut -d '"' -f 4 <<<"$output" | paste -s -d ' ')" = 'ended kept changed added 127.0.0.1:0' ]
    [ ! -e "$DIR/socket" ]
    [ ! -e "$DIR/added" ]
}

@test "SIGHUP: a message in flight on a link that is no longer there is finished first, also where a new link fails" {
    local hl7
    printf '%s\n' 'gone astm 127.0.0.1:0' 'gone-too hl7 127.0.0.1:0' 'stays auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -v -f "$LINKS"
    dial "$(port 1)"
    hl7=$WIRE
    block last | head -c 60 >&"$WIRE"
    dial "$(port 0)"
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|flight||wire\r'
    hear "$ACK"
    printf '%s\n' 'stays auto 127.0.0.1:0' "taken auto 127.0.0.1:$(port 2)" >"$LINKS"
    reload
    grep -q 'in use' "$DIR/err"
    say_frame 2 $'L|1|N\r'
    hear "$ACK"
    say "$EOT"
    hear CLOSE
    hang_up
    WIRE=$hl7
    block last | tail -c +61 >&"$WIRE"
    answered AA last
    hear CLOSE
    hang_up
    dial "$(port 2)"
    post stays
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 3
}

@test "SIGHUP with a file that is wrong, or gone, changes nothing and is reported" {
    echo 'lab auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -f "$LINKS"
    dial
    post one
    printf '%s\n' 'other auto 127.0.0.1:0' '' 'lab astm 127.0.0.1:0 mllp=1' >"$LINKS"
    reload
    grep -q "$LINKS:3: mllp: it is not for astm; the links stay as they are" "$DIR/err"
    post two
    rm "$LINKS"
    reload
    grep -q "$LINKS: No such file or directory; the links stay as they are" "$DIR/err"
    post three
    echo 'lab auto 127.0.0.1:0' >"$LINKS"
    reload
    post four
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 4
    none grep -q disconnected <(head -n -1 "$DIR/err")
}

@test "reading the file ten times, with links that come, change and go, leaks no descriptor" {
    local i before
    [ -d /proc/self/fd ] || skip "there is no /proc to count descriptors in"
    make_links() {
        printf '%s\n' 'kept auto 127.0.0.1:0' "changed auto unix:$DIR/changed idle-timeout=$1" \
            "dialled hl7 dial:127.0.0.1:$PORT retry=0.0$1\\,1\\,1" "named hl7 dial:localhost:$PORT max-retries=10$1" \
            "serial auto serial:$DIR/none$1" "link-$1 auto 127.0.0.1:0" 'bad astm 192.0.2.1:0' >"$LINKS"
    }
    start_listener hl7-listen 127.0.0.1:0
    make_links 10
    refused 69 'cannot listen' -f "$LINKS"
    sed -i '$d' "$LINKS"
    start_listener inst-listen -f "$LINKS"
    await_err 'dialled.* connected'
    await_err 'named.* connected'
    PORT=$(sed -n 's/^dialled.*:\([0-9]*\) .*/\1/p' "$LINKS")
    before=$(descriptors)
    for i in {11..20}; do
        make_links $i
        reload
    done
    await_err 'dialled.* connected' 2
    settled() {
        [ "$(descriptors)" = "$before" ]
    }
    await settled
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -c 'cannot listen' "$DIR/err")" = 10 ]
}

# ---- what is told ----

@test "--log json: each line is an object, events of links among them, and no patient in any" {
    need jq
    start_listener inst-listen 0
    stop_listener
    printf '%s\n' 'lab\ "1\\" auto 127.0.0.1:0' "far astm dial:127.0.0.1:$PORT retry=0.05\\,1\\,1" >"$LINKS"
    start_listener inst-listen -vv --log json -f "$LINKS" --allow 127.0.0.1
    dial
    deliver one
    post two
    say "HELLO Quimby"$'\r\n'
    block '' 'PID|1||4711||Quimby^Ada' >&"$WIRE"
    hang_up
    await_err '"event":"disconnected"'
    await_err '"attempt":3'
    echo 'lab poct 0' >"$LINKS"
    reload
    stop_listener
    [ "$status" = 0 ]
    jq -e -s 'all(.[]; (.type == "link" and (.event | type) == "string" and (.link | type) == "string")
        or (.type == "log" and (.level | type) == "string" and (.text | type) == "string"))' "$DIR/err"
    jq -e -s 'any(.[]; .event == "connected" and .link == "lab \"1\\\"" and (.peer | startswith("127.0.0.1:")))' "$DIR/err"
    jq -e -s '[.[] | select(.event == "message")] | length >= 2' "$DIR/err"
    jq -e -s 'any(.[]; .event == "retrying" and .link == "far" and .attempt == 3 and .wait_ms >= 44 and .wait_ms <= 56)' \
        "$DIR/err"
    jq -e -s 'any(.[]; .event == "protocol") and any(.[]; .type == "log" and .level == "error")' "$DIR/err"
    jq -e -s 'all(.[]; .time | test("^20[0-9-]*T[0-9:.]*Z$"))' "$DIR/err"
    none grep -qw -e Quimby -e 4711 "$DIR/err"
    none grep -q -v '^{.*}$' "$DIR/err"
}

@test "SIGUSR1 prints the counters of each link" {
    printf '%s\n' 'a astm 127.0.0.1:0' 'h hl7 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -q -f "$LINKS"
    dial "$(port 0)"
    deliver one
    hang_up
    dial "$(port 1)"
    post two
    post two
    kill -s USR1 "$LISTENER"
    await_err 'a: connections 0 of 1, messages 1, records 4, bytes '
    await_err 'h: connections 1 of 1, messages 1, records 3, bytes .*retransmissions 1, timeouts 0$'
    hang_up
    stop_listener
    [ "$status" = 0 ]
    none grep -q -e Quimby -e 4711 "$DIR/err"
}

# metric NAME LABELS VALUE: the metrics file has it.
metric() {
    grep -q -F -x "instlink_$1{$2} $3" "$DIR/metrics"
}

@test "--metrics keeps a file for Prometheus: valid, labels escaped, each link's counters, those of one name together" {
    local name=$'\xc3\xbc'
    need promtool
    printf '%s\n' 'a"b\\c astm 127.0.0.1:0' "$name hl7 127.0.0.1:0" >"$LINKS"
    start_listener inst-listen -q --metrics "$DIR/metrics" -f "$LINKS" 127.0.0.1:0 127.0.0.1:0
    await test -s "$DIR/metrics"
    promtool check metrics <"$DIR/metrics"
    dial "$(port 2)"
    say "$ENQ"
    hear "$ACK"
    say $'\x021H|\\^&\r\x03FF\r\n'
    hear "$NAK"
    say "$EOT"
    deliver one
    dial "$(port 3)"
    post two
    post two
    block '' | sed 's/^\(.\)MSH/\1MXH/' >&"$WIRE"
    hear "$VT"
    dial "$(port 0)"
    deliver three
    dial "$(port 1)"
    post four
    await metric messages_total 'link="127.0.0.1:0"' 2
    await metric connections 'link="127.0.0.1:0"' 2
    metric connections_total 'link="a\"b\\c"' 1
    metric messages_total 'link="a\"b\\c"' 1
    metric records_total 'link="a\"b\\c"' 4
    metric checksum_errors_total 'link="a\"b\\c"' 1
    metric refusals_total 'link="a\"b\\c",reason="bad-checksum"' 1
    metric messages_total "link=\"$name\"" 1
    metric retransmissions_total "link=\"$name\"" 1
    metric refusals_total "link=\"$name\",reason=\"unreadable\"" 1
    metric timeouts_total "link=\"$name\"" 0
    grep -q -E "^instlink_last_message_timestamp_seconds\{link=\"$name\"\} [0-9]{10}\.[0-9]{6}\$" "$DIR/metrics"
    promtool check metrics <"$DIR/metrics"
    [ "$(grep -c '^# HELP' "$DIR/metrics")" = "$(grep -v '^#' "$DIR/metrics" | cut -d '{' -f 1 | sort -u | wc -l)" ]
    [ "$(grep -c '^# TYPE' "$DIR/metrics")" = "$(grep -c '^# HELP' "$DIR/metrics")" ]
    exec {WIRE}>&-
    stop_listener
    [ "$status" = 0 ]
    [ "$(find "$DIR" -name 'metrics*' | wc -l)" = 1 ]
}

@test "--metrics: the file is whole, and new once a second at most; where it cannot be written that is told, links go on" {
    local reads=0 sizes
    SECONDS=0
    start_listener inst-listen -q --metrics "$DIR/metrics" 127.0.0.1:0
    instsim hl7 -q -c 3000 --profile chemistry "127.0.0.1:$PORT" 3>&- &
    started+=($!)
    await test -s "$DIR/metrics"
    while kill -0 "${started[-1]}" 2>/dev/null && [ $reads -lt 200 ]; do
        reads=$((reads + 1))
        sizes=$(grep -c '^instlink_' "$DIR/metrics")
        [ "$sizes" -ge 20 ]
        tail -n 1 "$DIR/metrics" | grep -q -E '( [0-9.]+|handed over\.|gauge)$'
        stat -c '%i %y' "$DIR/metrics" >>"$DIR/states"
    done
    [ "$(sort -u "$DIR/states" | wc -l)" -le $((SECONDS + 2)) ]
    kill "${started[-1]}" 2>/dev/null || :
    stop_listener
    [ "$status" = 0 ]
    refused 73 'No such file' --metrics "$DIR/none/metrics" 127.0.0.1:0
    mkdir "$DIR/place"
    start_listener inst-listen --metrics "$DIR/place/metrics" 127.0.0.1:0
    rm -r "$DIR/place"
    dial
    post one
    await_err "metrics: $DIR/place/metrics: No such file"
    mkdir "$DIR/place"
    await_err "metrics: $DIR/place/metrics: it is written again"
    hang_up
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 1
    has_lines 2 'metrics:' "$DIR/err"
    none has_lines 3 'metrics:' "$DIR/err"
}

@test "--metrics replaces nothing but a regular file, and writes through no link" {
    echo mine >"$DIR/victim"
    ln -s victim "$DIR/fin.prom.new"
    refused 73 'not ours' --metrics "$DIR/fin.prom" 127.0.0.1:0
    [ -L "$DIR/fin.prom.new" ]
    ln -s victim "$DIR/link.prom"
    refused 73 'no regular file' --metrics "$DIR/link.prom" 127.0.0.1:0
    mkfifo "$DIR/fifo.prom"
    refused 73 'no regular file' --metrics "$DIR/fifo.prom" 127.0.0.1:0
    refused 73 'no regular file' --metrics /dev/null 127.0.0.1:0
    [ -c /dev/null ]
    [ "$(<"$DIR/victim")" = mine ]
    echo stale >"$DIR/own.prom.new"
    start_listener inst-listen --metrics "$DIR/own.prom" 127.0.0.1:0
    stop_listener
    [ "$status" = 0 ]
    grep -q '^# TYPE instlink_connections' "$DIR/own.prom"
    [ ! -e "$DIR/own.prom.new" ]
}

@test "a service manager hears when it is ready, reads links again, is alive, and stops" {
    need socat
    : >"$DIR/told"
    socat -u UNIX-RECV:"$DIR/notify" "OPEN:$DIR/told,append" 2>/dev/null 3>&- &
    started+=($!)
    await test -S "$DIR/notify"
    : >"$LINKS"
    start_listener env NOTIFY_SOCKET="$DIR/notify" WATCHDOG_USEC=100000 inst-listen -f "$LINKS" 127.0.0.1:0
    reload
    told() {
        sed 's/[A-Z]*=1/&\n/g' "$DIR/told"
    }
    fed() {
        [ "$(told | grep -c WATCHDOG=1)" -ge 4 ]
    }
    SECONDS=0
    await fed # at half of its time, also where nothing else happens
    [ $SECONDS -lt 10 ]
    stop_listener
    [ "$status" = 0 ]
    await has_lines 1 STOPPING=1 "$DIR/told"
    [ "$(told | grep -v -e '^$' -e WATCHDOG | paste -s -d ' ')" = 'READY=1 RELOADING=1 READY=1 STOPPING=1' ]
}

# ---- the end ----

@test "SIGTERM under load: exit 0, and what was acknowledged is printed, each message once" {
    local i pids=()
    printf '%s\n' 'a astm 127.0.0.1:0' 'h hl7 127.0.0.1:0' 'x auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen -q -f "$LINKS"
    for i in 1 2 3 4; do
        instsim astm -c 100000 --seed $i --timers busy=0.1 --attempts 1 --max-retries 0 --profile bloodgas \
            "127.0.0.1:$(port $((i % 2 * 2)))" 2>"$DIR/sim-$i" 3>&- &
        pids+=($!)
        instsim hl7 -c 100000 --seed 1$i --attempts 1 --max-retries 0 --profile bloodgas \
            "127.0.0.1:$(port $((1 + i % 2)))" 2>"$DIR/sim-1$i" 3>&- &
        pids+=($!)
    done
    started+=("${pids[@]}")
    await has_lines 400 '"type":"message"' "$DIR/out"
    stop_listener
    [ "$status" = 0 ]
    for i in "${pids[@]}"; do
        wait "$i" || :
    done
    all_different "$DIR/out"
    tail -q -n 1 "$DIR"/sim-*
    count_lines "$DIR/out" "$(cat "$DIR"/sim-* | grep -c 'message [0-9]* accepted')"
}

@test "SIGTERM: half a message may be finished while a dial waits; and a second one ends it at once, with 143" {
    local hl7
    start_listener inst-listen 0
    stop_listener
    start_listener inst-listen -v 127.0.0.1:0 "dial:127.0.0.1:$PORT"
    dial
    hl7=$WIRE
    block half | head -c 50 >&"$WIRE"
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|half-too||wire\r'
    hear "$ACK"
    await_err 'HL7'
    await_err 'retrying'
    kill -s TERM "$LISTENER"
    await_err stopping
    say_frame 2 $'L|1|N\r'
    hear "$ACK"
    say "$EOT"
    hear CLOSE
    hang_up
    WIRE=$hl7
    block half | tail -c +51 >&"$WIRE"
    answered AA half
    hear CLOSE
    hang_up
    wait_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 2
    start_listener inst-listen -v 127.0.0.1:0
    dial
    block never | head -c 50 >&"$WIRE"
    await_err HL7
    kill -s TERM "$LISTENER"
    await_err stopping
    stop_listener TERM
    [ "$status" = 143 ]
    hang_up
}

@test "SIGTERM with a stalled reader: what waits is refused after 10 s, exit 0" {
    local one
    stall_out
    start_listener inst-listen -o raw 127.0.0.1:0
    dial
    one=$WIRE
    say "$ENQ"
    hear "$ACK"
    say_frame 1 "$(message waits)"
    dial
    block waits >&"$WIRE"
    await_err 'HL7'
    SECONDS=0
    kill -s TERM "$LISTENER"
    answered AE waits
    hang_up
    WIRE=$one
    hear "$NAK"
    hang_up
    wait_listener
    [ "$status" = 0 ]
    [ $SECONDS -ge 8 ]
    grep -q 'stdout is stalled' "$DIR/err"
}

# ---- all at once ----

@test "a laboratory: ASTM and HL7, listening, dialling, on a serial line and detected; every message exactly once" {
    local i pids=() hosts=() dials=()
    plug
    for i in 1 2; do
        start_listener instsim hl7 -q -c 40 --seed 1$i --profile chemistry listen:127.0.0.1:0
        hosts+=("$LISTENER")
        dials+=("dial-$i hl7 dial:127.0.0.1:$PORT retry=0.1\\,1\\,1")
    done
    printf '%s\n' 'a1 astm 127.0.0.1:0' 'a2 astm 127.0.0.1:0' 'a3 astm 127.0.0.1:0' "${dials[@]}" \
        "line astm serial:$DIR/A,38400" 'any auto 127.0.0.1:0' >"$LINKS"
    start_listener inst-listen --metrics "$DIR/metrics" -f "$LINKS"
    await_err 'line: .* connected' # what comes before the line is open is lost
    for i in 0 1 2 6; do
        instsim astm -q -c 40 --seed 2$i --timers busy=0.05 --attempts 100 --profile hematology \
            "127.0.0.1:$(port $i)" 3>&- &
        pids+=($!)
    done
    instsim hl7 -q -c 40 --seed 31 --profile coagulation "127.0.0.1:$(port 6)" 3>&- &
    pids+=($!)
    instsim astm -q -c 40 --seed 41 --profile bloodgas "serial:$DIR/B,38400" 3>&- &
    pids+=($!)
    started+=("${pids[@]}")
    for i in "${pids[@]}" "${hosts[@]}"; do
        wait "$i"
    done
    kill -s HUP "$LISTENER"
    await has_lines 320 '"type":"message"' "$DIR/out"
    stop_listener
    [ "$status" = 0 ]
    count_lines "$DIR/out" 320
    all_different "$DIR/out"
    for i in a1 a2 a3 dial-1 dial-2 line; do
        metric messages_total "link=\"$i\"" 40
    done
    metric messages_total 'link="any"' 80
    unplug
}
