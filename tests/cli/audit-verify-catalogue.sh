#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The catalogue is a projection of the trail, and keyd goes by it: whoever edits
# it is found by taking the trail in anew.  Control: what nobody has edited, after
# everything that weir does, is the same row by row.
# shellcheck disable=SC2317 # functions are called by name
. "$(dirname "$0")/lib.sh"
requires jq python3

mkvault vault
trusted carol
mkdir "$tmp/m"
head -c 300000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$ref" prod
weir grant add llama --to "$me" --loads 9 --export --reason test >/dev/null 2>&1
weir grant add llama --to user:mallory --browse --reason test >/dev/null 2>&1
weir grant add llama --to user:nobody --browse --reason test >/dev/null 2>&1
weir grant rm 3 --reason over >/dev/null 2>&1
weir role add reviewer --to user:rita >/dev/null 2>&1
weir get llama:prod "$tmp/out" >/dev/null 2>&1
ok $? 'a version is promoted and read'
echo more >"$tmp/m/more.bin"
new=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$new" prod
weir put llama "$tmp/m" >/dev/null 2>&1
weir rollback llama prod --to 1 --key carol --reason t --yes >/dev/null 2>&1
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 \
    -out "$tmp/release.pem" 2>/dev/null
weir sign "$new" --oms --key "$tmp/release.pem" --yes >/dev/null 2>&1
weir revoke "$new" --key carol --reason t --yes >/dev/null 2>&1
idle
cp -a "$vault" "$tmp/kept"

verify()
{
	weir audit verify --catalogue --quiet "$@"
}
exits 0 'what nobody has edited' verify
like "$out" '^The catalogue is what the trail' 'is what the trail adds up to'
exits 0 'as JSON' verify --json
json '.ok and .different == 0 and .rows == [] and .entries > 20' 'too'
exits 0 'and keyd goes on with it' weir ls
idle
exits 0 'which is no change' verify

# edit SQL NAME TABLE REGEX: what is written into the catalogue is found
edit()
{
	rm -rf "$vault"
	cp -a "$tmp/kept" "$vault"
	python3 -c 'import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.executescript(sys.argv[2])
db.commit()
assert sys.argv[2].startswith("create") or db.total_changes > 0' \
	    "$vault/catalogue.db" "$1" || diag "$1"
	exits 3 "$2" verify
	like "$out" 'THE CATALOGUE HAS BEEN CHANGED' 'is found'
	like "$out" "^$3, the (catalogue has|trail says ):.*$4" 'and named'
}
edit "update grants set loads = 9000 where id = 1" \
    'a grant of more loads' grants 'loads=9000'
like "$out" '^grants, the trail says : id=1 .*loads=9 ' 'with what it was'
exits 0 'keyd believes it' weir grant ls --json
json '.grants[0].loads == 9000' 'which is why there is this command'
edit "update grants set principal = 'user:mallory' where id = 1" \
    "somebody else's grant" grants 'principal="user:mallory"'
edit "update grants set removed = 0 where id = 3" 'a grant come back' grants \
    'id=3 '
edit "insert into roles values ('user:mallory', 0, '')" 'a role' roles mallory
edit "delete from roles where principal = 'user:rita'" 'a role gone' roles rita
edit "update versions set verified = 1, verify_reason = 'x'" 'a verdict' \
    versions 'verify_reason="x"'
edit "update statements set state = 3 where about = 3" \
    'a revocation undone' statements 'state=3'
edit "update channels set version = '$(printf '%064d' 0)'" 'a channel' \
    channels 'version="0000'
edit "delete from oms" 'a model.sig gone' oms 'model="llama"'
edit "update sessions set bytes = 0" 'what was read' sessions 'bytes=0'
edit "create trigger t after insert on roles begin delete from grants; end" \
    'a trigger' sqlite_schema 'type="trigger"'
edit "update meta set value = value + 5 where name = 'grants'" 'a counter' \
    meta 'name="grants"'

# Not while keyd has it.
rm -rf "$vault"
cp -a "$tmp/kept" "$vault"
vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process $keyd
listens
exits 6 'while a keyd serves' verify
like "$err" 'stop it, or give -V a copy' 'says what to do'
end_process $keyd
exits 0 'afterwards it works' verify
exits 2 'not together with another' verify --against "$tmp/kept"
done_testing
