# The journal (-j FILE), in every listener: what is in the file when something is acknowledged, what it does about
# everything that can happen to a file, and what is remembered of it.
load helper
load wire

FS=$'\x1c'

setup() {
    DIR=$BATS_TEST_TMPDIR
    J=$DIR/journal
    SPACE=
}

teardown() {
    end_started
    [ -z "${OPEN:-}" ] || rm -rf "$OPEN"
    if [ -f "$DIR/err" ]; then
        echo "${PROGRAM:-}: $(cat "$DIR/err")"
    fi
    [ -z "$SPACE" ] || umount "$SPACE"
}

# each FUNCTION [PROGRAM…]: calls FUNCTION for every listener, or these, with PROGRAM set and a folder of its own.
each() {
    local what=$1 top=$DIR
    shift
    [ $# -gt 0 ] || set -- astm-listen hl7-listen inst-listen
    for PROGRAM; do
        DIR=$top/$PROGRAM
        J=$DIR/journal
        mkdir -p "$DIR"
        BATS_TEST_TMPDIR=$DIR "$what"
    done
}

# listen ARGS…: PROGRAM with the journal.
listen() {
    start_listener "$PROGRAM" -j "$J" "$@" 127.0.0.1:0
}

# post ID [yes|no]: a message with that control id, which has to be accepted, or refused for now; on a connection that is
# there.
post() {
    local good=AA
    if [ "$PROGRAM" = astm-listen ]; then
        deliver "$1" "$([ "${2:-yes}" = yes ] && echo "$ACK" || echo "$NAK")"
        return
    fi
    [ "${2:-yes}" = yes ] || good=AE
    printf '\x0bMSH|^~\\&|wire|LAB|||20260301||ORU^R01|%s|P|2.5.1\rPID|1||4711\rOBX|1|NM|GLU||5.4\r\x1c\r' "$1" >&"$WIRE"
    IFS= read -r -d "$FS" -t 20 -u "$WIRE" BLOCK && hear $'\r' && [[ $BLOCK = *$'\r'"MSA|$good|$1"* ]] || {
        printf 'expected %s, got %q\n' $good "$BLOCK"
        return 1
    }
}

# call ID [yes|no]: the same over a connection of its own. Of ASTM it is known then that our ACK has arrived, for EOT has
# been read when the next ENQ is answered.
call() {
    dial && post "$@" || return
    [ "$PROGRAM" != astm-listen ] || { say "$ENQ" && hear "$ACK"; } || return
    hang_up
}

# begin ID: a message that is accepted, over a connection of its own, which is left there; of ASTM it is not known then
# whether our ACK has arrived.
begin() {
    dial
    if [ "$PROGRAM" = astm-listen ]; then
        say "$ENQ" && hear "$ACK" && say_frame 1 "$(message "$1")" && hear "$ACK"
    else
        post "$1"
    fi
}

# The control ids of the messages in the journal, in order.
ids() {
    grep -a '^{"type":"message"' "${1:-$J}" | grep -ao '"control_id":"[^"]*"' | cut -d '"' -f 4
}

# holds ID…: of messages, the journal has these and no others, in whole lines.
holds() {
    diff <(printf '%s\n' "$@") <(ids) && [ -z "$(tail -c 1 "$J" | tr -d '\n')" ] &&
        none grep -avE '^\{"type":"(message|window|proven)",.*\}$' "$J"
}

# Kills the listener: no orderly end.
kill_listener() {
    stop_listener KILL
    [ "$status" = 137 ]
}

# A command as somebody who may not do everything.
ordinary() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# ---- the file ----

one_line_a_message() {
    listen
    dial
    post a
    holds a
    post b
    holds a b
    hang_up
    stop_listener
    [ "$status" = 0 ]
    [ ! -s "$DIR/out" ]
    [ "$(stat -c %a "$J")" = 600 ]
    grep -q '"key":"[0-9a-f]\{32\}",.*"digest":"[0-9a-f]\{32\}"' "$J"
    [ "$(tail -n 1 "$J" | cut -c 1-17)" = '{"type":"window",' ]
}

@test "what is acknowledged is a message line in the file, which is for its owner alone; stdout gets nothing" {
    umask 000
    each one_line_a_message
}

whatever_o_says() {
    local format
    for format in result tsv text raw record frame; do
        rm -f "$J"
        listen -o $format --stdout
        call a
        stop_listener
        [ "$status" = 0 ]
        holds a
        [ -s "$DIR/out" ]
        none grep -q '"type":"message"' "$DIR/out"
    done
}

@test "journal lines are messages whatever -o says" {
    each whatever_o_says
}

both() {
    listen --stdout
    call a
    call b
    stop_listener
    holds a b
    grep '^{"type":"message"' "$J" | diff - "$DIR/out"
}

@test "with --stdout both get the same lines" {
    each both
}

count() {
    listen -c 2
    call a
    dial
    post b
    wait_listener
    [ "$status" = 0 ]
    holds a b
}

@test "-c counts what is in the journal" {
    each count
}

no_file() {
    local what
    mkfifo "$DIR/fifo"
    ln -s fifo "$DIR/link"
    for what in / /dev/null /dev/full "$DIR/fifo" "$DIR/link" "$DIR"; do
        run -73 --separate-stderr timeout 20 "$PROGRAM" -j "$what" 127.0.0.1:0
        # shellcheck disable=SC2154 # run sets it
        [[ $stderr = *"--journal: $what: it is not a regular file" ]]
    done
    run -73 --separate-stderr timeout 20 "$PROGRAM" -j "$DIR/none/journal" 127.0.0.1:0
    [[ $stderr = *'No such file or directory' ]]
}

@test "what is no regular file, or cannot be made, ends with 73" {
    each no_file
}

no_journal() {
    local text
    for text in '# HELP instlink_connections' 'H|\^&' '[]'; do
        echo "$text" >"$J"
        run -73 --separate-stderr timeout 20 "$PROGRAM" -j "$J" 127.0.0.1:0
        [[ $stderr = *"--journal: $J: it is no journal: it begins with something else" ]]
        [ "$(cat "$J")" = "$text" ]
    done
    : >"$J"
    listen
    call a
    stop_listener
    holds a
    echo 'H|\^&' >>"$J"
    listen
    call b
    stop_listener
    [ "$(ids | paste -s)" = "a	b" ]
}

@test "a file that begins with something else is no journal, ends with 73 and stays; an empty one, and lines behind ours, are fine" {
    each no_journal
}

# same WHAT ARGS…: refused with 64; WHAT names the second meaning of the file.
same() {
    local what=$1
    shift
    run -64 --separate-stderr timeout 20 "$PROGRAM" "$@" 127.0.0.1:0
    [[ $stderr = *" is $what as well"* ]] || {
        echo "$*: $stderr"
        return 1
    }
}

two_things() {
    mkdir "$DIR/d"
    ln -s d "$DIR/other"
    same --journal -j "$J" --metrics "$J"
    same --journal -j "$DIR/d/j" --metrics "$DIR/other/j"
    same --journal -j "$J.new" --metrics "$J"
    (cd "$DIR" && same --journal -j ./new --metrics new)
    [ ! -e "$J" ]
    listen
    call a
    stop_listener
    cp "$J" "$DIR/copy"
    ln "$J" "$DIR/d/hard"
    ln -s "$J" "$DIR/d/soft"
    same --journal -j "$J" --metrics "$DIR/d/hard"
    same --journal -j "$DIR/d/soft" --metrics "$J"
    run -64 --separate-stderr timeout 20 bash -c '"$@" >>"$0"' "$J" "$PROGRAM" --stdout -j "$J" 127.0.0.1:0
    [[ $stderr = *" is stdout as well"* ]]
    run -64 timeout 20 bash -c '"$@" 2>>"$0"' "$DIR/mixed" "$PROGRAM" -j "$DIR/mixed" 127.0.0.1:0
    grep -q " is stderr as well" "$DIR/mixed"
    if [ "$PROGRAM" != hl7-listen ]; then
        same --journal -j "$J" --rejects "$J"
        same --rejects --metrics "$DIR/d/m" --rejects "$DIR/other/m"
    fi
    if [ "$PROGRAM" = inst-listen ]; then
        echo 'lab auto 127.0.0.1:0' >"$DIR/links"
        same --links -f "$DIR/links" --metrics "$DIR/links"
    fi
    cmp "$J" "$DIR/copy"
    listen --metrics "$DIR/metrics"
    call b
    stop_listener
    [ "$status" = 0 ]
}

@test "a file that is two things at once ends with 64, and none is harmed" {
    each two_things
}

closed_stdout() {
    local how
    for how in "-j $J" "-x true" "-s cat"; do
        # shellcheck disable=SC2086 # words
        start_listener bash -c 'exec "$@" >&-' - "$PROGRAM" $how 127.0.0.1:0
        [ "$(readlink "/proc/$LISTENER/fd/1" || echo /dev/null)" = /dev/null ]
        stop_listener
        [ "$status" = 0 ]
        # shellcheck disable=SC2086
        run -74 --separate-stderr timeout 20 bash -c 'exec "$@" >&-' - "$PROGRAM" --stdout $how 127.0.0.1:0
        # shellcheck disable=SC2086
        run -74 --separate-stderr timeout 20 bash -c 'exec "$@" >&-' - "$PROGRAM" -i $how 127.0.0.1:0
        [[ $stderr = *"stdout is closed"* ]]
    done
    start_listener bash -c 'exec "$@" >&-' - "$PROGRAM" -j "$J" 127.0.0.1:0
    call a
    stop_listener
    holds a
}

@test "a closed stdout is no error where nothing goes there" {
    each closed_stdout
}

not_permitted() {
    cp "$BUILD/bin/$PROGRAM" "$OPEN"
    run -77 ordinary timeout 20 "$OPEN/$PROGRAM" -j "$OPEN/closed/journal" 127.0.0.1:0
    run -77 ordinary timeout 20 "$OPEN/$PROGRAM" -j "$OPEN/hers" 127.0.0.1:0
}

@test "a file or a folder that is not ours to write ends with 77" {
    OPEN=$(mktemp -d /tmp/journal.XXXXXX)
    chmod 755 "$OPEN"
    mkdir -m 555 "$OPEN/closed"
    touch "$OPEN/hers"
    chmod 444 "$OPEN/hers"
    each not_permitted
}

locked() {
    listen
    run -75 --separate-stderr timeout 20 "$PROGRAM" -j "$J" 127.0.0.1:0
    [[ $stderr = *'it is the journal of another process' ]]
    call a
    stop_listener
    holds a
    listen
    stop_listener
    [ "$status" = 0 ]
}

@test "the journal of another process ends with 75, and is that only while it runs" {
    each locked
}

torn() {
    local lines
    listen
    call a
    kill_listener
    lines=$(cat "$J")
    for tail in '{"type":"message","protocol":"hl7","id":"X' '{"type":"mess\0\0\0\0' '\0\0\0\0\0' \
        '{"type":"message","id":"\0\0\0","x":1}\0\0'; do
        # shellcheck disable=SC2059
        printf "$tail" >>"$J"
        listen
        grep -Eq 'JOURNAL: .*: its last line was torn: [0-9]+ bytes, never acknowledged, were cut off' "$DIR/err"
        [ "$lines" = "$(cat "$J")" ]
        kill_listener
    done
    listen
    none grep -q torn "$DIR/err"
    call b
    stop_listener
    holds a b
}

@test "a torn last line is cut off and told, with NULs behind it too" {
    each torn
}

not_ours() {
    printf '{"type":"window","keys":[]}\na note without an end' >"$J"
    listen
    grep -q 'its last line had no end: it was given one' "$DIR/err"
    call a
    stop_listener
    [ "$(sed -n 2p "$J")" = 'a note without an end' ]
    [ "$(ids)" = a ]
}

@test "a last line without an end that is not ours is kept" {
    each not_ours
}

damaged() {
    listen
    call a
    kill_listener
    { cat "$J"; printf '{"type":"message","id":"\0\0\0"}\n'; cat "$J"; } >"$DIR/new"
    mv "$DIR/new" "$J"
    listen
    grep -q '1 lines in it are damaged' "$DIR/err"
    call a
    stop_listener
    [ "$(ids | sort -u)" = a ]
    [ "$(ids | wc -l)" = 2 ]
}

@test "lines with NULs in them are told and passed over" {
    each damaged
}

# ---- what is remembered ----

resent() {
    listen --metrics "$DIR/metrics"
    begin a
    hang_up
    call a
    stop_listener
    holds a
    grep -q 'instlink_retransmissions_total{.*} 1$' "$DIR/metrics"
    grep -q 'instlink_messages_total{.*} 1$' "$DIR/metrics"
    grep -q 'came again: not handed over twice' "$DIR/err"
}

@test "what comes again over another connection is acknowledged and not written twice" {
    each resent
}

across_restarts() {
    local how
    for how in kill_listener stop_listener; do
        rm -f "$J"
        listen
        call a
        begin b
        $how
        hang_up
        holds a b
        listen
        call b
        call c
        $how
        listen
        call c # of ASTM, this is sent on purpose after an orderly end
        $how
        if [ "$PROGRAM:$how" = astm-listen:stop_listener ]; then
            holds a b c c
        else
            holds a b c
        fi
    done
}

@test "what comes again after a restart, orderly or not, is acknowledged and not written twice" {
    each across_restarts
}

@test "after a kill the last ASTM message of an address is a repeat, once; those before it are sent on purpose" {
    PROGRAM=astm-listen
    listen
    call a
    call b
    kill_listener
    # a was long ago
    sed -i -E '1s/"received":"[0-9]{4}/"received":"2001/' "$J"
    listen
    call b
    call a
    call b
    stop_listener
    holds a b a b
}

@test "after a kill an ASTM message is a repeat whose acknowledgement was not proven, and no other" {
    PROGRAM=astm-listen
    local id wires=() other
    listen
    for id in a b c; do
        dial
        wires+=("$WIRE")
        post "$id-1"
        say "$ENQ"
        hear "$ACK"
        say_frame 1 "$(message "$id-2")"
        hear "$ACK"
    done
    kill_listener
    for other in "${wires[@]}"; do
        exec {other}>&-
    done
    listen
    call b-2
    call a-2
    call c-2
    call a-1
    kill_listener
    holds a-1 a-2 b-1 b-2 c-1 c-2 a-1
}

@test "after a kill all messages that ended in one ASTM frame are repeats" {
    PROGRAM=astm-listen
    local frame
    frame=$(frame 1 "$(message a)$(message b)" && echo .)
    listen
    dial
    say "$ENQ"
    hear "$ACK"
    say "${frame%.*}"
    hear "$ACK"
    kill_listener
    hang_up
    listen
    dial
    say "$ENQ"
    hear "$ACK"
    say "${frame%.*}"
    hear "$ACK"
    say "$EOT"
    hang_up
    stop_listener
    holds a b
}

@test "after a kill the journal says which ASTM messages were proven" {
    PROGRAM=astm-listen
    local key
    listen
    call a
    call b
    kill_listener
    key=$(grep '"control_id":"a"' "$J" | grep -o '"key":"[^"]*"' | cut -d '"' -f 4)
    grep -qx "{\"type\":\"proven\",\"keys\":\[\"$key\"\]}" "$J"
    listen
    call a # on purpose
    call b # nobody could say any more that it was proven
    call b # on purpose
    stop_listener
    holds a b a b
}

@test "after a kill every HL7 message is a repeat, as far as --dedup goes" {
    PROGRAM=hl7-listen
    listen
    local i
    dial
    for i in {1..12}; do
        post "m$i"
    done
    hang_up
    kill_listener
    listen --dedup 10
    dial
    post m3
    post m12
    post m2
    hang_up
    stop_listener
    # m2 was beyond the window, and pushes none out that was asked for
    [ "$(ids | grep -c .)" = 13 ]
    [ "$(ids | tail -n 1)" = m2 ]
}

off() {
    listen --dedup 0
    call a
    stop_listener
    listen --dedup 0
    dial
    post a
    hang_up
    kill_listener
    holds a a
}

@test "--dedup 0: nothing is remembered of a journal" {
    each off
}

@test "an orderly end without a message writes nothing; one after repeats alone says what is remembered now" {
    PROGRAM=astm-listen
    listen
    begin a
    stop_listener
    hang_up
    cp "$J" "$DIR/before"
    listen
    stop_listener
    cmp "$J" "$DIR/before"
    listen
    call a # now it is proven
    stop_listener
    [ "$(tail -n 1 "$J")" = '{"type":"window","keys":[]}' ]
    listen
    call a # on purpose
    stop_listener
    holds a a
}

# ---- others, and the file ----

rotated() {
    hold_log
    listen -v --stdout
    call a
    mv "$J" "$J.1"
    call b # not told yet: it goes where the file is
    begin last
    kill -s HUP "$LISTENER"
    until [ -s "$J" ]; do :; done
    hang_up
    call last
    call c
    call d
    [ "$(ids "$J.1" | paste -s)" = "a	b	last" ]
    holds c d
    [[ $(head -n 1 "$J") = '{"type":"window","keys":['* ]]
    [ "$(ids | tail -n 1)" = d ]
    flock -n "$J.1" true # let go
    none flock -n "$J" true
    stop_listener
    [ "$status" = 0 ]
}

@test "SIGHUP after a rename: the new file begins with what is remembered, the old one is let go" {
    each rotated
}

hup_keeps() {
    hold_log
    listen -v
    call a
    local inode
    inode=$(stat -c %i "$J")
    kill -s HUP "$LISTENER"
    call b
    kill -s HUP "$LISTENER"
    call c
    stop_listener
    [ "$inode" = "$(stat -c %i "$J")" ]
    holds a b c
    [ "$(grep -c window "$J")" = 1 ]
}

@test "SIGHUP without a rename keeps the file" {
    each hup_keeps
}

hup_in_vain() {
    hold_log
    listen
    call a
    mv "$J" "$J.1"
    mkdir "$J"
    kill -s HUP "$LISTENER"
    await_log "*JOURNAL: $J: it is not a regular file: the open file is kept*"
    call b
    [ "$(ids "$J.1" | paste -s)" = "a	b" ]
    rmdir "$J"
    call c
    await_log "*JOURNAL: $J is used now"
    holds c
    [ "$(head -n 1 "$J" | cut -c 1-16)" = '{"type":"window"' ]
    stop_listener
}

@test "SIGHUP when the new file cannot be made: the old one is kept until it can" {
    each hup_in_vain
}

deleted() {
    hold_log
    listen
    call a
    rm "$J"
    call b
    await_log '*JOURNAL: * was deleted: it begins anew'
    holds b
    [ "$(head -n 1 "$J" | cut -c 1-16)" = '{"type":"window"' ]
    [ "$(stat -c %a "$J")" = 600 ]
    stop_listener
    [ "$status" = 0 ]
}

@test "a file that is deleted while it runs begins anew" {
    each deleted
}

truncated() {
    listen
    call a
    : >"$J"
    call b
    holds b
    truncate -s 20 "$J" # within a line
    call c
    holds_after=$(grep -v '^{"type":"proven"' "$J" | tail -n 1)
    [[ $holds_after = '{"type":"message",'*'"control_id":"c"'* ]]
    printf 'hers' >>"$J"
    call d
    grep -qx hers "$J"
    [ "$(grep -c 'somebody truncated it: [1-9][0-9]* bytes' "$DIR/err")" = 2 ]
    [ "$(ids | paste -s)" = "c	d" ]
    stop_listener
}

@test "a file that others truncate or append to: whole lines of ours go behind whatever is there" {
    each truncated
}

followed() {
    : >"$J"
    tail -n +1 -F "$J" >"$DIR/read" 2>/dev/null 3>&- &
    local reader=$!
    started+=("$reader")
    listen
    call a
    call b
    mv "$J" "$J.1"
    kill -s HUP "$LISTENER"
    until [ -s "$J" ]; do :; done
    call c
    call d
    stop_listener
    until grep -q '"control_id":"d"' "$DIR/read"; do
        kill -0 "$reader"
    done
    for id in a b c d; do
        [ "$(grep -c "\"control_id\":\"$id\"" "$DIR/read")" -ge 1 ]
    done
}

@test "tail -F reads all of it, over a rotation too" {
    each followed
}

# ---- large ones, and many ----

@test "a message of 10 MB is one line" {
    PROGRAM=hl7-listen
    listen
    {
        printf 'MSH|^~\\&|wire|LAB|||20260301||ORU^R01|large|P|2.5.1\r'
        for _ in {1..99}; do
            printf 'OBX|1|ED|PDF||%0100000d\r' 7
        done
    } >"$DIR/large"
    instsim hl7 -q "127.0.0.1:$PORT" "$DIR/large"
    instsim hl7 -q "127.0.0.1:$PORT" "$DIR/large"
    call b
    stop_listener
    holds large b
    [ "$(head -n 1 "$J" | wc -c)" -gt 9900000 ]
    PROGRAM=astm-listen
    rm "$J"
    listen --max-message 20M
    {
        printf 'H|\\^&|large\rP|1\rO|1\r'
        for _ in {1..10}; do
            printf 'R|1|^^^PDF|%0100000d\r' 7
        done
        printf 'L|1|N\r'
    } >"$DIR/large"
    instsim astm -q --size 60000 "127.0.0.1:$PORT" "$DIR/large"
    stop_listener
    holds large
}

@test "SIGTERM under load: what was acknowledged is in the file, once" {
    local i seed=0 term
    PROGRAM=hl7-listen
    for term in TERM INT; do
        rm -f "$J"
        listen -q
        for i in 1 2 3 4; do
            seed=$((seed + 1))
            instsim hl7 -c 100000 --attempts 1 --max-retries 0 --profile chemistry --seed $seed "127.0.0.1:$PORT" \
                >"$DIR/sim.$i" 2>&1 3>&- &
            sims[i]=$!
        done
        until [ "$(wc -l <"$J")" -gt 500 ]; do :; done
        stop_listener $term
        [ "$status" = 0 ]
        accepted=0
        for i in 1 2 3 4; do
            wait "${sims[i]}" || :
            accepted=$((accepted + $(grep -Ec 'message [0-9]+ accepted: ' "$DIR/sim.$i" || :)))
        done
        [ "$(ids | wc -l)" -ge "$accepted" ]
        [ "$(ids | wc -l)" -le $((accepted + 4)) ]
        [ -z "$(ids | sort | uniq -d)" ]
        [ -z "$(tail -n 1 "$J" | grep -v '^{"type":"window".*]}$')" ]
    done
}

# ---- a full disk ----

# space BYTES: a file system of that size at $SPACE; without the right to mount, none.
space() {
    SPACE=$DIR/space
    mkdir "$SPACE"
    mount -t tmpfs -o "size=$1" journal "$SPACE" 2>/dev/null || {
        SPACE=
        return 1
    }
    J=$SPACE/journal
}

@test "a full disk: nothing is acknowledged, one loud line, the file ends with a whole line; and it goes on by itself" {
    for PROGRAM in astm-listen hl7-listen inst-listen; do
        DIR=$BATS_TEST_TMPDIR/$PROGRAM
        mkdir "$DIR"
        space 64k || skip "a file system cannot be mounted"
        BATS_TEST_TMPDIR=$DIR listen --log json
        call a
        dd if=/dev/zero of="$SPACE/filler" bs=4096 2>/dev/null || :
        i=0 n=0
        while [ "$n" = 0 ]; do # what is left of the last page
            i=$((i + 1))
            dial
            if ! post "x$i" >/dev/null; then
                n=$i
            fi
            hang_up
        done
        size=$(wc -c <"$J")
        call "y" no
        [ "$size" = "$(wc -c <"$J")" ]
        [ "$(ids | wc -l)" = "$n" ]
        [ "$(grep -c 'messages are refused until it can be written again' "$DIR/err")" = 1 ]
        none grep -q 'can be written again"' <(grep -v refused "$DIR/err")
        rm "$SPACE/filler"
        call y
        call "x$n"
        [ "$(grep -v refused "$DIR/err" | grep -c 'can be written again')" = 1 ]
        holds a $(seq -f 'x%g' 1 $((n - 1))) y "x$n"
        stop_listener
        [ "$status" = 0 ]
        umount "$SPACE"
        SPACE=
    done
}

limited() {
    ( # blocks of 1 KiB
        ulimit -S -f 2
        ulimit -H -f 2
        exec 5>"$DIR/ready"
        exec "$PROGRAM" -j "$J" -R 5 127.0.0.1:0
    ) >"$DIR/out" 2>"$DIR/err" 3>&- </dev/null &
    LISTENER=$!
    started+=("$LISTENER")
}

file_limit() {
    mkfifo "$DIR/ready"
    limited
    read -r PORT <"$DIR/ready"
    PORT=${PORT##*:}
    local i refused=
    for i in 1 2 3 4 5 6 7 8 9; do
        dial
        if ! post "m$i" >/dev/null; then
            refused=$i
            hang_up
            break
        fi
        hang_up
    done
    [ "$refused" -gt 1 ]
    call "m$refused" no
    stop_listener
    [ "$status" = 0 ]
    # shellcheck disable=SC2046
    holds $(seq -f 'm%g' 1 $((refused - 1)))
    [ "$(grep -c 'messages are refused until it can be written again' "$DIR/err")" = 1 ]
    grep -q 'File too large' "$DIR/err"
}

@test "a file that may not grow is a full disk, and no signal" {
    each file_limit
}

@test "with --stdout a message that the journal refused is not printed twice" {
    PROGRAM=hl7-listen
    space 64k || skip "a file system cannot be mounted"
    listen --stdout
    call a
    dd if=/dev/zero of="$SPACE/filler" bs=4096 2>/dev/null || :
    local n=1
    while dial && post "x$n" >/dev/null; do
        n=$((n + 1))
        hang_up
    done
    hang_up
    call "x$n" no
    rm "$SPACE/filler"
    call "x$n"
    stop_listener
    diff <(ids "$DIR/out") <(ids)
}

@test "messages that come together, in one block or in one write, are each in the file before they are answered" {
    local id big all=''
    PROGRAM=hl7-listen J=$DIR/journal
    big=$(head -c 40000 /dev/zero | tr '\0' x)
    listen
    dial
    {
        printf '\x0b'
        for id in a1 a2 a3; do
            printf 'MSH|^~\\&|wire|LAB|||20260301||ORU^R01|%s|P|2.5.1\rOBX|1|ST|TXT||%s\r' $id "${big:0:${#id}}"
        done
        printf '\x1c\r'
        for id in b1 b2 b3 b4; do
            printf '\x0bMSH|^~\\&|wire|LAB|||20260301||ORU^R01|%s|P|2.5.1\rOBX|1|ST|TXT||%s\r\x1c\r' $id \
                "$([ $id != b3 ] || echo "$big")"
        done
    } >"$DIR/blocks"
    cat "$DIR/blocks" >&"$WIRE"
    for id in a1 a2 a3 b1 b2 b3 b4; do
        IFS= read -r -d "$FS" -t 20 -u "$WIRE" BLOCK
        hear $'\r'
        [[ $BLOCK = *$'\r'"MSA|AA|$id"* ]]
        ids >"$DIR/ids" # as of now, whatever comes later
        grep -qx $id "$DIR/ids"
        all="$all $id"
    done
    kill_listener
    # shellcheck disable=SC2086
    holds $all
}
