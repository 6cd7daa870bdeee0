#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir audit ls: by principal, model, time and kind; names for digests.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
head -c 3000000 /dev/urandom >"$tmp/m/weights-1.bin"
head -c 100 /dev/urandom >"$tmp/m/weights-2.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir put other "$tmp/m" >/dev/null 2>&1
weir grant add llama --to "$me" --loads 1 --export --reason why 2>/dev/null >&2
weir grant add other --to user:nobody --browse --reason t 2>/dev/null >&2
weir get --allow-unsigned "$ref" "$tmp/copy" 2>/dev/null

# count JQ-CONDITION ARGUMENT...: how many entries, and that all of them fit
entries()
{
	condition=$1
	shift
	weir audit ls --json "$@" >"$tmp/j" 2>"$tmp/.err" || return 1
	jq -es "all($condition)" "$tmp/j" >/dev/null || return 1
	wc -l <"$tmp/j"
}

all=$(entries 'true' --all)
[ "$all" -ge 10 ]
ok $? "all of it: $all entries"
is "$(jq -s 'map(.index) == [range(length)]' "$tmp/j")" true \
    'in order, none missing'
is "$(jq -rs '.[0].kind' "$tmp/j")" init 'the first is init'
n=$(entries '.kind == "release"' --kind release)
[ "$n" -ge 1 ]
ok $? 'releases'
is "$(jq -rs 'map(.path) | unique | join(" ")' "$tmp/j")" \
    'weights-1.bin weights-2.bin' 'name their files'
is "$(jq -rs 'map(.bytes) | add' "$tmp/j")" 3000100 'and every byte'
is "$(jq -rs 'map(.model) | unique | join(" ")' "$tmp/j")" llama 'and model'
n=$(entries '.kind | startswith("session.")' --kind session)
[ "$n" -ge 2 ]
ok $? 'a first word means all kinds below'
n=$(entries '.kind == "init" or (.kind | startswith("put"))' \
    --kind put --kind init)
[ "$n" -ge 3 ]
ok $? 'kinds add up'
n=$(entries '.model == "other" or .family == "other"' --model other)
[ "$n" -ge 3 ]
ok $? 'by model'
n=$(entries '(.kind | test("put|grant|release|session"))' --model llama)
[ "$n" -ge 6 ]
ok $? 'a model has its sessions and releases'
is "$(entries 'true' --by user:nobody)" 0 'nobody did nothing'
n=$(entries '.kind == "release"' --by "$me" --kind release)
[ "$n" -ge 1 ]
ok $? 'releases are found by whose session it was'
# Each command that starts a keyd adds to the trail; one that does not, not.
all=$(entries 'true' --offline --all)
is "$(entries 'true' --offline --all --since 1h)" "$all" \
    'all of it was within the hour'
is "$(entries 'true' --offline --until 1h)" 0 'nothing was before'
is "$(entries 'true' --offline --since 2999-01-01)" 0 'nothing is of the future'
is "$(entries 'true' --offline --all --limit 3)" 3 'a limit'
is "$(jq -s '.[-1].index' "$tmp/j")" "$((all - 1))" 'gives the newest'

# keyd's coming and going is told when it is asked for.
n=$(entries '.kind | startswith("keyd.") | not' --offline)
[ "$n" -gt 3 ] && [ "$n" -lt "$all" ]
ok $? 'without --all the starts and stops of keyd are left out'
n=$(entries '.kind == "keyd.start"' --offline --kind keyd.start)
[ "$n" -ge 2 ]
ok $? '--kind keyd.start has them'
n=$(entries '.kind | startswith("keyd.")' --offline --kind keyd)
[ "$n" -ge 4 ]
ok $? 'so has --kind keyd'
n=$(entries '.by == "keyd"' --offline --by keyd)
[ "$n" -ge 4 ]
ok $? 'and --by keyd'

# Nothing is said to be nothing.
exits 0 'what matches nothing' weir audit ls --offline --until 1h
like "$err" "no entries match \($all looked at\)" 'is told, with what was seen'
is "$out" '' 'and prints nothing'
unlike "$err" 'never seen' 'nobody is called unknown'
exits 0 'a principal that was never there' \
    weir audit ls --offline --by user:bobb
like "$err" "never seen 'user:bobb'" 'is told'
exits 0 'a model that was never there' weir audit ls --offline --model lama
like "$err" "never seen a model 'lama'" 'is told'
exits 0 'one who only was granted something' \
    weir audit ls --offline --by user:nobody
unlike "$err" 'never seen' 'is known'
exits 0 'as JSON' weir audit ls --offline --json --by user:bobb
is "$out" '' 'it prints nothing, too'

exits 0 'for people' weir audit ls --kind release
like "$out" 'llama@[0-9a-f]{12} weights-1.bin chunks? [0-9.]+ [0-9.]+ [kM]?B' \
    'a release is told with file, chunks and size'
exits 0 'offline' weir audit ls --kind release --offline
like "$out" 'llama@[0-9a-f]{12} file #[0-9]' 'files have their rows'
exits 0 'without a secret' env -u WEIR_KEY_FILE weir audit ls --kind init
like "$err" 'keyd is not asked' 'the trail can be read, and it is said'
exits 0 'show' weir audit show 0
like "$out" '"kind": "init"' 'is one entry'
exits 5 'show of what is not there' weir audit show 100000
exits 2 'an unknown kind' weir audit ls --kind nonsense
exits 0 'which kinds there are' weir audit ls --help
like "$out" 'session.open, session.refused,' 'is in the help'
exits 2 'a bad time' weir audit ls --since yesterday
exits 2 'a bad principal' weir audit ls --by nobody
exits 2 'a bad number' weir audit show -- -1
done_testing
