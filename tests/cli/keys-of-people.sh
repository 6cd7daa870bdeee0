#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Keys of people: made once, sealed, shown so that others can paste them, and
# taken from OpenSSH's files and agent.  No vault is needed.
. "$(dirname "$0")/lib.sh"
requires jq python3 ssh-keygen ssh-agent ssh-add

WEIR_KEYS=$tmp/keys
export WEIR_KEYS
unset SSH_AUTH_SOCK WEIR_KEY_PASSPHRASE_FILE
echo 'correct horse battery staple' >"$tmp/pw"
line='^ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI[A-Za-z0-9+/]{43} carol$'

exits 0 'key ls without keys' weir key ls
like "$err" 'weir key gen' 'says how to make one'
exits 0 'key gen' weir key gen carol --key-passphrase-file "$tmp/pw"
like "$out" "$line" 'prints the public half as OpenSSH does'
public=$out
is "$(stat -c %a "$tmp/keys")" 700 'the directory is its owner'\''s'
is "$(stat -c %a "$tmp/keys/carol.key")" 600 'and so is the file'
is "$(names_in "$tmp/keys")" 1 'nothing else is left there'
printf '%s\n' "$public" >"$tmp/carol.pub"
is "$(ssh-keygen -l -f "$tmp/carol.pub" | awk '{ print $2 }')" \
    "$(weir key show carol --json | jq -r .fingerprint)" \
    'ssh-keygen reads it, and computes the same fingerprint'
before=$(sha256sum "$tmp/keys/carol.key")
exits 6 'the same name again' weir key gen carol \
    --key-passphrase-file "$tmp/pw"
like "$err" 'never overwritten|ever overwritten' 'is refused'
is "$(sha256sum "$tmp/keys/carol.key")" "$before" 'and the key is as it was'
ln -s "$tmp/nowhere" "$tmp/keys/link.key"
exits 6 'nor does it write through a link' weir key gen link \
    --key-passphrase-file "$tmp/pw"
[ ! -e "$tmp/nowhere" ]
ok $? 'which leads nowhere still'
rm "$tmp/keys/link.key"
exits 2 'a name with a slash' weir key gen ../x --key-passphrase-file "$tmp/pw"
exits 2 'a name with a capital' weir key gen Carol \
    --key-passphrase-file "$tmp/pw"
exits 7 'no terminal, and no passphrase' setsid weir key gen dave
like "$err" 'WEIR_KEY_PASSPHRASE_FILE' 'is told how to give one'
: >"$tmp/empty"
exits 7 'an empty passphrase' weir key gen dave \
    --key-passphrase-file "$tmp/empty"
is "$(names_in "$tmp/keys")" 1 'makes no key'
WEIR_KEY_PASSPHRASE_FILE=$tmp/pw exits 0 'the passphrase file from the environment' \
    weir key gen dave
# The vault's unlocking secret is something else.
WEIR_PASSPHRASE_FILE=$tmp/pw exits 7 \
    'the vault'\''s passphrase is not the key'\''s' setsid weir key gen erin

# Two lines for two prompts; the terminal's echo is off.
typed=$(python3 "$top/tests/lib/typed.py" 'weir key gen frank' \
    "'frank': " 'pw one' 'again: ' 'pw one')
like "$typed" 'again' 'a terminal is asked twice'
unlike "$typed" 'pw one' 'and shows nothing'
[ -f "$tmp/keys/frank.key" ]
ok $? 'and the key is there'
typed=$(python3 "$top/tests/lib/typed.py" 'weir key gen greta' \
    "'greta': " 'pw one' 'again: ' 'pw two')
like "$typed" 'again' 'another one is asked twice, too'
[ ! -e "$tmp/keys/greta.key" ]
ok $? 'two passphrases that differ make none'

exits 0 'key show' weir key show carol
is "$out" "$public" 'needs no passphrase'
exits 0 'key show of a path' weir key show "$tmp/keys/carol.key"
is "$out" "$public" 'shows the same'
exits 5 'a key that is not there' weir key show nobody
like "$err" 'weir key ls' 'is told how to find one'
exits 0 'key ls' weir key ls
like "$out" '^carol +SHA256:' 'lists them'
exits 0 'key ls as JSON' weir key ls --json
json '.keys | map(.name) | contains(["carol", "dave"])' 'has them, too'
head -c 100 "$tmp/keys/carol.key" >"$tmp/keys/cut.key"
exits 0 'a damaged file among them' weir key ls
like "$err" 'cut.key.*no weir key' 'is named'
like "$out" '^carol' 'and the others are listed'
rm "$tmp/keys/cut.key"

