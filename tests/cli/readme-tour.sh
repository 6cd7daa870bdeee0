#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The tour in README.md can be typed as it stands.
. "$(dirname "$0")/lib.sh"
requires fuse awk

mkdir "$tmp/home" "$tmp/work" "$tmp/work/checkpoint"
echo '{}' >"$tmp/work/checkpoint/config.json"
head -c 100000 /dev/urandom >"$tmp/work/checkpoint/w.bin"
cleanup_fn unmount "$tmp/work/models"

awk '/^## A tour/ { on = 1 }
    /^### For more than one user/ { on = 0 }
    on && /^```/ { code = !code; next }
    on && code' "$top/README.md" >"$tmp/tour"
[ "$(wc -l <"$tmp/tour")" -ge 10 ]
ok $? 'the tour has commands'

cd "$tmp/work" || exit 1
HOME=$tmp/home
export HOME
WEIR_STATE_DIR=$tmp/state
WEIR_KEY_PASSPHRASE_FILE=$tmp/passphrase
export WEIR_STATE_DIR WEIR_KEY_PASSPHRASE_FILE
echo 'correct horse' >"$WEIR_KEY_PASSPHRASE_FILE"
# What weir doctor finds of this host is not the tour's fault, and nobody is
# there to be asked.
sed 's/  *#.*//; s/^weir doctor.*/& || [ $? -eq 8 ]/
    s/^weir \(trust init\|sign\|promote\) .*/& --yes/' "$tmp/tour" \
    >"$tmp/tour.sh"
exits 0 'each of them works' sh -e "$tmp/tour.sh"
like "$out" 'w.bin' 'the job saw its files'
like "$out" 'llama@[0-9a-f]{12} w.bin|session.open' 'the reviewer saw the job'
like "$out" 'The trail is whole' 'and that the record is whole'
like "$(cat recovery-key)" '^[A-Z2-7a-z0-9-]{40,}$' 'the recovery key was kept'
is "$(stat -c %a "$HOME/weir.key")" 600 'the key file is its owner'\''s alone'
done_testing
