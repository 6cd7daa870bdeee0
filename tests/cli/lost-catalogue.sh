#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A catalogue that is gone, empty or older than the trail is said, and never
# replaced by a new one: the keys of the versions are in it.
. "$(dirname "$0")/lib.sh"

mkvault vault
mkdir "$tmp/m"
echo one >"$tmp/m/a"
weir put llama "$tmp/m" >/dev/null 2>&1
ok $? 'a version is put'
idle
cp "$vault/catalogue.db" "$tmp/old.db"
echo two >"$tmp/m/a"
weir put llama "$tmp/m" >/dev/null 2>&1
ok $? 'and another one'
idle

mv "$vault/catalogue.db" "$tmp/good.db"
exits 5 'it does not start without its catalogue' weir ls
like "$err" 'catalogue.db.* is missing' 'and says what is missing'
like "$err" 'backup' 'and where to get it'
fails 'no other was made' test -e "$vault/catalogue.db"
: >"$vault/catalogue.db"
exits 5 'nor with an empty one' weir ls
is "$(stat -c %s "$vault/catalogue.db")" 0 'which stays empty'

cp "$tmp/old.db" "$vault/catalogue.db"
exits 3 'an older one is found out' weir ls
like "$err" 'older than the trail' 'and named'

rm -f "$vault"/catalogue.db*
cp "$tmp/good.db" "$vault/catalogue.db"
exits 0 'the right one serves again' weir ls
done_testing
