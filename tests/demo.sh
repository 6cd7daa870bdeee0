#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make demo: a vault from end to end, in a directory of its own that is gone
# afterwards.  Each command is shown before it is run.
set -u

: "${BUILD:=$PWD/build}"
PATH=$BUILD:$PATH
export PATH BUILD
unset WEIR_PASSPHRASE_FILE CREDENTIALS_DIRECTORY SSH_AUTH_SOCK
here=$(cd "$(dirname "$0")" && pwd)
megabytes=${DEMO_MB:-256}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-demo.XXXXXX")
WEIR_VAULT=$tmp/vault
WEIR_KEY_FILE=$tmp/key
WEIR_KEYS=$tmp/keys
WEIR_KEY_PASSPHRASE_FILE=$tmp/passphrase
WEIR_STATE_DIR=$tmp/state
WEIR_TRUST_DIR=$tmp/trust.d
export WEIR_VAULT WEIR_KEY_FILE WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
export WEIR_STATE_DIR WEIR_TRUST_DIR
mnt=$tmp/models

finish()
{
	status=$?
	trap - EXIT
	if grep -q " $mnt " /proc/self/mountinfo; then
		weir umount --force "$mnt" 2>/dev/null ||
		    umount -l "$mnt" 2>/dev/null
	fi
	rm -rf "$tmp"
	if [ "$status" -eq 0 ]; then
		printf '\nDEMO PASSED: every byte was right, every byte was %s\n' \
		    'recorded, and the record is whole.'
	else
		printf '\nDEMO FAILED\n'
	fi
	exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m')
	plain=$(printf '\033[0m')
else
	bold=
	plain=
fi

# What is shown does not go where a command's output is sent.
exec 3>&1

scene()
{
	printf '\n%s== %s%s\n' "$bold" "$*" "$plain" >&3
}

show()
{
	printf '%s$ %s%s\n' "$bold" "$*" "$plain" >&3
}

# Show a command and run it; paths are shown as they are.
run()
{
	show "$*"
	"$@" || {
		printf 'demo: exit %s: %s\n' "$?" "$*" >&2
		exit 1
	}
}

# One that must be refused with this exit status.
refused()
{
	wanted=$1
	shift
	show "$*"
	"$@"
	got=$?
	[ "$got" -eq "$wanted" ] || {
		printf 'demo: exit %s, not %s: %s\n' "$got" "$wanted" "$*" >&2
		exit 1
	}
	printf '(exit %s: that is as it should be)\n' "$got"
}

if ! (: <>/dev/fuse) 2>/dev/null; then
	echo 'demo: /dev/fuse cannot be opened here; see: weir doctor' >&2
	exit 1
fi

scene 'The owner makes a vault; its first secret is a key file'
(umask 077; head -c 32 /dev/urandom >"$WEIR_KEY_FILE")
run weir init "$WEIR_VAULT" >"$tmp/recovery-key"
sed 's/[A-Za-z0-9]/x/g' "$tmp/recovery-key"

scene 'Carol and dave release models: each has a key, and the host pins who may sign'
echo 'correct horse battery staple' >"$WEIR_KEY_PASSPHRASE_FILE"
run weir key gen carol >"$tmp/carol.pub"
run weir key gen dave >"$tmp/dave.pub"
run weir trust init --key carol --public "$tmp/dave.pub" --yes
run weir trust approve T1 --key dave --yes
mkdir "$WEIR_TRUST_DIR"
show "weir trust show --export >$WEIR_TRUST_DIR/models.json"
weir trust show --export >"$WEIR_TRUST_DIR/models.json" || exit 1

scene "A checkpoint of $megabytes MB: sharded bf16 safetensors, config, tokenizer"
run python3 "$here/lib/mkmodel.py" "$tmp/checkpoint" --mb "$megabytes"
(cd "$tmp/checkpoint" && find . -type f | sort | xargs sha256sum) \
    >"$tmp/SHA256SUMS"

scene 'The uploader puts it in'
run weir put llama "$tmp/checkpoint" --label step=9000 --ref-out "$tmp/ref"
ref=$(cat "$tmp/ref")
run weir ls
run weir show llama
echo '(and again: nothing is stored twice)'
run weir put llama "$tmp/checkpoint"

scene 'Nobody has signed it yet: it is refused, by name and by digest'
mkdir "$mnt"
refused 2 weir mount llama "$mnt"
refused 3 weir mount "$ref" "$mnt"

scene 'Carol signs it, and proposes it for prod; dave agrees'
run weir sign "$ref" --key carol --yes
run weir promote "$ref" prod --key carol --reason 'eval 9000' --yes
proposed=$(weir promote ls --json | jq -r '.statements[0].name')
run weir promote approve "$proposed" --key dave --version "$ref" --yes
run weir channel log llama:prod

scene 'Nobody has a grant yet: a job is refused, the owner included'
refused 4 weir mount llama:prod "$mnt"

scene 'A manager grants it'
run weir grant add llama --to "user:$(id -un)" --loads 10/day --until 1d \
    --reason 'demo'
run weir grant ls

scene 'The job: mount, and read with a loader that knows nothing of weir'
run weir mount llama:prod "$mnt" -- python3 "$here/lib/loader.py" \
    "$mnt/llama/prod" "$tmp/checkpoint"

scene 'The same from a mount that stays'
run weir mount "$ref" "$mnt"
run weir session ls
show "(cd $mnt/llama/@... && sha256sum -c SHA256SUMS)"
dir=$(find "$mnt/llama" -maxdepth 1 -name '@*')
(cd "$dir" && sha256sum -c --quiet "$tmp/SHA256SUMS") || exit 1
echo "every file: OK ($(wc -l <"$tmp/SHA256SUMS") files)"
run weir umount "$mnt"

scene 'A plain copy needs a grant that says so'
refused 4 weir get llama:prod "$tmp/copy"

scene 'The reviewer: who was given what, and is the record whole?'
run weir audit ls --model llama --kind session --kind put --kind grant
run weir audit ls --by "user:$(id -un)" --kind release --limit 8
run weir audit checkpoint >"$tmp/kept"
cat "$tmp/kept"
run weir audit verify --against "$tmp/kept"

scene 'The store holds no plaintext; every object is sound'
marker=$(od -An -tx1 -j 100000 -N 24 "$(find "$tmp/checkpoint" -name \
    '*.safetensors' | sort | head -n 1)" | tr -d ' \n')
echo "looking for 24 bytes of the first shard, $marker, in all objects"
if python3 "$here/lib/find_bytes.py" "$marker" "$WEIR_VAULT"; then
	echo 'found: plaintext is in the vault' >&2
	exit 1
fi
run weir check --read-data

scene 'One byte of the store is changed'
# A chunk (FORMAT.md, "Objects"): a page may be one of the second put, of which
# no version has need.
object=$(find "$WEIR_VAULT/objects" -type f -size +20k | sort |
	python3 -c '
import sys
for path in map(str.strip, sys.stdin):
    if open(path, "rb").read(11)[10] == 1:
        sys.exit(print(path))
sys.exit("there is no chunk")')
show "flip a byte in the middle of object ${object##*/}"
python3 - "$object" <<'PY' || exit 1
import os, sys
os.chmod(sys.argv[1], 0o600)
with open(sys.argv[1], "r+b") as f:
    f.seek(15000)
    b = f.read(1)
    f.seek(15000)
    f.write(bytes([b[0] ^ 1]))
PY
refused 3 weir check --read-data
echo '(a reader would have got an error, and never a wrong byte)'
