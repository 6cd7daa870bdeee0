#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A webhook is told an alert only when its certificate is good: by the authority that
# watch.ini names, and for the host that the URL names.
. "$(dirname "$0")/lib.sh"

requires python3 jq openssl
mkvault vault
head -c 100000 /dev/urandom >"$tmp/weights.bin"
weir put decoy "$tmp/weights.bin" >"$tmp/ref" 2>/dev/null
weir grant add decoy --to "$me" --loads 99 --export --reason t >/dev/null 2>&1
weir decoy add decoy --reason t >/dev/null 2>&1

# certificate NAME SUBJECT-ALTERNATIVE-NAME
certificate()
{
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
	    -days 2 -subj "/CN=$1" -addext "subjectAltName=$2" \
	    -keyout "$tmp/$1.key" -out "$tmp/$1.pem" 2>/dev/null
}
certificate good IP:127.0.0.1
certificate elsewhere DNS:siem.example
certificate stranger IP:127.0.0.1

# serve NAME CA: a webhook, and a keyd that is to tell it
serve()
{
	: >"$tmp/posted-$1"
	: >"$tmp/port"
	python3 "$top/tests/lib/webhook.py" "$tmp/$1.pem" "$tmp/$1.key" \
	    "$tmp/posted-$1" >"$tmp/port" 2>/dev/null &
	server=$!
	cleanup_fn end_process "$server"
	wait_for 60 test -s "$tmp/port"
	cat >"$vault/watch.ini" <<I
[deliver]
webhook = https://127.0.0.1:$(cat "$tmp/port")/
webhook-ca = $tmp/$2.pem
I
	chmod 600 "$vault/watch.ini"
	vacant
	weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
}
stop()
{
	end_process "$keyd"
	end_process "$server"
}

serve stranger good
weir get --allow-unsigned "$(cat "$tmp/ref")" "$tmp/copy" >/dev/null 2>&1
wait_for 60 grep -q 'webhook did not take alert 1' "$tmp/keyd.err"
ok $? 'a certificate of another authority is not believed'
is "$(cat "$tmp/posted-stranger")" '' 'and is told nothing'
stop
serve elsewhere elsewhere
wait_for 60 grep -q 'webhook did not take alert 1' "$tmp/keyd.err"
ok $? 'nor is one for another host'
is "$(cat "$tmp/posted-elsewhere")" '' 'which is told nothing'
stop
# The control: nothing else is different.
serve good good
wait_for 60 test -s "$tmp/posted-good"
ok $? 'one that is good is told'
is "$(jq -r .rule "$tmp/posted-good")" decoy 'what waited for it'
stop
done_testing
