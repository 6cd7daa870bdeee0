#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Each lint can fail: it passes a small clean tree, and names what is planted
# there.
set -u

from=$PWD
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/vault" "$tree/keys" "$tree/fuse" "$tree/cli" "$tree/.ci" \
    "$tree/docs" "$tree/tests" "$tree/build/vault"
cp -r tests/lint "$tree/tests/"
cp .ci/run "$tree/.ci/"
cp .clang-format "$tree/"
cd "$tree" || exit 1
printf '0 vault err\n5 cli *\n' >tests/lint/layers

: "${CC:=gcc -std=c17 -D_GNU_SOURCE -DFUSE_USE_VERSION=314 -I. -isystem /usr/include/fuse3}"
export CC
BUILD=$tree/build
export BUILD
n=0
status=0

# expect LINT PATTERN WHAT FILE...: the lint fails and says PATTERN; the files
# are the plant, taken away after.
expect()
{
	lint=$1
	pattern=$2
	what=$3
	shift 3
	n=$((n + 1))
	if said=$(sh "tests/lint/$lint.sh" 2>&1); then
		echo "not ok $n - $lint passes $what"
		status=1
	elif printf '%s\n' "$said" | grep -q -e "$pattern"; then
		echo "ok $n - $lint refuses $what"
	else
		echo "not ok $n - $lint fails, but does not name $what"
		printf '%s\n' "$said" | sed 's/^/# /' >&2
		status=1
	fi
	rm -f "$@"
}

head='/* SPDX-License-Identifier: Apache-2.0 */'

cat >vault/err.h <<EOP
$head
#ifndef CLEAN_H
#define CLEAN_H

int err_clean(int i);

#endif
EOP
cat >vault/err.c <<EOP
$head
#include "vault/err.h"

int
err_clean(int i)
{
	return i + 1;
}
EOP
$CC -c vault/err.c -o "$BUILD/vault/err.o"
for lint in layers symbols headers banned lengths columns man docs format \
    scripts; do
	n=$((n + 1))
	if sh "tests/lint/$lint.sh" >&2; then
		echo "ok $n - $lint passes a clean tree"
	else
		echo "not ok $n - $lint fails on a clean tree"
		status=1
	fi
done

printf '%s\n#include "fuse/plant.h"\n' "$head" >vault/plant.c
echo "0 vault plant" >>tests/lint/layers
echo "4 fuse plant" >>tests/lint/layers
expect layers 'vault/plant.c:2: rank 0 includes fuse/plant.h of rank 4' \
    'an include that points up' vault/plant.c

printf '%s\n#include "plant.h"\n' "$head" >vault/plant.c
expect layers 'vault/plant.c:2: "plant.h" is not written from the root' \
    'an include that does not begin at the root' vault/plant.c

printf '%s\n' "$head" >vault/unranked.c
expect layers 'vault/unranked.c: no rank' 'a file without a rank' \
    vault/unranked.c

echo "0 vault ghost" >>tests/lint/layers
expect layers 'vault/ghost is the rank of no file' 'a rank without a file'

printf 'int plant_mine;\nint stray;\n' >vault/plant.c
$CC -c vault/plant.c -o "$BUILD/vault/plant.o"
expect symbols 'vault/plant.c exports stray' 'a symbol without its prefix' \
    vault/plant.c "$BUILD/vault/plant.o"

printf 'int err_clean;\n' >keys/err.c
mkdir -p "$BUILD/keys"
$CC -c keys/err.c -o "$BUILD/keys/err.o"
expect symbols 'exports err_clean, and so does' 'a name taken twice' \
    keys/err.c "$BUILD/keys/err.o"

printf '%s\nuint32_t plant(void);\n' "$head" >vault/plant.h
expect headers 'vault/plant.h: does not compile alone' \
    'a header that leans on another' vault/plant.h

printf '%s\nstruct plant {\n\tint i;\n};\n' "$head" >vault/plant.h
expect headers 'vault/plant.h: does not compile alone' \
    'a header without a guard' vault/plant.h

