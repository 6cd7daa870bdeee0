#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir audit replay: what the watch would have said by other rules.
# weir watch check: whether rules are sound.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 16777216 /dev/urandom >"$tmp/m/weights.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "$me" --browse --export --reason t 2>/dev/null >&2

fails 'a browse grant is not for a copy' \
    weir get --allow-unsigned "$ref" "$tmp/copy"
weir alert ls --json >"$tmp/then" 2>/dev/null
n=$(jq '.alerts | length' "$tmp/then")
[ "$n" -ge 2 ]
ok $? "the watch said so: $n alerts"

# changes ARGUMENT...: "same new gone" of a replay
changes()
{
	weir audit replay --json "$@" >"$tmp/j" 2>"$tmp/.err" || return 1
	jq -rs '[(map(select(.change == "same")), map(select(.change == "new")),
	    map(select(.change == "gone"))) | length] | join(" ")' "$tmp/j"
}

is "$(changes)" "$n 0 0" 'by the same rules it says the same'
is "$(jq -s 'map(.alert) | sort' "$tmp/j")" \
    "$(jq '.alerts | map(.alert) | sort' "$tmp/then")" \
    'each with the number of the one raised then'
is "$(jq -cs 'map(.entries)' "$tmp/j")" \
    "$(jq -c '.alerts | sort_by(.entries[-1]) | map(.entries)' "$tmp/then")" \
    'and rests on the same entries'
is "$(jq -rs 'map(.rule) | contains(["budget-spent", "burst"])' "$tmp/j")" \
    true 'among them the block'

printf '[budget-spent]\nenabled = no\n' >"$tmp/less"
is "$(changes --rules "$tmp/less")" "$((n - 1)) 0 1" 'a rule less: one is gone'
is "$(jq -rs 'map(select(.change == "gone").rule) | join(" ")' "$tmp/j")" \
    budget-spent 'that one'
printf '[browse-half]\nshare = 0.1%%\n' >"$tmp/more"
is "$(changes --rules "$tmp/more")" "$((n - 1)) 1 1" \
    'a lower limit is met by an earlier entry'
is "$(jq -rs 'map(select(.change != "same").rule) | unique | join(" ")' \
    "$tmp/j")" browse-half 'of that rule'

is "$(changes --to 1h)" '0 0 0' 'before that, nothing'
is "$(changes --from 1h)" "$n 0 0" 'since then, all of it'
is "$(changes --offline --from 1h)" "$n 0 0" 'from the files alone, too'

exits 0 'a table for people' weir audit replay
grep -q '^TIME' "$tmp/.out"
ok $? 'has a head'
grep -q "alerts by these rules: $n as then, 0 new" "$tmp/.err"
ok $? 'and a sum behind it'
exits 0 'of a time before the trail' \
    weir audit replay --from 2020-01-01 --to 2020-02-01
like "$err" 'no entry of that time: it goes from' 'it is said that it has none'
exits 2 'time that runs back is refused' \
    weir audit replay --from 1h --to 2h
exits 5 'and rules that are not there' weir audit replay --rules "$tmp/none"

# --- watch check ---

exits 0 'sound rules' weir watch check "$tmp/less"
cp "$tmp/.out" "$tmp/whole"
grep -q '^\[crawl\]' "$tmp/whole"
ok $? 'are printed with what they do not set'
exits 0 'and that is sound' weir watch check "$tmp/whole"
cmp -s "$tmp/.out" "$tmp/whole"
ok $? 'and the same'
is "$(weir watch check --json "$tmp/less" |
    jq -c '[.ok, (.rules[] | select(.rule == "budget-spent").enabled)]')" \
    '[true,false]' 'as JSON'
printf '[drip]\n\nsharre = 1%%\n' >"$tmp/wrong"
exits 1 'a key that there is not' weir watch check "$tmp/wrong"
grep -q "line 3: \[drip\] has no key 'sharre'" "$tmp/.err"
ok $? 'is refused with its line'
printf '[pool-near]\nshare = 4%%\n' >"$tmp/wrong"
exits 1 'a limit that could never be met' weir watch check "$tmp/wrong"
grep -q 'line 2: .* could never be met' "$tmp/.err"
ok $? 'too'
exits 1 'a replay takes no such rules' \
    weir audit replay --rules "$tmp/wrong"

done_testing
