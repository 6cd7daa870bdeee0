#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What put remembers of files (FORMAT.md, "What a put remembers") makes no version
# another: files that look as they looked and are not are found, as is a memory
# that is none.  A put that goes by looks must be found out.
. "$(dirname "$0")/lib.sh"
mutant=$BUILD/tests/mutants/weir-credulous
[ -x "$mutant" ] || skip_all 'the mutant is not built'

mkvault vault
vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.log" &
cleanup_fn end_process $!
listens
mkdir "$tmp/tree"
head -c 3000000 /dev/urandom >"$tmp/tree/weights"
head -c 2000000 /dev/zero >"$tmp/tree/zeros"

# What the tree is to a user who remembers nothing.
anew()
{
	WEIR_STATE_DIR=$tmp/other$1 weir put llama "$tmp/tree" --quiet
}

# The byte at 1000000 is another, and the file looks as before.
change_unseen()
{
	cp -p "$tmp/tree/weights" "$tmp/looks"
	printf '%s' "$1" | dd of="$tmp/tree/weights" bs=1 seek=1000000 \
	    conv=notrunc 2>/dev/null
	touch -r "$tmp/looks" "$tmp/tree/weights"
}

first=$(weir put llama "$tmp/tree" --quiet)
memory=$(find "$WEIR_STATE_DIR" -name filesums)
[ -s "$memory" ]
ok $? 'put remembers the files that it took in'
is "$(stat -c %a "$memory")" 600 '... for its user alone'
is "$(weir put llama "$tmp/tree" --quiet)" "$first" \
    'put again, it is the same version'
off=$(weir put llama "$tmp/tree" --compress off --quiet)
is "$(weir put llama "$tmp/tree" --compress off --quiet)" "$off" \
    '... and so it is packed another way'

change_unseen a
now=$(weir put llama "$tmp/tree" --quiet 2>"$tmp/err")
is "$now" "$(anew 1)" 'other bytes in a file that looks the same are found'
[ "$now" != "$first" ]
ok $? '... it is another version'
is "$(cat "$tmp/err")" '' '... with nothing said of it'

change_unseen b
[ "$("$mutant" put llama "$tmp/tree" --quiet)" != "$(anew 2)" ]
ok $? 'the control: a put that goes by looks is found out'

now=$(anew 3)
printf x >>"$memory"
is "$(weir put llama "$tmp/tree" --quiet 2>"$tmp/err")" "$now" \
    'a memory that is none does no harm'
like "$(cat "$tmp/err")" "'.*filesums' is not what weir writes there" \
    '... and is told of'
is "$(weir put llama "$tmp/tree" --quiet 2>"$tmp/err")" "$now" \
    '... once'
is "$(cat "$tmp/err")" '' '... and replaced'

: >"$tmp/no-directory"
WEIR_STATE_DIR=$tmp/no-directory
export WEIR_STATE_DIR
is "$(weir put llama "$tmp/tree" --quiet 2>"$tmp/err")" "$now" \
    'a user without a place for it puts as well'
is "$(cat "$tmp/err")" '' '... without a word'
done_testing
