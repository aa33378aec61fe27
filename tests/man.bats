# Pages and READMEs against the programs: their options, their sections, and everything that they show of a session. An
# example is a block whose first line begins with `$ `: what stands behind that is a command, lines with `> ` go on with
# it, and what follows is its output. It is run as written, with the files of tests/data at hand. Each command must end
# with status 0, unless `$ echo $?` follows it and shows another, and print what is shown, on stdout or stderr, and
# nothing else. A program in the background is waited for until it is ready; ports 4000 (ASTM) and 2575 (HL7) become free
# ones. Of a links file the first line has port 4000 and the second one 2575, where they have ports.
#
# Where network namespaces are permitted, those with a program in the background run once more as somebody pastes them:
# not a character is changed, and nobody waits but who waits in the example.
load helper

MAN=$BATS_TEST_DIRNAME/../man
README=$BATS_TEST_DIRNAME/../README.md
PROGRAMS=("$BUILD"/bin/*)
PROGRAMS=("${PROGRAMS[@]##*/}")

# What --help and a page say of options: `-o, --output FORMAT`, sorted.
options_in_help() {
    "$1" --help | sed -nE 's/^ {2,}((-[[:alpha:]], )?--[a-z-]+( [A-Z][A-Z,]*)?) .*/\1/p' | sort
}

options_in_page() {
    sed -nE -e 's/ , Fl -/, --/' -e 's/^\.It Fl -([a-z-]+)/.It Fl --\1/' -e 's/^\.It Fl ([[:alpha:]])/.It Fl -\1/' \
        -e 's/ Ar / /' -e 's/^\.It Fl (-.*)/\1/p' "$1" | sort
}

# The section NAME of a page.
section() {
    awk -v name="$1" '/^\.Sh / { on = $0 == ".Sh " name; next } on' "$2"
}

# The blocks of examples in a page, and in the README (those that start with a program of ours or with its files), a file
# each.
examples_of_page() {
    sed -n '/^\.Bd -literal/,/^\.Ed/p' "$1" |
        sed -e "s/\\\\(aq/'/g" -e 's/\\(ha/^/g' -e 's/\\(ti/~/g' -e 's/\\(ga/`/g' -e 's/\\(dq/"/g' -e 's/\\&//g' \
            -e 's/\\-/-/g' -e 's/\\e/\\/g' | split_blocks '^[.]Bd ' '^[.]Ed' .
}

# The links files that are shown without a command, and not run.
links_files() {
    sed -n '/^\.Bd -literal/,/^\.Ed/p' "$1" | sed -e '/^\.Ed/d' -e 's/\\e/\\/g' |
        awk '/^\.Bd / { on = 0; first = 1; next } first { on = !/^[$] /; first = 0 } on'
}

examples_of_readme() {
    split_blocks '^```' '^```$' "^[$] (cat >links|rm -f|$(IFS='|' && echo "${PROGRAMS[*]}"))" <"$README"
}

# split_blocks FROM TO FIRST: what lies between, where its first line begins with `$ ` and fits FIRST.
split_blocks() {
    awk -v from="$1" -v to="$2" -v first="$3" -v dir="$BATS_TEST_TMPDIR" '
        !on && $0 ~ from { on = 1; line = 0; keep = 0; next }
        on && $0 ~ to { on = 0; next }
        on && !line++ && /^[$] / && $0 ~ first { keep = 1; file = sprintf("%s/example.%02d", dir, ++n) }
        on && keep { print >file }'
}

