#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The tables of figures are what is made of docs/bench.json.
set -eu

[ -e docs/bench.json ] || exit 0
python3 tests/bench/readme.py --check
