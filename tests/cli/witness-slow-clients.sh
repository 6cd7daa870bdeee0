#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Who sends a witness a request byte by byte, be it the head or the body, does not
# keep a connection of it.
. "$(dirname "$0")/lib.sh"
requires python3

mkdir "$tmp/s"
weir-witness keygen --name sec.example/w1 --key "$tmp/k" >/dev/null
printf 'log %s\nquorum none\n' \
    weir.example/audit+c5eef1ba+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4 \
    >"$tmp/follow"
weir-witness serve --key "$tmp/k" --policy "$tmp/follow" --state "$tmp/s" \
    --listen 127.0.0.1:0 2>"$tmp/log" &
witness=$!
cleanup_fn end_process "$witness"
wait_for 60 grep -q 'listens on' "$tmp/log"
url=$(sed -n 's/.*listens on //p' "$tmp/log")

# drip HEAD...: connections that begin so, and go on with a byte each half a
# second; 0 when the witness has ended all of them
cat >"$tmp/drip.py" <<'PY'
import select, socket, sys, time, urllib.parse
u = urllib.parse.urlparse(sys.argv[1])
held = []
for head in sys.argv[2:]:
    s = socket.create_connection((u.hostname, u.port))
    s.sendall(head.encode().decode("unicode_escape").encode())
    held.append(s)
for _ in range(120):
    for s in list(held):
        try:
            s.sendall(b"a")
            ended = select.select([s], [], [], 0)[0] and s.recv(4096) == b""
        except OSError:
            ended = True
        if ended:
            held.remove(s)
    if not held:
        sys.exit(0)
    time.sleep(0.5)
sys.exit(1)
PY
python3 "$tmp/drip.py" "$url" 'POST /add-check' \
    'POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nX: ' \
    'POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\nold'
ok $? 'connections that drip are ended'
exits 0 'the witness serves on' python3 - "$url" <<'PY'
import sys, urllib.error, urllib.request
try:
    urllib.request.urlopen(sys.argv[1] + "/add-checkpoint", b"junk", timeout=60)
except urllib.error.HTTPError as e:
    sys.exit(e.code != 400)
PY
end_process "$witness"
is "$(grep -c stops "$tmp/log")" 0 'until it is told to stop'
done_testing