# The script that runs a block: the output of command N goes to out.N, what it should be to shown.N.
script_of() {
    awk -v dir="$2" '
        function finish() {
            if (!n)
                return
            port = command ~ /2575/ ? "MLLP" : "PORT"
            after = ""
            if (command ~ /^cat >links/)
                gsub(/4000|2575/, "0", command)
            if (command ~ /(-listen|instsim (astm|hl7)) .*&$/) { # in the background: wait until it is ready
                sub(/[a-z0-9]*-listen|instsim (astm|hl7)/, "& -R 9 9>ready", command)
                gsub(/4000|2575/, "0", command)
                after = "{ read -r endpoint; " port "=${endpoint##*:}"
                if (command ~ / -f links/)
                    after = after "; read -r endpoint; MLLP=${endpoint##*:}"
                after = after "; cat; } <ready >rest; rm ready rest"
                command = "mkfifo ready\n" command
            }
            gsub(/4000/, "${PORT-4000}", command)
            gsub(/2575/, "${MLLP-2575}", command)
            printf "{\n%s\n} >%s/out.%d 2>&1\n", command, dir, n
            printf "" >(dir "/shown." n)
            if (after)
                print after
        }
        /^[$] / {
            asked = substr($0, 3) == "echo $?"
            finish()
            if (n && !asked)
                print "ended " n
            command = substr($0, 3)
            n++
            next
        }
        /^> / { command = command "\n" substr($0, 3); next }
        { print >(dir "/shown." n) }
        END {
            finish()
            print "ended " n
            print "for pid in $(jobs -pr); do echo \"still in the background: $pid\"; kill \"$pid\"; done"
        }' "$1"
}

# Runs the blocks in $BATS_TEST_TMPDIR/example.*: those with jq, or those without.
run_examples() {
    local with=$1 home=$2 block has dir shown failed=0 any=0
    for block in "$BATS_TEST_TMPDIR"/example.*; do
        has=plain
        grep -qw jq "$block" && has=jq
        [ "$with" = "$has" ] || continue
        any=1
        dir=$block.d
        mkdir -p "$dir/work/$home"
        cp "$BATS_TEST_DIRNAME"/data/* "$dir/work/$home"
        {
            # shellcheck disable=SC2016
            echo 'ended() { local status=$?; [ $status = 0 ] || echo "command $1 ended with status $status"; }'
            script_of "$block" "$dir"
        } >"$dir/script"
        (cd "$dir/work" && exec 3>&- && LC_ALL=C.UTF-8 bash ../script) >"$dir/problems" 2>&1 </dev/null || :
        for shown in "$dir"/shown.*; do
            diff -u "$shown" "${shown/shown/out}" >>"$dir/problems" || :
        done
        if [ -s "$dir/problems" ]; then
            failed=1
            cat "$block" "$dir/problems"
        fi
    done
    [ $any = 1 ] && [ $failed = 0 ]
}

# as_pasted TIMES BLOCK HOME: runs a block that many times in one folder, in a network of its own. Quiet where all is as
# shown.
as_pasted() {
    local dir=$2.pasted i
    mkdir -p "$dir/work/$3"
    cp "$BATS_TEST_DIRNAME"/data/* "$dir/work/$3"
    sed -nE 's/^[$>] //p' "$2" >"$dir/script"
    grep -vE '^[$>] ' "$2" >"$dir/shown" || :
    for ((i = 1; i <= $1; i++)); do
        (cd "$dir/work" && LC_ALL=C.UTF-8 timeout -s KILL 60 unshare -n -p -f --kill-child --mount-proc \
            sh -c 'ip link set lo up && exec bash ../script') >"$dir/out" 2>&1 </dev/null 3>&- ||
            echo "pasted, time $i: status $?"
        diff -u "$dir/shown" "$dir/out" || cat "$2"
    done
}

# Runs those in $BATS_TEST_TMPDIR/example.* and its folders that have a program in the background, all at once.
run_as_pasted() {
    local times=$1 home=$2 block dir=$BATS_TEST_TMPDIR pids=()
    grep -l '^[$] .* &$' "$dir"/example.* "$dir"/*/example.* 2>/dev/null >"$dir/blocks" || :
    [ -s "$dir/blocks" ]
    while read -r block; do
        as_pasted "$times" "$block" "$home" >"$block.problems" 2>&1 3>&- &
        pids+=($!)
    done <"$dir/blocks"
    wait "${pids[@]}"
    while read -r block; do
        cat "$block.problems"
    done <"$dir/blocks" >"$dir/problems"
    diff /dev/null "$dir/problems"
}

# What it takes to give a program a network of its own.
need_networks() {
    need ip
    need jq
    unshare -n -p -f --kill-child --mount-proc true 2>/dev/null || skip "network namespaces are not permitted here"
}

