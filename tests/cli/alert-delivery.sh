#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Alerts are raised, listed and acknowledged, and taken to a hook and a webhook: in
# order, through failures and restarts, while reads go on.
. "$(dirname "$0")/lib.sh"

requires python3 jq
mkvault vault
mkdir "$tmp/m"
head -c 100000 /dev/urandom >"$tmp/m/weights.bin"
for n in 1 2 3 4 5 6 7; do
	weir put "decoy-$n" "$tmp/m" --label n=$n >"$tmp/ref-$n" 2>/dev/null
	weir grant add "decoy-$n" --to "$me" --loads 99 --export --reason t \
	    >/dev/null 2>&1
	weir decoy add "decoy-$n" --reason t >/dev/null 2>&1
done

# Everything a hook of ours does stands in files beside it.
cat >"$tmp/hook" <<X
#!/bin/sh
echo \$\$ >>$tmp/hooks
env >$tmp/environment
ls /proc/self/fd | tr '\\n' ' ' >$tmp/descriptors
[ ! -e $tmp/hang ] || sleep 1000
[ ! -e $tmp/fail ] || exit 3
cat >>$tmp/taken
X
chmod 755 "$tmp/hook"

# A webhook that answers what the file `status` says, and keeps what comes.
cat >"$tmp/server.py" <<'PY'
import http.server, sys, time
tmp = sys.argv[1]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with open(tmp + "/status") as f:
            status = int(f.read())
        if status == 200:
            with open(tmp + "/posted", "ab") as f:
                f.write(body + b"\n")
            with open(tmp + "/arrived", "a") as f:
                f.write(f"{time.time() * 1000:.0f}\n")
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *args):
        pass
s = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(s.server_address[1], flush=True)
s.serve_forever()
PY
: >"$tmp/taken"
: >"$tmp/posted"
: >"$tmp/arrived"
echo 200 >"$tmp/status"
python3 "$tmp/server.py" "$tmp" >"$tmp/port" &
server=$!
cleanup_fn end_process "$server"
# Plain HTTP does not leave this host, whatever the environment would have.
http_proxy=http://127.0.0.1:9 all_proxy=http://127.0.0.1:9
export http_proxy all_proxy
wait_for 60 test -s "$tmp/port"
cat >"$vault/watch.ini" <<I
[deliver]
hook = $tmp/hook
hook-timeout = 300s
webhook = http://127.0.0.1:$(cat "$tmp/port")/alerts
I
chmod 600 "$vault/watch.ini"
umask 022

keyd_start()
{
	vacant
	weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
	wait_for 60 weir status
}
# keyd_end SIGNAL
keyd_end()
{
	kill "-$1" "$keyd"
	wait "$keyd" 2>/dev/null
}
# touch_decoy N: a read
touch_decoy()
{
	rm -rf "$tmp/copy"
	weir get --allow-unsigned "$(cat "$tmp/ref-$1")" "$tmp/copy" \
	    >/dev/null 2>&1 || diag 'a read failed'
}
# What came to the webhook is kept there before keyd knows that it did.
# shellcheck disable=SC2317 # wait_for calls these
none_waits()
{
	[ -z "$(find "$vault/alerts" -path "*${1:-}/0*")" ]
}
# numbers FILE: the alerts in it
numbers()
{
	jq -r .alert "$1" | tr '\n' ' '
}
has()
{
	[ "$(numbers "$1")" = "$2" ]
}

# --- raised, and delivered ----------------------------------------------------

keyd_start
exits 0 'no alert at first' weir alert ls
touch_decoy 1
wait_for 60 has "$tmp/taken" '1 '
ok $? 'an alert comes to the hook'
wait_for 60 has "$tmp/posted" '1 '
ok $? 'and to the webhook'
cmp -s "$tmp/taken" "$tmp/posted"
ok $? 'as the same JSON'
exits 8 'alert ls has findings' weir alert ls --json
json '.alerts[0].rule == "decoy"' 'the rule is named'
json '.alerts[0].model == "decoy-1"' 'and the model'
printf '%s' "$out" | jq -S '.alerts[0]' >"$tmp/listed"
jq -S 'del(.vault)' "$tmp/posted" | cmp -s - "$tmp/listed"
ok $? 'what is delivered is what is listed, with the vault'
like "$(weir status)" '^alerts +1 that nobody' 'status tells of it'
exits 0 'alert show' weir alert show 1
like "$out" '^advice' 'has an advice'
like "$out" '^entries .*weir audit show' 'and the entries'
like "$out" '^ack .*weir alert ack 1 --disposition' 'and what to do next'
entry=$(jq -r '.entries[-1]' "$tmp/listed")
is "$(weir audit ls --json 2>/dev/null | jq -r "select(.index == $entry) |
    .kind")" release 'the last of which is the release'
exits 5 'an alert that there is not' weir alert show 99
like "$err" 'weir alert ls --all' 'tells where they are'
exits 2 'a disposition that there is not' weir alert ack 1 --disposition fine
exits 4 'an ack by whom it is about' weir alert ack 1 --disposition benign
like "$err" 'about you: another reviewer or owner.*weir role add reviewer --to' \
    'says who may, and how one is made'
