#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every command that prints takes --json, and prints one object, or one a line.
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
echo '{}' >"$tmp/m/config.json"
head -c 200000 /dev/urandom >"$tmp/m/w \"quoted\" grüße.bin"

# object COMMAND...: prints exactly one object, and nothing else
object()
{
	weir "$@" --json >"$tmp/j" 2>"$tmp/.err"
	got=$?
	[ "$got" -eq 0 ] || [ "$got" -eq 8 ] || [ "$got" -eq 3 ] ||
	    diag "exit $got: $(cat "$tmp/.err")"
	[ "$(jq -s 'length == 1 and (.[0] | type) == "object"' "$tmp/j" \
	    2>/dev/null)" = true ]
	ok $? "$1 $2"
}

has()
{
	[ "$(jq "$1" "$tmp/j" 2>/dev/null)" = true ]
	ok $? "  with $(printf '%s' "$1" | tr -s '\n ' ' ')"
}

object put llama "$tmp/m" --label 'k=v "w"'
ref=$(jq -r .reference "$tmp/j")
has '.reference | test("^llama@[0-9a-f]{64}$")'
has '[.files, .bytes, .weights, .chunks, .new_bytes, .stored_bytes] |
    all(type == "number")'
has '(.known | type) == "boolean" and (.seconds | type) == "number"'
has '.seconds * 1000 | . - round | fabs < 0.000001'
object grant add llama --to "$me" --loads 5/day --export --until 1d \
    --reason 'because "so"'
has '.grant == 1'
object grant ls
has '.grants[0].reason == "because \"so\"" and .grants[0].loads == 5'
has '.grants[0].per_day and .grants[0].export and .grants[0].counted == true'
object role add uploader --family llama --to user:nobody
object role ls
has '[.roles[] | select(.role == "uploader" and .family == "llama")] |
    length == 1'
object role rm uploader --family llama --to user:nobody
object ls --quiet
has '.models[0].versions[0].labels.k == "v \"w\"" and .models[0].model == "llama"'
has '.models[0] | .latest == .versions[0].version and .versions[0].bytes > 200000'
object ls llama --files
has '[.files[].path] == ["config.json", "w \"quoted\" grüße.bin"]'
object show llama
has '.files == 2 and .version == (.version | ascii_downcase)'
object get --allow-unsigned "$ref" "$tmp/copy"
has '.files == 2 and .session == 1'
object check --read-data
has '.ok and .damage == []'
object session ls
has '.sessions == []'
object session show 1
has '.session == 1 and .closed and .purpose == "get"'
has '.released_bytes > 200000 and .versions[0].model == "llama"'
object audit show 0
has '.index == 0 and .kind == "init"'
object audit verify
has '.ok and (.root | test("^[0-9a-f]{64}$")) and (.vkey | test("\\+"))'
object audit checkpoint
has '(.note | startswith(.origin? // "")) and .size > 5'
has '[.origin, .vkey, .root] | all(type == "string")'
object status --quiet
has '.keyd != null and .sessions == [] and (.mounts | type) == "array"'
object doctor --quiet
has '[.findings[].state] - ["ok", "warn", "fail"] == []'
object version --quiet
object grant rm 1
has '.removed'
weir audit ls --json >"$tmp/j" 2>/dev/null
while read -r line; do
	printf '%s' "$line" | jq -e '.index >= 0 and .kind and .time' \
	    >/dev/null || break
done <"$tmp/j"
[ -z "$(tail -c 0 "$tmp/j")" ] && [ "$(wc -l <"$tmp/j")" -gt 8 ] &&
    [ "$(jq -s length "$tmp/j")" -eq "$(wc -l <"$tmp/j")" ]
ok $? 'audit ls prints one object a line'
weir init --json --key-file "$key" "$tmp/v2" >"$tmp/j" 2>/dev/null
[ "$(jq -s length "$tmp/j")" -eq 1 ]
ok $? 'init'

if (: <>/dev/fuse) 2>/dev/null; then
	weir grant add llama --to "$me" --loads 5 --export --reason t \
	    2>/dev/null >&2
	cleanup_fn unmount "$tmp/mnt"
	object mount --allow-unsigned "$ref" "$tmp/mnt"
	object session ls
	has '.sessions[0].mountpoint != "" and .sessions[0].pid > 0'
	object status --quiet
	has '[.mounts[] | select(.session > 0)] | length >= 1'
	object umount "$tmp/mnt"
	wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"

	# A path that is not UTF-8, and would steer a terminal.
	odd=$tmp/$(printf 'odd\377\302\233')
	mkdir "$odd"
	cleanup_fn unmount "$odd"
	object mount --allow-unsigned "$ref" "$odd"
	object session ls
	has '.sessions[0].mountpoint | test("odd\ufffd")'
	object status --quiet
	has '[.mounts[] | select(.mountpoint | contains("odd\\xff"))] |
	    length == 1 and .[0].session > 0'
	weir status >"$tmp/out" 2>"$tmp/.err"
	! LC_ALL=C grep -q "$(printf '\377\\|\302\233')" "$tmp/out"
	ok $? 'and people are shown no byte of it that acts'
	object umount "$odd"
	has '.mountpoint | contains("odd\\xff")'
	object get --allow-unsigned "$ref" "$odd/copy"
	has '.dest | contains("odd\\xff")'
	! LC_ALL=C grep -q "$(printf '\377\\|\302\233')" "$tmp/.err"
	ok $? 'nor in what is said'
fi
done_testing