@test "every option of --help is in the program's page, with its argument, and the other way round" {
    local program
    for program in "${PROGRAMS[@]}"; do
        options_in_help "$program" >"$BATS_TEST_TMPDIR/help"
        options_in_page "$MAN/$program.1" >"$BATS_TEST_TMPDIR/page"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -gt 5 ]
        diff -u "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
    done
}

@test "every option that a page describes is in its synopsis" {
    local program options option
    for program in "${PROGRAMS[@]}"; do
        mapfile -t options < <(options_in_page "$MAN/$program.1" | sed -nE 's/^-([[:alpha:]]),.*/\1/p')
        for option in "${options[@]}"; do
            section SYNOPSIS "$MAN/$program.1" | grep -qE "^\.Op Fl ([a-zA-Z]*${option}[a-zA-Z]*$|$option )" ||
                { echo "$program: -$option"; false; }
        done
        mapfile -t options < <(options_in_page "$MAN/$program.1" | sed -nE 's/^--([a-z-]+).*/\1/p')
        for option in "${options[@]}"; do
            section SYNOPSIS "$MAN/$program.1" | grep -qE "^\.Op Fl -$option( |$)" || { echo "$program: --$option"; false; }
        done
    done
}

@test "every exit status of --help is in the program's page, and the other way round" {
    local program
    for program in "${PROGRAMS[@]}"; do
        "$program" --help | sed -n '/^Exit status:/,$p' | sed 's/([0-9])//' | grep -ow '[0-9]*' >"$BATS_TEST_TMPDIR/help"
        section "EXIT STATUS" "$MAN/$program.1" | sed -nE 's/^\.It ([0-9]+)$/\1/p' >"$BATS_TEST_TMPDIR/page"
        [ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -gt 5 ]
        diff -u "$BATS_TEST_TMPDIR/help" "$BATS_TEST_TMPDIR/page"
    done
}

@test "every page has EXAMPLES and CAVEATS, and all but that of a format EXIT STATUS" {
    local page heading
    for page in "$MAN"/*.[1-9]; do
        for heading in EXAMPLES CAVEATS "EXIT STATUS"; do
            [ "$heading:${page##*.}" != "EXIT STATUS:5" ] || continue
            [ -n "$(section "$heading" "$page")" ] || { echo "${page##*/}: no $heading"; false; }
        done
    done
}

