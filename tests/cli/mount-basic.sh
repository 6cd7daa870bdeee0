#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir mount: detached, in the foreground, around a command; umount.
. "$(dirname "$0")/lib.sh"
requires fuse

mkvault vault
mktree "$tmp/tree"
ref=$(weir put llama "$tmp/tree" 2>/dev/null)
weir grant add llama --to "$me" --loads 99 --reason t 2>/dev/null >&2
mnt=$tmp/mnt
mkdir "$mnt"
cleanup_fn unmount "$mnt"

exits 5 'a mountpoint that is not there' \
    weir mount --allow-unsigned "$ref" "$tmp/absent"
exits 2 'no reference' weir mount "$mnt"
exits 2 'no command behind --' weir mount \
    --allow-unsigned "$ref" "$mnt" --
like "$err" 'which COMMAND' 'is asked for'
exits 2 'an empty one' weir mount --allow-unsigned "$ref" "$mnt" -- ''
exits 2 'nor for weir-mount' weir-mount --allow-unsigned \
    "$ref" "$mnt" --
exits 5 'a model that is not there' \
    weir mount --allow-unsigned nothing@00000000 "$mnt"
exits 2 'what was put last, which nobody has signed' weir mount llama "$mnt"
like "$err" 'weir promote llama@DIGEST prod.*weir ls llama' \
    'is told what to do instead'
exits 2 'the same by its name' weir mount --allow-unsigned llama:latest "$mnt"
exits 5 'a version, where nothing is pinned' weir mount "$ref" "$mnt"
like "$err" 'no trust root .* is pinned on this host.*--trust FILE' \
    'is told so'
exits 2 'an unsigned version by few digits' weir mount --allow-unsigned \
    "$(printf %s "$ref" | cut -c 1-30)" "$mnt"
like "$err" 'nobody has signed it.*32' 'is told why that does not do'
is "$(ls "$mnt")" '' 'nothing was mounted'
for place in / "$tmp" "$vault" "$vault/objects"; do
	exits 6 "a mount that hides the vault: $place" \
	    weir mount --allow-unsigned "$ref" "$place"
done
like "$err" 'hide the vault' 'is refused and told why'

