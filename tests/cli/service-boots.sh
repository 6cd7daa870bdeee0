#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# weir-keyd@NAME.service under a systemd that really runs: sandbox, secret,
# socket, restarts.  See tests/lib/boot.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/boot.sh"

requires fuse runuser
boots
boot_install
ok $? 'it is installed'

V=/var/lib/weir-keyd/llama
unit=weir-keyd@llama.service
journal()
{
	inside journalctl -q -o cat -u "$1" --no-pager
}
property()
{
	inside systemctl show -P "$1" "$unit"
}

# --- a vault, and a service without its secret ---

inside sh -c "umask 077; mkdir /root/s && echo 'open it' >/root/s/pass &&
    echo 'no' >/root/s/wrong && head -c 3000000 /dev/urandom >/root/w.bin &&
    mkdir /run/i && cp /root/s/pass /run/i && chown -R weir /run/i"
exits 0 'the account makes a vault' inside runuser -u weir -- weir \
    --passphrase-file /run/i/pass init $V
inside rm -r /run/i
inside sh -c 'mkdir -p /etc/credstore.encrypted; umask 077
    systemd-creds encrypt --name=weir-unlock /root/s/wrong \
	/etc/credstore.encrypted/weir-llama' 2>"$tmp/creds"
fails 'a sealed passphrase that is wrong does not start it' inside systemctl \
    start $unit
is "$(property ExecMainStatus)" 7 'it says so by its exit status'
like "$(journal $unit)" 'does not unlock' 'and in the journal'
is "$(property ActiveState)" failed 'and it is not tried again and again'
inside rm /etc/credstore.encrypted/weir-llama

# --- the passphrase is asked for ---

# Answer whoever asks, as an agent does.
# shellcheck disable=SC2317 # wait_for calls it
answer()
{
	socket=$(inside sh -c 'cat /run/systemd/ask-password/ask.* 2>/dev/null' |
	    sed -n 's/^Socket=//p')
	[ -n "$socket" ] && printf '%s' "$1" |
	    inside /lib/systemd/systemd-reply-password 1 "$socket"
}
# shellcheck disable=SC2317 # wait_for calls it
gone()
{
	! inside sh -c 'ls /run/systemd/ask-password/ask.*' 2>/dev/null
}
# shellcheck disable=SC2317 # wait_for calls it
state_is()
{
	[ "$(property ActiveState)" = "$1" ]
}
inside systemctl reset-failed $unit
inside systemctl start --no-block $unit
wait_for 60 answer wrong
ok $? 'without one somebody is asked'
wait_for 60 state_is failed
ok $? 'a wrong one does not start it'
inside test ! -e /run/credstore.encrypted/weir-llama
ok $? 'and is not kept'
wait_for 60 gone
inside systemctl reset-failed $unit
inside systemctl start --no-block $unit
wait_for 60 answer 'open it'
wait_for 60 state_is active
ok $? 'the right one does'
like "$(inside cat /run/credstore.encrypted/weir-llama | head -c 40)" \
    '^[A-Za-z0-9+/]*' 'it is kept sealed'
is "$(inside grep -c 'open it' /run/credstore.encrypted/weir-llama)" 0 \
    'not as it is'
exits 0 'a restart asks nobody' inside systemctl restart $unit

# --- as it is documented: a sealed credential, and enable ---

inside sh -c 'rm /run/credstore.encrypted/weir-llama; umask 077
    systemd-creds encrypt --name=weir-unlock /root/s/pass \
	/etc/credstore.encrypted/weir-llama' 2>"$tmp/creds"
exits 0 'enabled, with a sealed passphrase' inside systemctl enable --now $unit
exits 0 'its socket is, too' inside systemctl is-active weir-keyd@llama.socket
is "$(property User) $(inside stat -c '%U %a' $V/run/keyd.sock)" \
    'weir root 666' 'it runs as its account, behind the manager'\''s socket'
pid=$(property MainPID)
like "$(inside cat "/proc/$pid/status")" '^NoNewPrivs:.1' 'it can gain nothing'
like "$(inside cat "/proc/$pid/status")" '^CapBnd:.0000000000000000' \
    'by no program'
exits 0 'root asks it' inside weir -V $V status --json
is "$(printf '%s' "$out" | jq -r .keyd.mode)" service 'as a service'
sent()
{
	inside runuser -u weir -- weir -V $V "$@"
}
sent role add uploader --family llama --to user:root >/dev/null
exits 0 'who may upload does' inside weir -V $V put llama /root/w.bin
ref=$out
exits 0 'a grant' sent grant add llama --to user:root --loads 50 --reason t

# The verifier is a child in a sandbox of its own, and sign waits for it.
inside sh -c 'mkdir -m 700 /run/k && echo of a person >/run/k/pass &&
    chown -R weir /run/k'
signer()
{
	inside runuser -u weir -- env WEIR_KEYS=/run/k WEIR_STATE_DIR=/run/k \
	    WEIR_KEY_PASSPHRASE_FILE=/run/k/pass weir -V $V "$@"
}
signer key gen carol >/dev/null 2>&1
exits 0 'somebody may sign' signer trust init --key carol --yes --quiet
exits 0 'its verifier reads the version in its sandbox' signer sign "$ref" \
    --key carol --yes --quiet

# --- restarts, upgrades and a kill while a job reads ---

inside mkdir /mnt/m
exits 0 'a mount' inside weir -V $V mount "$ref" /mnt/m --allow-unsigned
inside sh -c 'ls -d /mnt/m/llama/@*/w.bin' >"$tmp/files"
file=$(cat "$tmp/files")
# A job that reads all of it again and again, uncached, until it is told.
inside sh -c "while [ ! -e /run/enough ]; do
	dd if=$file iflag=nocache count=0 2>/dev/null
	dd if=$file bs=64k iflag=nocache 2>/run/dd.err | cmp - /root/w.bin || exit 1
	echo >>/run/rounds
done" >"$tmp/job" 2>&1 &
job=$!
cleanup_fn end_process "$job"
# shellcheck disable=SC2317 # wait_for calls it
rounds()
{
	[ "$(inside cat /run/rounds | wc -l)" -gt "$1" ]
}
wait_for 60 rounds 1
first=$pid
exits 0 'it is restarted under a job that reads' inside systemctl restart $unit
[ "$(property MainPID)" != "$first" ]
ok $? 'and is another process'
n=$(inside cat /run/rounds | wc -l)
wait_for 60 rounds $((n + 2))
ok $? 'the job reads on'
inside kill -9 "$(property MainPID)"
# shellcheck disable=SC2317 # wait_for calls it
killed()
{
	[ "$(property NRestarts)" -ge 1 ] && state_is active
}
wait_for 60 killed
ok $? 'one that is killed is started again'
exits 0 'and answers' inside weir -V $V status
n=$(inside cat /run/rounds | wc -l)
wait_for 60 rounds $((n + 2))
inside touch /run/enough
wait "$job"
is $? 0 'all that time the job read the right bytes, and no error'
exits 0 'the mount goes' inside weir umount /mnt/m

# --- a watchdog that is not fed ---

is "$(property WatchdogUSec)" 1min 'it has a watchdog'
exits 0 'it stops when told' inside systemctl stop weir-keyd@llama.socket $unit
is "$(property Result)" success 'cleanly'
inside test ! -e $V/run/keyd.sock
ok $? 'and leaves no socket'
unlike "$(journal $unit)" 'Operation not permitted|cannot be raised' \
    'nothing that it does was forbidden'
done_testing
