#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a mounted file says of itself, and what `weir show` says of a version:
# from the root key to the bytes.
. "$(dirname "$0")/lib.sh"
requires fuse jq python3

# xattrs FILE: NAME=VALUE lines, sorted
xattrs()
{
	python3 -c 'import os, sys
for n in sorted(os.listxattr(sys.argv[1], follow_symlinks=False)):
    print(n + "=" + os.getxattr(sys.argv[1], n, follow_symlinks=False).decode())' "$1"
}

# xattr FILE NAME: its value, or the name of the error
xattr()
{
	python3 -c 'import errno, os, sys
try:
    print(os.getxattr(sys.argv[1], sys.argv[2]).decode())
except OSError as e:
    print(errno.errorcode[e.errno])' "$1" "$2"
}

mkvault vault
trusted carol
mktree "$tmp/tree"
one=$(weir put llama "$tmp/tree" 2>/dev/null)
hex=${one#llama@}
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
mnt=$tmp/mnt
mkdir "$mnt"
cleanup_fn unmount "$mnt"

# --- mounted files ---

exits 0 'an unsigned version' weir mount --allow-unsigned "$one" "$mnt"
sum=$(sha256sum <"$tmp/tree/weights.bin" | cut -c 1-64)
at=$mnt/llama/@$hex
is "$(xattrs "$at/weights.bin")" "user.weir.sha256=$sum
user.weir.version=$hex" 'its files say which version they are of'
is "$(xattr "$at/weights.bin" user.weir.signed_by)" ENODATA \
    'and that nobody signed it'
exits 0 'umount' weir umount "$mnt"

promoted "$one" staging
promoted "$one" prod
exits 0 'a channel' weir mount llama:prod "$mnt"
is "$(xattrs "$mnt/llama/prod/weights.bin")" "user.weir.serial=1
user.weir.sha256=$sum
user.weir.signed_by=carol
user.weir.version=$hex" 'its files say who vouches for them'
bad=0
for f in "$at"/config.json "$at"/empty "$at"/sub/deeper/README.md; do
	[ "$(xattr "$f" user.weir.sha256)" = \
	    "$(sha256sum <"$f" | cut -c 1-64)" ] || bad=$((bad + 1))
done
is "$bad" 0 'the digests are those of what is read'
is "$(xattrs "$at/sub")" "user.weir.version=$hex" 'directories have a version'
is "$(xattrs "$at/sub/link")" '' 'links have none'
is "$(xattrs "$mnt/llama")" '' 'nor has what is above a version'
is "$(xattr "$at/weights.bin" security.capability)" ENODATA \
    'there is nothing else'
is "$(xattr "$at/weights.bin" user.weir.sha256)" "$sum" \
    'after that, they are still there'
! python3 -c 'import os, sys
os.setxattr(sys.argv[1], "user.weir.sha256", b"0")' "$at/weights.bin" \
    2>/dev/null
ok $? 'they cannot be changed'
exits 0 'umount' weir umount "$mnt"
exits 0 'a signed version by its digest' weir mount "$one" "$mnt"
is "$(xattr "$at/weights.bin" user.weir.signed_by)" carol 'has its signers'
is "$(xattr "$at/weights.bin" user.weir.serial)" ENODATA 'and no serial'
exits 0 'umount' weir umount "$mnt"

# --- weir show ---

exits 0 'show' weir show llama:prod
like "$out" '^signed   by carol \(1 of 1\), ' 'tells who signed the version'
like "$out" '^channel  llama:prod, serial 1, promoted by carol \(1 of 1\), ' \
    'who promoted it'
like "$out" '^         expires 2.* UTC; reason: test$' 'until when and why'
like "$out" '^trust    root 1, [0-9a-f]{12}, signed by carol \(1 of 1\)$' \
    'and who the trust root'
entry=$(weir audit ls --kind verify --json | jq -r .index)
like "$out" "^verified every chunk .*: entry $entry\$" 'where its verdict is'
objects=$(find "$vault/objects" -type f | wc -l)
like "$out" "^objects  $objects, of which the manifest" \
    'and how many objects it has'
exits 0 'show --json' weir show llama:prod --json
json ".signed and (.revoked | not) and .verified.ok and
    .verified.entry == $entry and .objects == $objects and
    (.chain.trust_root | .number == 1 and .signed_by == [\"carol\"] and
	.have == 1 and .need == 1 and (.keys.carol | startswith(\"SHA256:\")))" \
    'has the trust root'
json '(.chain.promotion | .accepted and .channel == "prod" and .serial == 1 and
    .act == "promote" and .reason == "test" and .signed_by == ["carol"]) and
    (.chain.statement | .accepted and .signed_by == ["carol"] and
	.put_by == "'"$me"'" and (.why == null)) and
    .chain.revocation == null' 'the promotion and the statement'
root=$(weir trust show --json | jq -r .envelope.payload | base64 -d | sha256sum |
    cut -c 1-64)
is "$(printf %s "$out" | jq -r .chain.trust_root.digest)" "$root" \
    'the root is the one that trust show exports'
exits 0 'by its digest' weir show "$one" --json
json '.signed and .chain.promotion == null' 'it has no promotion'

echo more >"$tmp/tree/more"
two=$(weir put llama "$tmp/tree" 2>/dev/null)
exits 0 'one that nobody signed' weir show "$two" --json
json '(.signed | not) and .verified == null and .chain.statement == null and
    .chain.trust_root.number == 1' 'is shown as such'
exits 0 'latest, too' weir show llama
like "$out" '^signed   no$' 'in words'
like "$out" '^verified not yet' 'nobody has read it back'

exits 0 'revoke' weir revoke "$one" --key carol --reason 'a bad day' --yes
exits 0 'a revoked version' weir show llama:prod --json
json '(.signed | not) and .revoked and (.chain.statement |
    (.accepted | not) and .why == "revoked") and
    .chain.revocation.reason == "a bad day"' 'is not signed any more'
exits 0 'in words' weir show "$one"
like "$out" '^revoked  by carol \(1 of 1\), .*: a bad day$' 'tells who and why'

# --- a host that knows nothing of the vault ---

weir trust show --export >"$tmp/root.json"
like "$(weir show "$two")" '^trust    root 1, ' 'a host that has seen it'
unlike "$(weir show "$two")" 'what keyd shows' 'goes by what it has seen'
WEIR_STATE_DIR=$tmp/new WEIR_TRUST_DIR=$tmp/none
export WEIR_STATE_DIR WEIR_TRUST_DIR
exits 0 'one that has not' weir show "$two"
like "$out" '^         this host has no root .* root 1 is what keyd shows' \
    'says that it takes the word of keyd'
exits 0 'in JSON' weir show "$two" --json
json .chain.trust_root.by_keyd 'too'
exits 0 'trust show' weir trust show
like "$out" '^this host has no root .* root 1 is what keyd shows' 'says so'
exits 0 'in JSON' weir trust show --json
json .by_keyd 'too'
mkdir "$tmp/none"
cp "$tmp/root.json" "$tmp/none/llama.json"
exits 0 'where a root is pinned' weir show "$two" --json
json '.chain.trust_root | .by_keyd == false and .number == 1' 'it goes by that'
exits 0 'and trust show' weir trust show --json
json '.by_keyd == false' 'too'
sed 's/"sig":"....../"sig":"AAAAAA/' "$tmp/root.json" >"$tmp/none/llama.json"
exits 0 'one that is none' weir show "$two" --json
json .chain.trust_root.by_keyd 'is passed over'
unset WEIR_STATE_DIR WEIR_TRUST_DIR

mkvault bare
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
exits 0 'without a trust root' weir show "$ref"
like "$out" '^trust    there is no root' 'says so'

done_testing
