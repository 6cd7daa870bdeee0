#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Ctrl-Z at a terminal stops a mount's command, and the job that the shell
# knows; the mount serves whoever else reads.
. "$(dirname "$0")/lib.sh"
requires fuse python3 bash

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
head -c 3000000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --reason t >/dev/null 2>&1
mnt=$tmp/mnt
cleanup_fn unmount "$mnt"

# A shell with job control at a terminal of its own; ^Z is typed when the
# command runs, fg comes by itself when the test says so.
cat >"$tmp/terminal.py" <<'PY'
import os, pty, sys, time
script, began = sys.argv[1], sys.argv[2]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "-c", "set -m; " + script])
while not os.path.exists(began):
    time.sleep(0.05)
os.write(terminal, b"\x1a")
out = b""
while True:
    try:
        piece = os.read(terminal, 4096)
    except OSError:
        break
    if not piece:
        break
    out += piece
    sys.stdout.write(piece.decode(errors="replace"))
    sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
PY

state()
{
	sed -n 's/^State:.\(.\).*/\1/p' "/proc/$1/status"
}

cat >"$tmp/command" <<'E2'
echo $$ >"$1.pid"
: >"$1"
while [ ! -e "$2" ]; do sleep 0.1; done
exit 23
E2
python3 "$tmp/terminal.py" "weir mount --allow-unsigned '$ref' '$mnt' -- \
    sh '$tmp/command' '$tmp/began' '$tmp/over'
    echo stopped with \$?
    while [ ! -e '$tmp/go' ]; do sleep 0.1; done
    fg
    echo ended with \$?" "$tmp/began" >"$tmp/log" 2>&1 &
terminal=$!
cleanup_fn end_process $terminal
wait_for 60 grep -q 'stopped with' "$tmp/log"
ok $? 'Ctrl-Z gives the shell back' || diag "$(cat "$tmp/log")"
like "$(cat "$tmp/log")" 'stopped with 1(47|48)' 'with a job that is stopped'
monitor=$(pgrep -f "^weir-mount .*$mnt ")
worker=$(pgrep -P "$monitor" -f '[-]-worker')
# shellcheck disable=SC2317 # by way of wait_for
both_stopped()
{
	[ "$(state "$(cat "$tmp/began.pid")") $(state "$monitor")" = 'T T' ]
}
wait_for 60 both_stopped
ok $? 'the command and what waits for it are'
unlike "$(state "$worker")" T 'the worker is not'
timeout 120 cmp -s "$mnt/llama/@${ref#*@}/w.bin" "$tmp/m/w.bin"
ok $? 'others go on reading'
: >"$tmp/go"
wait_for 60 sh -c "grep -q '^State:.[SR]' /proc/$(cat "$tmp/began.pid")/status"
ok $? 'fg goes on with the command'
: >"$tmp/over"
wait_for 60 grep -q 'ended with 23' "$tmp/log"
ok $? 'and its status is the job'\''s' || diag "$(cat "$tmp/log")"
is "$(ls -A "$mnt")" '' 'the mount goes with it'
done_testing
