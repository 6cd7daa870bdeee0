#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Every command explains itself, and mistakes are told with a way out.
. "$(dirname "$0")/lib.sh"

exits 0 'weir --help' weir --help
commands=$(printf '%s\n' "$out" | sed -n 's/^  weir \([a-z -]*[a-z]\)  .*/\1/p')
[ "$(printf '%s\n' "$commands" | wc -l)" -ge 25 ]
ok $? 'lists the commands'
exits 0 'weir help' weir help
exits 2 'weir alone' weir
is "$out" '' 'says nothing on standard output'

bad=0
printf '%s\n' "$commands" >"$tmp/commands"
while read -r c; do
	# shellcheck disable=SC2086 # a command may be two words
	weir $c --help >"$tmp/o" 2>/dev/null </dev/null || bad=1
	head -n 1 "$tmp/o" | grep -q "^usage: weir $c" || bad=1
	# shellcheck disable=SC2086
	weir help $c </dev/null | cmp -s - "$tmp/o" || bad=1
	awk 'length > 80 { exit 1 }' "$tmp/o" || bad=1
	# shellcheck disable=SC2086
	weir $c --no-such-option >/dev/null 2>"$tmp/e" </dev/null
	[ $? -eq 2 ] || bad=1
	grep -q "weir help $c" "$tmp/e" || bad=1
	[ $bad -eq 0 ] || diag "$c"
done <"$tmp/commands"
is "$bad" 0 'every command has --help, and refuses an unknown option'

exits 2 'a slip' weir moutn
like "$err" "did you mean 'weir mount'" 'is understood'
exits 2 'a slip of two words' weir grant ad
like "$err" "did you mean 'weir grant add'" 'too'
exits 2 'a command that is to come' weir unlearn llama
like "$err" "no command 'unlearn'" 'is not there'
exits 2 'half a command' weir audit
like "$err" 'weir help audit' 'is told what comes next'
exits 0 'help of half a command' weir help audit
like "$out" 'weir audit verify' 'lists its other halves'
exits 2 'help of nothing' weir help frobnicate
exits 2 'too many arguments' weir -V "$tmp" version more
like "$err" "'more'" 'and which one it is'
exits 2 'an option without its value' weir ls --vault
like "$err" '--vault needs a value' 'is told'
exits 2 'control characters' weir "$(printf 'x\033[31m')"
unlike "$err" "$(printf '\033')" 'do not reach the terminal'
exits 2 'a missing argument' weir put
like "$err" 'MODEL is missing' 'is named'
exits 2 'a second one' weir mount llama
like "$err" 'MOUNTPOINT is missing' 'too'
exits 2 'too few digits' weir -V "$tmp" show llama@0bbfd5b
like "$err" 'MODEL@DIGITS, at least 8 of them' 'are told how many'
exits 2 'behind options' weir umount --force
like "$err" 'MOUNTPOINT is missing' 'too'
bad=$(while read -r c; do
	# shellcheck disable=SC2086 # a command may be two words
	weir $c --help
done <"$tmp/commands" | grep -c ' $')
is "$bad" 0 'no line of the help ends in a blank'
exits 0 'mount --help' weir mount --help
like "$out" '--stall SECONDS' 'has --stall'
exits 0 '--version' weir --version
like "$out" '^weir [0-9]+\.[0-9]+' 'is a number'
exits 0 'as JSON' weir --json --version
json '.version | test("^[0-9]")' 'too'
exits 2 'a command has none' weir ls --version
exits 0 'version' weir version
like "$out" '^weir [0-9]+\.[0-9]+' 'is a number'
exits 0 'options before the verb' weir --json version
exits 0 'and after it' weir version --json
is "$(env NO_COLOR=1 weir help | tr -d '\n' | grep -c "$(printf '\033')")" 0 \
    'no colours with NO_COLOR'
done_testing
