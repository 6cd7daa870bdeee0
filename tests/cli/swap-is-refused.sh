#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# no-plaintext-at-rest: swap that is not encrypted is refused unless somebody
# says that it is to be had; doctor names it and what mends it.
. "$(dirname "$0")/lib.sh"
requires root fuse unshare jq
unset WEIR_ALLOW_SWAP

# What the kernel would list, for a namespace of mounts of its own.
printf 'Filename\tType\tSize\tUsed\tPriority\n' >"$tmp/none"
: >"$tmp/disk"
{
	cat "$tmp/none"
	printf '%s file 1 0 -2\n' "$tmp/disk"
} >"$tmp/swaps"
cat >"$tmp/beside" <<'E2'
#!/bin/sh
mount --bind "$1" /proc/swaps || exit 99
shift
exec "$@"
E2
chmod 755 "$tmp/beside"
# beside SWAPS COMMAND...
beside()
{
	unshare --mount --propagation private "$tmp/beside" "$@"
}

beside "$tmp/none" true || skip_all 'mounts in a namespace do not work here'
head -c 32 /dev/urandom >"$tmp/key"
chmod 600 "$tmp/key"
vault=$tmp/vault
WEIR_VAULT=$vault
WEIR_KEY_FILE=$tmp/key
export WEIR_VAULT WEIR_KEY_FILE
exits 0 'a vault' beside "$tmp/none" weir init "$vault"
mkdir "$tmp/m" "$tmp/mnt"
head -c 300000 /dev/urandom >"$tmp/m/w.bin"

exits 0 'without such swap' beside "$tmp/none" weir put llama "$tmp/m"
ref=$out
idle
exits 4 'beside it, put is refused' beside "$tmp/swaps" weir put llama "$tmp/m"
like "$err" "swap on $tmp/disk is not encrypted" 'with its name'
like "$err" "sudo swapoff $tmp/disk" 'the command that mends it'
like "$err" '--allow-swap' 'and the way round'
exits 4 'and so is keyd' beside "$tmp/swaps" weir-keyd --key-file "$tmp/key"
like "$err" "swap on $tmp/disk" 'for the same reason'
exits 0 'unless told by the option' \
    beside "$tmp/swaps" weir ls --allow-swap
idle
exits 0 'or the environment' \
    beside "$tmp/swaps" env WEIR_ALLOW_SWAP=1 weir ls
idle
weir grant add llama --to "$me" --loads 9 --reason t >/dev/null 2>&1
exits 4 'a mount is refused' beside "$tmp/swaps" \
    weir mount --allow-unsigned "$ref" "$tmp/mnt" -- true
like "$err" "swap on $tmp/disk" 'for the same reason'
exits 0 'unless told' beside "$tmp/swaps" \
    weir mount --allow-unsigned --allow-swap "$ref" "$tmp/mnt" -- true
beside "$tmp/swaps" weir doctor --json >"$tmp/j" 2>/dev/null
is "$(jq -r '.findings[] | select(.check == "swap") | .state + " " + .mend' \
    "$tmp/j")" "warn sudo swapoff $tmp/disk" 'doctor names it and what mends it'

like "$(weir doctor --json 2>/dev/null |
    jq -r '.findings[] | select(.check == "key-memory").text')" \
    'memfd_secret' 'and in what memory keys would lie'
like "$(weir status --json | jq -r .keyd.key_memory)" '^(memfd_secret|mlock)$' \
    'as status says where they do'
done_testing
