#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Witnesses cosign a log that grows, and never one that was cut or forked; what
# they cosigned bounds the time of an answer.
# shellcheck disable=SC2317 # a function is called by name
. "$(dirname "$0")/lib.sh"
requires jq python3

mkvault vault
mkdir "$tmp/m" "$tmp/s1" "$tmp/s2"
head -c 1000 /dev/urandom >"$tmp/m/w.bin"
weir put llama "$tmp/m" >/dev/null 2>&1
vkey=$(weir audit checkpoint --json 2>/dev/null | jq -r .vkey)

exits 0 'a witness has a key' weir-witness keygen --name sec.example/w1 \
    --key "$tmp/k1"
w1=$out
is "$(stat -c %a "$tmp/k1")" 600 'for itself alone'
exits 6 'and only one' weir-witness keygen --name x --key "$tmp/k1"
w2=$(weir-witness keygen --name sec.example/w2 --key "$tmp/k2")
is "$(weir-witness vkey --key "$tmp/k1")" "$w1" 'which it shows again'
printf 'log %s\nquorum none\n' "$vkey" >"$tmp/follow"

# serve N: a witness in the background; its URL in $url
serve()
{
	# What an earlier one said there is not this one's.
	: >"$tmp/log$1"
	weir-witness serve --key "$tmp/k$1" --policy "$tmp/follow" \
	    --state "$tmp/s$1" --listen 127.0.0.1:0 --prefix /w 2>"$tmp/log$1" &
	witness=$!
	cleanup_fn end_process "$witness"
	wait_for 60 grep -q 'listens on' "$tmp/log$1"
	url=$(sed -n 's/.*listens on //p' "$tmp/log$1")
}
serve 1
url1=$url
pid1=$witness
serve 2
url2=$url
pid2=$witness
policy()
{
	printf 'log %s\nwitness W1 %s %s\nwitness W2 %s %s\ngroup both all W1 W2\nquorum %s\n' \
	    "$vkey" "$w1" "$url1" "$w2" "$url2" "$1"
}
policy both >"$tmp/policy"
policy W1 >"$tmp/one"

verify_no()
{
	weir audit verify --proof "$1" --log-key "$vkey" --policy "$tmp/policy" \
	    --json
}

exits 0 'both cosign' weir audit cosign --policy "$tmp/policy" --json
json '.quorum and (.cosigned | length) == 2' 'and say when'
is "$(names_in "$vault/trail/cosigned")" 1 'it is kept'
exits 0 'the log grows' weir grant add llama --to "$me" --loads 1 --reason t
exits 0 'and is cosigned again' weir audit cosign --policy "$tmp/policy"
is "$(printf '%s\n' "$out" | grep -c '^— sec.example/w')" 2 'as a note'
# One that puts a cosignature into another's name spoils no quorum without it.
cat >"$tmp/rogue.py" <<'PY'
import base64, http.server, sys, urllib.error, urllib.request
name, key = sys.argv[2].split("+")[:2]
junk = "\u2014 %s %s\n" % (name, base64.b64encode(bytes.fromhex(key) + bytes(72)).decode())
class Rogue(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            with urllib.request.urlopen(sys.argv[1] + "/add-checkpoint", body) as r:
                status, text = r.status, r.read() + junk.encode()
        except urllib.error.HTTPError as e:
            status, text = e.code, e.read()
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *a):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Rogue)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 "$tmp/rogue.py" "$url1" "$w2" >"$tmp/rogue.port" &
rogue=$!
cleanup_fn end_process "$rogue"
wait_for 60 grep -q . "$tmp/rogue.port"
printf 'log %s\nwitness W1 %s http://127.0.0.1:%s\nwitness W2 %s %s\ngroup any any W1 W2\nquorum any\n' \
    "$vkey" "$w1" "$(cat "$tmp/rogue.port")" "$w2" "$url2" >"$tmp/rogue"
exits 0 'the log grows once more' weir grant add llama --to "$me" --loads 1 \
    --reason t
exits 0 'a witness that answers for another, too' \
    weir audit cosign --policy "$tmp/rogue" --json
json '.quorum and (.cosigned | length) == 2' 'is taken for its own line alone'
end_process "$rogue"

sleep 1.1
since=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
sleep 1.1
exits 0 'a no is bounded by what they saw' weir audit reads \
    --principal user:nobody --model llama --since "$since" \
    --policy "$tmp/policy" --cosign --proof "$tmp/no" --json
json '.answer == "no" and .clock == "keyd, bounded by witnesses"' 'and says so'
json '.checkpoint.quorum and .earlier.quorum' 'at both ends'
exits 0 'the proof holds for who trusts them' weir audit verify \
    --proof "$tmp/no" --log-key "$vkey" --policy "$tmp/policy"
like "$out" 'had been logged by .* as witnesses saw' 'and bounds the time there'
exits 0 'for programs, too' verify_no "$tmp/no"
json '.clock == "keyd, bounded by witnesses" and .before == 0 and .after == 0' \
    'in the same words'
# Where the time ends before the log does, nobody but keyd says so.
sleep 1.1
until=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
sleep 1.1
weir grant add llama --to "$me" --loads 1 --reason u 2>/dev/null >&2
exits 0 'a no about a time that is over' weir audit reads \
    --principal user:nobody --model llama --since "$since" --until "$until" \
    --policy "$tmp/policy" --cosign --proof "$tmp/over" --json
json '.range.end < .checkpoint.size and
    .clock == "keyd, its start bounded by witnesses"' 'is bounded at its start'
exits 0 'which its proof says, too' verify_no "$tmp/over"
json '.clock == "keyd, its start bounded by witnesses"' 'to programs'
exits 0 'and for people' weir audit verify \
    --proof "$tmp/over" --log-key "$vkey" --policy "$tmp/policy"
