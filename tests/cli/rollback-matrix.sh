#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# no-rollback: what was put back under a host that saw newer is refused, named
# and noted there; and a host that forgets what it saw is found out.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/host.sh"
requires jq python3

# keep NAME: the vault as it is now, when nobody serves it
keep()
{
	idle
	cp -a "$vault" "$tmp/kept.$1"
}

# put_back NAME [PATH]...: the whole vault, or these of it
put_back()
{
	idle
	from=$tmp/kept.$1
	shift
	if [ $# -eq 0 ]; then
		rm -rf "$vault"
		cp -a "$from" "$vault"
	fi
	for path; do
		rm -rf "${vault:?}/$path"
		cp -a "$from/$path" "$vault/$path"
	done
}

# The host as it was when it had seen the newest.
host_of_newest()
{
	rm -rf "$WEIR_STATE_DIR"
	cp -a "$tmp/host" "$WEIR_STATE_DIR"
}

# refused REGEX NAME: by weir get of llama:prod, and nothing is forgotten for it
refused()
{
	before=$(seen | sha256sum)
	host_refuses "$2" llama:prod "$1"
	is "$(seen | sha256sum)" "$before" 'what was seen stays'
}

# forgotten NAME: the control; what the last one refused, it takes
forgotten()
{
	rm -rf "$tmp/out"
	exits 0 "$1: a host that forgets takes it" \
	    "$forgetful" get llama:prod "$tmp/out"
	host_of_newest
}

host_reads
keep old

echo more >"$tmp/m/more"
two=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$two" prod
exits 0 'and the second' weir get llama:prod "$tmp/second"
keep before-root
weir trust show --policy 2>/dev/null | jq '.channels[0].days = 120' \
    >"$tmp/policy"
exits 0 'and another trust root' weir trust set "$tmp/policy" --key carol --yes
exits 0 'under which it reads on' weir get llama:prod "$tmp/third"
is "$(seen | jq -c '[.root.number, .channels["llama:prod"].serial]')" \
    '[2,2]' 'and which it has seen'
keep new
cp -a "$WEIR_STATE_DIR" "$tmp/host"

exits 0 'a vault that follows what was seen' weir ls
unlike "$err" 'older' 'is no older one'
exits 0 'nor by status' weir status
unlike "$out" 'OLDER' 'is one'
unlike "$(weir doctor)" 'an older vault' 'nor by doctor'

# told NAME: who looks is told as well, and what to do
told()
{
	exits 0 "$1: ls" weir ls
	like "$err" "this host has seen.*older vault was put back.*weir doctor" \
	    'says so'
	exits 0 "$1: status" weir status --json
	json '.older | test("older vault was put back")' 'says so'
	exits 8 "$1: doctor" weir doctor --json
	json '.findings[] | select(.check == "trail") |
	    .state == "fail" and (.advice |
	    contains("'"weir trust forget $(ls "$WEIR_STATE_DIR")"'"))' \
	    'says how this host forgets'
	idle
	like "$(weir doctor)" 'older vault was put back' 'when nobody serves it, too'
}

# Whole vaults.
put_back old
refused 'trust root 1, older than trust root 2' 'the whole vault'
forgotten 'the whole vault'
put_back before-root
refused 'trust root 1, older than trust root 2' 'the vault before the root'
forgotten 'the vault before the root'

# With each of the things that were seen alone.
put_back old
jq -c 'del(.root, .channels)+{"channels":{}}' "$tmp"/host/*/seen.json \
    >"$(echo "$WEIR_STATE_DIR"/*/seen.json)"
refused 'this host has seen [0-9]+ of them' 'the trail, by its checkpoint alone'
told 'the trail'
host_of_newest
jq -c 'del(.root, .checkpoint)' "$tmp"/host/*/seen.json \
    >"$(echo "$WEIR_STATE_DIR"/*/seen.json)"
refused 'shows serial 1, and this host has seen serial 2' \
    'the channel, by its serial alone'
