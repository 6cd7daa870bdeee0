#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# A new root key: what the old one and the old epoch opened they open no more in what
# is new, everything reads on, and what was killed in between is finished.  A keyd
# that keeps the old epoch's key must be found out.
. "$(dirname "$0")/lib.sh"
requires jq sqlite3
mutant=$BUILD/tests/mutants/weir-keyd-hoarding
[ -x "$mutant" ] || skip_all 'the mutant is not built'

mkdir "$tmp/tree"
head -c 300000 /dev/urandom >"$tmp/tree/weights.bin"
head -c 32 /dev/urandom >"$tmp/spare.key"

# serve PROGRAM: keyd of the vault at hand
serve()
{
	vacant
	"$1" --vault "$vault" --key-file "$key" 2>>"$tmp/keyd.log" &
	keyd=$!
	cleanup_fn end_process "$keyd"
	listens
}

stop()
{
	end_process "$keyd"
	wait_for 60 test ! -e "$vault/run/keyd.sock"
}

# scene NAME PROGRAM: a vault with a version, a copy of it as it was, and a change
# of the root key
scene()
{
	mkvault "$1"
	serve "$2"
	ref=$(weir put llama "$tmp/tree" 2>/dev/null)
	weir grant add llama --to "$me" --loads 99 --export --reason t \
	    >/dev/null 2>&1
	weir secret add --new-key-file "$tmp/spare.key" --label spare \
	    >/dev/null 2>&1
	mkdir "$tmp/$1.before"
	cp "$vault/keyring" "$vault/epoch" "$tmp/$1.before"
}

# What who had the old keyring, its secret and the old epoch's file makes of the
# catalogue of today.
attack()
{
	rm -rf "$tmp/old"
	cp -a "$vault" "$tmp/old"
	rm -rf "$tmp/old/run" "$tmp/old/keyd.lock"
	cp "$tmp/$1.before/keyring" "$tmp/$1.before/epoch" "$tmp/old/"
	# The number is not what keeps anybody out: it is the one in force.
	head -c 20 "$vault/epoch" | dd of="$tmp/old/epoch" conv=notrunc \
	    status=none
	sqlite3 "$tmp/old/catalogue.db" \
	    "delete from meta where name = 'rekey'; delete from keyring" || return 2
	weir -V "$tmp/old" get --allow-unsigned "$ref" "$tmp/out.$1" \
	    >/dev/null 2>"$tmp/attack.err"
}

scene vault weir-keyd
exits 6 'a secret that would go unasked' weir rekey
like "$err" 'go: 3 \(spare\);.*--keep-key-file.*--drop-others' 'is named'
head -c 32 /dev/urandom >"$tmp/wrong.key"
exits 7 'one that opens nothing' weir rekey --keep-key-file "$tmp/wrong.key"
exits 7 'no proof' env -u WEIR_KEY_FILE \
    weir rekey --key-file "$tmp/wrong.key" --drop-others
is "$(sha256sum <"$vault/keyring")" \
    "$(sha256sum <"$tmp/vault.before/keyring")" 'change nothing'

# What reads goes on, over it and over a start of keyd.
mounted=no
if (: <>/dev/fuse) 2>/dev/null; then
	mounted=yes
	mkdir "$tmp/mnt"
	cleanup_fn unmount "$tmp/mnt"
	weir mount --allow-unsigned "$ref" "$tmp/mnt" >/dev/null 2>&1
	file=$tmp/mnt/llama/@${ref#*@}/weights.bin
fi
exits 0 'rekey' weir rekey --keep-key-file "$tmp/spare.key" --json
json '.kept == [1, 3] and .dropped == [2] and .recovery == 4 and
    .epoch == 2' 'says what stays and what goes'
printf '%s' "$out" | jq -r .recovery_key >"$tmp/new-recovery"
if [ "$mounted" = yes ]; then
	is "$(sha256sum <"$file")" "$(sha256sum <"$tmp/tree/weights.bin")" \
	    'a mount from before reads'
	# The mount starts one, or whoever asks.
	end_process "$keyd"
	wait_for 60 sh -c "[ \"\$(weir session ls --json |
	    jq '[.sessions[] | select(.state == \"open\")] | length')\" = 1 ]"
	ok $? 'its session goes on over a start of keyd'
	unmount "$tmp/mnt"
	serve weir-keyd
fi
exits 0 'get' weir get --allow-unsigned "$ref" "$tmp/out"
is "$(describe "$tmp/out")" "$(describe "$tmp/tree")" 'reads what was put'
exits 0 'put of the same' weir put llama "$tmp/tree" --json
json '.known' 'is known: the family has its key'
exits 0 'check' weir check --read-data
exits 0 'another model' weir put other "$tmp/tree"
stop
is "$(find "$vault" -maxdepth 1 -name '*.next' -o -maxdepth 1 -name '*.old' \
    -o -maxdepth 1 -name '.tmp-*')" '' 'nothing lies about'
fails 'the old root key and the old epoch, on the catalogue of today' \
    attack vault

idle
exits 0 'the secret that was kept opens it' env -u WEIR_KEY_FILE \
    weir ls --key-file "$tmp/spare.key"
idle
exits 0 'the catalogue' weir audit verify --catalogue
exits 7 'the old recovery key does not' env -u WEIR_KEY_FILE \
    weir ls --passphrase-file "$tmp/recovery"
idle
exits 0 'the new one does' env -u WEIR_KEY_FILE \
    weir ls --passphrase-file "$tmp/new-recovery"
idle
exits 0 'again, embedded, with all others dropped' weir rekey --drop-others
like "$out" '^([A-Z2-7]{4}-){12}[A-Z2-7]{4}$' 'a recovery key is printed, alone'
like "$err" 'stay 1, and go 3, 4' 'and what goes is said'
exits 0 'secret ls' weir secret ls --json
json '[.secrets[] | .secret] == [1, 5] and .secrets[1].label == "recovery"' \
    'has the two that stay'
exits 0 'the trail in words' weir audit ls --kind rekey
like "$out" 'root key is a new one, epoch 3, by secret 1; kept: 1; dropped: 3, 4' \
    'tells of it'

# A backup from before opens with what was then, and no more is promised.
weir backup "$tmp/backup" >/dev/null 2>&1
cp "$vault/epoch" "$tmp/epoch.then"
idle
exits 0 'rekey after a backup' weir rekey --drop-others
idle
exits 0 'restore with the epoch of then' weir restore "$tmp/backup" \
    "$tmp/restored" --epoch "$tmp/epoch.then"
exits 0 'the secret of then' weir -V "$tmp/restored" get --allow-unsigned \
    "$ref" "$tmp/out.then"
exits 7 'the epoch of today does not fit it' weir restore "$tmp/backup" \
    "$tmp/restored2" --epoch "$vault/epoch"

scene hoard "$mutant"
exits 0 'a keyd that keeps the old epoch key' weir rekey --drop-others
stop
attack hoard
ok $? 'the control: the old root key gives the version back'
is "$(describe "$tmp/out.hoard" 2>/dev/null)" "$(describe "$tmp/tree")" 'whole'
done_testing
