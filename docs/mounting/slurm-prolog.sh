#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Prolog= of slurm.conf: mounts models for the user of a job, who finds them
# below /run/weir/jobs/$SLURM_JOB_ID/models.  Runs as root, who has the role
# mounter; the session is the user's, under the user's grants.
#
# A status other than 0 drains the node.  What is the job's own affair (no grant,
# no such version, or one that is not signed) does not: the job finds no models,
# and the reason in /run/weir/jobs/$SLURM_JOB_ID/why.
set -u
umask 022

# Slurm sets no search path.
PATH=/usr/local/bin:/usr/bin:/bin:${PATH:-}
# shellcheck source=slurm.conf.sh
. "${WEIR_SLURM:-/etc/weir/slurm}"

refs=$(models "$SLURM_JOB_USER")
[ -n "$refs" ] || exit 0
place=$JOBS/$SLURM_JOB_ID

# Another step of this job was first.
! grep -q " $place/models .* - fuse\.weir " /proc/self/mountinfo || exit 0
mkdir -p "$JOBS" "$place" "$place/models" || exit 1

# A mount goes on after this script.  In a scope of its own it belongs neither to
# slurmd, which may be restarted, nor to the job, whose processes are counted.
set --
if [ -d /run/systemd/system ]; then
	set -- systemd-run --scope --quiet --collect \
	    --unit="weir-job-$SLURM_JOB_ID"
fi
# shellcheck disable=SC2086 # a word each
"$@" weir -V "$WEIR_VAULT" mount --quiet --user "$SLURM_JOB_USER" $refs \
    "$place/models" 2>"$place/why"
status=$?

case $status in
0) rm -f "$place/why" ;;
3 | 4 | 5) ;;
*)
	cat "$place/why" >&2
	exit 1
	;;
esac