forgotten 'the channel'

# A fork: from before the second version, another one with its serial.
put_back old
mkdir "$tmp/fork"
echo other >"$tmp/fork/w.bin"
here=$WEIR_STATE_DIR
WEIR_STATE_DIR=$tmp/elsewhere	# on a host that has seen nothing newer
other=$(weir put llama "$tmp/fork" 2>/dev/null)
promoted "$other" prod
WEIR_STATE_DIR=$here
keep fork
jq -c 'del(.root, .checkpoint)' "$tmp"/host/*/seen.json \
    >"$(echo "$WEIR_STATE_DIR"/*/seen.json)"
refused 'another promotion with serial 2' 'an equal serial, another version'
forgotten 'an equal serial'
exits 0 'a third one there' env \
    WEIR_STATE_DIR="$tmp/elsewhere" sh -c "weir trust set '$tmp/policy' --key carol \
    --yes; weir put llama '$tmp/fork'; for i in 1 2 3 4 5 6 7 8 9; do \
    weir grant add llama --to '$me' --browse --reason t; done"
jq -c 'del(.root, .channels)+{"channels":{}}' "$tmp"/host/*/seen.json \
    >"$(echo "$WEIR_STATE_DIR"/*/seen.json)"
refused 'does not extend what this host has seen' 'a longer trail, forked'
told 'a longer trail'
host_of_newest

# Parts of it: keyd finds that they do not belong together.
put_back new
put_back old catalogue.db
rm -rf "$tmp/out"
exits 3 'an older catalogue: refused by keyd' weir get llama:prod "$tmp/out"
like "$err" 'the catalogue is older than the trail' 'which says so'
put_back new
put_back old trail
rm -rf "$tmp/out"
exits 3 'an older trail: refused by keyd' weir get llama:prod "$tmp/out"
[ ! -e "$tmp/out" ]
ok $? 'nothing was written'

# A catalogue that was written to: the second promotion is gone from it.
put_back new
idle
python3 - "$vault/catalogue.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
gone = db.execute("delete from statements where about = 1 and serial = 2")
assert gone.rowcount == 1
version, = db.execute("select version from statements where about = 1").fetchone()
db.execute("update channels set version = ? where channel = 'prod'", (version,))
db.commit()
PY
refused 'shows serial 1, and this host has seen serial 2' \
    'a catalogue without the newest promotion'
forgotten 'that catalogue'

# Objects: an older one under the name of a newer.
put_back new
find "$tmp/kept.new/objects" -type f -printf '%P %s\n' | sort >"$tmp/all"
find "$tmp/kept.old/objects" -type f -printf '%P %s\n' | sort >"$tmp/older"
comm -23 "$tmp/all" "$tmp/older" | while read -r name size; do
	cp -f "$vault/objects/$(sort -n -k 2 "$tmp/older" | head -n 1 |
	    cut -d ' ' -f 1)" "$vault/objects/$name"
	[ "$size" -gt 0 ]
done
rm -rf "$tmp/out"
exits 3 'older objects under newer names: refused' weir get llama:prod \
    "$tmp/out"
[ ! -e "$tmp/out/more" ]
ok $? 'nothing of them was written'

# Another vault in its place.
mkvault other
weir put llama "$tmp/m" >/dev/null 2>&1
trusted carol
promoted "$(weir put llama "$tmp/m" 2>/dev/null)" prod
weir grant add llama --to "$me" --loads 99 --export --reason t >/dev/null 2>&1
rm -rf "$tmp/out" "$WEIR_STATE_DIR"/*/refused
exits 3 'another vault than the one that is named' weir get llama:prod \
    "$tmp/out" --trust "$WEIR_TRUST_DIR/vault.json"
like "$err" 'a trust root of another one' 'is refused'
is "$(cat "$WEIR_STATE_DIR"/*/refused | wc -l)" 1 'and noted'
exits 0 'for itself it may be read' weir get llama:prod "$tmp/out"
done_testing
