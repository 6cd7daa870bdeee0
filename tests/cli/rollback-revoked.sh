#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a host was shown a revocation of stays refused there: when the vault is put
# back to before it, and when keyd withholds it though the trail goes on.  The
# control: a host that forgets reads it again.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/host.sh"
requires jq python3

# withheld NAME: keyd shows no revocation; the last is the control
withheld()
{
	before=$(seen | sha256sum)
	why='keyd does not show now: poisoned'
	host_refuses "$1, by the channel" llama:prod "$why"
	host_refuses "$1, by the digest" "$ref_full" "$why"
	host_refuses "$1, as unsigned" "$ref_full" "$why" --allow-unsigned
	is "$(seen | sha256sum)" "$before" 'what was seen stays'
	cp -a "$WEIR_STATE_DIR" "$tmp/host"
	exits 0 "$1: a host that forgets reads it" \
	    "$forgetful" get llama:prod "$tmp/out"
	rm -rf "$WEIR_STATE_DIR"
	mv "$tmp/host" "$WEIR_STATE_DIR"
}

host_reads
idle
cp -a "$vault" "$tmp/kept"
shown=$(seen | jq -c .checkpoint)

exits 0 'which is revoked' weir revoke "$ref_full" --key carol \
    --reason poisoned --yes
host_refuses 'from then on' llama:prod 'was revoked: poisoned'
is "$(seen | jq -c '.revoked | map_values([.counted, .reason])')" \
    "{\"$ref_full\":[true,\"poisoned\"]}" 'and that is remembered'

# A checkpoint that keyd had signed by then is kept with it, and would refuse the
# vault that is put back: here keyd showed none.
f=$(echo "$WEIR_STATE_DIR"/*/seen.json)
jq -c --argjson c "$shown" '.checkpoint = $c' "$f" >"$tmp/earlier"
cat "$tmp/earlier" >"$f"

# Entries of the trail that the host is shown all the same.
idle
python3 - "$vault/catalogue.db" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
assert db.execute("delete from statements where about = 3").rowcount == 1
db.commit()
PY
withheld 'a catalogue without the revocation'

idle
rm -rf "$vault"
cp -a "$tmp/kept" "$vault"
withheld 'the whole vault, put back'

# Nor does this user sign for it there.
exits 3 'to sign it once more' weir sign "$ref_full" --key carol --yes
like "$err" 'was revoked, as this host was shown on .*: poisoned' 'is refused'
exits 3 'and to promote it' weir promote "$ref_full" prod --key carol \
    --reason t --yes
like "$err" 'was revoked, as this host was shown' 'is refused'
exits 0 'to revoke it again is not' weir revoke "$ref_full" --key carol \
    --reason again --yes

# What is good is read on.
echo more >"$tmp/m/more"
promoted "$(weir put llama "$tmp/m" 2>/dev/null)" prod
rm -rf "$tmp/out"
exits 0 'another version in its place is read' weir get llama:prod "$tmp/out"
is "$(seen | jq -r '.revoked | keys[]')" "$ref_full" \
    'and what was revoked stays remembered'

# A mount that is ended by a revocation has its host remember it, too.
if (: <>/dev/fuse) 2>/dev/null; then
	mkdir "$tmp/mnt"
	cleanup_fn unmount "$tmp/mnt"
	good=$(weir show llama:prod --json | jq -r '"\(.model)@\(.version)"')
	exits 0 'a mount' weir mount llama:prod "$tmp/mnt"
	exits 0 'of what is revoked' weir revoke "$good" --key carol \
	    --reason stolen --yes
	wait_for 90 sh -c "! grep -q ' $tmp/mnt ' /proc/self/mountinfo"
	# shellcheck disable=SC2317 # wait_for calls it
	remembered()
	{
		seen | jq -e --arg v "$good" '.revoked[$v].reason == "stolen"'
	}
	wait_for 60 remembered
	ok $? 'is remembered when that ended it'
fi

# Bytes that are none of its own.
f=$(echo "$WEIR_STATE_DIR"/*/seen.json)
jq -c '.revoked[].time = "yesterday"' "$f" >"$tmp/bad"
cp "$tmp/bad" "$f"
exits 1 'a memory that cannot be read is not passed over' \
    weir get llama:prod "$tmp/out2"
like "$err" "seen.json.*'time' is not a time.*restore it" 'and said'
done_testing
