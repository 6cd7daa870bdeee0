#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# tamper-evident: a verifier that shares no code with weir agrees with it, over
# a trail of several entry bundles, and finds what was changed.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
i=0
while [ $i -lt 300 ]; do
	echo "$i" >"$tmp/m/$i.bin"
	i=$((i + 1))
done
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 9 --export --reason test 2>/dev/null >&2
weir get --allow-unsigned "$ref" "$tmp/out" 2>/dev/null
idle

opinion()
{
	/usr/bin/python3 "$top/tests/verify_trail.py" "$vault/trail" "$vkey"
}

weir audit verify --json >"$tmp/verdict" 2>/dev/null
vkey=$(jq -r .vkey "$tmp/verdict")
[ "$(jq .entries "$tmp/verdict")" -gt 300 ]
ok $? 'the trail spans bundles'
is "$(opinion)" "$(jq -r '"\(.entries) \(.root)"' "$tmp/verdict")" \
    'both recompute the same root'

flip()
{
	/usr/bin/python3 - "$1" "$2" <<'PY'
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as f:
    data = bytearray(f.read())
    data[int(sys.argv[2])] ^= 1
    f.seek(0)
    f.write(data)
PY
}
for file in tile/entries/000 tile/0/000 checkpoint; do
	cp -a "$vault/trail/$file" "$tmp/kept"
	flip "$vault/trail/$file" 40
	! opinion >/dev/null 2>&1
	ok $? "finds a flipped bit in $file"
	cp -a "$tmp/kept" "$vault/trail/$file"
done
is "$(opinion)" "$(jq -r '"\(.entries) \(.root)"' "$tmp/verdict")" \
    'is content again when it is mended'
done_testing
