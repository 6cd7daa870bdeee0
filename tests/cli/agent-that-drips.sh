#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# An ssh-agent that never comes to the end of its answer, a forwarded one perhaps,
# is given up.  No vault is needed.
. "$(dirname "$0")/lib.sh"
requires python3

cat >"$tmp/agent.py" <<'PY'
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(5)
print("listens", flush=True)
c, _ = s.accept()
c.recv(100)
c.sendall((60).to_bytes(4, "big") + b"\x0c")
# Each second a byte of a list without keys, for a minute.
for _ in range(4):
    time.sleep(1)
    c.sendall(b"\0")
try:
    for _ in range(55):
        time.sleep(1)
        c.sendall(b"\0")
except OSError:
    pass
PY
python3 "$tmp/agent.py" "$tmp/agent" >"$tmp/said" &
agent=$!
cleanup_fn end_process "$agent"
wait_for 60 grep -q listens "$tmp/said"
SSH_AUTH_SOCK=$tmp/agent
export SSH_AUTH_SOCK
exits 7 'it is given up' weir key show agent:any
like "$err" 'takes too long' 'and that is said'
done_testing