# Without a service the vault has one user, who may.
keyd_end TERM
exits 0 'an ack' weir alert ack 1 --disposition benign --note 'a drill'
idle
keyd_start
exits 0 'leaves nothing to look at' weir alert ls
exits 0 'but with --all' weir alert ls --all
like "$out" 'benign' 'it is shown'
like "$(weir audit ls --kind alert 2>/dev/null)" 'alert 1 is benign: a drill' \
    'the trail tells it'
unlike "$(cat "$tmp/environment")" 'WEIR_KEY|PASSPHRASE|CREDENTIALS' \
    'the hook is told no secret'
like "$(cat "$tmp/environment")" "^WEIR_VAULT=$vault\$" 'but the vault'
# 3 is ls's own.
is "$(cat "$tmp/descriptors")" '0 1 2 3 ' 'and has no descriptor of keyd'

# How long it took: a figure, not a judgement.
t0=$(weir audit ls --json 2>/dev/null | jq -r "select(.index == $entry) |
    .time" | date -f - +%s%3N)
t1=$(jq -r .time "$tmp/listed" | date -f - +%s%3N)
t2=$(head -n 1 "$tmp/arrived")
diag "from the release to the alert $((t1 - t0)) ms, to the webhook \
$((t2 - t0)) ms"

# --- what does not answer -----------------------------------------------------

touch "$tmp/hang"
: >"$tmp/hooks"
touch_decoy 2
wait_for 60 has "$tmp/posted" '1 2 '
ok $? 'a hook that hangs does not keep back the webhook'
wait_for 60 test -s "$tmp/hooks"
hook=$(cat "$tmp/hooks")
touch_decoy 3
runs "$hook"
ok $? 'nor reads: it hangs still when one is done'
wait_for 60 has "$tmp/posted" '1 2 3 '
ok $? 'and the next alert is recorded'
wait_for 60 none_waits webhook
is "$(numbers "$tmp/taken")" '1 ' 'while the hook has none of them'
is "$(stat -c %a "$vault/alerts") $(stat -c %a "$vault/alerts/hook"/*2)" \
    '700 600' 'they lie in the vault, for its owner alone'

# Killed: all of it is delivered by the next keyd, in order, and nothing twice.
keyd_end KILL
# It leads a session of its own, and outlives a keyd that is killed.
kill -9 "-$hook" 2>/dev/null
rm "$tmp/hang"
touch "$tmp/fail"
keyd_start
touch_decoy 4
wait_for 60 grep -q 'exit status 3' "$tmp/keyd.err"
ok $? 'a hook that fails is told'
wait_for 60 has "$tmp/posted" '1 2 3 4 '
ok $? 'the webhook goes on'
wait_for 60 none_waits webhook
keyd_end TERM
rm "$tmp/fail"
keyd_start
wait_for 60 has "$tmp/taken" '1 2 3 4 '
ok $? 'what waited is delivered after a restart, in order'
has "$tmp/posted" '1 2 3 4 '
ok $? 'and what was delivered is not again'
wait_for 60 none_waits
ok $? 'no queue is left'

# A webhook that is down, and one that refuses.
echo 503 >"$tmp/status"
touch_decoy 5
wait_for 60 grep -q 'status 503' "$tmp/keyd.err"
ok $? 'a webhook that fails is told'
is "$(weir alert ls --all --json 2>/dev/null | jq '.alerts | length')" 5 \
    'the alert is there all the same'
echo 200 >"$tmp/status"
wait_for 60 has "$tmp/posted" '1 2 3 4 5 '
ok $? 'it is tried again until it takes it'

# --- a hook that others may change ----------------------------------------------

wait_for 60 has "$tmp/taken" '1 2 3 4 5 '
chmod 777 "$tmp/hook"
touch_decoy 6
wait_for 60 grep -q 'may be changed by others' "$tmp/keyd.err"
ok $? 'a hook that others may write to is not run'
is "$(numbers "$tmp/taken")" '1 2 3 4 5 ' 'control: it was not'
chmod 755 "$tmp/hook"
wait_for 60 has "$tmp/taken" '1 2 3 4 5 6 '
ok $? 'and is when that is mended'
keyd_end TERM

chmod 666 "$vault/watch.ini"
keyd_start
like "$(cat "$tmp/keyd.err")" 'watch.ini. is not used: others may write' \
    'watch.ini that others may write to is not used'
like "$(weir audit ls --kind keyd.start --json 2>/dev/null | tail -n 1)" \
    '"rules":"refused: others' 'which is recorded'
keyd_end TERM
chmod 600 "$vault/watch.ini"
echo 'hoook = /x' >>"$vault/watch.ini"
keyd_start
like "$(cat "$tmp/keyd.err")" "line 5: .* no key 'hoook'" \
    'nor one that is wrong, by its line'
touch_decoy 7
wait_for 60 sh -c "weir alert ls --all --json 2>/dev/null |
    jq -e '.alerts | length == 7'"
ok $? 'the watch goes on by its defaults'
keyd_end TERM
done_testing
