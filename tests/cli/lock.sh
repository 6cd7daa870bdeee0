#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A locked vault: keyd has no keys, sessions have ended, who asks is told what to run;
# it stays locked over a restart and a kill, and an owner with a secret opens it.
. "$(dirname "$0")/lib.sh"
requires jq

mkdir "$tmp/tree"
head -c 300000 /dev/urandom >"$tmp/tree/weights.bin"
mkvault vault
# serve: keyd of the vault, as a service
serve()
{
	vacant
	weir-keyd --vault "$vault" --key-file "$key" 2>>"$tmp/keyd.log" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
}

serve
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
weir grant add llama --to "$me" --loads 9 --export --reason t >/dev/null
exits 0 'a vault that is open' weir status --json
json '.keyd.locked == null' 'says nothing of a lock'
exits 0 'unlock of one that is not locked' weir unlock --json
json '.locked == false and .changed == false' 'changes nothing'

# A mount that reads: opened now, read after.
mounted=no
if (: <>/dev/fuse) 2>/dev/null; then
	mounted=yes
	mkdir "$tmp/mnt"
	cleanup_fn unmount "$tmp/mnt"
	weir mount --allow-unsigned "$ref" "$tmp/mnt" >/dev/null 2>&1
	file=$tmp/mnt/llama/@${ref#*@}/weights.bin
	is "$(sha256sum <"$file")" "$(sha256sum <"$tmp/tree/weights.bin")" \
	    'a mount reads'
fi

exits 0 'lock' weir lock --reason 'a laptop is lost' --json
json '.locked and .changed' 'is told of'
if [ "$mounted" = yes ]; then
	json '.sessions == 1' 'with the session that ended'
	wait_for 60 sh -c "! head -c 1 '$file'"
	ok $? 'the mount reads nothing any more'
	unmount "$tmp/mnt"
fi
exits 0 'status' weir status --json
json '.keyd.locked | test("^20")' 'has since when'
exits 0 'and in words' weir status
like "$out" 'locked .*weir unlock' 'with the command'
exits 0 'lock again' weir lock --json
json '.locked and (.changed | not)' 'changes nothing'

for asked in "get --allow-unsigned $ref $tmp/out" "put other $tmp/tree" \
    "shred $ref --yes"; do
	# shellcheck disable=SC2086 # words
	exits 7 "${asked%% *}" weir $asked
	like "$err" 'locked.*weir unlock' 'is told that it is locked, and the command'
done
exits 0 'lists go on' weir ls llama
exits 0 'grants can be taken back' weir grant rm 1 --reason lost
weir grant add llama --to "$me" --loads 9 --export --reason t >/dev/null

# What a lock is worth: a keyd that was killed does not open by itself.
kill -9 "$keyd"
wait "$keyd" 2>/dev/null
serve
exits 7 'after a kill and a start' weir get --allow-unsigned "$ref" "$tmp/out"
like "$err" 'locked' 'it is locked still'

head -c 32 /dev/urandom >"$tmp/wrong.key"
exits 7 'a wrong secret' env -u WEIR_KEY_FILE \
    weir unlock --key-file "$tmp/wrong.key"
like "$err" 'does not unlock' 'does not unlock it'
exits 7 'and it' weir get --allow-unsigned "$ref" "$tmp/out"
exits 0 'the recovery key' env -u WEIR_KEY_FILE \
    weir unlock --passphrase-file "$tmp/recovery" --json
json '.locked == false and .secret == 2' 'unlocks it'
exits 0 'get' weir get --allow-unsigned "$ref" "$tmp/out"
is "$(describe "$tmp/out")" "$(describe "$tmp/tree")" 'reads as before'
exits 0 'put' weir put llama "$tmp/tree"
exits 0 'the trail' weir audit ls --json
is "$(printf '%s\n' "$out" | jq -c 'select(.kind == "lock" or .kind == "unlock") |
    [.kind, .reason, .secret]' | tr '\n' ' ')" \
    '["lock","a laptop is lost",null] ["unlock",null,2] ' 'has both'
is "$(printf '%s\n' "$out" | jq -r 'select(.request == "unlock") | .reason')" \
    'a secret that does not open the vault' 'and the wrong secret'
exits 0 'the trail in words' weir audit ls
like "$out" 'lock .*the vault: a laptop is lost' 'tells of it'

# Without a service it is the same.
end_process "$keyd"
exits 0 'the catalogue agrees' weir audit verify --catalogue
exits 0 'lock, embedded' weir lock
idle
exits 7 'the next command' weir get --allow-unsigned "$ref" "$tmp/out2"
like "$err" 'locked.*weir unlock' 'is told'
exits 0 'unlock' weir unlock
idle
exits 0 'get' weir get --allow-unsigned "$ref" "$tmp/out2"
done_testing