@test "every program has a page, and every page that one refers to is there" {
    local program page
    for program in "${PROGRAMS[@]}"; do
        [ -s "$MAN/$program.1" ] || { echo "$program"; false; }
    done
    sed -nE 's/^\.(It )?Xr ((astm|hl7|mllp|inst)[a-z-]*) ([1-9]).*/\2.\4/p' "$MAN"/*.[1-9] >"$BATS_TEST_TMPDIR/pages"
    [ -s "$BATS_TEST_TMPDIR/pages" ]
    while read -r page; do
        [ -s "$MAN/$page" ] || { echo "$page"; false; }
    done <"$BATS_TEST_TMPDIR/pages"
}

@test "the pages are mdoc without a warning (mandoc)" {
    need mandoc
    mandoc -Tlint -Wwarning "$MAN"/*.[1-9]
}

# A message with 36 fields in every record.
every_field() {
    local type
    for type in H P O R C Q L; do
        seq -s '|' 3 36 | sed "s/^/$type|${type/[!H]/1}|/; s/^H|H|/H|\\\\^\&|/"
    done
}

@test "instlink-json(5) has the keys of every record that is decoded, by its number" {
    local type
    every_field >"$BATS_TEST_TMPDIR/all"
    for type in H P O R C Q L; do
        # `"name":"7"` gives `7 name`
        astm-decode -o record "$BATS_TEST_TMPDIR/all" 2>/dev/null | sed -n "s/^{\"type\":\"$type\",//p" |
            grep -oE '"[a-z_0-9]+":"[0-9]+"' | sed -E 's/"([a-z_0-9]+)":"([0-9]+)"/\2 \1/' |
            grep -vE '^1 seq$| field_[0-9]+$' >"$BATS_TEST_TMPDIR/decoded"
        section DESCRIPTION "$MAN/instlink-json.5" |
            awk -v type="$type" '/^\.(It|El)/ { on = $0 ~ "^.It Sy " type " No"; next } on' |
            tr -d , | grep -vE '^2 (seq|delimiters)$' >"$BATS_TEST_TMPDIR/page"
        diff -u "$BATS_TEST_TMPDIR/decoded" "$BATS_TEST_TMPDIR/page"
    done
}

@test "instlink-json(5) has the keys of a result, in their order" {
    local dir=$BATS_TEST_TMPDIR
    astm-decode -o tsv </dev/null | tr '\t' '\n' | awk '{ print NR, $0 }' >"$dir/columns"
    awk '/^\.It [0-9]+ Ta / { for (i = 2; i < NF; i += 4) if ($i ~ /^[0-9]+$/) print $i, $(i + 2) }' \
        "$MAN/instlink-json.5" | sort -n >"$dir/table"
    diff -u "$dir/columns" "$dir/table"
    awk '/^\.Ss / { on = $2 == "result" } on && /^\.It / { sub(/^\.It /, ""); gsub(/ ,/, ""); gsub(/ /, "\n"); print }' \
        "$MAN/instlink-json.5" | grep -vx type | sort >"$dir/list"
    cut -d ' ' -f 2 "$dir/columns" | sort | diff -u - "$dir/list"
}

@test "instlink-json(5) has the first word of every note" {
    local dir=$BATS_TEST_TMPDIR
    sed -nE 's/.*note(s_add|s_once)?\([^"]*"([a-z0-9-]+) .*/\2/p' "$BATS_TEST_DIRNAME"/../lib/{astm,hl7}/*.c |
        sort -u >"$dir/notes"
    [ "$(wc -l <"$dir/notes")" -gt 15 ]
    awk '/^\.Ss / { on = $2 == "Notes" } /^\.Sh / { on = 0 } on && /^\.It / { print $2 }' "$MAN/instlink-json.5" |
        sort >"$dir/page"
    comm -23 "$dir/notes" "$dir/page" >"$dir/missing"
    diff -u /dev/null "$dir/missing"
}

@test "the first word of all that a link machine tells is in the page of its listener, or in instsim(1)" {
    local protocol token
    for protocol in astm hl7; do
        while read -r token; do
            grep -qx "\.It $token" "$MAN/$protocol-listen.1" "$MAN/instsim.1" || { echo "$protocol: $token"; false; }
        done < <(sed -nE 's/^ *\[[A-Z0-9]+_NOTICE_[A-Z_]+\] = "([a-z-]+)".*/\1/p' \
            "$BATS_TEST_DIRNAME/../lib/$protocol/link.c")
    done
}

# What inst-listen --help says from a heading on, up to the next one or the end.
help_from() {
    inst-listen --help | awk -v from="$1" '$0 == from { on = 1; next } /^[^ ]/ { on = 0 } on'
}

@test "instlink-links(5) has every option of a link, with its argument, and no other" {
    local heading flag
    for heading in 'For every link, and as options in FILE:' ASTM: HL7:; do
        help_from "$heading"
    done | sed -nE 's/^ {2,}--([a-z-]+( [A-Z][A-Z,]*)?) .*/\1/p' | sort >"$BATS_TEST_TMPDIR/help"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/help")" -gt 15 ]
    section DESCRIPTION "$MAN/instlink-links.5" | sed -n '/^\.Ss Options/,/^\.Ss Reading/p' |
        sed -nE -e 's/\\e//g' -e 's/ Ns = Ns Ar / /' -e 's/^\.It Cm //p' | sort | diff -u "$BATS_TEST_TMPDIR/help" -
    for flag in replace mllp-strict; do
        echo "x hl7 unix:x $flag=" >"$BATS_TEST_TMPDIR/links"
        run -78 --separate-stderr inst-listen -f "$BATS_TEST_TMPDIR/links"
        # shellcheck disable=SC2154 # run sets it
        [[ $stderr = *"has no value"* ]]
    done
}

