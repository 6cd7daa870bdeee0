#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A browse grant, by real mounts: who copies gets 2 % of the weights, whatever
# it copies with; who looks at headers pays for no more than it looks at.
. "$(dirname "$0")/lib.sh"
requires fuse python3

mkvault vault
mkdir "$tmp/tree"
python3 "$top/tests/lib/mkmodel.py" safetensors "$tmp/tree/model.safetensors" \
    --tensors 300 --bytes 33554432 >/dev/null
printf '{"model_type": "test"}\n' >"$tmp/tree/config.json"
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
mnt=$tmp/mnt
mkdir "$mnt"
chmod 711 "$tmp"
cleanup_fn unmount "$mnt"
weights=$(weir show "$ref" --json | jq .weights)
most=$((weights / 50))

# browsing NAME COMMAND...: with the file as stdin, and in $file, in a session
# of a principal of its own; what it got of the weights is in $got
browsing()
{
	who=$1
	shift
	weir grant add llama --to "user:$who" --browse --export --reason t \
	    >/dev/null 2>&1
	weir mount --allow-unsigned --user "$who" "$ref" "$mnt" 2>"$tmp/.err" ||
	    diag "$(cat "$tmp/.err")"
	file=$mnt/llama/@${ref#*@}/model.safetensors
	export file
	# shellcheck disable=SC2016 # the file is opened by that user
	setpriv --reuid "$who" --regid "$who" --clear-groups \
	    sh -c 'exec "$@" <"$file"' - "$@" >"$tmp/.out" 2>"$tmp/.err2"
	status=$?
	weir umount "$mnt" 2>/dev/null
	spent "$who"
}

# What the trail says that somebody was given, in all sessions.
spent()
{
	sessions=$(weir audit ls --kind session.open --json |
	    jq -s "[.[] | select(.for == \"user:$1\") | .session]")
	got=$(weir audit ls --kind release --json |
	    jq -s "[.[] | select(.session as \$s | $sessions | index(\$s))
	        | .fresh] | add // 0")
}

for who in daemon bin sys games man; do
	id "$who" >/dev/null 2>&1 || skip_all "this needs the user $who"
done

browsing daemon head -c 8
is "$status" 0 'the first bytes of a header are read'
is "$got" 0 'and cost nothing'

cat >"$tmp/header.py" <<'END'
import json, os, struct, sys
with open(os.environ["file"], "rb") as f:
    n = struct.unpack("<Q", f.read(8))[0]
    print(len(json.loads(f.read(n))))
END
browsing daemon /usr/bin/python3 "$tmp/header.py"
is "$(cat "$tmp/.out")" 301 'the whole header is read'
chunk=65536
ok "$((got > chunk))" 'and costs the chunk that its last page reaches into'

browsing bin cat
ok "$((status == 0))" 'cat does not get through'
ok "$((got > most))" 'nor gets more than 2 % of the weights'
ok "$((got < most - 2 * chunk))" 'but about as much'
fails 'and no other session is opened' weir mount --allow-unsigned \
    --user bin "$ref" "$mnt"
weir mount --allow-unsigned --user bin "$ref" "$mnt" 2>"$tmp/.err"
like "$(cat "$tmp/.err")" 'used up.*weir grant add' 'with what to do'

browsing sys dd of=/dev/null bs=1M iflag=direct
ok "$((got > most))" 'dd by O_DIRECT gets no more'

cat >"$tmp/scrape.py" <<'END'
import mmap, os
with open(os.environ["file"], "rb") as f:
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    for at in range(len(m) - 4096, 0, -65536):
        m[at]
END
browsing games /usr/bin/python3 "$tmp/scrape.py"
ok "$((status == 0))" 'a mapping that is scraped backwards ends in SIGBUS'
ok "$((got > most))" 'with no more'

is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
