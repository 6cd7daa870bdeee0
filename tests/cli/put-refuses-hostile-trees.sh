#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What cannot be kept is refused, with its name, and nothing is made of it.
. "$(dirname "$0")/lib.sh"

mkvault vault

# refuse WHY: put of $tmp/h fails, names the file 'evil', and makes nothing
refuse()
{
	exits 1 "bad-input-is-an-error: $1" weir put evil "$tmp/h"
	like "$err" "$2" 'by name'
	rm -rf "$tmp/h"
	mkdir "$tmp/h"
	echo fine >"$tmp/h/a"
}
mkdir "$tmp/h"
echo fine >"$tmp/h/a"

ln -s /etc/passwd "$tmp/h/evil"
refuse 'an absolute link' evil
ln -s ../../etc/passwd "$tmp/h/evil"
refuse 'a link that leaves the tree' evil
mkdir "$tmp/h/d"
ln -s ../../x "$tmp/h/d/evil"
refuse 'a link that leaves it from below' evil
ln "$tmp/h/a" "$tmp/h/evil"
refuse 'a hard link' 'evil|/a'
mkfifo "$tmp/h/evil"
refuse 'a fifo' evil
python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$tmp/h/evil"
refuse 'a socket' evil
echo x >"$tmp/h/evil"
chmod 4755 "$tmp/h/evil"
refuse 'a set-user-id file' evil
echo x >"$tmp/h/$(printf 'evil\377')"
refuse 'a name that is not UTF-8' 'evil'
echo x >"$tmp/h/$(printf 'evil\033[31m')"
refuse 'a name that steers terminals' 'evil'
if [ "$(id -u)" -eq 0 ] && mknod "$tmp/h/evil" c 1 3 2>/dev/null; then
	refuse 'a device' evil
fi
printf '\377\377\377\377\377\377\377\177{}' >"$tmp/h/evil.safetensors"
refuse 'a safetensors header that is too long' 'evil'
printf '\002\000\000\000\000\000\000\000{}xx' >"$tmp/h/evil.safetensors"
refuse 'a safetensors file with bytes left over' 'evil'
printf 'GGUF\003\000\000\000\377\377\377\377\377\377\377\377' \
    >"$tmp/h/evil.gguf"
refuse 'a gguf file that claims too much' 'evil'
printf 'cposix\nsystem\n(S"id"\ntR.' >"$tmp/h/evil.pkl"
refuse 'a pickle that imports what it may not' 'evil'

exits 0 'what stands behind all of them is fine' weir put evil "$tmp/h"
printf 'cposix\nsystem\n(S"id"\ntR.' >"$tmp/h/evil.pkl"
exits 0 '--allow-pickle lets it in' \
    weir put evil "$tmp/h" --allow-pickle
exits 0 'and it is recorded' weir audit ls --json --kind put
like "$out" '"pickle":\["[^]]*system' 'with what it imports'

exits 5 'a path that is not there' weir put evil "$tmp/absent"
like "$err" 'absent' 'is named'
exits 2 'a bad model name' weir put 'Evil Name' "$tmp/h"
exits 2 'dots for a model name' weir put ../evil "$tmp/h"
exits 2 'a label without =' weir put evil "$tmp/h" --label x

# A file that grows while it is read.
mkdir "$tmp/live"
head -c 40000000 /dev/zero >"$tmp/live/growing.bin"
(for _ in 1 2 3 4 5 6 7 8 9 10; do
	head -c 100000 /dev/urandom >>"$tmp/live/growing.bin"
	sleep 0.1
done) &
weir put live "$tmp/live" >/dev/null 2>"$tmp/.err"
got=$?
wait
[ "$got" -eq 6 ] || [ "$got" -eq 0 ]
ok $? 'a file that grows meanwhile is refused, or was read before'
done_testing