@test "the links files that instlink-links(5) shows are right: only a line behind them is not" {
    local links=$BATS_TEST_TMPDIR/links
    links_files "$MAN/instlink-links.5" >"$links"
    [ "$(wc -l <"$links")" -gt 5 ]
    echo wrong >>"$links"
    run -78 --separate-stderr inst-listen -f "$links"
    [[ $stderr = "inst-listen: $links:$(wc -l <"$links"): "* ]]
}

@test "instlink-json(5) has every word of the log that lib/link has, and no other" {
    local lib=$BATS_TEST_DIRNAME/../lib/link dir=$BATS_TEST_TMPDIR
    cat "$lib"/*.c | tr -s ' \n' ' ' |
        grep -oE '(tell\([cm], LOG_[A-Z]+, |struct log_event event = \{ ?)"[a-z-]+"' |
        grep -oE '"[a-z-]+"' | tr -d '"' | sort -u >"$dir/words"
    [ "$(wc -l <"$dir/words")" -gt 10 ]
    awk '/^\.Ss / { on = $2 == "log" } on && /^The words/ { words = 1 } on && words && /^\.El/ { exit }
         words && /^\.It / { print $2 }' "$MAN/instlink-json.5" | sort | diff -u "$dir/words" -
}

@test "instlink(7) has every metric, and every reason of a refusal" {
    local dir=$BATS_TEST_TMPDIR
    start_listener astm-listen -q -c 1 --metrics "$dir/metrics" 127.0.0.1:0
    instsim astm -q --profile chemistry "127.0.0.1:$PORT"
    wait_listener
    sed -n 's/^# HELP \([a-z_]*\) .*/\1/p' "$dir/metrics" | sort >"$dir/names"
    [ "$(wc -l <"$dir/names")" -gt 10 ]
    sed -nE 's/^\.It (instlink_[a-z_]+)$/\1/p' "$MAN/instlink.7" | sort | diff -u "$dir/names" -
    sed -n 's/.*reason="\([a-z-]*\)".*/\1/p' "$dir/metrics" | sort >"$dir/reasons"
    awk '/^\.It instlink_refusals_total/ { on = 1; next } on && /^(They|\.It) / { exit } on && /^\.Ql / && !/reason/' \
        "$MAN/instlink.7" | tr ' ' '\n' | grep -E '^[a-z-]+$' | sort | diff -u "$dir/reasons" -
}

@test "the examples of astm-decode(1) run as shown" {
    examples_of_page "$MAN/astm-decode.1"
    run_examples plain .
}

@test "the examples of astm-decode(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/astm-decode.1"
    run_examples jq .
}

@test "the examples of astm-listen(1) run as shown" {
    examples_of_page "$MAN/astm-listen.1"
    run_examples plain .
}

@test "the examples of astm-listen(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/astm-listen.1"
    run_examples jq .
}

@test "the examples of astm-send(1) run as shown" {
    examples_of_page "$MAN/astm-send.1"
    run_examples plain .
}

@test "the examples of astm-send(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/astm-send.1"
    run_examples jq .
}

@test "the examples of hl7-decode(1) run as shown" {
    examples_of_page "$MAN/hl7-decode.1"
    run_examples plain .
}

@test "the examples of hl7-decode(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/hl7-decode.1"
    run_examples jq .
}

@test "the examples of hl7-listen(1) run as shown" {
    examples_of_page "$MAN/hl7-listen.1"
    run_examples plain .
}

@test "the examples of hl7-listen(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/hl7-listen.1"
    run_examples jq .
}

@test "the examples of hl7-send(1) run as shown" {
    examples_of_page "$MAN/hl7-send.1"
    run_examples plain .
}

@test "the examples of hl7-send(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/hl7-send.1"
    run_examples jq .
}

@test "the examples of inst-listen(1) run as shown" {
    examples_of_page "$MAN/inst-listen.1"
    run_examples plain .
}

@test "the examples of inst-listen(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/inst-listen.1"
    run_examples jq .
}

@test "the examples of astm-frame(1) run as shown" {
    examples_of_page "$MAN/astm-frame.1"
    run_examples plain .
}

@test "the examples of mllp-frame(1) run as shown" {
    examples_of_page "$MAN/mllp-frame.1"
    run_examples plain .
}

