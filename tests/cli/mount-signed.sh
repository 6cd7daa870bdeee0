#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signed-or-nothing: a mount of a channel serves what was promoted, or nothing;
# what a host goes by is pinned, or taken once when it is told to.
. "$(dirname "$0")/lib.sh"
requires fuse jq

mkvault vault
trusted carol
pin=$WEIR_TRUST_DIR/vault.json
mktree "$tmp/tree"
one=$(weir put llama "$tmp/tree" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --export --reason t >/dev/null 2>&1
mnt=$tmp/mnt
mkdir "$mnt"
cleanup_fn unmount "$mnt"

exits 5 'a channel that nothing was promoted to' weir mount llama:prod "$mnt"
exits 3 'a version that nobody has signed' weir mount "$one" "$mnt"
like "$err" 'nobody has signed .*weir sign .*--allow-unsigned' \
    'is told what to do'
is "$(ls "$mnt")" '' 'nothing is mounted'

promoted "$one" prod
exits 0 'what was promoted' weir mount llama:prod "$mnt" --json
json '.trust == "pinned" and (.versions[0] | .signed and .serial == 1 and
    .signed_by == "carol" and .promoted_by == "carol")' 'is mounted, and told'
is "$(readlink "$mnt/llama/prod")" "@${one#llama@}" \
    'the channel is a link to the version'
is "$(describe "$mnt/llama/prod/")" "$(describe "$tmp/tree")" \
    'which holds what was put'
is "$(weir audit ls --kind session.open --json | jq -r .trust)" pinned \
    'the trail has how it was trusted'

echo more >"$tmp/tree/more"
two=$(weir put llama "$tmp/tree" 2>/dev/null)
promoted "$two" prod
exits 0 'status' weir status
like "$out" "llama:prod has moved on from @.* to @$(printf %s "${two#llama@}" |
    cut -c 1-12)" 'tells that the channel has moved on'
is "$(readlink "$mnt/llama/prod")" "@${one#llama@}" 'a session stays'
exits 0 'umount' weir umount "$mnt"
exits 0 'the next one' weir mount llama:prod "$mnt"
is "$(readlink "$mnt/llama/prod")" "@${two#llama@}" 'has the new version'
exits 0 'and ends' weir umount "$mnt"

exits 0 'a signed version by its digest' weir mount "$one" "$mnt" -- true
exits 0 'and some digits' weir mount "$(printf %s "$one" | cut -c 1-16)" \
    "$mnt" -- true
exits 0 'with a channel beside it' weir mount "$one" llama:prod "$mnt" -- \
    test -e "$mnt/llama/prod/more"
three=$(weir put other "$tmp/tree" 2>/dev/null)
weir grant add other --to "$me" --loads 9 --reason t >/dev/null 2>&1
exits 2 'an unsigned version beside a channel' weir mount llama:prod \
    --allow-unsigned "$three" "$mnt"
exits 0 'by itself' weir mount --allow-unsigned "$three" "$mnt" -- true
is "$(weir audit ls --kind session.open --json --limit 1 | jq -r .trust)" \
    unsigned 'is recorded as what it is'

# What the host goes by.
rm -rf "$WEIR_STATE_DIR"
mv "$pin" "$tmp/pin"
exits 5 'nothing pinned' weir mount llama:prod "$mnt"
like "$err" '--trust FILE' 'is told what is missing'
exits 0 'a file that is named' weir mount --trust "$tmp/pin" llama:prod "$mnt" \
    -- true
exits 0 'is seen from then on' weir mount llama:prod "$mnt" -- true
rm -rf "$WEIR_STATE_DIR"
exits 0 'first use' weir mount --trust-on-first-use llama:prod "$mnt" -- true
is "$(weir audit ls --kind session.open --json --limit 1 | jq -r .trust)" \
    first-use 'is recorded'
exits 0 'and taken once' weir get llama:prod "$tmp/copy"
is "$(weir audit ls --kind session.open --json --limit 1 | jq -r .trust)" \
    first-use 'as what it was'
is "$(jq -r .root.how "$WEIR_STATE_DIR"/*/seen.json)" first-use \
    'on the host, too'

# Revoked is revoked, however it is named.
exits 0 'revoke' weir revoke "$two" --key carol --reason poisoned --yes
exits 3 'a revoked version by its channel' weir mount llama:prod "$mnt"
like "$err" 'was revoked: poisoned' 'is refused'
exits 3 'by its digest' weir mount "$two" "$mnt"
exits 3 'and unsigned' weir mount --allow-unsigned "$two" "$mnt"
is "$(jq -r .reference "$WEIR_STATE_DIR"/*/refused | wc -l)" 3 \
    'each is noted on the host'
is "$(ls "$mnt")" '' 'nothing is mounted'
exits 0 'back to the first' weir rollback llama prod --to 1 --key carol \
    --reason INC-7 --yes
exits 0 'it is served' weir mount llama:prod "$mnt" -- \
    test ! -e "$mnt/llama/prod/more"
done_testing
