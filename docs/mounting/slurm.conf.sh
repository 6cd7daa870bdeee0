# shellcheck shell=sh disable=SC2034 # the prolog and the epilog read it
# SPDX-License-Identifier: Apache-2.0
#
# /etc/weir/slurm: what slurm-prolog.sh mounts, and for whom.

WEIR_VAULT=/var/lib/weir-keyd/llama
JOBS=/run/weir/jobs

# The references that a user's jobs get; nothing: no mount.
models()
{
	case $1 in
	alice) echo llama:prod ;;
	esac
}
