# Queries: instruments that ask, hosts that answer with -x and -s, and instsim on either side of what goes wrong. The
# scripts are those of instlink(7), as its reader copies them from the rendered page.
# shellcheck disable=SC2016 # what looks like an expansion is for a shell that is started later
load helper
load wire

setup() {
    export DIR=$BATS_TEST_TMPDIR
    export LC_ALL=C
    mkfifo "$DIR/nothing" # what a test reads that waits for a while
    cd "$DIR" || return
    printf '%s\t%s\n' S1 'GLU K' S2 NA >orders
}

# await COMMAND…: it has to succeed within 30 s.
await() {
    local end=$((SECONDS + 30))
    until "$@"; do
        [ $SECONDS -lt $end ] || {
            echo "never: $*"
            return 1
        }
        read -r -t 0.05 <>"$DIR/nothing" || :
    done
}

# recipe HEADING: writes orders.sh as the page has it there, and starts the listener that it shows, on a free port.
recipe() {
    need mandoc
    "$BATS_TEST_DIRNAME/slow/recipe" "$1" 1 >orders.sh
    COMMAND=$("$BATS_TEST_DIRNAME/slow/recipe" "$1" 2)
    [ -s orders.sh ]
    [[ $COMMAND = *-listen*-x*'sh orders.sh'*' -j messages '* ]]
    eval "set -- ${COMMAND% *}"
    start_listener "$@" "${OPTIONS[@]}" 127.0.0.1:0
}

# transcript: from stdin, with @1TEXT@ for a frame 1 with that text and CR, and blocks of HL7 in brackets, in which /
# ends a segment. The checksum over a time that nobody knows is not looked at.
transcript() {
    sed -E -e 's/@([0-7])([^@]*<time>)@/<STX>\1\2<CR><ETX><words><CR><LF>/' \
        -e 's/@([0-7])([^@]*)@/<STX>\1\2<CR><ETX><CS><CR><LF>/' \
        -e '/\[MSH/{ s/\//<CR>/g; s/\[/<VT>/; s/\]/<FS><CR>/; }'
}

# talk: plays the transcript on stdin to the listener.
talk() {
    transcript >talk.txt
    play "$PORT" talk.txt
}

# host: plays the transcript on stdin to who connects; wait_host waits for its end.
host() {
    rm -f ready.host
    play_host < <(transcript)
}

