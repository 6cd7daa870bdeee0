#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# one-session-one-mount: keyd as a service under a uid of its own; another
# user gets 0 bytes through open, openat, /proc/PID/fd and io; roles hold.
. "$(dirname "$0")/lib.sh"
requires root fuse useradd setpriv

# An account goes when the last process of it has gone.
# shellcheck disable=SC2317 # by way of cleanup_fn
drop_account()
{
	wait_for 60 no_process_of "$1"
	userdel "$1"
}

# shellcheck disable=SC2317 # by way of wait_for
no_process_of()
{
	! pgrep -u "$1"
}

# Three accounts that are gone afterwards.
suffix=$$
for u in k a b; do
	name=weir$u$suffix
	useradd --no-create-home --shell /bin/sh "$name" ||
	    skip_all 'useradd does not work here'
	cleanup_fn drop_account "$name"
	mkdir -m 700 "$tmp/state-$name"
	chown "$name" "$tmp/state-$name"
done
keyd=weirk$suffix
alice=weira$suffix
bob=weirb$suffix
chmod 755 "$tmp"

# In the background $! is then the program's own pid.
become()
{
	who=$1
	shift
	WEIR_STATE_DIR=$tmp/state-$who exec setpriv --reuid "$who" \
	    --regid "$(id -g "$who")" --clear-groups -- "$@"
}

as()
{
	(become "$@")
}

# The programs, where everybody can run them.
mkdir -m 755 "$tmp/bin"
cp "$BUILD"/weir "$BUILD"/weir-keyd "$BUILD"/weir-mount "$tmp/bin/"
PATH=$tmp/bin:$PATH
vault=$tmp/srv
mkdir -m 755 "$tmp/srv"
chown "$keyd" "$tmp/srv"
head -c 32 /dev/urandom >"$tmp/key"
chown "$keyd" "$tmp/key"
chmod 400 "$tmp/key"
WEIR_VAULT=$vault
export WEIR_VAULT

as "$keyd" weir --key-file "$tmp/key" init "$vault" >"$tmp/recovery" 2>&1
ok $? 'the service account makes the vault'
become "$keyd" weir-keyd --vault "$vault" --key-file "$tmp/key" \
    >"$tmp/keyd.log" 2>&1 &
service=$!
cleanup_fn end_process $service
wait_for 60 test -S "$vault/run/keyd.sock"
ok $? 'keyd runs as a service' || diag "$(cat "$tmp/keyd.log")"

mkdir -m 755 "$tmp/m"
echo '{"a": 1}' >"$tmp/m/config.json"
head -c 3000000 /dev/urandom >"$tmp/m/w.bin"
chmod -R a+rX "$tmp/m"
exits 0 'the owner puts' as "$keyd" weir put llama "$tmp/m"
ref=$out
exits 4 'alice may not put' as "$alice" weir put llama "$tmp/m"
exits 4 'nor grant' as "$alice" weir grant add llama --to "user:$alice" \
    --loads 1 --reason t
like "$err" "'weir grant add' needs the role of manager" \
    'and is told which role it takes, in the words of the command'
exits 4 'nor check' as "$alice" weir check
like "$err" "'weir check' needs the role of reviewer" 'nor tell of it'
exits 4 'nor look through grants' as "$alice" weir grant review
like "$err" "role of manager or reviewer, .* weir role add reviewer --to" \
    'and the role that may less is offered'
exits 4 'nor hand out roles' as "$alice" weir role add owner \
    --to "user:$alice"
exits 0 'the owner grants' as "$keyd" weir grant add llama \
    --to "user:$alice" --loads 9 --reason t

mkdir "$tmp/mnt-a" "$tmp/mnt-b"
chown "$alice" "$tmp/mnt-a"
chown "$bob" "$tmp/mnt-b"
cleanup_fn unmount "$tmp/mnt-a"
cleanup_fn unmount "$tmp/mnt-b"
exits 4 'bob may not mount' as "$bob" weir mount --allow-unsigned "$ref" "$tmp/mnt-b"
exits 4 'nor the owner, without a grant' as "$keyd" weir get --allow-unsigned "$ref" "$tmp/x"
exits 4 'nor root' weir get --allow-unsigned "$ref" "$tmp/x"

if as "$alice" test -w /dev/fuse && [ -u "$(command -v fusermount3)" ]; then
	mounter=$alice
	exits 0 'alice mounts' as "$alice" weir mount --allow-unsigned "$ref" "$tmp/mnt-a"
else
	mounter=root
	as "$keyd" weir role add mounter --to user:root 2>/dev/null
	exits 0 'root mounts for alice' weir mount --allow-unsigned "$ref" "$tmp/mnt-a" \
	    --user "$alice"
