# What the scripts here have in common. Who sources it has BUILD as its first argument; `dir` is its folder, `port` is
# where its listener listens, SENDERS are those that send there.
set -u
export LC_ALL=C
build=$(cd "${1:?the build folder}" && pwd) || exit 1
bin=$build/bin
seed=${SEED:-$((($(date +%s) ^ $$) % 32768))}
RANDOM=$seed
MEMORY=5000 # messages: more than the others hand over while one is away
passed=0 failed=0
port='' senders=()

end() { # PID…
    local pid
    for pid; do
        kill -CONT "$pid"
        kill -KILL "$pid"
        wait "$pid"
    done 2>/dev/null
}

result() { # STATUS NAME
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
    fi
}

# use_folder DIR: for what is written and for two FIFOs, one that says when a listener is ready, and one that never says
# anything.
use_folder() {
    dir=$1
    mkfifo "$dir/ready" "$dir/never"
    exec {READY}<>"$dir/ready" {NEVER}<>"$dir/never"
}

pause() { # MILLISECONDS
    read -r -t "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))" -u $NEVER
}

# Forgets what a listener that was killed had to say.
forget_ready() {
    local ready
    while read -r -t 0 -u $READY; do
        read -r -u $READY ready
    done
}

await_listener() {
    local ready
    read -r -t 30 -u $READY ready || return
    port=${ready##*:}
}

kill_listener() { # [SIGNAL]
    kill -s "${1:-KILL}" "$listener"
    wait "$listener"
    listener=
} 2>/dev/null

start_senders() {
    local i protocol options
    senders=()
    for i in "${!SENDERS[@]}"; do
        protocol=${SENDERS[i]%:*}
        options=(--retry 0.02,1,0.02)
        [ "$protocol" = hl7 ] || options+=(--timers busy=0.2)
        "$bin/instsim" "$protocol" --profile "${SENDERS[i]#*:}" --seed "$((i + 1))" -c 900000 --attempts 1000000 \
            "${options[@]}" "127.0.0.1:$port" >/dev/null 2>"$dir/sender.$i" {READY}>&- {NEVER}>&- &
        senders[i]=$!
    done
}

stop_senders() {
    local i
    for i in "${!senders[@]}"; do
        kill -s TERM "${senders[i]}"
    done
    wait "${senders[@]}"
    senders=()
}

# Control id and digest of each message.
digests() {
    awk '
        function member(name) {
            at = index($0, "\"" name "\":\"") + length(name) + 4
            return substr($0, at, index(substr($0, at, 100), "\"") - 1)
        }
        /^{"type":"message"/ { print member("control_id"), member("digest") }' "$@"
}

# Takes what is in the file for good, and removes it.
take() {
    digests "$1" >>"$dir/written"
    ! grep -avE '^\{"type":"(message|window|proven)",.*\}$' "$1" >"$dir/torn"
    result $? "torn: $(head -c 200 "$dir/torn")"
    rm "$1"
}

# Of sender I: all that it says was accepted is there once, and nothing else but perhaps the next.
check_sender() {
    local i=$1 protocol=${SENDERS[$1]%:*} accepted
    accepted=$(grep -Ec 'message [0-9]+ accepted' "$dir/sender.$i")
    echo "${SENDERS[i]}: $accepted acknowledged"
    "$bin/instsim" "$protocol" --profile "${SENDERS[i]#*:}" --seed "$((i + 1))" -c $((accepted + 1)) - |
        "$bin/$protocol-decode" | digests | awk -v accepted="$accepted" '
            FILENAME == "-" { place[$0] = ++sent; id[sent] = $1; prefix = substr($1, 1, 8); next }
            substr($1, 1, 8) != prefix { next }
            !($0 in place) { print "never sent: " $0; bad++; next }
            { there[place[$0]]++ }
            END {
                for (n = 1; n <= accepted; n++)
                    if (there[n] != 1) {
                        print "message " n " (" id[n] ") was acknowledged, and is there " there[n] + 0 " times"
                        bad++
                    }
                exit bad || sent != accepted + 1 || there[sent] > 1 || !accepted
            }' - "$dir/written"
}

# check_senders MODE
check_senders() {
    local i
    for i in "${!SENDERS[@]}"; do
        check_sender "$i"
        result $? "$1: ${SENDERS[i]}: not all that was acknowledged is there once"
    done
}
