#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A mounted version has its model.sig in its root: made from the manifest, read
# without a key, and good for whoever verifies what is mounted.
. "$(dirname "$0")/lib.sh"
requires openssl jq fuse python3

mkvault vault
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -out "$tmp/k.pem" 2>/dev/null
openssl pkey -in "$tmp/k.pem" -pubout -out "$tmp/k.pub"

mkdir -p "$tmp/tree/sub"
head -c 3000000 /dev/urandom >"$tmp/tree/weights.bin"
printf 1 >"$tmp/tree/sub/a"
printf 2 >"$tmp/tree/zz"
ref=$(weir put llama "$tmp/tree" --quiet)
weir sign "$ref" --oms --yes --quiet --key "$tmp/k.pem" \
    --bundle "$tmp/bundle" >/dev/null
weir grant add llama --to "$me" --loads 9 --reason test 2>/dev/null

mnt=$tmp/mnt
mkdir "$mnt"
cleanup_fn unmount "$mnt"
exits 0 'mounted' weir mount "$ref" "$mnt" --allow-unsigned
at=$mnt/llama/@${ref#*@}
is "$(find "$at" -mindepth 1 -printf '%P\n' | LC_ALL=C sort | tr '\n' ' ')" \
    'model.sig sub sub/a weights.bin zz ' 'model.sig is in its root'
is "$(stat -c '%a %s' "$at/model.sig")" "444 $(stat -c %s "$tmp/bundle")" \
    'read-only, and as long as it is'
before=$(weir audit ls --kind release --json | jq -s length)
cmp "$at/model.sig" "$tmp/bundle"
ok $? 'and the same to the byte'
is "$(tail -c 5 "$at/model.sig")" "$(tail -c 5 "$tmp/bundle")" \
    'from any place on'
is "$(weir audit ls --kind release --json | jq -s length)" "$before" \
    'no key was released for it'
is "$(weir audit ls --kind extents --json | jq -s length)" 0 \
    'and nothing of the model read'
exits 0 'the mount is what was signed' weir verify-oms "$at" \
    --bundle "$at/model.sig" --public-key "$tmp/k.pub"
[ "$(weir audit ls --kind release --json | jq -s length)" -gt "$before" ]
ok $? 'which reads all the rest'
exits 0 'unmounted' weir umount "$mnt"

# Through a channel, whose promotion is no statement about model.sig.
attributes()
{
	python3 -c 'import os, sys
print(*sorted(os.listxattr(sys.argv[1])))' "$1"
}

trusted carol
promoted "$ref" prod
exits 0 'a channel' weir mount llama:prod "$mnt"
exits 0 'has it, too' weir verify-oms "$mnt/llama/prod" \
    --bundle "$mnt/llama/prod/model.sig" --public-key "$tmp/k.pub"
is "$(attributes "$mnt/llama/prod/zz")" \
    'user.weir.serial user.weir.sha256 user.weir.signed_by user.weir.version' \
    'its files say who signed them'
is "$(attributes "$mnt/llama/prod/model.sig")" \
    'user.weir.sha256 user.weir.version' \
    'model.sig does not: nobody of them signed it'
exits 0 'show' weir show "$ref"
like "$out" "^oms +signed as 'llama': model.sig is in its root" 'tells of it'
exits 0 'unmounted' weir umount "$mnt"

# A file of the version's own stays what it is.
printf own >"$tmp/tree/model.sig"
own=$(weir put llama "$tmp/tree" --quiet)
weir sign "$own" --oms --yes --quiet --key "$tmp/k.pem" >/dev/null
exits 0 'a version with a model.sig of its own' weir mount "$own" "$mnt" \
    --allow-unsigned
is "$(cat "$mnt/llama/@${own#*@}/model.sig")" own 'keeps it'
exits 0 'unmounted' weir umount "$mnt"

# And one that nobody signed has none.
printf 3 >"$tmp/tree/zz"
rm "$tmp/tree/model.sig"
bare=$(weir put llama "$tmp/tree" --quiet)
exits 0 'a version without' weir mount "$bare" "$mnt" --allow-unsigned
[ ! -e "$mnt/llama/@${bare#*@}/model.sig" ]
ok $? 'has none'
exits 0 'unmounted' weir umount "$mnt"

done_testing
