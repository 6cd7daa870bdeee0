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
	"$1" --vault "$vault" --key-file "$key" 2>"$tmp/keyd.log" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	wait_for 30 test -S "$vault/run/keyd.sock"
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
for _ in 1 2 3 4 5 6 7 8 9 10; do
	round || {
		bad=$((bad + 1))
		diag "$(cat "$tmp/put.err" "$tmp/gc.err" | tail -5)"
	}
done
is "$bad" 0 'nothing-lost: ten puts beside gc are whole'
taken=$(weir audit ls --kind gc --json |
    jq -s 'map(.objects // 0) | add')
[ "$taken" -gt 0 ]
ok $? 'gc took objects away meanwhile'
end_process "$keyd"

serve "$mutant"
lost=1
left=200
while [ $lost -ne 0 ] && [ $left -gt 0 ]; do
	left=$((left - 1))
	round
	[ $? -eq 1 ] || [ ! -s "$tmp/check" ] || grep -q '^missing *0' "$tmp/check" ||
	    lost=0
done
ok $lost 'the control: without pins a version is lost'
done_testing
