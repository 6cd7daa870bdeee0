#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A command that is interrupted ends, with a keyd that hangs, too; what it
# left can be run again.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 3000000 /dev/urandom >"$tmp/m/w.bin"
weir put llama "$tmp/m" >"$tmp/ref" 2>/dev/null
ref=$(cat "$tmp/ref")
weir grant add llama --to "$me" --loads 9 --export --reason t 2>/dev/null
vacant
weir-keyd --vault "$vault" --key-file "$key" 2>/dev/null &
keyd=$!
cleanup_fn end_process $keyd
cleanup_fn kill -CONT $keyd
listens

# interrupted COMMAND...: under a keyd that has stopped; python catches SIGINT,
# which what a shell has in its background ignores
# shellcheck disable=SC2317 # called by name
interrupted()
{
	kill -STOP "$keyd"
	python3 -c 'import os, signal, subprocess, sys, time
p = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
caught = 0
while not caught & 1 << signal.SIGINT - 1:    # until it is caught, and the command sleeps
    with open(f"/proc/{p.pid}/status") as f:
        caught = int([l.split()[1] for l in f if l.startswith("SigCgt")][0], 16)
def waits():    # for an answer at a socket
    fds = f"/proc/{p.pid}/fd"
    with open(f"/proc/{p.pid}/stat") as f:
        asleep = f.read().rsplit(")", 1)[1].split()[0] == "S"
    return asleep and any(os.readlink(f"{fds}/{n}").startswith("socket:") for n in os.listdir(fds))
seen = 0
while seen < 5:
    time.sleep(0.05)
    seen = seen + 1 if waits() else 0
p.send_signal(signal.SIGINT)
try:
    sys.exit(p.wait(timeout=60))
except subprocess.TimeoutExpired:
    p.kill()
    sys.exit(99)' "$@"
	status=$?
	kill -CONT "$keyd"
	return "$status"
}

head -c 1000 /dev/urandom >>"$tmp/m/w.bin"
exits 130 'put ends when it is interrupted' interrupted weir put llama "$tmp/m"
like "$err" 'does not answer' 'and says what it waited for'
exits 130 'and get' interrupted weir get --allow-unsigned "$ref" "$tmp/copy"
exits 0 'put can run again' weir put llama "$tmp/m"
rm -rf "$tmp/copy"
exits 0 'and get' weir get --allow-unsigned "$ref" "$tmp/copy"
exits 0 'all is whole' weir check --read-data
done_testing
