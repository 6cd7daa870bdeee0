#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nothing-lost: a put finds objects of a version that gc takes away at the same
# time, again and again; what put calls stored is there.  A keyd that does not pin
# must be found out.
. "$(dirname "$0")/lib.sh"
requires jq
mutant=$BUILD/tests/mutants/weir-keyd-pinless
[ -x "$mutant" ] || skip_all 'the mutant is not built'

mkdir "$tmp/tree"
i=0
while [ $i -lt 250 ]; do
	echo "$i $$" >"$tmp/tree/f$i"
	i=$((i + 1))
done

# serve PROGRAM: keyd of a new vault
serve()
{
	mkvault "vault$((count + 1))"
	vacant
	"$1" --vault "$vault" --key-file "$key" 2>"$tmp/keyd.log" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
	ref=$(weir put llama "$tmp/tree" 2>/dev/null)
}

# One round: 0 if what was put is whole.
round()
{
	weir rm "$ref" --grace 0 --quiet >/dev/null || return 2
	weir put llama "$tmp/tree" --quiet >/dev/null 2>"$tmp/put.err" &
	putting=$!
	while runs "$putting"; do
		weir gc --grace 0 --quiet >/dev/null 2>>"$tmp/gc.err" ||
		    return 2
	done
	wait "$putting" || return 2
	weir check >"$tmp/check" 2>&1
}

serve weir-keyd
bad=0
# Ten, and more where gc was never in time to take something away.
taken=0
rounds=0
while [ $rounds -lt 10 ] || { [ "$taken" -eq 0 ] && [ $rounds -lt 60 ]; }; do
	rounds=$((rounds + 1))
	round || {
		bad=$((bad + 1))
		diag "$(cat "$tmp/put.err" "$tmp/gc.err" | tail -5)"
	}
	[ $rounds -lt 10 ] || taken=$(weir audit ls --kind gc --json |
	    jq -s 'map(.objects // 0) | add')
done
is "$bad" 0 "nothing-lost: $rounds puts beside gc are whole"
[ "$taken" -gt 0 ]
ok $? 'gc took objects away meanwhile'
end_process "$keyd"

# A put that has found objects there and waits for the rest of its input, while gc
# takes them away.
#	held_round: 0 if what was put is whole, 1 if not, 3 if put refused
held_round()
{
	was=$(weir put llama - --name large --quiet <"$tmp/large") || return 2
	weir rm "$was" --grace 0 --quiet >/dev/null || return 2
	rm -f "$tmp/pipe"
	mkfifo "$tmp/pipe"
	weir put llama - --name large --quiet \
	    <"$tmp/pipe" >/dev/null 2>"$tmp/put.err" &
	putting=$!
	exec 9>"$tmp/pipe"
	# The zeros are more than put holds: once they are read it has looked
	# for what came before.
	cat "$tmp/large" >&9
	head -c 268435456 /dev/zero >&9
	weir gc --grace 0 --quiet >/dev/null 2>"$tmp/gc.err" || return 2
	exec 9>&-
	wait "$putting" || return 3
	weir check >"$tmp/check" 2>&1 || return 1
}

head -c 67108864 /dev/urandom >"$tmp/large"
serve weir-keyd
held_round
got=$?
[ $got -eq 0 ] || [ $got -eq 3 ]
ok $? 'nothing-lost: gc while put waits: whole, or refused'
[ ! -s "$tmp/gc.err" ] || diag "$(cat "$tmp/gc.err")"
end_process "$keyd"

serve "$mutant"
held_round
is $? 1 'the control: without pins a version is lost'
grep -q '^missing *[1-9]' "$tmp/check"
ok $? '... and check names what is missing'
done_testing
