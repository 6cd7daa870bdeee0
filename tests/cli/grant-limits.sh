#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# grant-or-nothing: where, when and how often at once a grant holds.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
echo '{}' >"$tmp/m/config.json"
head -c 100000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
host=$(hostname)
n=0

# grants NAME OPTION...: one grant alone, its number in $id
grants()
{
	name=$1
	shift
	exits 0 "$name" weir grant add llama --to "$me" --loads 9 --export \
	    --reason t "$@"
	id=$out
}

# reads STATUS NAME
reads()
{
	n=$((n + 1))
	exits "$1" "$2" weir get --allow-unsigned "$ref" "$tmp/out-$n"
}

over()
{
	weir grant rm "$id" 2>/dev/null
}

# in_hours FROM TILL: hours from now, as --hours wants them
in_hours()
{
	printf '%s-%s' "$(date -u -d "$1 hours" +%H:%M)" \
	    "$(date -u -d "$2 hours" +%H:%M)"
}

exits 0 'a grant without export' weir grant add llama --to "$me" --loads 9 \
    --reason t
id=$out
reads 4 'lets no plain copies be written'
like "$err" "write plain copies of it; a manager may allow it: weir grant add .* --export" \
    'and says what would'
over
grants 'a grant for other hosts' --host 'no-such-*' --host 'nor-??'
like "$err" "on hosts 'no-such-\*', as the mount's host says" 'says so'
reads 4 'lets nothing be read here'
like "$err" "grant $id lets $me read .* on hosts no-such-\* nor-\?\?, and this is '$host'" \
    'the refusal says where it does'
like "$err" "weir grant add llama.* --to $me --loads 1 --export --host $host --reason" \
    'and the command that would mend it'
over
grants 'a grant for this host, by a pattern' --host 'no-such-*' \
    --host "$(printf '%s' "$host" | cut -c 1)*"
reads 0 'lets it be read here'
over
grants 'in other letters' --host "$(printf '%s' "$host" | tr '[:lower:]' '[:upper:]')"
reads 0 'it is the same host'
over

later=$(in_hours +2 +4)
grants 'a grant for later today' --hours "$later"
like "$err" "$later UTC, by weir-keyd's clock" 'says by which clock'
reads 4 'lets nothing be read before'
like "$err" "grant $id lets .* $later \(UTC, by weir-keyd's clock\), and not now; wait, or a manager may add another: weir grant add" \
    'the refusal says when it does'
over
grants 'a grant for earlier today' --hours "$(in_hours -4 -2)"
reads 4 'lets nothing be read after'
over
grants 'a grant for now' --hours "$(in_hours -2 +2)"
reads 0 'lets it be read'
over
grants 'the same hours elsewhere' --hours "$(in_hours -2 +2)" --zone +05:00
reads 4 'are not now'
over
grants 'a grant for the other days' --days "$(date -u -d '+2 days' +%a |
    tr '[:upper:]' '[:lower:]')-$(date -u -d '-2 days' +%a | tr '[:upper:]' '[:lower:]')"
reads 4 'lets nothing be read today'
over
grants 'a grant for today' \
    --days "$(date -u +%a | tr '[:upper:]' '[:lower:]'),$(date -u -d '+1 day' +%a | tr '[:upper:]' '[:lower:]')"
reads 0 'lets it be read'
exits 0 'grant ls' weir grant ls
like "$out" "$(date -u +%a | tr '[:upper:]' '[:lower:]'),.* UTC" 'shows the days'
over

grants 'a grant with everything' --host "$host" --days mon-sun \
    --hours 00:00-24:00 --zone -03:30 --max-sessions 2
reads 0 'lets it be read where all holds'
exits 0 'grant ls --json' weir grant ls --json
json ".grants[-1] | .hosts == [\"$host\"] and .days == \"mon-sun\" and
    .hours == \"00:00-24:00\" and .zone == \"-03:30\" and .max_sessions == 2" \
    'has every field'
exits 0 'grant ls' weir grant ls
like "$out" "on $host; mon-sun 00:00-24:00 -03:30; 2 sessions" 'shows them'
exits 0 'the trail' weir audit ls --kind grant.add
like "$out" "on $host, mon-sun 00:00-24:00 -03:30, at most 2 sessions" \
    'tells of them'
over

exits 0 'the refusals' weir audit ls --json --kind session.refused
for reason in 'host not listed: llama@' 'outside the granted hours: llama@'; do
	like "$out" "\"reason\": ?\"$reason" "are recorded: $reason"
done
is "$(printf '%s\n' "$out" | jq -s -c 'map([.host, .model]) | unique')" \
    "[[\"$host\",\"llama\"]]" 'with the host that asked, and for which model'

for wrong in '--host a/b' '--days mo' '--days mon-' \
    '--hours 8-18' '--hours 08:00-08:00' '--zone UTC' '--days mon --zone CET' \
    '--max-sessions 0' '--max-sessions 257' '--max-sessions x'; do
	# shellcheck disable=SC2086 # an option and its value
	exits 2 "refused: $wrong" weir grant add llama --to "$me" --loads 1 \
	    --reason t $wrong
done
exits 2 'a host with a blank in its name' weir grant add llama --to "$me" \
    --loads 1 --reason t --host 'a b'
exits 2 'or without one' weir grant add llama --to "$me" \
    --loads 1 --reason t --host ''

has_fuse()
{
	(: <>/dev/fuse) 2>/dev/null
}
if has_fuse; then
	mkdir "$tmp/one" "$tmp/two"
	cleanup_fn unmount "$tmp/one"
	cleanup_fn unmount "$tmp/two"
	grants 'a grant for one session at once' --max-sessions 1
	exits 0 'a first mount' weir mount --allow-unsigned "$ref" "$tmp/one"
	exits 4 'a second one' weir mount --allow-unsigned "$ref" "$tmp/two"
	like "$err" "grant $id lets $me have 1 session of .* at once, and that many are open; close one: weir session ls" \
	    'is refused, with what to do'
	exits 0 'the trail' weir audit ls --json --kind session.refused
	like "$out" '"reason": ?"too many sessions: llama@' 'has why'
	weir umount "$tmp/one" 2>/dev/null
	wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
	exits 0 'when the first has gone' weir mount --allow-unsigned "$ref" \
	    "$tmp/two"
	weir umount "$tmp/two" 2>/dev/null
	over
fi
done_testing
