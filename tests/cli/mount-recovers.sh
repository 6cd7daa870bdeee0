#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A mount outlives keyd, and nothing outlives a mount's own processes: keyd
# killed and stopped, worker and monitor killed, with readers at work.
. "$(dirname "$0")/lib.sh"
requires fuse

load=$BUILD/tests/load
[ -x "$load/sequential" ] || skip_all "build them first: make tests"

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"
head -c 100000007 /dev/urandom >"$tmp/m/model.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
hash=$(sha256sum <"$tmp/m/model.bin" | cut -d ' ' -f 1)
file=$mnt/llama/@${ref#*@}/model.bin

# Processes of this vault's keyd, and of this mount: all name the vault or were
# started by what does.
keyd()
{
	pgrep -f "weir-keyd .*$vault\$"
}

monitor()
{
	pgrep -f "^weir-mount .*$mnt\$"
}

# shellcheck disable=SC2317 # by way of wait_for
gone()
{
	! runs "$1"
}

# The number of the session that the mount in the foreground has.
session()
{
	sed -n 's/.*: session \([0-9]*\): .*/\1/p' "$tmp/log"
}

worker()
{
	pgrep -P "$(monitor)" weir-mount
}

# In hundredths of a second.
now()
{
	tr -d . </proc/uptime | cut -d ' ' -f 1
}

exits 0 'mount' weir mount --stall 120 --allow-unsigned "$ref" "$mnt"

# A slow reader, and keyd killed again and again.
"$load/random" "$file" 65536 >"$tmp/sum" 2>&1 &
reader=$!
killed=0
while runs $reader && [ $killed -lt 5 ]; do
	pid=$(keyd) && kill -9 "$pid" && killed=$((killed + 1))
	sleep 0.7
done
wait $reader
ok $? "a reader goes on while keyd is killed ($killed times)"
is "$(cat "$tmp/sum")" "$hash" 'and reads what was put'
[ $killed -ge 1 ]
ok $? 'it was killed meanwhile'
# Of this file alone: what other tests have there is theirs.
dd if="$file" iflag=nocache count=0 status=none
is "$("$load/sequential" "$file")" "$hash" 'reads go on after that'
exits 0 'umount' weir umount "$mnt"
wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
ok $? 'the session is closed'

# A keyd that hangs: reads wait, the rest goes on; then they fail.
exits 0 'mount' weir mount --stall 3 --allow-unsigned "$ref" "$mnt"
ls "$mnt/llama/@${ref#*@}" >/dev/null
kill -STOP "$(keyd)"
begun=$(now)
timeout 120 dd if="$file" of=/dev/null bs=64k count=1 2>"$tmp/dd" &
reader=$!
# It would fail if it waited, too: keyd goes on later.
timeout 120 stat "$file" >/dev/null
ok $? 'a stat does not wait for a keyd that hangs'
wait $reader
[ $? -eq 1 ]
ok $? 'a read fails in the end'
[ $(($(now) - begun)) -ge 290 ]
ok $? 'and waits until then'
like "$(cat "$tmp/dd")" 'Input/output error' 'with EIO'
kill -CONT "$(keyd)"
wait_for 60 dd if="$file" of=/dev/null bs=64k count=1
ok $? 'and works again when keyd goes on'
exits 0 'umount' weir umount "$mnt"

# A store that fails is waited for, and weir status has it.
mkdir "$tmp/bin"
cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin/"
if cp "$BUILD/tests/mutants/weir-mount-moody" "$tmp/bin/weir-mount"; then
	"$tmp/bin/weir" mount --foreground --stall 300 --allow-unsigned "$ref" \
	    "$mnt" >"$tmp/log" 2>&1 &
	m=$!
	wait_for 60 test -e "$file"
	ones=$(printf '%064d' 0 | tr 0 f)
	mkdir -p "$vault/objects/ff"
	: >"$vault/objects/ff/$ones"
	dd if="$file" of=/dev/null bs=64k count=1 iflag=direct status=none \
	    2>"$tmp/dd" &
	reader=$!
	wait_for 60 sh -c "weir status | grep -q 'store fails'"
	ok $? 'status tells of a store that fails'
	runs $reader
	ok $? 'whose reader waits'
	rm "$vault/objects/ff/$ones"
	wait $reader
	ok $? 'until it does no more' || diag "$(cat "$tmp/dd")"
	sleep 3.5
	dd if="$file" of=/dev/null bs=64k count=1 skip=2 iflag=direct \
	    status=none
	wait_for 60 sh -c "! weir status | grep -q 'store fails'"
	ok $? 'and then status has nothing to tell'
	wait_for 60 grep -q 'store answers again' "$tmp/log"
	ok $? 'it is said, too'
	kill -TERM $m
	wait $m
fi

# What was read is told to the next keyd, when the last one was killed before
# it answered and the mount is on its way out.
head -c 200000 /dev/urandom >"$tmp/s.bin"
small=$(weir put small "$tmp/s.bin" 2>/dev/null)
weir grant add small --to "$me" --loads 99 --reason t >/dev/null 2>&1
weir mount --foreground --allow-unsigned "$small" "$mnt" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$mnt/small/@${small#*@}/s.bin"
id=$(session)
# One read gets the keys of all four chunks; the second is not told.
dd if="$mnt/small/@${small#*@}/s.bin" of=/dev/null bs=64k count=1 iflag=direct \
    status=none
sleep 1.5
pid=$(keyd)
kill -STOP "$pid"
dd if="$mnt/small/@${small#*@}/s.bin" of=/dev/null bs=64k skip=1 count=1 \
    iflag=direct status=none
ok $? 'a read under keys that are held, while keyd hangs'
kill -TERM $m
sleep 0.5
kill -9 "$pid"
wait $m
is "$(weir audit ls --kind extents --json | jq -s --argjson id "$id" \
    'map(select(.session == $id) | .reads[] | .[1] + .[2]) | max')" \
    131072 'what was read last is told to the next keyd'

# Told to end while keyd hangs, it does: what keyd is to know waits for seconds
# only, and for no time when it is told once more.
for times in once twice; do
	weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
	m=$!
	wait_for 60 test -e "$file"
	"$load/sequential" "$file" >/dev/null
	pid=$(keyd)
	kill -STOP "$pid"
	begun=$(date +%s)
	kill -TERM "$(monitor)"
	if [ $times = twice ]; then
		sleep 1
		kill -TERM "$m"
	fi
	wait_for 40 gone $m
	ok $? "told to end $times while keyd hangs, a mount ends" ||
	    kill -9 $m "$(worker)"
	diag "in $(($(date +%s) - begun)) s"
	kill -CONT "$pid"
	is "$(ls -A "$mnt")" '' 'and is unmounted'
done
wait_for 70 sh -c "weir session ls --json | jq -e '.sessions == []'"

# So it does while no keyd can be had: somebody holds its lock.
weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$file"
"$load/sequential" "$file" >/dev/null
python3 -c 'import fcntl, struct, sys, time
with open(sys.argv[1], "r+") as f:
    print("waits", flush=True)
    fcntl.fcntl(f, 38, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    print("holds", flush=True)
    time.sleep(600)' "$vault/keyd.lock" >"$tmp/lock" &
holder=$!
cleanup_fn end_process $holder
wait_for 60 grep -q waits "$tmp/lock"
# There is nothing else that it would sleep for: it is next.
wait_for 60 grep -q '^State:.S' "/proc/$holder/status"
kill -9 "$(keyd)"
wait_for 60 grep -q holds "$tmp/lock"
ok $? 'keyd is gone, and its lock is held'
sleep 1
kill -TERM "$m"
wait_for 60 gone $m
ok $? 'told to end without a keyd, a mount ends' || kill -9 $m "$(worker)"
end_process $holder

# The worker dies: the mount goes, the session is closed.
weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
wait_for 60 test -e "$file"
id=$(session)
kill -9 "$(worker)"
wait $!
is $? 1 'a mount whose worker is killed ends with 1'
like "$(cat "$tmp/log")" 'worker died' 'and says why'
is "$(ls -A "$mnt")" '' 'it is unmounted'
wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
ok $? 'the session is closed'
like "$(weir audit ls --kind session.close)" "session $id: the worker died" \
    'with the reason'

# The command is told, too.
exits 1 'a command whose worker is killed ends' weir mount --allow-unsigned "$ref" "$mnt" -- \
    sh -c "kill -9 \$(pgrep -P \$PPID -f '[-]-worker'); sleep 60"

# The monitor dies: the worker goes with it; the dead mount can be removed.
weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
wait_for 60 test -e "$file"
"$load/sequential" "$file" >/dev/null
w=$(worker)
id=$(session)
kill -9 "$(monitor)"
wait_for 60 gone "$w"
ok $? 'a worker whose monitor is killed ends'
fails 'nothing is read any more' dd if="$file" of=/dev/null bs=1M count=1
exits 0 'umount removes what is left' weir umount --force "$mnt"
is "$(ls -A "$mnt")" '' 'wholly'
is "$(weir audit ls --kind extents --json | jq -s --argjson id "$id" \
    'map(select(.session == $id) | .paths[]) | index("model.bin") != null')" \
    true 'and what was read was told before'

# SIGTERM, with a file open: readers fail, the mount goes.
weir mount --foreground --allow-unsigned "$ref" "$mnt" >"$tmp/log" 2>&1 &
m=$!
wait_for 60 test -e "$file"
exec 7<"$file"
kill -TERM "$(monitor)"
wait $m
is $? 0 'a mount that is told to end does'
like "$(cat "$tmp/log")" 'in use' 'and says that it was in use'
fails 'its open files fail' sh -c 'dd bs=1M count=1 <&7'
exec 7<&-
is "$(ls -A "$mnt")" '' 'it is unmounted'
done_testing