exits 0 'mount' weir mount --allow-unsigned "$ref" "$mnt"
grep -q " $mnt .* fuse.weir " /proc/self/mountinfo
ok $? 'is a mount of type fuse.weir'
dir=$mnt/llama/@${ref#llama@}
is "$(describe "$dir/")" "$(describe "$tmp/tree")" 'it holds what was put'
is "$(ls -A "$mnt") $(names_in "$mnt/llama")" 'llama 1' 'and nothing else'
for op in "touch $dir/new" "rm $dir/one-byte" \
    "mkdir $mnt/x" "chmod 777 $dir/one-byte" \
    "ln -s a $mnt/llama/b" "truncate -s 0 $dir/one-byte" \
    "mv $mnt/llama $mnt/other"; do
	# shellcheck disable=SC2086 # a command and its arguments
	err=$($op 2>&1) && ok 1 "$op"
	like "$err" 'Read-only file system' "${op%% *} is refused"
done
exits 6 'a second mount there is refused' weir mount --allow-unsigned \
    "$ref" "$mnt"
exits 0 'session ls' weir session ls --json
is "$(printf '%s' "$out" | jq -r '.sessions[0].mountpoint')" "$mnt" \
    'has the mountpoint'
exits 0 'status' weir status
like "$out" "^$mnt +weir:llama@[0-9a-f]{12} +[0-9]+ +[0-9]+$" \
    'has it, too, with its session'
head -c 32 /dev/urandom >"$tmp/other.key"
weir --key-file "$tmp/other.key" init "$tmp/other" >/dev/null 2>&1
exits 0 'status of another vault' env WEIR_KEY_FILE="$tmp/other.key" \
    weir -V "$tmp/other" status --json
is "$(printf '%s' "$out" | jq --arg m "$mnt" \
    '.mounts[] | select(.mountpoint == $m) | .session')" null \
    'has it as one of no session of its own'
next=$(weir put llama "$top/vault" 2>/dev/null)
is "$(ls -A "$mnt/llama")" "@${ref#llama@}" \
    'a mount keeps the version that it opened'

exec 7<"$dir/weights.bin"
exits 6 'umount with an open file' weir umount "$mnt"
like "$err" "weir umount --force '$mnt'" 'is refused, and says how'
like "$err" "in use by [a-z]+ [(]$$[)]" 'and by whom'
unlike "$err" 'weir \([0-9]+\)' 'not by itself'
exec 7<&-
exits 0 'umount' weir umount "$mnt"
is "$(ls "$mnt")" '' 'and it is gone'
wait_for 60 sh -c \
    "weir session ls --json | jq -e '.sessions == []'"
ok $? 'the session is closed'
exits 5 'umount of what is not mounted' weir umount "$mnt"
is "$(weir audit ls --json --kind session.resume 2>/dev/null)" '' \
    'a mount that never lost keyd has resumed nothing'

exits 0 'around a command' weir mount --allow-unsigned "$ref" "$mnt" -- \
    cmp "$mnt/llama/@${ref#llama@}/weights.bin" "$tmp/tree/weights.bin"
is "$(ls "$mnt")" '' 'it ends with it'
exits 42 'the exit status is the command'\''s' \
    weir mount --allow-unsigned "$ref" "$mnt" -- sh -c 'exit 42'
exits 143 'a signal, too' weir mount --allow-unsigned "$ref" "$mnt" -- \
    sh -c 'kill -TERM $$'
exits 127 'a command that is not there' \
    weir mount --allow-unsigned "$ref" "$mnt" -- "$tmp/no-such-command"
is "$(ls "$mnt")" '' 'leaves no mount'
exits 0 'standard input and output are the command'\''s' sh -c \
    "echo hello | weir mount --allow-unsigned '$ref' '$mnt' -- cat"
is "$out" hello 'as they were'

weir mount --allow-unsigned "$ref" "$mnt" -f >"$tmp/o" 2>&1 &
pid=$!
wait_for 60 test -e "$mnt/llama"
ok $? 'in the foreground'
kill -0 $pid
ok $? 'it stays'
kill -INT $pid 2>/dev/null
kill -TERM $pid
wait_for 60 sh -c "! kill -0 $pid"
ok $? 'until it is told to end'
is "$(ls "$mnt")" '' 'and it unmounts'

weir mount --allow-unsigned "$ref" "$mnt" -f >"$tmp/o" 2>&1 &
pid=$!
wait_for 60 test -e "$mnt/llama"
exits 0 'umount from elsewhere' weir umount "$mnt"
wait_for 60 sh -c "! kill -0 $pid"
ok $? 'ends it'

exits 0 'two versions in one mount' weir mount --allow-unsigned \
    "$ref" "$next" "$mnt"
is "$(names_in "$mnt/llama")" 2 'are beside each other'
exec 7<"$mnt/llama/@${ref#llama@}/weights.bin"
exits 0 'umount --force with an open file' weir umount --force "$mnt"
is "$(ls "$mnt")" '' 'is done'
is "$(wc -c <&7)" "$(wc -c <"$tmp/tree/weights.bin")" \
    'what was open stays readable'
weir session ls --json 2>/dev/null | jq -e '.sessions | length == 1' >/dev/null
ok $? 'and its session open'
exec 7<&-
wait_for 60 sh -c "weir session ls --json | jq -e '.sessions == []'"
ok $? 'until it is closed'

exits 0 'the trail' weir audit ls --kind release --by "$me"
like "$out" 'weights.bin' 'has what was read'
exits 0 'extents' weir audit ls --kind extents --json
is "$(printf '%s\n' "$out" | jq -s 'map(.reads[]) | length > 0')" true \
    'were told by the workers'
is "$(printf '%s\n' "$out" |
    jq -s 'map(.paths[]) | index("weights.bin") != null')" true \
    'with the names of files'
done_testing
