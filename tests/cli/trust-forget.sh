#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What a host remembers of a vault can be looked at, and forgotten on purpose: an
# older vault is refused before, and read after.
. "$(dirname "$0")/lib.sh"
requires jq

mkvault vault
trusted carol
mkdir "$tmp/m"
echo 1 >"$tmp/m/w.bin"
exits 0 'a host that has seen nothing' weir trust seen
is "$out" '' 'lists nothing'
one=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$one" prod
weir grant add llama --to "$me" --loads 99 --export --reason t >/dev/null 2>&1
idle
cp -a "$vault" "$tmp/kept"
echo 2 >"$tmp/m/w.bin"
two=$(weir put llama "$tmp/m" 2>/dev/null)
promoted "$two" prod
exits 0 'the host reads the newer one' weir get llama:prod "$tmp/first"
exits 0 'the older one' weir revoke "$one" --key carol --reason poisoned --yes
exits 3 'is revoked' weir get "$one" "$tmp/no"
id=$(printf '%s' "$WEIR_STATE_DIR"/*/seen.json)
id=${id%/*}
id=${id##*/}

# --- looked at ------------------------------------------------------------------

exits 0 'trust seen' weir trust seen
like "$out" "^$id +1, pinned +1 +1 +[0-9]+$" 'lists the vault'
exits 0 'of a vault by its directory' weir trust seen "$vault"
like "$out" "^channel +llama:prod, serial 2, version ${two#*@}$" 'the channel'
like "$out" "^revoked +$one, shown 2.*: poisoned$" 'and the revocation'
exits 0 'by 8 digits, as JSON' weir trust seen "$(printf %.8s "$id")" --json
json ".vaults[0] | .vault == \"$id\" and .root == {number: 1, how: \"pinned\"} and
    .channels[\"llama:prod\"].serial == 2 and .checkpoint.size > 0 and
    .revoked[\"$one\"].counted" 'is one object'
exits 5 'another vault' weir trust seen 00000000
like "$err" "no vault '00000000', but: $id" 'is told which there are'
exits 5 'and so is 7 digits' weir trust forget "$(printf %.7s "$id")" --yes

# --- one revocation -------------------------------------------------------------

exits 2 'forget without --yes' weir trust forget "$id" "$one" </dev/null
like "$err" 'Enough had signed' 'says that it was no false one'
exits 2 'of a channel' weir trust forget "$id" llama:prod --yes
exits 5 'of what was not revoked' weir trust forget "$id" "$two" --yes
exits 0 'with it' weir trust forget "$id" "$one" --yes --json
json ". == {forgotten: \"$id\", revoked: \"$one\"}" 'is one object'
exits 0 'the rest' weir trust seen "$id"
like "$out" '^channel +llama:prod, serial 2' 'stays'
unlike "$out" '^revoked' 'without it'
exits 3 'keyd shows it still' weir get "$one" "$tmp/no"
exits 0 'so it comes back' weir trust seen "$id"
like "$out" '^revoked' 'when it is shown again'

# --- a vault --------------------------------------------------------------------

idle
rm -rf "$vault"
cp -a "$tmp/kept" "$vault"
exits 3 'an older vault is refused' weir get llama:prod "$tmp/out"
exits 8 'doctor' weir doctor
like "$err$out" "weir trust forget $id" 'says what to do if it is meant'
exits 2 'forget without --yes' weir trust forget "$id" </dev/null
like "$err" '1 channel; 1 revocation; a trail of [0-9]+ entries' \
    'says what would be lost'
exits 3 'and forgets nothing' weir get llama:prod "$tmp/out"
exits 0 'forget' weir trust forget "$vault" --yes
is "$out" "forgot $id" 'says so'
exits 0 'the older vault is read then' weir get llama:prod "$tmp/out"
is "$(cat "$tmp/out/w.bin")" 1 'as it was'
like "$(jq -r .reason "$WEIR_STATE_DIR/$id/refused")" \
    'forgotten by weir trust forget: trust root 1, pinned; 1 channel; 1 rev' \
    'what was forgotten is noted'

# Bytes that are none of its own.
echo '{' >"$WEIR_STATE_DIR/$id/seen.json"
exits 1 'a memory that cannot be read' weir trust seen
like "$err" 'weir trust forget' 'is told of with what to do'
rm "$WEIR_TRUST_DIR"/*
exits 0 'which works' weir trust forget "$id" --yes
like "$err" 'no trust root of it is pinned here.*--trust FILE' \
    'and says what comes next'
exits 5 'once more' weir trust forget "$id" --yes
done_testing
