#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# SIGHUP makes a running weir-keyd read watch.ini again: the watch goes by the new
# rules and alerts go where they say, while sessions stay; a file that is wrong
# changes nothing, and the trail says both.
. "$(dirname "$0")/lib.sh"

requires jq
mkvault vault
mkdir "$tmp/m"
head -c 100000 /dev/urandom >"$tmp/m/weights.bin"
for n in 1 2 3 4; do
	weir put "decoy-$n" "$tmp/m" --label n=$n >"$tmp/ref-$n" 2>/dev/null
	weir grant add "decoy-$n" --to "$me" --loads 99 --export --reason t \
	    >/dev/null 2>&1
	weir decoy add "decoy-$n" --reason t >/dev/null 2>&1
done
cat >"$tmp/hook" <<X
#!/bin/sh
cat >>$tmp/taken
X
chmod 755 "$tmp/hook"
: >"$tmp/taken"

vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process "$keyd"
wait_for 60 grep -q "serves '$vault' until" "$tmp/keyd.err"

touch_decoy()
{
	rm -rf "$tmp/copy"
	weir get --allow-unsigned "$(cat "$tmp/ref-$1")" "$tmp/copy" \
	    >/dev/null 2>&1 || diag 'a read failed'
}
# configs: the values of the entries that tell of watch.ini
configs()
{
	weir audit ls --kind config --json 2>/dev/null |
	    jq -r 'select(.key == "watch.ini").value'
}
# shellcheck disable=SC2317 # by way of wait_for
config_count()
{
	[ "$(configs | wc -l)" -eq "$1" ]
}
# reload N: the N-th
reload()
{
	kill -HUP "$keyd"
	wait_for 60 config_count "$1"
}
# shellcheck disable=SC2317 # by way of wait_for
alerts()
{
	weir alert ls --all --json 2>/dev/null |
	    jq -r '[.alerts[] | "\(.model) \(.severity)"] | sort | join(", ")'
}
# shellcheck disable=SC2317 # by way of wait_for
alerts_are()
{
	[ "$(alerts)" = "$1" ]
}

printf '[decoy]\nenabled = no\n' >"$vault/watch.ini"
reload 1
ok $? 'a reload is an entry'
is "$(configs | tail -n 1)" "$(sha256sum <"$vault/watch.ini" | cut -d' ' -f1)" \
    'with the digest of the file'
touch_decoy 1
printf '[decoy]\nseverity = low\n[deliver]\nhook = %s\n' "$tmp/hook" \
    >"$vault/watch.ini"
reload 2
touch_decoy 2
wait_for 60 alerts_are 'decoy-2 low'
ok $? 'a rule that was off is on again, as the file has it'
wait_for 60 grep -q '"model":"decoy-2"' "$tmp/taken"
ok $? 'and the hook that it names is told'

printf '[decoy]\nseverity = low\nsevrity = high\n' >"$vault/watch.ini"
reload 3
like "$(configs | tail -n 1)" "^refused: line 3: .*'sevrity'" \
    'a file that is wrong is recorded, with its line'
wait_for 60 grep -q "is not used: line 3: .*the rules that there were stay" \
    "$tmp/keyd.err"
ok $? 'and said in the log, with what to run'
touch_decoy 3
wait_for 60 alerts_are 'decoy-2 low, decoy-3 low'
ok $? 'the rules from before stay'
wait_for 60 grep -q '"model":"decoy-3"' "$tmp/taken"
ok $? 'and so does the hook'

rm "$vault/watch.ini"
reload 4
is "$(configs | tail -n 1)" default 'a file that is gone is the defaults'
touch_decoy 4
wait_for 60 alerts_are 'decoy-2 low, decoy-3 low, decoy-4 high'
ok $? 'from there on'
grep -q '"model":"decoy-4"' "$tmp/taken"
[ $? -eq 1 ]
ok $? 'and a hook that is named no more is told nothing'
is "$(weir audit ls --kind keyd.start --json 2>/dev/null |
    jq -r 'select(.mode == "service").index' | wc -l)" 1 \
    'all by one keyd'
kill "$keyd"
wait "$keyd"
is $? 0 'which ends cleanly'
done_testing
