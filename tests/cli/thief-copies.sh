#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# budget-holds, by real mounts: who has no load grant and copies gets 2 % of the
# weights, with whatever it copies, and an alert is raised before it has 1 %.
# What was leaked is counted in the loot, not by what keyd says.
. "$(dirname "$0")/lib.sh"
requires root fuse jq python3 rsync tar setpriv

set -- daemon bin sys games man lp mail news
for who; do
	id "$who" >/dev/null 2>&1 || skip_all "this needs the user $who"
done

mkvault vault
chmod 711 "$tmp"
mkdir "$tmp/tree" "$tmp/mnt" "$tmp/bin"
# Where the thieves find it: they may not look into everybody's build.
cp "$BUILD/weir" "$tmp/bin/"
python3 "$top/tests/lib/mkmodel.py" safetensors \
    "$tmp/tree/model.safetensors" --tensors 8 --bytes 33554432 >/dev/null
printf '{"model_type": "test"}\n' >"$tmp/tree/config.json"

vacant
weir-keyd --vault "$vault" --key-file "$key" 2>"$tmp/keyd.err" &
keyd=$!
cleanup_fn end_process "$keyd"
listens

# Each has a model of its own: what all together may have is another test's.
for who; do
	weir put "of-$who" "$tmp/tree" >"$tmp/ref-$who" 2>"$tmp/.err" ||
	    diag "$(cat "$tmp/.err")"
	weir grant add "of-$who" --to "user:$who" --browse --export --reason t \
	    >/dev/null 2>&1
	mkdir "$tmp/mnt/$who" "$tmp/loot-$who"
	chown "$who" "$tmp/loot-$who"
	cleanup_fn unmount "$tmp/mnt/$who"
done
weights=$(weir show "$(cat "$tmp/ref-daemon")" --json | jq .weights)
chunks=$(weir show "$(cat "$tmp/ref-daemon")" --json | jq .chunks)
[ "$chunks" -ge 400 ]
ok $? "a model of $chunks chunks, $weights bytes of weights"

# It goes on behind every error: a child for each page that it touches.
cat >"$tmp/scrape.py" <<'END'
import mmap, os, sys
with open(sys.argv[1], "rb") as f, open(sys.argv[2], "wb") as out:
    m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
    for at in range(len(m) - 4096 & -4096, 0, -32768):
        child = os.fork()
        if child == 0:
            os.pwrite(out.fileno(), m[at:at + 4096], at)
            os._exit(0)
        os.waitpid(child, 0)
END
cat >"$tmp/random.py" <<'END'
import os, random, sys
size = os.stat(sys.argv[1]).st_size
places = list(range(0, size - 4096, 4096))
random.Random(7).shuffle(places)
f = os.open(sys.argv[1], os.O_RDONLY)
out = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT, 0o600)
for at in places:
    try:
        os.pwrite(out, os.pread(f, 4096, at), at)
    except OSError:
        pass
END
chmod 644 "$tmp/scrape.py" "$tmp/random.py"

# steal WHO COMMAND...: in a session of its own, with what it says in a file
steal()
{
	who=$1
	shift
	setpriv --reuid "$who" --regid "$who" --clear-groups \
	    timeout 600 "$@" >"$tmp/said-$who" 2>&1
	echo $? >"$tmp/status-$who"
}

# where WHO: its file
where()
{
	ref=$(cat "$tmp/ref-$1")
	echo "$tmp/mnt/$1/of-$1/@${ref#*@}/model.safetensors"
}

for who; do
	[ "$who" = news ] || weir mount --quiet --allow-unsigned \
	    --user "$who" "$(cat "$tmp/ref-$who")" "$tmp/mnt/$who" \
	    2>"$tmp/.err" || diag "$who: $(cat "$tmp/.err")"
done
began=$(date +%s)
steal daemon cp "$(where daemon)" "$tmp/loot-daemon/x" &
steal bin rsync --inplace "$(where bin)" "$tmp/loot-bin/x" &
steal sys tar -cf "$tmp/loot-sys/x" -C "$(dirname "$(where sys)")" . &
steal games dd "if=$(where games)" "of=$tmp/loot-games/x" bs=1M \
    conv=noerror,notrunc status=none &