names=$(sed 's/#.*//' tests/lint/banned | awk '{ print $1 }')
for name in $names; do
	printf '\t%s(1);\n' "$name"
done >vault/plant.c
for name in $names; do
	expect banned "vault/plant.c: calls $name: use" "a call of $name"
done
rm -f vault/plant.c

# These are no calls: a comment, a string, a longer name, a member.
{
	echo '/* system(1) */'
	echo 'void plant(struct p *p) { p->system(1); my_system("gets(1)"); }'
} >vault/plant.c
n=$((n + 1))
if sh tests/lint/banned.sh 2>&1 | grep -q vault/plant.c; then
	echo "not ok $n - banned takes a comment, string or member for a call"
	status=1
else
	echo "ok $n - banned passes comments, strings and members"
fi
rm -f vault/plant.c

printf '/* TO''DO: finish */\n' >vault/plant.c
expect banned 'vault/plant.c:1:' 'a mark of unfinished work' vault/plant.c

{
	printf 'int\nplant(int i)\n{\n'
	yes '	i++;' | head -n 80
	printf '	return i;\n}\n'
} >vault/plant.c
expect lengths 'plant() has 8[0-9] lines' 'a long function' vault/plant.c

yes '' | head -n 601 >vault/plant.c
expect lengths 'vault/plant.c: 601 lines' 'a long file' vault/plant.c

# A line of so many columns, the first eight of them a tab.
wide()
{
	printf '\t/* %0*d */\n' "$(($1 - 14))" 0
}
wide 81 >vault/plant.c
expect columns 'vault/plant.c:1: 81 columns' 'a wide line' vault/plant.c

# A table may be wide, what is behind it may not.
{
	echo '/* clang-format off */'
	wide 90
	echo '/* clang-format on */'
} >vault/plant.c
cp vault/plant.c vault/plant.h
wide 81 >>vault/plant.c
expect columns 'vault/plant.c:4: 81 columns' 'a wide line after a table' \
    vault/plant.c

# Bytes are not columns.
{
	wide 80
	wide 80 | sed 's/0000/→×é…/'
} >>vault/plant.h
n=$((n + 1))
if sh tests/lint/columns.sh >&2; then
	echo "ok $n - columns passes a wide table, and 80 columns"
else
	echo "not ok $n - columns fails on a wide table, or on 80 columns"
	status=1
fi
rm -f vault/plant.h

printf '.Dd plant\n.Sh NOT A SECTION\n.Bogus\n' >vault/plant.1
expect man 'vault/plant.1' 'a man page that mandoc would not pass' vault/plant.1

# A table and a page of our own, in place of the real ones.
man_page()
{
	cat <<'EOP'
.Dd January 1, 2026
.Dt WEIR 1
.Os
.Sh NAME
.Nm weir
.Nd a plant
.Sh DESCRIPTION
.Ss put Ar MODEL
Puts.
EOP
}
table()
{
	printf 'static const struct command commands[] = {\n'
	printf '\t{ "put", cmd_put, "one line" },\n'
}

{ table; printf '\t{ "plant", cmd_plant, "one line" },\n};\n'; } >cli/commands.c
man_page >cli/weir.1
expect man 'cli/weir.1: nothing on "plant"' 'a command without a section'

{ table; printf '};\n'; } >cli/commands.c
{ man_page; printf '.Ss plant add\nNothing.\n'; } >cli/weir.1
expect man 'cli/weir.1: no command "plant add"' 'a section without a command'

printf 'int main(void) { return 0; }\n' >cli/commands.c
man_page >cli/weir.1
expect man 'cli/commands.c: no command table' 'a table that it cannot find' \
    cli/commands.c cli/weir.1

# Rules, and the page that tells of them.
rules()
{
	printf '\t[WATCH_%s] = { "%s", WATCH_HIGH, DAY, { { 0 } } },\n' \
	    DECOY decoy DRIP drip >keys/watch_rules.c
}
page()
{
	printf '%s\n' 'There are 2 rules: 1 facts, 1 statistics, and no more.' \
	    '### Facts' '| rule, severity | when |' '|---|---|' \
	    '| decoy, high | a |' '' '### Statistics' \
	    '| rule, severity | when |' '|---|---|' '| drip, high | b |'
}
rules
page >docs/watch.md
n=$((n + 1))
if sh tests/lint/rules.sh >&2; then
	echo "ok $n - rules passes a page that has them all"
