#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# grant explain says why somebody can or cannot; grant review what came of grants.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
echo '{}' >"$tmp/m/config.json"
head -c 100000 /dev/urandom >"$tmp/m/w.bin"
before=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
ref=$(weir put llama "$tmp/m" 2>/dev/null)
host=$(hostname)

exits 4 'without a grant' weir grant explain "$me" "$ref"
like "$out" "^no: $me has no grant for llama@.*: weir grant add llama@" \
    'it is said, with the command'
weir grant add llama --to "$me" --loads 9 --reason t --host 'gpu-*' \
    --max-sessions 2 >/dev/null 2>&1
weir grant add llama:prod --to "$me" --browse --reason t --until 3d \
    >/dev/null 2>&1
exits 4 'on a host that is not listed' weir grant explain "$me" "$ref" \
    --host laptop
like "$out" "host +NO +on hosts gpu-\*; this is 'laptop'" 'the rule is named'
like "$out" 'grant 2 .* +reference +NO +it is for llama:prod' \
    'and why the other grant does not help'
like "$out" '^no: grant 1 lets .* weir grant add .* --host laptop' \
    'and the command'
exits 0 'on one that is' weir grant explain "$me" "$ref" --host gpu-7
like "$out" '^yes: grant 1 lets' 'by that grant'
like "$out" 'signed +yes +this vault has no trust root.*--allow-unsigned only' \
    'but unsigned'
exits 4 'plain copies' weir grant explain "$me" "$ref" --export --host gpu-7
like "$out" 'export +NO +without plain copies' 'are another rule'
exits 4 'a channel that is not there' weir grant explain "$me" llama:prod
like "$out" "^no: grant 1 lets .* but there is none: 'weir ls llama'|^no: grant 2 .* but there is none: 'weir ls llama'" \
    'is said to be granted, and not there'
exits 4 'what was put last' weir grant explain "$me" llama
like "$out" 'signed +NO +nobody signs what llama:latest stands for' \
    'is not signed'
exits 4 'before the grants' weir grant explain "$me" "$ref" --at "$before"
unlike "$out" 'grant 1' 'there were none'
exits 4 'somebody else' weir grant explain user:nobody "$ref"
exits 4 'a model that is not there' weir grant explain "$me" lama:prod
like "$out" "^no: there is no lama:prod: 'weir ls lama' lists" \
    'is no matter of grants'
exits 2 'what is no principal' weir grant explain bob "$ref"
exits 2 'what is no reference' weir grant explain "$me" 'llama:'

# What is decided is what is said.
agree()
{
	weir grant explain "$me" "$ref" --host "$host" --export >/dev/null 2>&1
	said=$?
	rm -rf "$tmp/copy"
	weir get --allow-unsigned "$ref" "$tmp/copy" >/dev/null 2>&1
	is $? "$said" "$1: what is said is what is done ($said)"
}
agree 'another host'
for limit in "--host $host" '--host *x*y*z*' '--days mon-sun' \
    "--hours $(date -u -d '+1 hours' +%H:%M)-$(date -u -d '+2 hours' +%H:%M)" \
    "--hours $(date -u -d '-1 hours' +%H:%M)-$(date -u -d '+2 hours' +%H:%M)" \
    '--until 1h'; do
	set -f
	# shellcheck disable=SC2086 # options and their values
	id=$(weir grant add llama --to "$me" --loads 1 --export --reason t \
	    $limit 2>/dev/null)
	set +f
	agree "$limit"
	weir grant rm "$id" >/dev/null 2>&1
done

id=$(weir grant add llama --to "$me" --loads 9 --export --reason t 2>/dev/null)
weir get --allow-unsigned "$ref" "$tmp/a-copy" >/dev/null 2>&1
then=$(date -u +%Y-%m-%dT%H:%M:%S.%3NZ)
exits 0 'grant review' weir grant review
like "$out" "^ *1 +$me +llama +0.0 of 9 .*never used" 'what was never used'
like "$out" "^ *$id +$me +llama +1.0 of 9 +yes .* 1 +[-0-9]+ [:0-9]+ +no end; 1.0 of 9 loads used; any version, and one was read; any host, and one was seen" \
    'what was, and what of it was not'
exits 0 'as JSON' weir grant review --json
json "[.grants[] | select(.grant == $id)][0] | .sessions == 1 and .exports == 1 and
    .bytes == 100003 and .loads_milli == 1000 and .versions == 1 and
    .hosts_seen == [\"$host\"] and .last_read != null" 'has the numbers'
json '[.grants[] | select(.grant == 1)][0] | .findings | index("never used") != null' \
    'and the findings'
weir grant rm "$id" --reason over >/dev/null 2>&1
exits 0 'when it was taken back' weir grant review --json
json "[.grants[] | select(.grant == $id)] | length == 0" 'it is not there'
exits 0 'at the time before' weir grant review --json --at "$then"
json "[.grants[] | select(.grant == $id)][0] | .sessions == 1 and
    .loads_milli == 1000" 'it is, with what was used'
exits 0 'before all' weir grant review --at "$before"
is "$out" '' 'there was nothing'
exits 4 'what was taken back' weir grant explain "$me" "$ref" --host "$host"
like "$out" "grant $id .* there +NO +taken back .* by $me: over" 'is told of'
done_testing