steal man /usr/bin/python3 "$tmp/scrape.py" "$(where man)" "$tmp/loot-man/x" &
steal lp dd "if=$(where lp)" "of=$tmp/loot-lp/x" bs=64k iflag=direct \
    status=none &
steal mail /usr/bin/python3 "$tmp/random.py" "$(where mail)" \
    "$tmp/loot-mail/x" &
# A get is somebody's own: nobody else opens it for them.
steal news env "WEIR_VAULT=$vault" "WEIR_STATE_DIR=$tmp/loot-news/state" \
    "$tmp/bin/weir" get --allow-unsigned "$(cat "$tmp/ref-news")" \
    "$tmp/loot-news/copy" &
for who; do
	wait_for 600 test -s "$tmp/status-$who"
done
took=$(($(date +%s) - began))

# releases WHO: what was released to it, a JSON object a line
releases()
{
	sessions=$(weir audit ls --kind session.open --json |
	    jq -s "[.[] | select(.for == \"user:$1\") | .session]")
	weir audit ls --kind release --json |
	    jq -c "select(.session as \$s | $sessions | index(\$s))"
}

wait_for 60 weir audit ls --kind session.open
for row in 'daemon cp' 'bin rsync' 'sys tar' 'games dd, on behind errors' \
    'man mmap, scraped backwards' 'lp dd, O_DIRECT' 'mail random preads' \
    'news weir get'; do
	who=${row%% *}
	how=${row#* }
	[ "$who" = news ] || weir umount --force "$tmp/mnt/$who" 2>/dev/null
	leaked=$(python3 "$top/tests/lib/leaked.py" \
	    "$tmp/tree/model.safetensors" "$tmp/loot-$who")
	ok "$((leaked > weights / 50))" \
	    "$how: no more than 2 % was leaked ($leaked)"
	releases "$who" >"$tmp/released"
	given=$(jq -s '[.[].fresh] | add // 0' "$tmp/released")
	ok "$((given > weights / 50))" "$how: nor released"
	ok "$((given < weights / 50 - 2 * 65536))" "$how: but about as much" ||
	    diag "$(tail -n 3 "$tmp/said-$who")"
	case $how in
	*mmap* | *random* | *behind*) ;;
	*) isnt=$(cat "$tmp/status-$who")
	   [ "$isnt" -ne 0 ]
	   ok $? "$how: fails" ;;
	esac
	wait_for 60 sh -c "weir alert ls --all --json | jq -e '.alerts[] |
	    select(.principal == \"user:$who\")'"
	entry=$(weir alert ls --all --json | jq "[.alerts[] |
	    select(.principal == \"user:$who\") | .entries[-1]] | min // 0")
	before=$(jq -s "[.[] | select(.index <= $entry) | .fresh] | add // 0" \
	    "$tmp/released")
	[ "$entry" -gt 0 ] && [ "$before" -le $((weights / 100)) ]
	ok $? "$how: is flagged before 1 % is gone (entry $entry, $before)"
	runs "$keyd" || diag 'keyd has gone'
done

refused=$(weir audit ls --kind refused --json |
    jq -s '[.[] | 1 + (.more // 0)] | add // 0')
# Each asks once a second at most: who is held up by a slow machine asks for longer.
most=$((200 + 8 * (took > 20 ? took - 20 : 0)))
ok "$((refused > most))" \
    "no storm of requests ($refused refused in $took s)"
for who; do
	weir alert ls --all --json | jq -e ".alerts[] | select(.rule ==
	    \"budget-spent\" and .principal == \"user:$who\")" >/dev/null ||
	    echo "$who"
done >"$tmp/unsaid"
is "$(cat "$tmp/unsaid")" '' 'of each it is said that the budget is spent'
weir alert ls --all --json | jq -e ".alerts[] |
    select(.principal == \"$me\")" >/dev/null
ok "$((!$?))" 'and nothing of who mounts for them'
is "$(grep -v ': serves' "$tmp/keyd.err")" '' 'keyd had nothing to complain of'
is "$(weir audit verify >/dev/null 2>&1; echo $?)" 0 'the trail is whole'
done_testing