else
	echo "not ok $n - rules fails on a page that has them all"
	status=1
fi
page | grep -v drip >docs/watch.md
expect rules 'docs/watch.md: no row of: drip, high' 'a rule without a row'
page | sed 's/drip, high/drip, low/' >docs/watch.md
expect rules 'no section of: drip, low' 'another severity'
page | sed 's/^There are 2/There are 3/' >docs/watch.md
expect rules 'does not say: There are 2 rules' 'a wrong number' \
    keys/watch_rules.c docs/watch.md
rmdir docs

mkdir debian
printf 'PACKAGES := gcc \\\n\tlibplant-dev libcmocka-dev\n' >Makefile
printf '#define WEIR_VERSION "7"\n' >cli/cmd_help.c
printf 'Build-Depends: debhelper,\n libplant-dev\n' >debian/control
printf 'weir (6) unstable\n' >debian/changelog
expect debian 'changelog: nothing on 7' 'a version that is not told of'
printf 'weir (7) unstable\n' >debian/changelog
printf 'Build-Depends: debhelper\n' >debian/control
expect debian 'Build-Depends has no libplant-dev' \
    'a library that a package would be built without' Makefile cli/cmd_help.c \
    debian/control debian/changelog
rmdir debian

printf 'int plant( void ) ;\n' >vault/plant.h
expect format 'vault/plant.h: .make format. would' 'a file not formatted' \
    vault/plant.h

# shellcheck disable=SC2016 # backquotes of Markdown
printf 'See `vault/err.c` and `vault/plant.c`.\n' >plant.md
expect docs 'plant.md: there is no vault/plant.c' \
    'a document that names a file of the past' plant.md

# shellcheck disable=SC2016 # it is the plant that is to be expanded
printf '#!/bin/sh\nrm $plant\n' >tests/plant.sh
expect scripts 'tests/plant.sh' 'a script that shellcheck would not pass' \
    tests/plant.sh

printf '%s\n' "$head" 'int __wrap_plant(void) { return 0; }' >tests/plant.c
expect wraps 'tests/plant.c: __wrap_plant' 'a mutant that is not linked in' \
    tests/plant.c

mkdir -p docs tests/bench
cp "$from/tests/bench/readme.py" tests/bench/
cat >docs/bench.json <<EOP
{ "command": "make bench", "machine": "a plant", "date": "2026-01-01", "load": 0,
  "size_mb": 1, "rounds": 1, "chunks": 1000, "stores": "tmpfs",
  "growth": { "command": "make bench", "machine": "a plant", "date": "2026-01-01",
    "load": 0, "stores": "tmpfs", "tables": { "size": [ { "MiB": 7 } ] } },
  "rows": { "put": { "weir": { "median": 0.5, "min": 0.4, "max": 0.6, "unit": "GB/s" } } } }
EOP
printf '<!-- bench -->\n<!-- /bench -->\n' >README.md
printf '<!-- %s -->\n<!-- /%s -->\n' rows rows growth growth \
    >docs/performance.md
python3 tests/bench/readme.py --write
n=$((n + 1))
if sh tests/lint/figures.sh >&2 && grep -q '| put | 0.5 GB/s |' README.md &&
    grep -q '| put | 0.5 GB/s (0.4–0.6) |' docs/performance.md &&
    grep -q '^| 7 |$' docs/performance.md
then
	echo "ok $n - figures passes a table that was made of the measurements"
else
	echo "not ok $n - figures fails on a table made of the measurements"
	status=1
fi
sed -i 's/0\.5 GB/0.9 GB/' README.md
expect figures 'README.md: its table is not' 'a figure that nobody measured' \
    README.md

echo "1..$n"
exit $status
