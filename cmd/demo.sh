#!/bin/sh
# A listener, a simulated chemistry analyzer that sends it three messages, and the results as a table.
# usage: sh cmd/demo.sh BIN, the folder with the programs
set -u
bin=${1:?the folder with the programs}
dir=$(mktemp -d) || exit 1
listener=

clean_up() {
    [ -z "$listener" ] || kill "$listener" 2>/dev/null
    rm -rf "$dir"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

mkfifo "$dir/ready" || exit 1
timeout 60 "$bin/astm-listen" -q -c 3 -o tsv -R 3 listen:127.0.0.1:0 3>"$dir/ready" >"$dir/results" &
listener=$!
read -r endpoint <"$dir/ready" || exit 1
address=${endpoint#listen:}

echo "astm-listen takes results at $address; instsim, a chemistry analyzer, sends three messages there:"
timeout 60 "$bin/instsim" astm "$address" --profile chemistry --count 3 --seed 1 >"$dir/sent" || exit 1
wait "$listener"
status=$?
listener=
[ $status = 0 ] || exit $status

# Bytes are counted, less those that continue a UTF-8 character.
LC_ALL=C awk -F '\t' '
    BEGIN { columns = split("patient_id specimen_id test value units flags", name, " ") }
    NR == 1 {
        for (i = 1; i <= NF; i++)
            place[$i] = i
        for (c = 1; c <= columns; c++)
            if (!(name[c] in place)) { print "no column " name[c] >"/dev/stderr"; exit 1 }
    }
    {
        for (c = 1; c <= columns; c++) {
            cell[NR, c] = text = $place[name[c]]
            size[NR, c] = length(text) - gsub(/[\200-\277]/, "", text)
            if (size[NR, c] > width[c])
                width[c] = size[NR, c]
        }
    }
    END {
        for (row = 1; row <= NR; row++) {
            line = ""
            for (c = 1; c <= columns; c++)
                line = line "  " cell[row, c] sprintf("%" width[c] - size[row, c] "s", "")
            sub(/ +$/, "", line)
            print line
        }
        if (NR < 2)
            exit 1
    }' "$dir/results"