@test "the examples of instsim(1) run as shown" {
    examples_of_page "$MAN/instsim.1"
    run_examples plain .
}

@test "the examples of instsim(1) with jq run as shown" {
    need jq
    examples_of_page "$MAN/instsim.1"
    run_examples jq .
}

@test "the examples of instlink(7) run as shown" {
    examples_of_page "$MAN/instlink.7"
    run_examples plain .
}

@test "the examples of instlink(7) with jq run as shown" {
    need jq
    examples_of_page "$MAN/instlink.7"
    run_examples jq .
}

@test "the examples of instlink-json(5) with jq run as shown" {
    need jq
    examples_of_page "$MAN/instlink-json.5"
    run_examples jq .
}

@test "the examples of instlink-links(5) with jq run as shown" {
    need jq
    examples_of_page "$MAN/instlink-links.5"
    run_examples jq .
}

@test "the examples of all pages hold when they are pasted" {
    local page
    need_networks
    for page in "$MAN"/*.[1-9]; do
        mkdir "$BATS_TEST_TMPDIR/${page##*/}"
        BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/${page##*/} examples_of_page "$page"
    done
    run_as_pasted 1 .
}

@test "every capture of tests/data has its line in the README there" {
    local file
    for file in "$BATS_TEST_DIRNAME"/data/*.*; do
        grep -q "^${file##*/} " "$BATS_TEST_DIRNAME/data/README" || { echo "${file##*/}"; false; }
    done
}

@test "the commands of the README run as shown" {
    examples_of_readme
    run_examples plain tests/data
}

@test "the commands of the README with jq run as shown" {
    need jq
    examples_of_readme
    run_examples jq tests/data
}

@test "the commands of the README hold when they are pasted, and a second time" {
    need_networks
    examples_of_readme
    run_as_pasted 2 tests/data
}

@test "lib/README.md has every room, on its floor, and no other" {
    local dir=$BATS_TEST_TMPDIR root=$BATS_TEST_DIRNAME/..
    (cd "$root" && printf '%s\n' lib/*/*.h cmd/*.h) | sed -E 's/^lib\///; s/\.h$//' | sort >"$dir/rooms"
    [ "$(wc -l <"$dir/rooms")" -gt 50 ]
    awk -F '[|]' '/^## / { exit } $3 ~ /`/ { gsub(/[ `]/, "", $3); folder = $3 }
        folder && $4 !~ /a file a program/ { n = split($4, room, / *, */); for (i = 1; i <= n; i++) print folder room[i] }' \
        "$root/lib/README.md" | tr -d ' ' | sort | diff -u "$dir/rooms" -
}

@test "lib/README.md counts the rows and states of the LIS01 machine as they are" {
    local root=$BATS_TEST_DIRNAME/.. rows states
    rows=$(grep -cE '^    \[[A-Z]+\]\[[A-Z_]+\] = ' "$root/lib/astm/link.c")
    states=$(sed -nE 's/^enum state \{(.*), STATES \};$/\1/p' "$root/lib/astm/link.c" | tr ',' '\n' | grep -c .)
    [ "$rows" -gt 1 ]
    [ "$states" -gt 1 ]
    [ "$(grep -oE '[0-9]+ (rows|decisions)' "$root/lib/README.md" | cut -d ' ' -f 1 | sort -u)" = "$rows" ]
    [ "$(grep -oE '[0-9]+ states' "$root/lib/README.md")" = "$states states" ]
}

@test "the README shows what the demo prints" {
    local ports='s/127\.0\.0\.1:[0-9]+/127.0.0.1:PORT/g'
    sed -n '/^\$ make demo$/,/^```$/p' "$README" | sed -E -e '1d;$d' -e "$ports" >"$BATS_TEST_TMPDIR/shown"
    [ -s "$BATS_TEST_TMPDIR/shown" ]
    sh "$BATS_TEST_DIRNAME/../cmd/demo.sh" "$BUILD/bin" 2>&1 3>&- | sed -E "$ports" | diff -u "$BATS_TEST_TMPDIR/shown" -
}
