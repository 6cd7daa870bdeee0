#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# grant-or-nothing: what is refused, how, and that it is recorded.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m" "$tmp/mnt"
echo '{}' >"$tmp/m/config.json"
head -c 100000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir put other "$tmp/m" >/dev/null 2>&1

exits 4 'grant-or-nothing: no mount without a grant' weir mount --allow-unsigned "$ref" "$tmp/mnt"
like "$err" "weir grant add llama" 'says which command would mend it'
like "$err" "$me" 'and for whom'
exits 4 'get without a grant' weir get --allow-unsigned "$ref" "$tmp/x"
like "$err" 'weir grant add .*--export' 'says which command would mend it'

exits 0 'a grant for another model' weir grant add other --to "$me" \
    --loads 1 --reason t
exits 4 'does not help' weir mount --allow-unsigned "$ref" "$tmp/mnt"
exits 0 'a grant for somebody else' weir grant add llama --to user:nobody \
    --loads 1 --reason t
like "$err" "next: as nobody: weir mount llama:CHANNEL MOUNTPOINT$" \
    'is told of a command that opens something'
like "$err" "'weir ls llama' has its channels and versions" 'and of what'
exits 4 'does not help either' weir mount --allow-unsigned "$ref" "$tmp/mnt"

# One that ends soon, but not before it was used: a machine may be slow.
# shellcheck disable=SC2317 # wait_for calls it
over()
{
	[ "$(date +%s)" -ge "$end" ]
}
tries=0
for s in 2 8 30 90; do
	tries=$((tries + 1))
	weir grant add llama --to "$me" --loads 9 --until ${s}s --export \
	    --reason t >/dev/null 2>&1
	end=$(($(date +%s) + s + 1))
	rm -rf "$tmp/soon"
	weir get --allow-unsigned "$ref" "$tmp/soon" >/dev/null 2>"$tmp/.err"
	status=$?
	if [ $status -ne 4 ] || ! grep -qE 'expired|ended' "$tmp/.err"; then
		break
	fi
done
is "$status" 0 'a grant that ends soon lets be read until then' ||
    diag "$(cat "$tmp/.err")"
wait_for $((s + 60)) over
exits 4 'and not after' weir get --allow-unsigned "$ref" "$tmp/late"
like "$err" 'expired|ended' 'saying why'
exits 0 'grant ls' weir grant ls --json
is "$(printf '%s' "$out" | jq '[.grants[] | select(.expired)] | length')" 0 \
    'leaves out what has ended'
exits 0 'grant ls --all' weir grant ls --json --all
is "$(printf '%s' "$out" | jq '[.grants[] | select(.expired)] | length')" $tries \
    'has it'
is "$(printf '%s' "$out" | jq '[.grants[].counted] | all')" true \
    'that all of them count is said'
exits 0 'grant ls for people' weir grant ls
like "$err" 'weir grant show ID' 'says where what is left is told'

exits 0 'a grant for one version, by some digits' weir grant add \
    "$(printf '%s' "$ref" | cut -c 1-20)" --to "$me" --loads 2/day --export \
    --reason t
id=$out
like "$id" '^[0-9]+$' 'prints its number'
like "$err" "grant $id: $me may load '.*' 2 times a day, and get plain copies, without an end" \
    'says what was granted'
unlike "$err" 'not counted' 'all of it is in force'
like "$err" "next: .* weir mount llama@" 'and what to do next'
unlike "$err" 'while a weir-keyd runs' 'and nothing about others to its owner'
exits 0 'a grant for another account' weir grant add llama \
    --to user:no-such-account --browse --until 2999-12-31 --reason t
like "$err" "no account 'no-such-account'" 'that is not there, says so'
like "$err" 'may browse .* until 2999-12-31 00:00:00 UTC' 'and when it ends'
like "$err" "weir-keyd --vault '$vault' --key-file" \
    'and that others need a keyd that runs'
exits 0 'lets that version be read' weir get \
    --allow-unsigned "$ref" "$tmp/by-digest"
echo more >"$tmp/m/more"
next=$(weir put llama "$tmp/m" 2>/dev/null)
exits 4 'and not the next one' weir get --allow-unsigned "$next" \
    "$tmp/next"
exits 0 'taking it back' weir grant rm "$id" --reason over
exits 4 'ends that' weir get --allow-unsigned "$ref" "$tmp/after"
exits 5 'taking it back again' weir grant rm "$id"
like "$err" "grant $id was removed already, by $me at 2" 'says when it was done'
exits 0 'grant ls --all' weir grant ls --all
like "$out" "^ +$id .* removed 2[-0-9]+ [0-9:]+ by $me: over" \
    'has who took it back, when and why'
like "$out" 'its time was up' 'and what has ended by itself'
exits 0 'grant ls' weir grant ls
unlike "$out" "^ +$id " 'leaves it out'
exits 0 'as JSON' weir grant ls --all --json
is "$(printf '%s' "$out" |
    jq -r ".grants[] | select(.grant == $id) | .removed_reason")" over \
    'it is there, too'
exits 5 'or one that never was' weir grant rm 4711

exits 5 'a channel while no trust root is pinned' \
    weir mount llama:prod "$tmp/mnt"
like "$err" 'no trust root .* is pinned on this host' 'is told'
like "$err" 'weir trust show --export' 'and what to do'
exits 0 'a channel may be granted before it is promoted to' \
    weir grant add llama:prod --to "$me" --browse --reason t
weir grant rm "$out" 2>/dev/null
exits 5 'a channel of a model that is not there' \
    weir grant add nothing:prod --to "$me" --browse --reason t
exits 5 'ls of a model that is not there' weir ls nothing
unlike "$err" 'no grant' 'does not doubt what its owner may see'

exits 2 'a grant without a reason' weir grant add llama --to "$me" --loads 1
like "$err" 'reason' 'is told so'
exits 2 'without a principal' weir grant add llama --loads 1 --reason t
exits 2 'with a bare name' weir grant add llama --to bob --loads 1 --reason t
like "$err" 'user:bob' 'is told what was meant'
exits 2 'with neither kind' weir grant add llama --to "$me" --reason t
exits 2 'with both kinds' weir grant add llama --to "$me" --reason t \
    --browse --loads 1
exits 2 'for no loads' weir grant add llama --to "$me" --loads 0 --reason t
exits 2 'for loads a week' weir grant add llama --to "$me" --loads 1/week \
    --reason t
exits 2 'that has ended' weir grant add llama --to "$me" --loads 1 \
    --until 2001-01-01 --reason t

exits 5 'a model that is not there' weir get --allow-unsigned \
    nothing@00000000 "$tmp/x"
exits 5 'a version that is not there' weir get --allow-unsigned \
    llama@00000000 "$tmp/x"
exits 2 'what was put last, which nobody has signed' weir get llama "$tmp/x"
like "$err" 'weir promote llama@DIGEST prod.*weir ls llama' \
    'is told what to do instead'
exits 2 'the same by its name' weir get --allow-unsigned llama:latest "$tmp/x"
exits 2 'what is no reference' weir get 'llama:' "$tmp/x"

exits 0 'the trail' weir audit ls --json --kind session.refused
[ "$(printf '%s\n' "$out" | wc -l)" -ge 6 ]
ok $? 'has every refusal'
printf '%s\n' "$out" | jq -es --arg me "$me" 'all(.for == $me)' >/dev/null
ok $? 'with whom it was'
done_testing
