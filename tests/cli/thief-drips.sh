#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# budget-holds over weeks, by a real mount: a chunk every two hours, with a keyd
# whose clocks the test moves.  Neither waiting for less than 30 days gives anything
# more, nor starting keyd again with the wall clock put forward, nor a reboot by which
# it leaps.
. "$(dirname "$0")/lib.sh"
requires root fuse jq python3 setpriv

who=daemon
id "$who" >/dev/null 2>&1 || skip_all "this needs the user $who"
# A build in which whoever needs a keyd starts that one.
mkdir "$tmp/build"
cp "$BUILD/weir" "$BUILD/weir-mount" "$tmp/build"
cp "$BUILD/tests/mutants/weir-keyd-moved" "$tmp/build/weir-keyd" ||
    skip_all 'build it first: make tests'
PATH=$tmp/build:$PATH
HOUR=3600
DAY=86400

mkvault vault
chmod 711 "$tmp"
mkdir "$tmp/tree" "$tmp/mnt"
python3 "$top/tests/lib/mkmodel.py" safetensors \
    "$tmp/tree/model.safetensors" --tensors 8 --bytes 33554432 >/dev/null
WEIR_MOVED=$tmp/moved
export WEIR_MOVED
echo 0 >"$WEIR_MOVED"
# at SECONDS [AHEAD [BOOT]]: since the beginning; how far the wall clock is ahead of
# that; and the number of the boot
at()
{
	echo "$@" >"$WEIR_MOVED.new"
	mv "$WEIR_MOVED.new" "$WEIR_MOVED"
}
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
weir grant add llama --to "user:$who" --browse --reason t >/dev/null 2>&1
weights=$(weir show "$ref" --json | jq .weights)
cleanup_fn unmount "$tmp/mnt"
exits 0 'a mount' weir mount --allow-unsigned --user "$who" "$ref" "$tmp/mnt"
file=$tmp/mnt/llama/@${ref#*@}/model.safetensors

# Chunks of 64 KiB: a page in the middle of the nth.
cat >"$tmp/drip.py" <<'END'
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
try:
    os.pread(f, 4096, int(sys.argv[2]) * 65536 + 32768)
except OSError as e:
    sys.exit(e.strerror)
END
chmod 644 "$tmp/drip.py"
drip()
{
	setpriv --reuid "$who" --regid "$who" --clear-groups \
	    /usr/bin/python3 "$tmp/drip.py" "$file" "$1" 2>"$tmp/.err" &&
	    return
	err=$(cat "$tmp/.err")
	refused=$(now)
	return 1
}
# In hundredths of a second, whatever is done to the wall clock.
now()
{
	tr -d . </proc/uptime | cut -d ' ' -f 1
}
# A worker keeps a refusal for a second: it is keyd that is asked, not that.
anew()
{
	while [ $(($(now) - refused)) -le 110 ]; do
		sleep 0.1
	done
	drip "$1"
}
denied()
{
	! anew "$1" && [ "$err" = 'Permission denied' ]
}

n=1
while [ $n -le 30 ] && drip $n; do
	n=$((n + 1))
	at $((n * 2 * HOUR))
done
[ "$n" -ge 10 ]
ok $? "chunks drip every two hours, up to number $((n - 1))"
[ "$n" -le 11 ]
ok $? 'and then no more'
is "$err" 'Permission denied' 'which is denied, and no other error'
drip 1
ok $? 'what was given can be read again'

at $((28 * DAY))
denied 40
ok $? 'nor after four weeks'
# moved AT...: keyd stops, and another one, which the mount starts, sees that.  Held
# still meanwhile, this one sees no clock move.
moved()
{
	keyd=$(weir status --json | jq .keyd.pid)
	kill -STOP "$keyd"
	at "$@"
	kill -KILL "$keyd"
	wait_for 60 sh -c "weir session ls --json | jq -e '.sessions[0].state ==
	    \"open\"'"
	[ "$(weir status --json | jq .keyd.pid)" -ne "$keyd" ]
}
# Of the last start of keyd.
clock()
{
	weir audit ls --kind keyd.start --json | jq -s 'max_by(.index).clock'
}
moved $((28 * DAY)) $((300 * DAY))
ok $? 'keyd is another one'
denied 41
ok $? 'nor when the wall clock was put forward by months in between'
[ "$(clock)" -lt $((29 * DAY)) ]
ok $? 'which is no time'
moved $((200 * DAY)) $((300 * DAY)) 1
denied 41
ok $? 'nor over a reboot by which it leaps'
is "$(($(clock) / DAY))" 29 'which is a day'
moved $((200 * DAY)) 0 2
moved $((200 * DAY)) $((300 * DAY)) 3
is "$(($(clock) / DAY))" 29 'and back and forth over two more is none'
at $((232 * DAY))
anew 42
ok $? 'but when 30 days have passed while keyd ran'

most=$(weir audit ls --kind release --json | jq -s '
    [.[] | select(.weights > 0) | {clock, fresh}] as $r |
    [$r[] | .clock as $from | [$r[] |
	select(.clock >= $from and .clock < $from + 30 * 86400) | .fresh] |
	add] | max')
ok "$((most > weights / 50))" "in no 30 days more than 2 % ($most of $weights)"
wait_for 60 sh -c 'weir alert ls --all --json | jq -e ".alerts | length > 0"'
entry=$(weir alert ls --all --json |
    jq "[.alerts[] | select(.principal == \"user:$who\" and
        .rule != \"budget-spent\") | .entries[-1]] | min // 0")
before=$(weir audit ls --kind release --json |
    jq -s "[.[] | select(.index <= $entry) | .fresh] | add // 0")
[ "$entry" -gt 0 ] && [ "$before" -le $((weights / 100)) ]
flagged=$?
[ $flagged -eq 0 ] || {
	diag "$(weir alert ls --all --json | jq -c '.alerts[] |
	    [.rule, .principal, .entries]')"
	diag "$(weir audit ls --kind release --json |
	    jq -c '[.index, .clock, .fresh, .weights]')"
}
ok $flagged "it is flagged before 1 % is gone ($before)"
weir umount --force "$tmp/mnt" 2>/dev/null
is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
