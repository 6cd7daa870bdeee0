#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir-keyd as a program: what it says when it starts, ends and must not start.
. "$(dirname "$0")/lib.sh"

requires python3
mkvault vault

# Listen where the service manager would, and keep what comes.
cat >"$tmp/notified.py" <<'PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    for line in s.recv(4096).decode().splitlines():
        print(line, flush=True)
PY
python3 "$tmp/notified.py" "$tmp/notify" >"$tmp/said" &
listener=$!
cleanup_fn end_process "$listener"
wait_for 60 grep -q bound "$tmp/said"

NOTIFY_SOCKET=$tmp/notify WATCHDOG_USEC=60000000 \
    HANGING_DISK=$tmp/hangs LD_PRELOAD=$BUILD/tests/crash/lying_disk.so \
    weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process "$keyd"
wait_for 60 grep -q READY=1 "$tmp/said"
ok $? 'it says when it is ready'
wait_for 60 grep -q '^STATUS=.* sessions' "$tmp/said"
ok $? 'and what it does'
is "$(stat -c %a "$vault/run") $(stat -c %a "$vault/run/keyd.sock")" \
    '755 666' 'everybody on the host may ask'
exits 0 'a command is answered' weir status --json
is "$(printf '%s' "$out" | jq -r .keyd.mode)" service 'by the service'
is "$(printf '%s' "$out" | jq -r .keyd.pid)" "$keyd" 'and by no other'
exits 0 'a secret that is no secret of the vault is not tried' \
    weir --key-file "$tmp/said" status
like "$err" "has this vault open: '$tmp/said' was not needed" 'which is said'
exits 0 'one that a request hands on' \
    weir --key-file "$key" secret add --new-recovery
unlike "$err" 'not needed' 'is not called that'
exits 0 'nothing is said' weir status
is "$err" '' 'of one that nobody named'
exits 6 'a second one does not start' weir-keyd --vault "$vault" \
    --key-file "$key"
like "$err" 'another weir-keyd serves' 'and says why'

# The watchdog hears of it as long as it gets on: a status is said each second
# whatever happens, a ping only when the disk takes what is recorded.
said()
{
	grep -c "^$1" "$tmp/said"
}
wait_for 60 grep -q '^WATCHDOG=1' "$tmp/said"
ok $? 'it feeds the watchdog'
: >"$tmp/hangs"
weir check >"$tmp/check" 2>&1 &
check=$!
cleanup_fn end_process "$check"
wait_for 60 test -e "$tmp/hangs.now"
ok $? 'a sync of the journal hangs'
# More than one status without a ping between them.
# shellcheck disable=SC2317 # wait_for calls these
quiet()
{
	[ "$(tail -n 40 "$tmp/said" | tac | sed '/^WATCHDOG/,$d' |
	    grep -c '^STATUS')" -ge 3 ]
}
wait_for 60 quiet
ok $? 'and it is fed no more'
before=$(said WATCHDOG)
status=$(said STATUS)
# shellcheck disable=SC2317
later()
{
	[ "$(said STATUS)" -ge $((status + 3)) ]
}
wait_for 60 later
ok $? 'its loop goes on'
is "$(said WATCHDOG)" "$before" 'without a ping'
rm "$tmp/hangs"
wait "$check"
is $? 0 'when it goes on, so does what waited'
# shellcheck disable=SC2317
fed()
{
	[ "$(said WATCHDOG)" -gt "$before" ]
}
wait_for 60 fed
ok $? 'and the watchdog is fed again'

kill "$keyd"
wait "$keyd"
is $? 0 'SIGTERM ends it cleanly'
wait_for 60 grep -q STOPPING=1 "$tmp/said"
ok $? 'which it says too'
[ ! -e "$vault/run/keyd.sock" ]
ok $? 'its socket is gone'
is "$(cat "$tmp/keyd.err")" '' 'and there was nothing else to say'

# What must not start.
head -c 32 /dev/urandom >"$tmp/other.key"
exits 7 'another key does not unlock' weir-keyd --vault "$vault" \
    --key-file "$tmp/other.key"
like "$err" 'does not unlock' 'and it says so'
exits 7 'nor does a key that is not there' weir-keyd --vault "$vault" \
    --key-file "$tmp/none"
exits 7 'nor none at all' env -u WEIR_KEY_FILE -u WEIR_PASSPHRASE_FILE \
    -u INVOCATION_ID weir-keyd --vault "$vault" --no-prompt </dev/null
like "$err" 'give --passphrase-file FILE' 'which names the ways'
exits 7 'nor a unit without its credential' env -u WEIR_KEY_FILE \
    -u WEIR_PASSPHRASE_FILE INVOCATION_ID=0 weir-keyd --vault "$vault" \
    --no-prompt
like "$err" 'credential weir-unlock nor weir-unlock.key' 'it is named'
like "$err" 'systemd-creds encrypt --name=weir-unlock - /etc/credstore.encrypted/weir-NAME; then: systemctl restart weir-keyd@NAME' \
    'with what to type'
