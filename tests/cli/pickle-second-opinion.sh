#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What Python imports when it loads a pickle, put has told of: both of Python's
# unpicklers are asked about generated ones.
. "$(dirname "$0")/lib.sh"

# shellcheck disable=SC2317 # exits calls it
opinion()
{
	/usr/bin/python3 "$top/tests/verify_pickles.py" \
	    "$BUILD/tests/load/imports" "$@"
}

exits 0 'weir sees each import that Python makes' opinion 1 20000
like "$out" '^20000 pickles, [0-9]{4} with imports, 0 missed$' 'of some thousands'
exits 1 'one who lists nothing' opinion 1 2000 --blind
like "$out" '^2000 pickles, [0-9]+ with imports, [1-9][0-9]+ missed$' 'misses many'
done_testing
