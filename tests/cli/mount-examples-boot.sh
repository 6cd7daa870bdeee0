#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# docs/mounting.md where systemd runs: the service that mounts for containers is
# started, killed, restarted and stopped, and the Slurm prolog's mount outlives
# it in a scope of its own.  See tests/lib/boot.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/boot.sh"

requires fuse runuser jq
boots
boot_install
ok $? 'it is installed'
examples=$top/docs/mounting
put_file()
{
	# shellcheck disable=SC2016 # the shell in there expands it
	inside sh -c 'mkdir -p "${1%/*}" && cat >"$1"' sh "$2" <"$1"
}

# --- a vault that its service serves ---

V=/var/lib/weir-keyd/llama
inside sh -c "umask 077; mkdir /run/i && echo 'open it' >/run/i/pass &&
    chown -R weir /run/i && mkdir -p /etc/credstore.encrypted &&
    systemd-creds encrypt --name=weir-unlock /run/i/pass \
	/etc/credstore.encrypted/weir-llama 2>/dev/null &&
    head -c 3000000 /dev/urandom >/run/i/w.bin && chown weir /run/i/w.bin"
inside sh -c 'groupadd --gid 64123 serve &&
    useradd --uid 64123 --gid 64123 --no-create-home serve'
ok $? 'containers have an account'
sent()
{
	inside runuser -u weir -- env WEIR_KEYS=/run/i WEIR_STATE_DIR=/run/i \
	    WEIR_KEY_PASSPHRASE_FILE=/run/i/pass weir -V $V "$@"
}
sent --passphrase-file /run/i/pass init $V >/dev/null 2>&1
exits 0 'the vault has its service' inside systemctl enable --now \
    weir-keyd@llama.service
ref=$(sent put llama /run/i/w.bin 2>/dev/null)
for c in 'key gen carol' 'trust init --key carol --yes' \
    "sign $ref --key carol --yes" \
    "promote $ref prod --key carol --reason t --yes" \
    'grant add llama --to user:serve --loads 50 --reason t' \
    'role add mounter --to user:root'; do
	# shellcheck disable=SC2086 # a word each
	sent $c >/dev/null 2>"$tmp/.err" ||
	    { ok 1 "weir $c"; diag "$(cat "$tmp/.err")"; }
done
sent trust show --export >"$tmp/root.json" 2>/dev/null
put_file "$tmp/root.json" /etc/weir/trust.d/llama.json

# --- the service for containers ---

unit=weir-model@chat.service
place=/run/weir/containers/chat/models
put_file "$examples/weir-model@.service" /etc/systemd/system/weir-model@.service
printf 'WEIR_VAULT=%s\nACCOUNT=serve\nREFS=llama:prod\n' "$V" >"$tmp/chat"
put_file "$tmp/chat" /etc/weir/models/chat
inside systemctl daemon-reload
# shellcheck disable=SC2317 # wait_for calls it
reads()
{
	inside setpriv --reuid 64123 --regid 64123 --clear-groups \
	    cat "$1/llama/prod/w.bin" >"$tmp/got" 2>/dev/null &&
	    inside cat /run/i/w.bin | cmp -s - "$tmp/got"
}
exits 0 'it is enabled and started' inside systemctl enable --now $unit
wait_for 60 reads $place
ok $? 'the account of containers reads'
fails 'root does not' inside cat $place/llama/prod/w.bin
is "$(sent session ls --json | jq -r '[.sessions[] | .for, .by] | join(" ")')" \
    'user:serve user:root' 'the session is the account'\''s, opened by root'
exits 0 'it is restarted' inside systemctl restart $unit
wait_for 60 reads $place
ok $? 'and the account reads again'
inside kill -9 "$(inside systemctl show -P MainPID $unit)"
# shellcheck disable=SC2317 # wait_for calls it
restarted()
{
	[ "$(inside systemctl show -P NRestarts "$unit")" -ge 1 ] && reads "$place"
}
wait_for 60 restarted
ok $? 'one that was killed comes back'
is "$(inside grep -c " $place " /proc/self/mountinfo)" 1 'once'
exits 0 'it is stopped' inside systemctl stop $unit
fails 'and nothing is mounted' inside grep -q " $place " /proc/self/mountinfo
is "$(inside systemctl show -P Result $unit)" success 'cleanly'
sed 's/prod/nothing/' "$tmp/chat" >"$tmp/chat.bad"
put_file "$tmp/chat.bad" /etc/weir/models/chat
inside systemctl start $unit
# shellcheck disable=SC2317 # wait_for calls it
failed()
{
	[ "$(inside systemctl is-failed "$unit")" = failed ]
}
wait_for 60 failed
ok $? 'what is not there is not tried again and again'

# --- Slurm ---

sed "s,^WEIR_VAULT=.*,WEIR_VAULT=$V,; s/alice)/serve)/" \
    "$examples/slurm.conf.sh" >"$tmp/slurm"
put_file "$tmp/slurm" /etc/weir/slurm
for s in prolog epilog; do
	put_file "$examples/slurm-$s.sh" /etc/slurm/slurm-$s.sh
done
# shellcheck disable=SC2317 # exits calls it
slurm()
{
	inside env -i SLURM_JOB_ID=71 SLURM_JOB_USER=serve \
	    sh "/etc/slurm/slurm-$1.sh"
}
exits 0 'a prolog, without a search path' slurm prolog
reads /run/weir/jobs/71/models
ok $? 'mounts for the job'
is "$(inside systemctl is-active weir-job-71.scope)" active 'in its own scope'
like "$(inside cat /sys/fs/cgroup/system.slice/weir-job-71.scope/cgroup.procs |
    wc -l)" '^[2-9]' 'with the mount in it'
exits 0 'its epilog' slurm epilog
fails 'unmounts' inside test -e /run/weir/jobs/71
# shellcheck disable=SC2317 # wait_for calls it
scope_gone()
{
	[ "$(inside systemctl is-active weir-job-71.scope)" = inactive ]
}
wait_for 60 scope_gone
ok $? 'and the scope goes'
done_testing