fi
file=$tmp/mnt-a/llama/@${ref#*@}/w.bin
as "$alice" cmp -s "$file" "$tmp/m/w.bin"
ok $? 'alice reads what was put'

# Its worker: nobody's capabilities, and neither root nor who has the keys.
worker=$(pgrep -f '^weir-mount --worker$' | while read -r p; do
	grep -q "^PPid:.$(pgrep -f "^weir-mount .*$tmp/mnt-a")\$" \
	    "/proc/$p/status" && echo "$p"
done)
number=$(id -u "$alice")
status=$(cat "/proc/$worker/status")
is "$(printf '%s\n' "$status" | grep '^Uid:' | tr -s '\t ' ' ')" \
    "Uid: $number $number $number $number" 'the worker is alice'
is "$(printf '%s\n' "$status" | grep '^Groups:' | tr -d ' \t')" 'Groups:' \
    'in no further groups'
# Who has no capabilities cannot make the bound smaller either.
is "$(printf '%s\n' "$status" | grep -c '^Cap[A-Z][a-z]*:.0000000000000000$')" \
    "$([ "$mounter" = root ] && echo 5 || echo 4)" \
    'without capabilities, to have or to get'
like "$status" '^NoNewPrivs:.1$' 'nor any way to them'

# Bob and root try to get at it, by every way there is to the bytes.
cat >"$tmp/probe.py" <<'PY'
import os, sys
path, pid, got = sys.argv[1], sys.argv[2], 0


def attempt(name, f):
    global got
    try:
        n = f()
    except OSError as e:
        print(name, e.strerror)
        return
    print(name, n)
    got += n


def read(fd):
    try:
        return len(os.read(fd, 4096)) + len(os.pread(fd, 4096, 1 << 20))
    finally:
        os.close(fd)


def send():
    a, b = os.open(path, os.O_RDONLY), os.open("/dev/null", os.O_WRONLY)
    return os.sendfile(b, a, 0, 4096)


def at():
    d = os.open(os.path.dirname(path), os.O_PATH)
    return read(os.open(os.path.basename(path), os.O_RDONLY, dir_fd=d))


attempt("open", lambda: read(os.open(path, os.O_RDONLY)))
attempt("direct", lambda: read(os.open(path, os.O_RDONLY | os.O_DIRECT)))
attempt("openat", at)
attempt("sendfile", send)
attempt("listdir", lambda: len(os.listdir(os.path.dirname(path))))
for fd in ("7", "8"):
    attempt("fd " + fd, lambda: read(os.open(f"/proc/{pid}/fd/{fd}", os.O_RDONLY)))
attempt("cwd", lambda: read(os.open(f"/proc/{pid}/cwd/w.bin", os.O_RDONLY)))
attempt("root", lambda: read(os.open(f"/proc/{pid}/root{path}", os.O_RDONLY)))
print(got)
PY
chmod 644 "$tmp/probe.py"
cd "$tmp/mnt-a" 2>/dev/null || cd /
hold()
{
	become "$alice" sh -c "cd '$tmp/mnt-a/llama/@${ref#*@}' &&
	    exec 7<w.bin 8</dev/null && cat w.bin >/dev/null && echo holds &&
	    exec sleep 600" >"$tmp/holder" &
	holder=$!
	cleanup_fn end_process $holder
	wait_for 60 grep -q holds "$tmp/holder"
}
hold
ok $? 'alice holds it open, its pages cached, its directory entered'
cd / || exit 1
exits 0 'alice tries' as "$alice" /usr/bin/python3 "$tmp/probe.py" "$file" \
    $holder
[ "$(printf '%s\n' "$out" | tail -n 1)" -ge 20000 ]
ok $? 'and gets bytes by these ways' || diag "$out"
exits 0 'bob tries' as "$bob" /usr/bin/python3 "$tmp/probe.py" "$file" $holder
is "$(printf '%s\n' "$out" | tail -n 1)" 0 \
    'one-session-one-mount: gets 0 bytes' ||
    diag "$out"
exits 0 'the service account tries' \
    as "$keyd" /usr/bin/python3 "$tmp/probe.py" "$file" $holder
is "$(printf '%s\n' "$out" | tail -n 1)" 0 \
    'one-session-one-mount: gets 0 bytes' ||
    diag "$out"
fails 'root, by the path, gets none' dd if="$file" bs=1 count=1

exits 4 'bob may not read the trail' as "$bob" weir audit ls
like "$err" "weir role add reviewer --to user:$bob" 'and is told what mends it'
like "$err" 'chgrp' 'and how its owner lets a group do that'
chgrp -R "$bob" "$vault/trail"
find "$vault/trail" -type d -exec chmod g+s {} +
exits 0 'a group that was let in verifies it' as "$bob" weir audit verify
exits 0 'alice as uploader' as "$keyd" weir role add uploader \
    --family llama --to "user:$alice"
role=$err
exits 4 'needs the store, too' as "$alice" weir put llama "$tmp/m"
like "$err" 'setfacl' 'and is told what lets her write'
like "$role" \
    "setfacl -R -m u:$alice:rwX,d:u:$alice:rwX,d:u:$keyd:rwX '$vault/objects'" \
    'as the owner was when the role was given'
unlike "$role" 'no account|while a weir-keyd runs' 'and nothing that is so'
exits 0 'a role for nobody' as "$keyd" weir role add mounter \
    --to user:no-such-account
like "$err" "no account 'no-such-account'" 'is told'

# The printed commands do what they say, for what is made later, too.
# run_hint TEXT: the setfacl command in it
run_hint()
{
	eval "$(printf '%s\n' "$1" | sed -n 's/.*: \(sudo \)*\(setfacl .*\)/\2/p')"
}
if command -v setfacl >/dev/null && run_hint "$role"; then
	head -c 3000000 /dev/urandom >"$tmp/m/w2.bin"
	exits 0 'she puts' as "$alice" weir put llama "$tmp/m"
	head -c 30000000 /dev/urandom >"$tmp/m/w3.bin"
	exits 0 'the owner puts more' as "$keyd" weir put llama "$tmp/m"
	head -c 30000000 /dev/urandom >"$tmp/m/w4.bin"
	chmod a+r "$tmp"/m/*
	exits 0 'and she again' as "$alice" weir put llama "$tmp/m"
	exits 0 'a reviewer' as "$keyd" weir role add reviewer \
	    --to "user:$alice"
	run_hint "$err"
	exits 0 'reads the trail' as "$alice" weir audit verify
	exits 0 'and what is new in it' as "$alice" weir audit ls --model llama
	like "$(printf '%s\n' "$out" | grep ' put ' | tail -n 1)" \
	    "put .*user:$alice" 'to the last put'
fi

exits 0 'the trail' as "$keyd" weir audit ls --json --key-file "$tmp/key"
is "$(printf '%s\n' "$out" | jq -rs --arg b "user:$bob" \
    '[.[] | select(.kind == "session.refused" and .for == $b)] | length')" 1 \
    'has bob'\''s refusal'
[ "$(printf '%s\n' "$out" | jq -rs --arg a "user:$alice" \
    '[.[] | select(.kind == "refused" and .by == $a)] | length')" -ge 3 ]
ok $? 'and what alice may not do'
is "$(printf '%s\n' "$out" | jq -rs --arg a "user:$alice" \
    '[.[] | select(.kind == "release")] | length > 0')" true \
    'and what alice was given'
fails 'bob cannot read the keyring' as "$bob" cat "$vault/keyring"
end_process $holder
exits 0 'umount' as "$mounter" "$tmp/bin/weir" umount "$tmp/mnt-a"

# What root's command for alice has to go by is alice's.
if [ "$mounter" = root ]; then
	exits 0 'a command for alice' env HOME=/root USER=root LOGNAME=root \
	    WEIR_KEY_FILE="$tmp/key" CREDENTIALS_DIRECTORY=/x OTHER=stays \
	    weir mount --allow-unsigned "$ref" "$tmp/mnt-a" --user "$alice" -- env
	is "$(printf '%s\n' "$out" | grep -E '^(USER|LOGNAME|HOME|OTHER)=' |
	    sort | tr '\n' ' ')" \
	    "HOME=/home/$alice LOGNAME=$alice OTHER=stays USER=$alice " \
	    'has her environment'
	unlike "$out" '^(WEIR_KEY_FILE|WEIR_PASSPHRASE_FILE|CREDENTIALS)' \
	    'and not the names of secrets'
fi

# A mount that lets in others must be found out by the same ways.
mkdir "$tmp/open"
cp "$tmp/bin/weir" "$tmp/open/"
if cp "$BUILD/tests/mutants/weir-mount-open" "$tmp/open/weir-mount"; then
	[ "$mounter" = root ] ||
	    as "$keyd" weir role add mounter --to user:root 2>/dev/null
	exits 0 'a mount that lets in others' "$tmp/open/weir" mount \
	    --allow-unsigned "$ref" "$tmp/mnt-a" --user "$alice"
	hold
	exits 0 'bob tries' as "$bob" /usr/bin/python3 "$tmp/probe.py" \
	    "$file" $holder
	[ "$(printf '%s\n' "$out" | tail -n 1)" -gt 0 ]
	ok $? 'and it is found out' || diag "$out"
	end_process $holder
	exits 0 'umount' weir umount "$tmp/mnt-a"
fi
done_testing