# --- OpenSSH's ---------------------------------------------------------------

ssh-keygen -q -t ed25519 -N '' -C 'gina@host' -f "$tmp/plain"
ssh-keygen -q -t ed25519 -N 'secret' -C 'enc' -f "$tmp/enc"
ssh-keygen -q -t ecdsa -N '' -C 'ec' -f "$tmp/ec"
exits 0 'an OpenSSH key' weir key show "$tmp/plain"
is "$out" "$(cat "$tmp/plain.pub")" 'is shown as ssh-keygen shows it'
exits 0 'an encrypted one' weir key show "$tmp/enc"
is "$(printf '%s' "$out" | cut -d ' ' -f 1-2)" \
    "$(cut -d ' ' -f 1-2 "$tmp/enc.pub")" 'shows its public half'
exits 1 'another type' weir key show "$tmp/ec"
like "$err" 'ecdsa-sha2-nistp256.*ssh-ed25519' 'is refused by name'
printf 'sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5 x\n' >"$tmp/sk.pub"
exits 1 'a security key' weir key show "$tmp/sk.pub"
like "$err" 'challenge of its own making' 'is refused, saying why'
exits 7 'no agent' weir key show agent:gina@host
like "$err" 'SSH_AUTH_SOCK' 'is told so'

eval "$(ssh-agent -s)" >/dev/null
cleanup_fn end_process "$SSH_AGENT_PID"
exits 5 'a key that the agent has not got' weir key show agent:gina@host
like "$err" 'ssh-add' 'is told how to add it'
ssh-add -q "$tmp/plain"
exits 0 'a key of the agent, by its comment' weir key show agent:gina@host
is "$out" "$(cat "$tmp/plain.pub")" 'is the one'
exits 0 'and by its fingerprint' weir key show \
    "agent:$(ssh-keygen -l -f "$tmp/plain.pub" | awk '{ print $2 }')"
exits 0 'key ls' weir key ls
like "$out" '^gina@host .*ssh-agent' 'lists what the agent has'

# --- each of them signs ------------------------------------------------------

mkvault vault
SSH_ASKPASS=$tmp/askpass
printf '#!/bin/sh\necho secret\n' >"$SSH_ASKPASS"
chmod 700 "$SSH_ASKPASS"
export SSH_ASKPASS
SSH_ASKPASS_REQUIRE=force ssh-add -q "$tmp/enc" 2>/dev/null
ok $? 'ssh-add opens the encrypted key'
WEIR_KEY_PASSPHRASE_FILE=$tmp/pw
export WEIR_KEY_PASSPHRASE_FILE
exits 0 'a weir key, a file and two keys of the agent sign one statement' \
    weir trust init --yes --key carol --key "$tmp/plain" \
    --key "$tmp/enc.pub" --json
json '.have == 3 and .need == 2 and .effective' 'and all three count'
exits 0 'which is in force' weir trust show --json
json '.envelope.signatures | length == 3' 'with three signatures'
echo wrong >"$tmp/wrong"
weir trust show --policy >"$tmp/policy.json" 2>/dev/null
exits 7 'a wrong passphrase' weir trust set "$tmp/policy.json" --yes \
    --key carol --key-passphrase-file "$tmp/wrong"
like "$err" 'wrong passphrase' 'is told so'
exits 7 'an encrypted file' weir trust set "$tmp/policy.json" --yes \
    --key "$tmp/enc"
like "$err" 'ssh-add' 'is told to use ssh-agent'
ssh-add -q -D 2>/dev/null
exits 5 'a key that left the agent' weir trust set "$tmp/policy.json" --yes \
    --key "$tmp/enc.pub"
chmod 644 "$tmp/plain"
exits 0 'a key that others may read' weir trust set "$tmp/policy.json" --yes \
    --key "$tmp/plain"
like "$err" 'others may read' 'is used, with a warning'
done_testing
