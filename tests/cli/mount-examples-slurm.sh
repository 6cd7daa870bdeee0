#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# docs/mounting.md, "Slurm", with a Slurm: munged, slurmctld and slurmd of their
# own on this host run the prolog and the epilog around jobs of two users.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/service.sh"
requires munged slurmctld slurmd srun sbatch sinfo squeue \
    scontrol jq python3

service_accounts
service_vault
service_slurm

# --- a cluster of one node ---

# slurmd gives a prolog no environment: what this test has elsewhere stands here.
for s in prolog epilog; do
	cat >"$tmp/$s" <<X
#!/bin/sh
PATH=$tmp/bin WEIR_SLURM=$tmp/slurm WEIR_TRUST_DIR=$WEIR_TRUST_DIR
WEIR_ALLOW_SWAP=yes WEIR_STATE_DIR=$WEIR_STATE_DIR
export PATH WEIR_SLURM WEIR_TRUST_DIR WEIR_ALLOW_SWAP WEIR_STATE_DIR
exec /bin/sh $examples/slurm-$s.sh 2>>$tmp/$s.err
X
	chmod 755 "$tmp/$s"
done
free_port()
{
	python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
node=$(hostname -s)
SLURM_CONF=$tmp/slurm.conf
export SLURM_CONF
cat >"$SLURM_CONF" <<C
ClusterName=weir
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
AuthInfo=socket=$tmp/munge/socket
CommunicationParameters=NoAddrCache
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
StateSaveLocation=$tmp/slurm-state
SlurmdSpoolDir=$tmp/slurm-spool
SlurmctldPidFile=$tmp/slurmctld.pid
SlurmdPidFile=$tmp/slurmd.pid
Prolog=$tmp/prolog
Epilog=$tmp/epilog
PrologFlags=Alloc
ReturnToService=2
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=10 State=UP
C
mkdir -m 755 "$tmp/munge" "$tmp/slurm-state" "$tmp/slurm-spool"
mkdir -m 700 "$tmp/munge/log"
head -c 128 /dev/urandom >"$tmp/munge/key"
chmod 600 "$tmp/munge/key"
munged --foreground --force --key-file="$tmp/munge/key" \
    --socket="$tmp/munge/socket" --pid-file="$tmp/munge/pid" \
    --log-file="$tmp/munge/log/log" --seed-file="$tmp/munge/log/seed" \
    >"$tmp/munged.log" 2>&1 &
cleanup_fn end_process $!
wait_for 60 test -S "$tmp/munge/socket"
ok $? 'munged runs' || diag "$(cat "$tmp/munged.log")"
slurmctld -D >"$tmp/slurmctld.log" 2>&1 &
cleanup_fn end_process $!
slurmd -D >"$tmp/slurmd.log" 2>&1 &
slurmd=$!
cleanup_fn end_process $slurmd
# shellcheck disable=SC2317 # wait_for calls it
node_is()
{
	[ "$(sinfo -h -o %T 2>/dev/null)" = "$1" ]
}
wait_for 60 node_is idle
ok $? 'the node is idle' || diag "$(tail "$tmp/slurmctld.log" "$tmp/slurmd.log")"

# --- jobs ---

# shellcheck disable=SC2016 # the job's shell expands it
reads='cat "$0/$SLURM_JOB_ID/models/llama/prod/w.bin"'
# shellcheck disable=SC2317 # exits calls it
job()
{
	who=$1
	shift
	as "$who" srun --quiet --ntasks=1 --chdir=/ sh -c "$@"
}
job "$alice" "$reads" "$jobs" >"$tmp/got" 2>"$tmp/.err"
ok $? 'a job reads its models' ||
    diag "$(cat "$tmp/.err" "$tmp/prolog.err"; tail "$tmp/slurmd.log")"
cmp -s "$tmp/got" "$tmp/m/w.bin"
ok $? 'as they were put'
# shellcheck disable=SC2317 # wait_for calls it
nothing_left()
{
	! grep -q " $jobs/" /proc/self/mountinfo && [ -z "$(ls -A "$jobs")" ] &&
	    node_is idle
}
wait_for 60 nothing_left
ok $? 'its epilog leaves nothing' ||
    diag "$(cat "$tmp/epilog.err"; ls -lR "$jobs"; sinfo -R)"
is "$(as "$keyd" weir audit ls --kind session.open --json 2>/dev/null |
    jq -r '.by, .for' | tr '\n' ' ')" "user:root user:$alice " \
    'the session is the user'\''s, opened by root'