# hear_frame NUMBER TEXT: it has to come next, and gets its ACK.
hear_frame() {
    local frame i
    frame=$(frame "$@" && echo .)
    for ((i = 0; i < ${#frame} - 1; i++)); do
        hear "${frame:i:1}" || return
    done
    say "$ACK"
}

# ask STATUS ARGS…: what instsim ends with, which asks at PORT; what it prints is $output, what it tells $stderr.
ask() {
    local wanted=$1 protocol=$2
    shift 2
    run --separate-stderr timeout 40 instsim "$protocol" --retry 0.05,1,1 --max-retries 5 "$@" "127.0.0.1:$PORT"
    # shellcheck disable=SC2154 # run sets it
    [ "$status" = "$wanted" ] || {
        echo "status $status, not $wanted: $stderr"
        return 1
    }
}

# The query of instsim, and what comes back for it.
ASTM_QUERY='< <ENQ>
> <ACK>
< @1H|\^&|D1E39518-000000||ChemSim 300^4.2.1^CS941205|||||||P|LIS2-A2|20260105080000@
> <ACK>
< @2Q|1|^S1||ALL||||||||O@
> <ACK>
< @3L|1|N@
> <ACK>
< <EOT>'
HL7_HEAD='MSH|^~\&|ChemSim 300|CS941205|||20260105080000'
LAW_QUERY="< [$HL7_HEAD||QBP^Q11^QBP_Q11|D1E39518-000000|P|2.5.1|||NE|AL||UNICODE UTF-8|||LAB-27^IHE/QPD|WOS^Work Order Step^IHELAW|TD1E39518-000000|S1/RCP|I||R^^HL70394/]"
LAW_ANSWER='> [MSH|^~\&|||||20260105||RSP^K11^RSP_K11|r-1|P|2.5.1|||NE|NE/MSA|AA|D1E39518-000000/QAK|TD1E39518-000000|OK/]'

# ---- ASTM ----

@test "ASTM: the script of instlink(7) answers a query for several specimens, and keeps results" {
    recipe 'Host queries of ASTM'
    ask 0 astm --query S1,XX,S2 -o text
    [ "$output" = $'H|\\^&\nP|1\nO|1|S1||^^^GLU\\^^^K|R||||||A\nO|2|S2||^^^NA|R||||||A\nL|1|N' ]
    [[ $stderr = *'query 1: orders have come'* ]]
    ask 0 astm -c 2 --profile chemistry
    stop_listener
    [ "$status" = 0 ]
    [ "$(grep -c '^{"type":"message"' messages)" = 3 ]
}

@test "ASTM: the script of instlink(7) fails where its decoder does, and does not say that nothing is known" {
    recipe 'Host queries of ASTM'
    stop_listener
    mkdir broken
    printf '#!/bin/sh\nexit $DECODES\n' >broken/astm-decode
    chmod +x broken/astm-decode
    for DECODES in 71 74 127; do
        export DECODES
        run env PATH="$PWD/broken:$PATH" sh orders.sh </dev/null
        [ "$status" = 75 ]
    done
    run sh orders.sh < <(printf 'H|\\^&\rQ|1|^S2\r') # without L
    [ "$status" = 0 ]
    [[ $output = *$'\nO|1|S2||^^^NA|R||||||A\n'* ]]
}

@test "ASTM: to a query for which nothing is given back the answer is H and L|1|I, with the query's delimiters" {
    start_listener astm-listen -x 'cat >/dev/null' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H;\^&;7;;sim;;;;;lis;;P;1<CR>Q;1;^S1;;ALL<CR>L;1@
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< @1H;\^&;;;lis;;;;;sim;;P;1;<time>@
> <ACK>
< @2L;1;I@
> <ACK>
< <EOT>
END
    ask 1 astm --query XX
    [[ $stderr = *'query 1: nothing is known'* ]]
    stop_listener
}

@test "ASTM: a consumer's ok alone says likewise that nothing is known, and ok TEXT is the answer" {
    start_listener astm-listen -s 'while read -r line; do
        case $line in
        *\"S1\"*) printf "%s\n" "ok \"H|\\\\^&\\nO|1|S1\\nL|1\"" ;;
        *) echo ok ;;
        esac
    done' 127.0.0.1:0
    ask 0 astm --query S1 -o text
    [ "$output" = $'H|\\^&\nO|1|S1\nL|1' ]
    ask 1 astm --query S2 -o text
    [[ $output = 'H|\^&|'*$'\nL|1|I' ]]
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>P|1<CR>O|1|S2<CR>R|1|^^^GLU|5<CR>L|1@
< <ACK>
> <EOT>
quiet 500
END
    stop_listener
}

@test "ASTM: of -x and -s the one that knows something answers; where neither does it is said once" {
    start_listener astm-listen -x 'cat >/dev/null' -s 'while read -r line; do
        case $line in
        *\"S1\"*) printf "%s\n" "ok \"H|\\\\^&\\nO|1|S1\\nL|1\"" ;;
        *) echo ok ;;
        esac
    done' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< @1H|\^&@
> <ACK>
< @2O|1|S1@
> <ACK>
< @3L|1@
> <ACK>
< <EOT>
quiet 200
> <ENQ>
< <ACK>
> @1H|\^&|8||sim<CR>Q|1|^S2<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< @1H|\^&||||||||sim||||<time>@
> <ACK>
< @2L|1|I@
> <ACK>
< <EOT>
quiet 200
END
    stop_listener
}

@test "ASTM: a query that is cancelled gets no answer, whatever is given back; without -x and -s none does" {
    start_listener astm-listen -x 'grep \"S2\" >/dev/null && printf "H|\\\\^&\nL|1\n"; :' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1||||||||||A<CR>L|1@
< <ACK>
> <EOT>
quiet 500
> <ENQ>
< <ACK>
> @1H|\^&|8||sim<CR>Q|1|^S2||||||||||A<CR>L|1@
< <ACK>
> <EOT>
quiet 500
END
    grep -q 'for a query that is cancelled: not sent' err
    stop_listener
    start_listener astm-listen 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1<CR>L|1@
< <ACK>
> <EOT>
quiet 500
END
    stop_listener
}

@test "ASTM: an answer that waits while its query is cancelled is not sent" {
    start_listener astm-listen --timers busy=1 -x 'grep \"A\" >/dev/null || printf "H|\\\\^&\nO|1|S1\nL|1\n"' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <NAK>
> <ENQ>
< <ACK>
> @1H|\^&|8||sim<CR>Q|1|^S1||||||||||A<CR>L|1@
< <ACK>
> <EOT>
quiet 1500
END
    grep -q 'the query is cancelled, and its answer is not sent' err
    stop_listener
    [ "$status" = 0 ]
}

@test "LAW: orders that wait at the end are reported as stopping" {
    hold_log
    gives "${RSP}${TWO}"
    dial
    printf '\v%s\x1c\r' "$(tr -d '[]' <<<"$QBP" | tr / '\r')" >&"$WIRE"
    hear $'\v'
    kill -TERM "$LISTENER"
    await_log '*a message is not delivered: stopping (attempts: 0)*'
    hang_up
    wait_listener
    [ "$status" = 0 ]
}

@test "ASTM: several specimens, ALL, and ranges come through whole" {
    local q
    start_listener astm-listen -o text -x 'cat >>"$DIR/got"' 127.0.0.1:0
    for q in 'Q|1|^S1\^S2\P3^S3||^^^GLU\^^^K||||||||O' 'Q|1|ALL||ALL||||||||O' 'Q|1|^S1|^S9|ALL|R|20260101|20260201|||||N'; do
        talk <<END
> <ENQ>
< <ACK>
> @1H|\\^&|7||sim<CR>$q<CR>L|1@
< <ACK>
close
END
        grep -qxF "$q" got
    done
    stop_listener
}

@test "ASTM: rubbish for a query is not sent, nor is it said that nothing is known; standard error tells" {
    start_listener astm-listen -x 'cat >/dev/null; echo segmentation fault' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1<CR>L|1@
< <ACK>
> <EOT>
quiet 500
END
    grep -q 'what was given back is no ASTM message' err
    stop_listener
    [ "$status" = 0 ]
}

@test "ASTM: blank lines and a byte order mark before the H record of what is given back are left out" {
    start_listener astm-listen -x 'cat >/dev/null; printf "\357\273\277\r\n \nH|\\\\^&|o-1\nL|1\n"' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< @1H|\^&|o-1@
> <ACK>
< @2L|1@
> <ACK>
< <EOT>
END
    stop_listener
    [ "$status" = 0 ]
}

@test "HL7: what stands before the first message of what is given back is told" {
    gives "/$RSP"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
END
    none grep 'left out' err
    stop_listener
    rm err
    gives "looking for S1/$RSP"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
END
    grep -q 'before its first MSH segment: that is left out' err
    stop_listener
}

@test "ASTM: an instrument that is busy, and one that bids at the same time, get the answer later" {
    start_listener astm-listen -v --timers busy=1,contention=1 -x 'cat >/dev/null' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>Q|1|^S1<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <NAK>
quiet 150
< <ENQ>
> <ENQ>
quiet 150
> <ENQ>
< <ACK>
> @1H|\^&|8||sim<CR>P|1<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< @1H|\^&||||||||sim||||<time>@
> <NAK>
< @1H|\^&||||||||sim||||<time>@
> <ACK>
< @2L|1|I@
> <ACK>
< <EOT>
END
    grep -q 'busy the receiver is busy' err
    grep -q 'contention both sides sent ENQ' err
    stop_listener
}

@test "ASTM: an instrument that never leaves busy: the answer is given up after --send-timeout, and the next one goes" {
    hold_log
    start_listener astm-listen --timers busy=0.2 --send-timeout 1.5 -x 'cat >/dev/null' 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|7||sim\rQ|1|^S1\rL|1\r'
    hear "$ACK"
    say "$EOT"
    while IFS= read -r -d '' -n 1 -t 4 -u "$WIRE" byte; do
        [ "$byte" = "$ENQ" ]
        say "$NAK"
    done
    await_log '*a message is not delivered: timeout*'
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|8||sim\rQ|1|^S1\rL|1\r'
    hear "$ACK"
    say "$EOT"
    hear "$ENQ"
    hang_up
    await_log '*a message is not delivered: connection-lost*'
    stop_listener
}

@test "ASTM: an instrument that goes away while it is given the answer: it is told once that it is not delivered" {
    start_listener astm-listen -x 'cat >/dev/null' 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|7||sim\rQ|1|^S1\rL|1\r'
    hear "$ACK"
    say "$EOT"
    hear "$ENQ"
    say "$ACK"
    hear $'\x02'
    hang_up
    await grep -q 'a message is not delivered: connection-lost (attempts: 1)' err
    stop_listener
    [ "$(grep -c 'is not delivered' err)" = 1 ]
    none grep 'tried again' err
}

@test "ASTM: what was given back goes out where the message is repeated, if its acknowledgement was lost" {
    start_listener astm-listen -x 'cat >>"$DIR/got"; printf "H|\\\\^&|o-1\nL|1\n"' 127.0.0.1:0
    talk <<'END'
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>P|1<CR>L|1@
< <ACK>
close
reconnect
> <ENQ>
< <ACK>
> @1H|\^&|7||sim<CR>P|1<CR>L|1@
< <ACK>
> <EOT>
< <ENQ>
> <ACK>
< @1H|\^&|o-1@
> <ACK>
< @2L|1@
> <ACK>
< <EOT>
quiet 200
END
    [ "$(wc -l <got)" = 1 ]
    stop_listener
}

@test "ASTM: the answer to a query that was refused goes out once it is repeated; in another session it is asked anew" {
    mkfifo go
    start_listener astm-listen --timers reply=6 -x 'echo >>runs; x=o-3; [ -e fast ] || read -r x <go; printf "H|\\\\^&|$x\nL|1\n"' 127.0.0.1:0
    dial
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|7||sim\rQ|1|^S1\rL|1\r'
    hear "$NAK"
    echo o-1 >go
    await grep -q 'comes too late' err
    say_frame 1 $'H|\\^&|7||sim\rQ|1|^S1\rL|1\r'
    hear "$ACK"
    say "$EOT"
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 $'H|\\^&|o-1\r'
    hear_frame 2 $'L|1\r'
    hear "$EOT"
    [ "$(wc -l <runs)" = 1 ]
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|8||sim\rQ|1|^S2\rL|1\r'
    hear "$NAK"
    say "$EOT"
    echo o-2 >go
    await eval '[ "$(grep -c "comes too late" err)" = 2 ]'
    touch fast
    say "$ENQ"
    hear "$ACK"
    say_frame 1 $'H|\\^&|8||sim\rQ|1|^S2\rL|1\r'
    hear "$ACK"
    say "$EOT"
    hear "$ENQ"
    say "$ACK"
    hear_frame 1 $'H|\\^&|o-3\r'
    hear_frame 2 $'L|1\r'
    hear "$EOT"
    hang_up
    stop_listener
}

@test "instsim astm --query: orders of another specimen are no answer; in time none comes: 69" {
    host <<END
$ASTM_QUERY
> <ENQ>
< <ACK>
> @1H|\\^&<CR>O|1|S7<CR>L|1@
< <ACK>
> <EOT>
eof
END
    ask 69 astm --query S1 --query-timeout 1
    [[ $stderr = *'that is no answer to it: orders of another specimen'*'query 1: no answer within 1 s'* ]]
    [[ $output = *'"specimen_id":"S7"'* ]]
    wait_host
}

@test "instsim astm --query: a host that says so in a Q record knows nothing, and one that answers on a new connection is heard" {
    host <<END
$ASTM_QUERY
> <ENQ>
< <ACK>
> @1H|\\^&<CR>Q|1|^S1||ALL||||||||X<CR>L|1@
< <ACK>
> <EOT>
eof
END
    ask 1 astm --query S1
    wait_host
    host <<END
$ASTM_QUERY
close
reconnect
> <ENQ>
< <ACK>
> @1H|\\^&<CR>O|1|S1<CR>L|1@
< <ACK>
> <EOT>
eof
END
    ask 0 astm --query S1
    wait_host
}

@test "--query: a wrong command line ends with 64" {
    local args
    while read -r args; do
        # shellcheck disable=SC2086 # several words
        run timeout 20 instsim $args
        [ "$status" = 64 ] || {
            echo "$args: $status"
            return 1
        }
    done <<'END'
astm --query S1, 4000
astm --query ,S1 4000
hl7 --query S1,,S2 4000
hl7 --query S1 --type oru-2.5.1 4000
hl7 --profile chemistry --type qbp 4000
astm --query S1 --type qbp 4000
astm --query S1 4000 file
astm --profile chemistry --query-timeout 1 4000
hl7 --query S1 --query-timeout 0 4000
END
    run --separate-stderr timeout 20 instsim astm --query ''  4000
    [ "$status" = 64 ]
}

# ---- HL7 ----

@test "HL7: the script of instlink(7) answers QBP^Q11, and keeps results" {
    recipe 'Queries of HL7'
    ask 0 hl7 --query S1 -o text
    [[ $output = 'MSH|^~\&|||||'*'||RSP^K11^RSP_K11|'*$'|P|2.5.1\nMSA|AA|D1E39518-000000\nQAK|TD1E39518-000000|OK\n'* ]]
    [[ $output = *$'\nORC|NW|S1-1\nOBR|1|S1-1||GLU\nORC|NW|S1-2\nOBR|2|S1-2||K' ]]
    ask 1 hl7 --query XX
    [[ $stderr = *'query 1: nothing is known: QAK-2 is NF'* ]]
    ask 1 hl7 --query S2,XX -o text
    [[ $stderr = *'query 1: orders have come'*'query 2: nothing is known'* ]]
    ask 0 hl7 -c 2 --profile bloodgas
    stop_listener
    [ "$(grep -c '^{"type":"message"' messages)" = 6 ]
}

@test "LAW: the script of instlink(7) answers, orders follow and are accepted, and results are taken" {
    recipe 'Queries of IHE LAW'
    ask 0 hl7 --type law --query S1 -o text
    [[ $output = *'|RSP^K11^RSP_K11|'*'|LAB-27^IHE'*$'\n\nMSH|'*'|OML^O33^OML_O33|'*'|NE|AL||UNICODE UTF-8|||LAB-28^IHE'* ]]
    [[ $output = *$'\nSPM|1|S1||SER|'*$'\nOBR|1|S1-1||GLU\n'*$'\nOBR|2|S1-2||K' ]]
    ask 1 hl7 --type law --query XX,S2
    [[ $stderr = *'query 1: nothing is known: QAK-2 is NF'*'query 2: orders have come'* ]]
    ask 0 hl7 --type law -c 2 --profile immunoassay
    stop_listener
    [ "$(grep -c ': message delivered' err)" = 2 ]
    [ "$(grep -c '"LAB-29","IHE"' messages)" = 2 ]
}

# gives TEXT: starts hl7-listen with a command that gives this back, / for the end of a segment, ID for the control id,
# with the options of $OPTIONS.
gives() {
    tr / '\n' <<<"$1" >given
    start_listener hl7-listen --get MSH-10 "${OPTIONS[@]}" -x 'read -r id; sed "s/ID/$id/" given' 127.0.0.1:0
}

RSP='MSH|^~\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|ID/QAK|t|OK/'
OML='MSH|^~\&|||||||OML^O33^OML_O33|o-1|P|2.5.1|||NE|AL|||||LAB-28^IHE/SPM|1|S1/'
TWO=$OML${OML//o-1/o-2}
QBP='[MSH|^~\&|sim||||||QBP^Q11|q-1|P|2.5.1|||NE|AL/QPD|x|t|S1/]'

delivered() {
    [ "$(grep -c ': message delivered' err)" = "$1" ]
}

@test "LAW: RSP goes first, then each OML when the one before is answered, whatever order they are given in" {
    gives "${TWO}${RSP}"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
< [$OML]
quiet 200
> [MSH|^~\\&|sim||||||ORL^O34|a-1|P|2.5.1/MSA|AA|o-1/]
< [${OML//o-1/o-2}]
> [MSH|^~\\&|sim||||||ORL^O34|a-2|P|2.5.1/MSA|AA|o-2/]
quiet 200
END
    await delivered 2
    stop_listener
}

@test "LAW: accept acknowledgements are waited for and given where they are asked for" {
    gives "${RSP/2.5.1\//2.5.1|||AL|NE\/}${OML/NE|AL/AL|AL}"
    talk <<END
> ${QBP/NE|AL/AL|AL}
< [MSH|^~\\&|||sim||<time>||ACK^Q11|<id>|P|2.5.1/MSA|CA|q-1/]
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1|||AL|NE/MSA|AA|q-1/QAK|t|OK/]
> [MSH|^~\\&|sim||||||ACK|a-0|P|2.5.1/MSA|CA|r-1/]
< [${OML/NE|AL/AL|AL}]
> [MSH|^~\\&|sim||||||ACK|a-1|P|2.5.1/MSA|CA|o-1/]
quiet 200
> [MSH|^~\\&|sim||||||ORL^O34|a-2|P|2.5.1|||AL|NE/MSA|AA|o-1/]
< [MSH|^~\\&|||sim||<time>||ACK^O34|<id>|P|2.5.1/MSA|CA|a-2/]
END
    stop_listener
}

@test "HL7: an order that is refused is tried again, one that is rejected is given up, and the next one goes" {
    hold_log
    OPTIONS=(--attempts 2)
    gives "${RSP}${TWO}"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
< [$OML]
> [MSH|^~\\&|sim||||||ACK|a-1|P|2.5.1/MSA|AE|o-1/]
< [$OML]
> [MSH|^~\\&|sim||||||ACK|a-2|P|2.5.1/MSA|AE|o-1/]
< [${OML//o-1/o-2}]
> [MSH|^~\\&|sim||||||ACK|a-3|P|2.5.1/MSA|AR|o-2/]
quiet 200
END
    await_log '*a message is not taken: error; tried again*'
    await_log '*a message is not delivered: error (attempts: 2)*'
    await_log '*a message is not delivered: rejected (attempts: 1)*'
    stop_listener
}

@test "LAW: an order that gets no answer, and those behind it, go out on the next connection from there" {
    OPTIONS=(--answer-timeout 1)
    gives "${RSP}${TWO}"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
< [$OML]
close
reconnect
< [$OML]
> [MSH|^~\\&|sim||||||ORL^O34|a-1|P|2.5.1/MSA|AA|o-1/]
< [${OML//o-1/o-2}]
> [MSH|^~\\&|sim||||||ORL^O34|a-2|P|2.5.1/MSA|AA|o-2/]
quiet 200
END
    await delivered 2
    none grep 'is not delivered' err
    stop_listener
}

@test "HL7: QCK answers QRY^Q02, DSR^Q03 follows it and waits for its answer" {
    gives 'MSH|^~\&|||||||QCK^Q02|r-1|P|2.3.1/MSA|AA|ID/MSH|^~\&|||||||DSR^Q03|d-1|P|2.3.1/MSA|AA|ID/DSP|1||GLU/'"$OML"
    talk <<END
> [MSH|^~\\&|sim||||||QRY^Q02|q-1|P|2.3.1/QRD|1|R|D|t|||RD|S1/]
< [MSH|^~\\&|||||||QCK^Q02|r-1|P|2.3.1/MSA|AA|q-1/]
< [MSH|^~\\&|||||||DSR^Q03|d-1|P|2.3.1/MSA|AA|q-1/DSP|1||GLU/]
quiet 200
> [MSH|^~\\&|sim||||||ACK^Q03|a-1|P|2.3.1/MSA|AA|d-1/]
< [$OML]
close
END
    stop_listener
}

@test "HL7: without the answer nothing is sent of what is given back; second answers and those to others are left out" {
    gives "$OML"
    talk <<END
> $QBP
< [MSH|^~\\&|||sim||<time>||ACK^Q11|<id>|P|2.5.1/MSA|AA|q-1/]
quiet 300
END
    grep -q 'own-answer what was given back has no message with MSA-2 as the control id' err
    stop_listener
    rm err
    gives "${RSP}${RSP}${RSP//|ID/|other}${OML}"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
< [$OML]
> [MSH|^~\\&|sim||||||ORL^O34|a-1|P|2.5.1/MSA|AA|o-1/]
quiet 200
END
    grep -q 'own-answer message 2 of those given back is not sent: it is a second answer' err
    grep -q 'own-answer message 3 of those given back is not sent: it answers another message' err
    stop_listener
    rm err
    gives ''
    talk <<END
> $QBP
< [MSH|^~\\&|||sim||<time>||ACK^Q11|<id>|P|2.5.1/MSA|AA|q-1/]
quiet 200
END
    ask 1 hl7 --query S1
    [[ $stderr = *'query 1: nothing is known: a plain acknowledgement'* ]]
    stop_listener
}

@test "HL7: a consumer's ok TEXT may hold several messages as well" {
    start_listener hl7-listen -s 'while read -r line; do cat given; done' 127.0.0.1:0
    printf 'ok "%s"\n' "$(sed 's/\\/\\\\/g; s/ID/q-1/; s/\//\\r/g' <<<"$RSP$OML")" >given
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
< [$OML]
close
END
    stop_listener
}

@test "HL7: with --charset the answer is in that set, and so is what follows it; what cannot be is not sent" {
    OPTIONS=(--charset ISO-8859-1)
    gives "${RSP}NTE|1||"$'caf\303\251/'"${OML}NTE|1||"$'caf\303\251/'
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/NTE|1||caf<xE9>/]
< [${OML}NTE|1||caf<xE9>/]
close
END
    printf 'NTE|1||\342\206\222\n' >>given
    talk <<END
> $QBP
< [MSH|^~\\&|||sim||<time>||ACK^Q11|<id>|P|2.5.1/MSA|AA|q-1/]
quiet 200
END
    grep -q "own-answer what was given back is not in the link's character set" err
    stop_listener
}

@test "HL7: --orders, and orders= in a links file, name the link that orders go to" {
    local order
    host <<END
< [$OML]
> [MSH|^~\\&|sim||||||ORL^O34|a-1|P|2.5.1/MSA|AA|o-1/]
quiet 200
close
END
    order=dial:127.0.0.1:$PORT
    tr / '\n' <<<"$RSP$OML" >given
    start_listener hl7-listen --get MSH-10 -x 'read -r id; sed "s/ID/$id/" given' --orders "$order" 127.0.0.1:0 "$order"
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
quiet 300
END
    await grep -q "$order: .*message delivered" err
    stop_listener
    wait_host
    rm err
    host <<END
< [$OML]
> [MSH|^~\\&|sim||||||ORL^O34|a-1|P|2.5.1/MSA|AA|o-1/]
quiet 200
close
END
    printf '%s\n' 'ask hl7 127.0.0.1:0 orders=analyzer' "analyzer hl7 dial:127.0.0.1:$PORT" >links
    start_listener inst-listen -o text -x "sed 's/ID/q-1/' given" -f links
    talk <<END
> $QBP
< [MSH|^~\\&|||||||RSP^K11|r-1|P|2.5.1/MSA|AA|q-1/QAK|t|OK/]
quiet 300
END
    await grep -q 'analyzer: .*message delivered' err
    stop_listener
    wait_host
}

@test "HL7: a link for orders that is none is a mistake, at the beginning and when the links are read again" {
    run -64 timeout 20 hl7-listen --orders nobody 127.0.0.1:0
    [[ $output = *"--orders: 'nobody' is no link"* ]]
    printf '%s\n' '# two' 'ask hl7 127.0.0.1:0 orders=nobody' >links
    run -78 timeout 20 inst-listen -f links
    [[ $output = *"links:2: orders: 'nobody' is no link"* ]]
    printf '%s\n' 'ask hl7 127.0.0.1:0 orders=other' 'other astm 127.0.0.1:0' >links
    run -78 timeout 20 inst-listen -f links
    [[ $output = *"links:1: orders: 'other' is a link for ASTM"* ]]
    run -64 timeout 20 astm-listen --orders x 127.0.0.1:0
    hold_log
    printf '%s\n' 'ask hl7 127.0.0.1:0 orders=other' 'other hl7 127.0.0.1:0' >links
    start_listener inst-listen -f links
    sed -i 2d links
    kill -s HUP "$LISTENER"
    await_log "*links:1: orders: 'other' is no link; the links stay as they are"
    stop_listener
}

# ---- instsim and hosts that do it wrong ----

# wrong STATUS PATTERN [ARGS…]: the host does as stdin says, and instsim ends and tells so.
wrong() {
    local wanted=$1 pattern=$2
    shift 2
    host < <(cat && echo eof)
    ask "$wanted" hl7 --type law --query S1 "$@"
    # shellcheck disable=SC2053 # a pattern
    [[ $stderr = *$pattern* ]] || {
        echo "not told: $pattern: $stderr"
        return 1
    }
    wait_host
}

@test "instsim hl7 --query: QAK-1 and QAK-2, and what kind of answer it is, are checked" {
    local rsp=$LAW_ANSWER
    wrong 69 'query 1: the answer is wrong: QAK-1 is not the query' <<END
$LAW_QUERY
${rsp//QAK|T/QAK|X}
END
    wrong 69 'query 1: the answer is wrong: QAK-2 says that the query failed' <<END
$LAW_QUERY
${rsp//|OK/|AE}
END
    wrong 69 'query 1: the answer is wrong: QAK-1 is missing' <<END
$LAW_QUERY
${rsp//QAK/ZAK}
END
    wrong 69 'query 1: the answer is wrong: MSH-9 is no RSP' <<END
$LAW_QUERY
${rsp//RSP^K11^RSP_K11/ORU^R01}
END
    wrong 1 'query 1: nothing is known: QAK-2 is NF' <<END
$LAW_QUERY
${rsp//|OK/|NF}
END
}

@test "instsim hl7 --query: orders of another specimen are accepted, and are none; an order without work says so" {
    local oml='MSH|^~\&|lis||||||OML^O33^OML_O33|o-1|P|2.5.1|||NE|AL|||||LAB-28^IHE/SPM|1|S7/SAC|||S7/ORC|NW|p-1/OBR|1|p-1/'
    local orl='MSH|^~\&|||lis||<time>||ORL^O34^ORL_O34|<id>|P|2.5.1|||NE|NE|||||LAB-28^IHE/MSA|AA|o-1/SPM|1|S7/SAC|||S7/ORC|OK|p-1|||SC/'
    wrong 69 'query 1: that is no answer to it: an order of another specimen*query 1: no answer within 1 s' \
        --query-timeout 1 <<END
$LAW_QUERY
$LAW_ANSWER
> [$oml]
< [$orl]
END
    [[ $output = *'"p-1"'* ]]
    oml=${oml//S7/S1}
    orl=${orl//S7/S1}
    wrong 1 'query 1: nothing is known: an order without work' <<END
$LAW_QUERY
$LAW_ANSWER
> [${oml//ORC|NW/ORC|DC}]
< [$orl]
END
    wrong 0 'query 1: orders have come' <<END
$LAW_QUERY
$LAW_ANSWER
> [${oml//ORC|NW|p-1/ORC|NW|p-1/ORC|CA|p-2}]
< [${orl//ORC|OK|p-1|||SC/ORC|OK|p-1|||SC/ORC|CR|p-2|||CA}]
END
}

@test "instsim hl7 --query: an answer to another message, garbage, one that comes twice or is AE and then AA" {
    local oml='> [MSH|^~\&|lis||||||OML^O33^OML_O33|o-1|P|2.5.1|||NE|AL|||||LAB-28^IHE/SPM|1|S1/ORC|NW|p-1/]'
    local orl='< [MSH|^~\&|||lis||<time>||ORL^O34^ORL_O34|<id>|P|2.5.1|||NE|NE|||||LAB-28^IHE/MSA|AA|o-1/SPM|1|S1/ORC|OK|p-1|||SC/]'
    wrong 0 'unmatched-answer*outside blocks ignored*duplicate-answer*query 1: orders have come' <<END
$LAW_QUERY
${LAW_ANSWER//MSA|AA|D1E39518-000000/MSA|AA|other}
> HTTP/1.1 200 OK<CR><LF>
$LAW_ANSWER
$LAW_ANSWER
$oml
$orl
END
    wrong 0 'message 1 not accepted: error, AE (attempt 1)*message 1 accepted: AA*query 1: orders have come' <<END
$LAW_QUERY
${LAW_ANSWER//MSA|AA/MSA|AE}
$LAW_QUERY
$LAW_ANSWER
$oml
$orl
END
    wrong 69 'message 1 given up after 1 attempt: rejected' <<END
$LAW_QUERY
${LAW_ANSWER//MSA|AA/MSA|AR}
END
}

@test "instsim hl7 --query: an answer that comes too late is told of, and the query asked again" {
    local oml='> [MSH|^~\&|lis||||||OML^O33^OML_O33|o-1|P|2.5.1|||NE|AL|||||LAB-28^IHE/SPM|1|S1/ORC|NW|p-1/]'
    local orl='< [MSH|^~\&|||lis||<time>||ORL^O34^ORL_O34|<id>|P|2.5.1|||NE|NE|||||LAB-28^IHE/MSA|AA|o-1/SPM|1|S1/ORC|OK|p-1|||SC/]'
    wrong 0 'no-answer (attempt 1)*query 1: orders have come' --answer-timeout 1 <<END
$LAW_QUERY
eof
close
reconnect
$LAW_QUERY
$LAW_ANSWER
$oml
$orl
END
    wrong 69 'no-answer*message 1 given up after 1 attempt: no-answer' --answer-timeout 0.5 --attempts 1 <<END
$LAW_QUERY
END
}

@test "instsim hl7 --query ALL: all orders of LAW are taken until none comes" {
    local oml='MSH|^~\&|lis||||||OML^O33|o-1|P|2.5.1/SPM|1|S1/ORC|NW|p-1/'
    local orl='MSH|^~\&|||lis||<time>||ORL^O34^ORL_O34|<id>|P|2.5.1|||NE|NE|||||/MSA|AA|o-1/SPM|1|S1/ORC|OK|p-1|||SC/'
    host <<END
< [$HL7_HEAD||QBP^Q11^QBP_Q11|D1E39518-000000|P|2.5.1|||NE|AL||UNICODE UTF-8|||LAB-27^IHE/QPD|WOS_ALL^Work Order Step All^IHELAW|TD1E39518-000000/RCP|I||R^^HL70394/]
$LAW_ANSWER
> [$oml]
< [$orl]
> [${oml//-1/-2}]
< [${orl//-1/-2}]
eof
END
    ask 0 hl7 --type law --query ALL -o text
    [ "$(grep -c '^ORC|NW' <<<"$output")" = 2 ]
    wait_host
}

@test "instsim hl7 --query: QRY^Q02 is answered by QCK^Q02 and DSR^Q03, or by DSR^Q03 alone, which is answered" {
    local qry="< [$HL7_HEAD||QRY^Q02|D1E39518-000000|P|2.3.1/QRD|20260105080000|R|D|TD1E39518-000000|||RD|S1|OTH|||T/QRF|ChemSim 300|||||RCT|COR|ALL/]"
    local dsr='> [MSH|^~\&|lis||||||DSR^Q03|d-1|P|2.3.1/MSA|AA|D1E39518-000000/QRD|1|R|D|TD1E39518-000000/DSP|1||GLU/]'
    host <<END
$qry
> [MSH|^~\\&|lis||||||QCK^Q02|r-1|P|2.3.1/MSA|AA|D1E39518-000000/]
$dsr
< [MSH|^~\\&|||lis||<time>||ACK^Q03|<id>|P|2.3.1/MSA|AA|d-1/]
eof
END
    ask 0 hl7 --type qry --query S1 -o text
    [[ $output = *'|QCK^Q02|'*'|DSR^Q03|'*'DSP|1||GLU' ]]
    wait_host
    host <<END
$qry
$dsr
eof
END
    ask 0 hl7 --type qry --query S1 -o text
    [[ $output = *'DSP|1||GLU' ]]
    wait_host
    host <<END
$qry
${dsr//DSP|1||GLU\/}
eof
END
    ask 1 hl7 --type qry --query S1
    [[ $stderr = *'nothing is known: a response without lines'* ]]
    wait_host
}
