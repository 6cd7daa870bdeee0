#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The scripts are clean under shellcheck(1).
set -eu

find .ci tests docs keys cli fuse \( -name '*.sh' -o -name '*.bash' -o -path '.ci/run' \) -type f |
    sort | xargs -r shellcheck -x -P SCRIPTDIR
