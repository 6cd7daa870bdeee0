# shellcheck shell=sh disable=SC2034 # variables are for those who include it
# SPDX-License-Identifier: Apache-2.0
#
# What program tests share: TAP, things that are undone at exit, a vault.
#
#	. "$(dirname "$0")/lib.sh"
#	requires fuse
#	mkvault
#	weir put llama "$tmp/tree" >"$tmp/ref"
#	ok $? 'put takes a tree'
#	done_testing

set -u

: "${BUILD:=$PWD/build}"
PATH=$BUILD:$PATH
export PATH BUILD
unset WEIR_PASSPHRASE_FILE WEIR_KEY_FILE WEIR_VAULT CREDENTIALS_DIRECTORY
unset WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE SSH_AUTH_SOCK
# A host's swap is no affair of most tests.
WEIR_ALLOW_SWAP=yes
export WEIR_ALLOW_SWAP
LC_ALL=C.UTF-8
export LC_ALL

top=$(cd "$(dirname "$0")/../.." && pwd)
count=0
failed=0
cleanups=

# --- TAP --------------------------------------------------------------------

# plan N: how many tests there will be; done_testing says it at the end.
plan()
{
	echo "1..$1"
	planned=$1
}

done_testing()
{
	[ -n "${planned:-}" ] || echo "1..$count"
	[ "$failed" -eq 0 ]
	exit
}

skip_all()
{
	echo "1..0 # SKIP $*"
	exit 0
}

diag()
{
	printf '%s\n' "$*" | sed 's/^/# /' >&2
}

# ok STATUS NAME
ok()
{
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		failed=$((failed + 1))
		return 1
	fi
}

# is GOT WANTED NAME
is()
{
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "got:    $1"
		diag "wanted: $2"
	fi
}

# like TEXT REGEX NAME (grep -E), unlike the other way round
like()
{
	if printf '%s\n' "$1" | grep -qE -- "$2"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "got:     $1"
		diag "no line: $2"
	fi
}

unlike()
{
	if printf '%s\n' "$1" | grep -qE -- "$2"; then
		ok 1 "$3"
		diag "got:  $1"
		diag "line: $2"
	else
		ok 0 "$3"
	fi
}

# exits STATUS NAME COMMAND...: stdout is kept in $out, stderr in $err
exits()
{
	wanted=$1
	name=$2
	shift 2
	"$@" >"$tmp/.out" 2>"$tmp/.err"
	got=$?
	out=$(cat "$tmp/.out")
	err=$(cat "$tmp/.err")
	if [ "$got" -eq "$wanted" ]; then
		ok 0 "$name"
	else
		ok 1 "$name"
		diag "exit $got, not $wanted: $*"
		diag "$err"
	fi
}

# fails NAME COMMAND...: it must not succeed
fails()
{
	name=$1
	shift
	if "$@" >/dev/null 2>&1; then
		ok 1 "$name"
		diag "succeeded: $*"
	else
		ok 0 "$name"
	fi
}

# json CONDITION NAME: what a jq filter says of $out, one object, is true
json()
{
	is "$(printf '%s' "$out" | jq -s "length == 1 and (.[0] | $1)" 2>&1)" \
	    true "$2"
}

# How many names a directory holds.
names_in()
{
	find "$1" -mindepth 1 -maxdepth 1 -printf x | wc -c
}

# --- what a test needs ------------------------------------------------------

# requires WHAT...: a program in $PATH, or root, fuse
requires()
{
	for what; do
		case $what in
		root)
			[ "$(id -u)" -eq 0 ] || skip_all 'this needs root'
			;;
		fuse)
			# Opening it, not its mode, is what counts.
			(: <>/dev/fuse) 2>/dev/null ||
			    skip_all 'this needs /dev/fuse'
			;;
		*)
			command -v "$what" >/dev/null ||
			    skip_all "this needs $what"
			;;
		esac
	done
}

# --- undone at exit, the last one first ---------------------------------------

# cleanup_fn FUNCTION ARGUMENT...: the arguments may hold no blanks
cleanup_fn()
{
	cleanups="$*
$cleanups"
}