like "$out" "keyd's word for where the time ends" 'in words'
printf 'witness W9 %s\nquorum W9\n' \
    "$(weir-witness keygen --name sec.example/w9 --key "$tmp/k9")" >"$tmp/nine"
exits 3 'and not for who trusts others' weir audit verify --proof "$tmp/no" \
    --log-key "$vkey" --policy "$tmp/nine"

# One is down.
end_process "$pid2"
exits 1 'without the second there is no quorum of both' \
    weir audit cosign --policy "$tmp/policy"
exits 0 'and one of one' weir audit cosign --policy "$tmp/one"

# It remembers, whoever is started anew.
end_process "$pid1"
serve 1
url1=$url
policy W1 >"$tmp/one"
like "$(cat "$tmp/log1")" 'entries are kept' 'it took up what it kept'
exits 0 'and goes on from there' weir audit cosign --policy "$tmp/one"
exits 6 'two cannot keep one directory' weir-witness serve --key "$tmp/k1" \
    --policy "$tmp/follow" --state "$tmp/s1" --listen 127.0.0.1:0

# A vault that was put back, and went on otherwise.
idle
cp -a "$vault" "$tmp/back"
weir grant add llama --to "$me" --loads 2 --reason a 2>/dev/null >&2
idle
exits 0 'the log grows again' weir audit cosign --policy "$tmp/one"
idle
cp -a "$vault/trail/cosigned" "$tmp/lost"
rm -rf "$vault"
cp -a "$tmp/back" "$vault"
exits 3 'the one that was put back is not cosigned' \
    weir audit cosign --policy "$tmp/one" --offline
like "$err" 'the trail was cut' 'and it is called so'
# As many entries as were cosigned, and other ones.
weir grant add llama --to "$me" --loads 2 --reason c 2>/dev/null >&2
idle
exits 0 'whose cosignatures are not its own' weir audit reads \
    --principal user:nobody --model llama --since 2000-01-01 \
    --policy "$tmp/one" --cosigned "$tmp/lost" --json
is "$(printf '%s\n' "$out" | jq .checkpoint.size)" \
    "$(find "$tmp/lost" -type f -printf '%f\n' | sort | tail -n 1 |
	sed 's/^0*//')" 'when it has as many entries'
json '.checkpoint.cosigned == [] and (.checkpoint.quorum | not)' \
    'and not shown as if they were'
for i in 1 2 3 4; do
	weir grant add llama --to "$me" --loads "$i" --reason b 2>/dev/null >&2
done
exits 3 'nor when it has grown past that' weir audit cosign --policy "$tmp/one"
like "$err" 'another history' 'and it is called so'
like "$(cat "$tmp/log1")" 'no proof that it extends' 'the witness tells of it'

# What was cosigned of the other history bounds nothing in this one.
sleep 1.1
now=$(date -u +%Y-%m-%dT%H:%M:%S.000Z)
exits 3 'an answer is not bounded by another history' weir audit reads \
    --principal user:nobody --model llama --since "$now" \
    --policy "$tmp/one" --cosigned "$tmp/lost" --json
like "$err" 'another history' 'and it is called so'
exits 0 'and is by its own' weir audit reads \
    --principal user:nobody --model llama --since "$now" \
    --policy "$tmp/one" --json
json '.answer == "no" and .clock == "keyd, bounded by witnesses"' 'as before'

# The protocol, by hand.
cat >"$tmp/ask.py" <<'PY'
import sys, urllib.error, urllib.request
def ask(url, body, method="POST"):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method=method)) as r:
            return r.status, r.headers["Content-Type"]
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"]
url = sys.argv[1]
note = open(sys.argv[2], "rb").read()
print(*[ask(url + p, b, m)[0] for p, b, m in [
    ("/add-checkpoint", b"old 0\n\n" + note, "POST"), ("/add-checkpoint", b"junk", "POST"),
    ("/add-checkpoint", b"x" * 100000, "POST"), ("/add-checkpoint", None, "GET"), ("/other", b"", "POST"),
    ("/add-checkpoint", b"old 0\n\n" + note.replace(b"weir.local", b"wier.local"), "POST"),
    ("/add-checkpoint", b"old 0\n\n" + note.replace(b"\n\n", b"9\n\n", 1), "POST")]],
    ask(url + "/add-checkpoint", b"old 0\n\n" + note)[1])
PY
weir audit checkpoint >"$tmp/note" 2>/dev/null
is "$(python3 "$tmp/ask.py" "$url1" "$tmp/note")" \
    '409 400 413 405 404 404 400 text/x.tlog.size' 'its answers are exact'
# Many that say nothing do not keep it from answering the next one.
python3 - "$url1" <<'PY'
import socket, sys, urllib.parse
u = urllib.parse.urlparse(sys.argv[1])
held = []
for i in range(20):
    s = socket.create_connection((u.hostname, u.port))
    s.sendall(b"POST /w/add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nold")
    held.append(s)
import urllib.request, urllib.error
try:
    # Sooner than the first of them is given up, after 12 seconds.
    urllib.request.urlopen(sys.argv[1] + "/add-checkpoint", b"junk", timeout=11)
except urllib.error.HTTPError as e:
    sys.exit(e.code != 400)
PY
ok $? 'silent connections do not block it'
chmod 644 "$tmp/k1"
exits 4 'a key that others may read is refused' weir-witness vkey --key "$tmp/k1"
exits 2 'a policy without logs' weir-witness serve --key "$tmp/k2" \
    --policy "$tmp/nine" --state "$tmp/s2"
done_testing
