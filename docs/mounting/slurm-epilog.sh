#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Epilog= of slurm.conf: unmounts what slurm-prolog.sh mounted, which closes the
# session.  Whoever still has files open is named on standard error; the session
# closes when they are closed.
set -u

PATH=/usr/local/bin:/usr/bin:/bin:${PATH:-}
# shellcheck source=slurm.conf.sh
. "${WEIR_SLURM:-/etc/weir/slurm}"

place=$JOBS/$SLURM_JOB_ID
[ -d "$place" ] || exit 0

if grep -q " $place/models .* - fuse\.weir " /proc/self/mountinfo; then
	weir umount "$place/models" || weir umount --force "$place/models" ||
	    exit 1
fi
rm -f "$place/why"
rmdir "$place/models" "$place"