run_cleanups()
{
	status=$?
	trap - EXIT
	trap '' INT TERM PIPE # timeout(1) sends it twice, to nobody who listens
	while [ -n "$cleanups" ]; do
		# shellcheck disable=SC2086 # a function and its arguments
		set -- ${cleanups%%"
"*}
		cleanups=${cleanups#*"
"}
		"$@"
	done
	exit $status
}
trap run_cleanups EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Unmount, whatever state the mount is in.
unmount()
{
	grep -q " $1 " /proc/self/mountinfo || return 0
	weir umount "$1" 2>/dev/null || fusermount3 -u -q -z "$1" 2>/dev/null ||
	    umount -l "$1"
}

# Whether a process runs; one that nobody has waited for does not.
runs()
{
	grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null
}

# A process has ended, whether somebody has waited for it or not.
ended()
{
	! runs "$1"
}

# End a process that this test started, and wait for it: however long a busy disk
# makes it take, it ends by itself.
end_process()
{
	kill "$1" 2>/dev/null
	wait_for 60 ended "$1" || kill -9 "$1"
	wait "$1" 2>/dev/null
}

# wait_for SECONDS COMMAND...: until it succeeds
wait_for()
{
	left=$(($1 * 10))
	shift
	until "$@" >/dev/null 2>&1; do
		left=$((left - 1))
		[ "$left" -gt 0 ] || return 1
		sleep 0.1
	done
}

# What mounted though it should not have (a mutant's doing) goes, too.
remove_tmp()
{
	awk -v d="$tmp/" 'index($5, d) == 1 { print $5 }' \
	    /proc/self/mountinfo | while read -r left; do
		unmount "$left"
	done
	rm -rf "$tmp"
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/weir-test.XXXXXX")
cleanup_fn remove_tmp
# What this host remembers, and what is pinned on it, is the test's own.
WEIR_STATE_DIR=$tmp/state
WEIR_TRUST_DIR=$tmp/trust.d
export WEIR_STATE_DIR WEIR_TRUST_DIR

# --- vaults -----------------------------------------------------------------

me=user:$(id -un)

# mkvault NAME: a vault with a key file, and the environment that names it
mkvault()
{
	vault=$tmp/$1
	key=$tmp/$1.key
	head -c 32 /dev/urandom >"$key"
	WEIR_VAULT=$vault
	WEIR_KEY_FILE=$key
	export WEIR_VAULT WEIR_KEY_FILE
	if ! weir init "$vault" >"$tmp/recovery" 2>"$tmp/.err"; then
		diag "weir init failed: $(cat "$tmp/.err")"
		ok 1 'weir init makes a vault'
		done_testing
	fi
}

# trusted NAME: this person's key alone signs for the vault at hand, and the
# host has that pinned
trusted()
{
	WEIR_KEYS=$tmp/keys
	WEIR_KEY_PASSPHRASE_FILE=$tmp/passphrase
	export WEIR_KEYS WEIR_KEY_PASSPHRASE_FILE
	echo 'of a person' >"$WEIR_KEY_PASSPHRASE_FILE"
	[ -e "$WEIR_KEYS/$1.key" ] || weir key gen "$1" >/dev/null 2>&1
	if ! weir trust init --key "$1" --yes >/dev/null 2>"$tmp/.err"; then
		diag "weir trust init failed: $(cat "$tmp/.err")"
		ok 1 'weir trust init says who may sign'
		done_testing
	fi
	mkdir -p "$WEIR_TRUST_DIR"
	weir trust show --export >"$WEIR_TRUST_DIR/${vault##*/}.json"
}

# promoted REF CHANNEL: by carol, who is trusted
promoted()
{
	weir sign "$1" --key carol --yes >/dev/null 2>"$tmp/.err" &&
	    weir promote "$1" "$2" --key carol --reason test --yes \
		>/dev/null 2>"$tmp/.err" && return
	diag "$1 is not promoted to $2: $(cat "$tmp/.err")"
	ok 1 'a version is signed and promoted'
	done_testing
}

# Wait until no keyd serves the vault any more: its lock is free.
idle()
{
	wait_for 60 python3 -c 'import fcntl, struct, sys
F_OFD_GETLK, shape = 36, "hhqqi4x"
with open(sys.argv[1]) as f:
    lock = fcntl.fcntl(f, F_OFD_GETLK, struct.pack(shape, fcntl.F_WRLCK, 0, 0, 0, 0))
sys.exit(struct.unpack(shape, lock)[0] != fcntl.F_UNLCK)' "$vault/keyd.lock"
}

# Before a weir-keyd is started as a service: one that a command started may be on
# its way out, and one that was killed has left its socket.
vacant()
{
	idle
	rm -f "$vault/run/keyd.sock"
}

# And afterwards, before anything is asked: whoever asks sooner starts another one.
listens()
{
	wait_for 60 test -S "$vault/run/keyd.sock"
}

# mktree DIR: a small tree with every case that put accepts
mktree()
{
	mkdir -p "$1/sub/deeper" "$1/empty-dir"
	printf '{"model_type": "test"}\n' >"$1/config.json"
	head -c 300000 /dev/urandom >"$1/weights.bin"
	head -c 65536 /dev/urandom >"$1/sub/edge-65536"
	head -c 65537 /dev/urandom >"$1/sub/edge-65537"
	head -c 1 /dev/zero >"$1/one-byte"
	head -c 500000 /dev/zero >"$1/zeros"
	: >"$1/empty"
	printf 'text\n' >"$1/sub/deeper/README.md"
	printf 'x\n' >"$1/grüße, welt"
	ln -s ../weights.bin "$1/sub/link"
	ln -s sub "$1/link-to-dir"
	chmod 640 "$1/config.json"
	chmod 755 "$1/one-byte"
	chmod 700 "$1/sub/deeper"
}

# What a tree is: types, modes, sizes, targets and contents, sorted.
describe()
{
	(
		cd "$1" || exit 1
		find . -printf '%y %m %l %P\n' | grep -v '^d [0-9]*  $' |
		    LC_ALL=C sort
		find . -type f -print0 | LC_ALL=C sort -z |
		    xargs -0 -r sha256sum
	)
}
