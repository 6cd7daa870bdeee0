#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# no-plaintext-at-rest: planted markers are in no file that weir wrote, after
# put, mount, reads, a crash; names of files are not either.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m" "$tmp/mnt" "$tmp/cores"
# Markers that compress badly, at the start, in the middle and at the end;
# one that compresses well, so that zstd would keep it as it is.
marker=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')
python3 - "$tmp/m/secret-file-name.bin" "$marker" <<'PY'
import os, sys
marker = bytes.fromhex(sys.argv[2])
with open(sys.argv[1], "wb") as f:
    f.write(marker + os.urandom(500000) + marker + bytes(500000) + marker)
with open(os.path.dirname(sys.argv[1]) + "/tiny-secret-name.json", "wb") as f:
    f.write(marker)
PY
keyhex=$(od -An -tx1 "$key" | tr -d ' \n')
namehex=$(printf 'secret-file-name' | od -An -tx1 | tr -d ' \n')
tinyhex=$(printf 'tiny-secret-name' | od -An -tx1 | tr -d ' \n')

nowhere()
{
	for hex in "$marker" "$keyhex" "$namehex" "$tinyhex"; do
		if found=$(python3 "$top/tests/lib/find_bytes.py" "$hex" \
		    "$vault" "$tmp/cores"); then
			ok 1 "no-plaintext-at-rest: none $1"
			diag "$hex in $found"
			return
		fi
	done
	ok 0 "no-plaintext-at-rest: none $1"
}

python3 "$top/tests/lib/find_bytes.py" "$marker" "$tmp/m" >/dev/null
ok $? 'the markers can be found where they are'

prlimit --core=unlimited --pid $$
cd "$tmp/cores" || exit 1
exits 0 'put' weir put llama "$tmp/m"
ref=$out
nowhere 'after put'
weir grant add llama --to "$me" --loads 9 --export --reason t 2>/dev/null >&2
exits 0 'get' weir get --allow-unsigned "$ref" "$tmp/copy"
nowhere 'after get'
rm -rf "$tmp/copy"

if (: <>/dev/fuse) 2>/dev/null; then
	cleanup_fn unmount "$tmp/mnt"
	exits 0 'mount' weir mount --allow-unsigned "$ref" "$tmp/mnt"
	cmp -s "$tmp/mnt/llama/@${ref#*@}/secret-file-name.bin" \
	    "$tmp/m/secret-file-name.bin"
	ok $? 'and read'
	nowhere 'after reads from a mount'
	pid=$(weir session ls --json | jq '.sessions[0].pid')
	# Crashes that would leave a core where the limit of keyd and the
	# mount did not forbid it.
	set -- $(pgrep -P "$pid") "$pid"
	for p; do
		kill -SEGV "$p" 2>/dev/null
	done
	for p; do
		wait_for 60 ended "$p"
	done
	nowhere 'after a crash of the mount'
	is "$(ls "$tmp/cores")" '' 'no core was left'
fi

# The control: a put that stores what it should have sealed.
mkdir "$tmp/control" "$tmp/bin"
cp "$BUILD/weir-keyd" "$BUILD/tests/mutants/weir-leaky" "$tmp/bin"
(
	WEIR_VAULT=$tmp/control/vault
	export WEIR_VAULT
	weir init "$WEIR_VAULT"
	WEIR_MUTANT=seal "$tmp/bin/weir-leaky" put llama "$tmp/m"
) >/dev/null 2>&1
for hex in "$marker" "$namehex"; do
	python3 "$top/tests/lib/find_bytes.py" "$hex" "$tmp/control" >/dev/null
	ok $? 'a put that does not seal is found out'
done

python3 - "$tmp/m/secret-file-name.bin" <<'PY'
import os, sys
with open(sys.argv[1], "ab") as f:
    f.write(os.urandom(80000000))
PY
weir put llama "$tmp/m" >/dev/null 2>&1 &
pid=$!
sleep 0.3
kill -9 $pid 2>/dev/null
wait $pid 2>/dev/null
nowhere 'after a put that was killed'
done_testing
