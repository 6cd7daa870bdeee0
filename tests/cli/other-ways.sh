#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# one-session-one-mount: the user whom a mount is for reads by every way that
# there is, and another one gets 0 bytes by each; with a descriptor that was
# handed on it gets what the kernel keeps, nothing else, and an alert is raised.
. "$(dirname "$0")/lib.sh"
requires root fuse useradd setpriv jq

# shellcheck disable=SC2317 # by way of cleanup_fn
drop_account()
{
	wait_for 60 no_process_of "$1"
	userdel "$1"
}

# shellcheck disable=SC2317 # by way of wait_for
no_process_of()
{
	! pgrep -u "$1"
}

alice=weirc$$
bob=weird$$
for name in "$alice" "$bob"; do
	useradd --no-create-home --shell /bin/sh "$name" ||
	    skip_all 'useradd does not work here'
	cleanup_fn drop_account "$name"
done
chmod 755 "$tmp"
# Where everybody can run it.
mkdir -m 755 "$tmp/bin" "$tmp/mnt"
cp "$BUILD/tests/load/other_ways" "$tmp/bin/"

mkvault vault
mkdir "$tmp/m"
head -c 8000000 /dev/urandom >"$tmp/m/w.bin"
ref=$(weir put llama "$tmp/m" 2>/dev/null)
weir grant add llama --to "user:$alice" --loads 99 --reason t >/dev/null 2>&1
mnt=$tmp/mnt
file=$mnt/llama/@${ref#*@}/w.bin
cleanup_fn unmount "$mnt"

# In the background $! is then the program's own pid.
become()
{
	who=$1
	shift
	exec setpriv --reuid "$who" --regid "$(id -g "$who")" --clear-groups \
	    -- "$@"
}

as()
{
	(become "$@")
}

# ways USER ARGUMENT...: what they give, in $out
ways()
{
	user=$1
	shift
	exits 0 "$user tries" as "$user" "$tmp/bin/other_ways" "$@"
}

# gave: names of the ways that gave something, in a line
gave()
{
	printf '%s\n' "$out" | awk '$2 != "-" && $2 > 0 { print $1 }' |
	    tr '\n' ' '
}

# mounted [MUTANT]: for alice, by root
mounted()
{
	rm -rf "$tmp/bin2"
	mkdir "$tmp/bin2"
	cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin2/"
	cp "$BUILD/${1:-weir-mount}" "$tmp/bin2/weir-mount"
	"$tmp/bin2/weir" mount --allow-unsigned "$ref" "$mnt" --user "$alice" \
	    2>"$tmp/.err"
	ok $? "a mount for alice${1:+: $1}" || diag "$(cat "$tmp/.err")"
}

# alice has it open, and is in its directory
hold()
{
	become "$alice" sh -c "cd '${file%/*}' && exec 7<w.bin && echo holds &&
	    exec sleep 600" >"$tmp/holder" &
	holder=$!
	cleanup_fn end_process $holder
	wait_for 60 grep -q holds "$tmp/holder"
}

let_go()
{
	end_process "$holder"
	unmount "$mnt"
}

# Whose requests the kernel says they are: all of alice's are served, whatever
# thread of the kernel asks.
mounted
hold
ways "$alice" take "$file" $holder
is "$(printf '%s\n' "$out" | awk '$2 != 4096 && $2 != "-"')" '' \
    'and gets all by each way: by path, out of its own process, by a ring' ||
    diag "$out"
[ "$(printf '%s\n' "$out" | grep -c ' 4096$')" -ge 60 ]
ok $? 'which are many' || diag "$out"
as "$alice" "$tmp/bin/other_ways" name "$file" >"$tmp/handle"
ok $? 'and names its handle'
let_go

mounted
hold
ways "$bob" take "$file" $holder
is "$(gave)" '' \
    'one-session-one-mount: gets 0 bytes by path and out of the process' ||
    diag "$out"
is "$(weir alert ls --json | grep -c other-reader)" 0 'there is no alert'
exits 0 'bob is handed the descriptor' "$tmp/bin/other_ways" pass "$file" \
    "$(id -u "$alice")" "$(id -u "$bob")"
is "$(gave)" 'passed-cached ' \
    'one-session-one-mount: gets what alice had read, and nothing new' ||
    diag "$out"
wait_for 60 sh -c "weir alert ls --json | grep -q other-reader"
ok $? 'and an alert is raised' || diag "$(weir alert ls --json)"
exits 8 'it' weir alert ls
like "$out" "uid $(id -u "$bob") reached into session [0-9]+ of user:$alice, whose uid is $(id -u "$alice")" \
    'says who, of whom and through what'
exits 0 'the trail' weir audit ls --kind extents --json
is "$(printf '%s\n' "$out" | jq -s --argjson b "$(id -u "$bob")" \
    '[.[].reads[] | select(.[3] == $b) | .[2]] | [length > 0, add]' -c)" \
    '[true,0]' 'has what bob asked for, and that it was nothing'

ways root take "$file" $holder
is "$(gave)" '' \
    'one-session-one-mount: gets 0 bytes, by the descriptor that it takes too' ||
    diag "$out"
exits 0 'root tries by its handle' "$tmp/bin/other_ways" handle "$mnt" \
    <"$tmp/handle"
is "$(gave)" '' 'one-session-one-mount: gets 0 bytes' || diag "$out"
exits 0 'root is handed the descriptor' "$tmp/bin/other_ways" pass "$file" \
    "$(id -u "$alice")" 0
is "$(gave)" 'passed-cached ' 'one-session-one-mount: gets as little' ||
    diag "$out"
let_go

# What lets others in, or serves them, must be found out.
mounted tests/mutants/weir-mount-trusting
exits 0 'bob is handed the descriptor' "$tmp/bin/other_ways" pass "$file" \
    "$(id -u "$alice")" "$(id -u "$bob")"
like "$(gave)" 'kept-mapping.*passed-read.*passed-mmap.*passed-splice.*passed-direct' \
    'of a mount that serves him, and it is found out' || diag "$out"
unmount "$mnt"
mounted tests/mutants/weir-mount-open
hold
ways "$bob" take "$file" $holder
like "$(gave)" 'open-read.*openat-read' 'of a mount that lets him in, and it is found out'
ways root take "$file" $holder
like "$(gave)" 'open-read.*fd-read.*cwd-read.*root-read' 'and by what he can take'
let_go
done_testing
