#!/bin/sh
# Two simulated analyzers, one that speaks ASTM and one that speaks HL7, send to a listener each; the results of both as
# one table. Nothing but what POSIX has is used.
# usage: sh cmd/demo.sh BIN, the folder with the programs
set -u
bin=${1:?the folder with the programs}
dir=${TMPDIR:-/tmp}/instlink-demo.$$
listener=

clean_up() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null
    rm -rf "$dir"
}
(umask 077 && mkdir "$dir") || exit 1
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# show PROTOCOL COUNT PROFILE: a listener, and an analyzer that sends it COUNT messages; the results go to
# $dir/PROTOCOL.tsv.
show() {
    mkfifo "$dir/ready" || exit 1
    "$bin/$1-listen" -q -c "$2" -o tsv -R 3 127.0.0.1:0 3>"$dir/ready" >"$dir/$1.tsv" &
    listener=$!
    read -r endpoint <"$dir/ready" || exit 1
    rm "$dir/ready"
    address=${endpoint#listen:}
    echo "$1-listen -c $2 -o tsv $address >$1.tsv &"
    echo "instsim $1 -c $2 --profile $3 $address"
    "$bin/instsim" "$1" -c "$2" --profile "$3" --attempts 1 --max-retries 0 "$address" 2>"$dir/log" || {
        cat "$dir/log" >&2
        exit 1
    }
    sed -n 's/ after .*//; s/^instsim: message/  message/p' "$dir/log"
    wait "$listener" || exit 1
    listener=
}

show astm 2 chemistry
show hl7 2 coagulation
echo

awk -F '\t' '
    BEGIN { columns = split("protocol patient_id specimen_id test value units flags", name, " ") }
    FNR == 1 {
        for (i = 1; i <= NF; i++)
            place[$i] = i
        for (c = 1; c <= columns; c++)
            missing += !(name[c] in place)
    }
    FNR > 1 || NR == 1 {
        rows++
        for (c = 1; c <= columns; c++) {
            cell[rows, c] = $place[name[c]]
            if (length(cell[rows, c]) > width[c])
                width[c] = length(cell[rows, c])
        }
    }
    END {
        for (row = 1; row <= rows; row++) {
            line = ""
            for (c = 1; c <= columns; c++)
                line = line sprintf("  %-" width[c] "s", cell[row, c])
            sub(/ +$/, "", line)
            print line
        }
        exit missing > 0 || rows < 3
    }' "$dir/astm.tsv" "$dir/hl7.tsv"