exits 5 'no vault, no keyd' weir-keyd --vault "$tmp" --key-file "$key"
like "$err" 'weir init' 'but the command that makes one'
exits 2 'no options, no keyd' env -u WEIR_VAULT weir-keyd
exits 2 'nor with half of them' weir-keyd --vault "$vault" --embedded
exits 2 'nor with too many' weir-keyd --vault "$vault" extra
exits 2 'nor with unknown ones' weir-keyd --frobnicate
exits 0 'help' weir-keyd --help
like "$out" '^usage: weir-keyd' 'is on stdout'
exits 0 'version' weir-keyd --version
like "$out" '^weir-keyd [0-9]' 'is there'
cp -a "$vault" "$tmp/broken"
rm "$tmp/broken/epoch"
exits 5 'without its epoch file' weir-keyd --vault "$tmp/broken" \
    --key-file "$key"
like "$err" "'epoch'" 'it names what is missing'

# A keyd that was killed is followed by the next one.
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process "$keyd"
wait_for 60 grep -q "serves '$vault'" "$tmp/keyd.err"
ok $? 'without a service manager it says that it is ready'
kill "$keyd"
wait "$keyd"
like "$(cat "$tmp/keyd.err")" "no longer serves '$vault'" 'and that it ended'
is "$(wc -l <"$tmp/keyd.err")" 2 'and nothing else'
weir-keyd --vault "$vault" --key-file "$key" 2>/dev/null &
keyd=$!
cleanup_fn end_process "$keyd"
wait_for 60 test -S "$vault/run/keyd.sock"
kill -9 "$keyd"
wait "$keyd" 2>/dev/null
[ -S "$vault/run/keyd.sock" ]
ok $? 'a killed keyd leaves its socket'
exits 0 'which is in nobody'\''s way' weir status --json
is "$(printf '%s' "$out" | jq -r .keyd.mode)" embedded 'a command starts its own'

# The recovery key, typed where a passphrase would be.
wait_for 60 sh -c "! [ -S '$vault/run/keyd.sock' ]"
exits 0 'the recovery key opens it' env -u WEIR_KEY_FILE weir \
    --passphrase-file "$tmp/recovery" ls

# A service manager's socket: it is there before keyd is and after it, and who
# asks meanwhile waits for the next one.
cat >"$tmp/manager.py" <<'PY'
import os, socket, subprocess, sys, time
path, flag, command = sys.argv[1], sys.argv[2], sys.argv[3:]
s = socket.socket(socket.AF_UNIX)
s.bind(path)
os.chmod(path, 0o666)
s.listen(16)
print("listens", flush=True)
def child():
    os.dup2(s.fileno(), 3)
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())
# A keyd each time that somebody knocks, until the flag is there.
import select
while not os.path.exists(flag):
    if select.select([s], [], [], 0.1)[0]:
        p = subprocess.Popen(command, preexec_fn=child, pass_fds=[3])
        print("keyd", p.pid, flush=True)
        print("ended", p.wait(), flush=True)
PY
wait_for 60 sh -c "! [ -S '$vault/run/keyd.sock' ]"
python3 "$tmp/manager.py" "$vault/run/keyd.sock" "$tmp/enough" weir-keyd \
    --vault "$vault" --key-file "$key" >"$tmp/manager" 2>"$tmp/keyd.err" &
manager=$!
cleanup_fn end_process "$manager"
wait_for 60 grep -q listens "$tmp/manager"
nth_keyd()
{
	sed -n 's/^keyd //p' "$tmp/manager" | sed -n "$1p"
}
exits 0 'a command has the manager start it' weir status --json
wait_for 60 grep -q '^keyd' "$tmp/manager"
is "$(printf '%s' "$out" | jq -r .keyd.mode)" service 'as the service'
is "$(printf '%s' "$out" | jq -r .keyd.pid)" "$(nth_keyd 1)" 'on that socket'
inode=$(stat -c %i "$vault/run/keyd.sock")
kill "$(nth_keyd 1)"
wait_for 60 grep -q ended "$tmp/manager"
is "$(stat -c %i "$vault/run/keyd.sock")" "$inode" 'the socket stays when it ends'
exits 0 'and the next command has the next one' weir status --json
# shellcheck disable=SC2317 # wait_for calls it
two_keyds()
{
	[ "$(grep -c '^keyd' "$tmp/manager")" -eq 2 ]
}
wait_for 60 two_keyds
is "$(printf '%s' "$out" | jq -r .keyd.pid)" "$(nth_keyd 2)" 'which is new'
: >"$tmp/enough"
kill "$(nth_keyd 2)"
wait "$manager"
rm -f "$vault/run/keyd.sock"

# A job's output ends when the job does, not when keyd does: nothing may wait
# on a descriptor that keyd has been given.
start=$(date +%s)
x=$( (weir session ls; weir status) 2>&1)
end=$(date +%s)
[ -n "$x" ] && [ $((end - start)) -lt 20 ]
ok $? 'a pipe ends with the command'
done_testing
