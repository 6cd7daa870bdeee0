#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tamper-evident: keyd stops when the files of its trail are changed under it,
# says which, and does not start on them.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 1000 /dev/urandom >"$tmp/m/w.bin"
weir put llama "$tmp/m" >/dev/null 2>&1
idle
cp -a "$vault" "$tmp/sound"

start()
{
	vacant
	weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/log" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
}
gone()
{
	! runs "$keyd"
}
# What keyd has recorded of its start is published: nothing of its own replaces
# what is changed then.
# shellcheck disable=SC2317 # wait_for calls it
published()
{
	weir audit checkpoint >/dev/null 2>&1 &&
	    ! cmp -s "$vault/trail/checkpoint" "$tmp/sound/trail/checkpoint"
}
# stops NAME REGEX COMMAND...: what it does is found
stops()
{
	name=$1
	regex=$2
	shift 2
	rm -rf "$vault"
	cp -a "$tmp/sound" "$vault"
	start
	wait_for 60 published
	"$@"
	wait_for 60 gone
	ok $? "keyd stops: $name"
	wait "$keyd"
	is $? 3 'its exit status says what it was'
	like "$(cat "$tmp/log")" "$regex" 'and its log names the file'
	like "$(cat "$tmp/log")" 'the trail was changed.*weir-keyd stops' \
	    'and says that it stops'
}
last()
{
	find "$vault/trail/$1" -type f | sort -V | tail -n 1
}
flip()
{
	python3 - "$1" "$2" <<'PY'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    b = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([b ^ 1]))
PY
}

start
sleep 3
runs "$keyd"
ok $? 'an idle keyd whose files are left alone goes on'
exits 0 'and serves' weir role ls
end_process "$keyd"

stops 'the checkpoint removed' "removed '.*checkpoint'" \
    rm "$vault/trail/checkpoint"
stops 'yesterday'"'"'s checkpoint put back' "checkpoint' is not the one" \
    cp "$tmp/sound/trail/checkpoint" "$vault/trail/checkpoint"
remove_bundle()
{
	rm "$(last tile/entries)"
}
stops 'the last entries removed' 'tile/entries/.* is missing' remove_bundle
change_tile()
{
	flip "$(last tile/0)" 40
}
stops 'a tile changed' "tile'? .*not those of the checkpoint|tile/0" change_tile
change_journal()
{
	flip "$(last journal)" 200
}
stops 'a record of the journal changed' 'journal.* record 0|journal' \
    change_journal
remove_journal()
{
	rm "$(last journal)"
}
stops 'the journal removed' "removed '.*journal" remove_journal
rm -rf "$vault"
cp -a "$tmp/sound" "$vault"
remove_bundle
exits 3 'keyd does not start on it' weir-keyd --vault "$vault" --key-file "$key"
like "$err" 'the trail was changed' 'and says why'
rm -rf "$vault"
cp -a "$tmp/sound" "$vault"
start
exits 0 'the sound vault is served again' weir role ls
done_testing