# shellcheck disable=SC2016 # the job's shell expands it
exits 0 'a job of somebody without a grant runs' job "$bob" \
    'cat "$0/$SLURM_JOB_ID/why"' "$jobs"
like "$out" "user:$bob has no grant" 'and is told why there are no models'
wait_for 60 nothing_left
ok $? 'the node is not drained' || diag "$(sinfo -R)"

# What comes from elsewhere: a job of bob's beside alice's.
# shellcheck disable=SC2016 # the job's shell expands it
job "$alice" 'echo "$SLURM_JOB_ID" >"$1/job"; cat "$0/$SLURM_JOB_ID/models/llama/prod/w.bin" |
    cmp - "$2" && while [ ! -e "$1/end" ]; do sleep 0.1; done' "$jobs" \
    "$tmp/home-$alice" "$tmp/m/w.bin" >"$tmp/long.log" 2>&1 &
long=$!
wait_for 60 test -s "$tmp/home-$alice/job"
ok $? 'a job runs on' || diag "$(cat "$tmp/long.log")"
id=$(cat "$tmp/home-$alice/job")
# shellcheck disable=SC2016 # the job's shell expands it
job "$bob" 'cat "$0/models/llama/prod/w.bin"' "$jobs/$id" >"$tmp/got" 2>/dev/null
is "$(wc -c <"$tmp/got")" 0 'a job of somebody else on the node reads 0 bytes of it'
end_process $slurmd
slurmd -D >"$tmp/slurmd.log" 2>&1 &
cleanup_fn end_process $!
as "$alice" cmp "$jobs/$id/models/llama/prod/w.bin" "$tmp/m/w.bin"
ok $? 'slurmd is restarted, and the mount stays'
touch "$tmp/home-$alice/end"
wait $long
ok $? 'and the job ends well' || diag "$(cat "$tmp/long.log")"
wait_for 60 nothing_left
ok $? 'with nothing left' || diag "$(cat "$tmp/epilog.err"; sinfo -R; ls -lR "$jobs")"

# --- where keyd cannot be reached ---

end_process $service
cat >"$tmp/batch" <<X
#!/bin/sh
#SBATCH --output=$tmp/home-$alice/batch.log
cmp "$jobs/\$SLURM_JOB_ID/models/llama/prod/w.bin" $tmp/m/w.bin && echo read
X
exits 0 'a job is queued' as "$alice" sbatch --parsable "$tmp/batch"
id=$out
# shellcheck disable=SC2317 # wait_for calls it
job_is()
{
	squeue -h -j "$id" -o '%T' | grep -q "$1"
}
wait_for 60 node_is drained
ok $? 'without keyd the prolog fails, and the node is drained' ||
    diag "$(sinfo -R; squeue; cat "$tmp/prolog.err")"
wait_for 60 job_is PENDING
ok $? 'the job is queued again' || diag "$(squeue)"
like "$(cat "$tmp/prolog.err")" 'weir-keyd' 'what is wrong is in slurmd'\''s log'
service_keyd
scontrol update nodename="$node" state=resume
# Slurm would wait two minutes.
scontrol release "$id"
scontrol update jobid="$id" starttime=now
wait_for 60 grep -q '^read$' "$tmp/home-$alice/batch.log"
ok $? 'and reads when keyd is there and the node is resumed' ||
    diag "$(cat "$tmp/home-$alice/batch.log"; squeue; sinfo -R)"
wait_for 60 nothing_left
ok $? 'its epilog leaves nothing'
done_testing
