# shellcheck shell=sh disable=SC2034,SC2154 # lib.sh's, and for who includes it
# SPDX-License-Identifier: Apache-2.0
#
# A host and what it has seen of a vault.  After lib.sh, with jq:
#
#	host_reads		a vault whose llama:prod is $ref_full, of $tmp/m, signed
#				by carol; this host has read it
#	host_refuses NAME REFERENCE REGEX [OPTION]...
#				by weir get, and it is noted why
#	seen			what is remembered here
#	$forgetful		weir on a host that remembers nothing

forgetful=$tmp/bin/weir-forgetful
[ -x "$BUILD/tests/mutants/weir-forgetful" ] ||
    skip_all 'build it first: make tests'
# Where it finds weir-keyd.
mkdir "$tmp/bin"
cp "$BUILD/weir-keyd" "$BUILD/tests/mutants/weir-forgetful" "$tmp/bin"

host_reads()
{
	mkvault vault
	trusted carol
	mkdir "$tmp/m"
	head -c 200000 /dev/urandom >"$tmp/m/w.bin"
	ref_full=$(weir put llama "$tmp/m" 2>/dev/null)
	promoted "$ref_full" prod
	weir grant add llama --to "$me" --loads 99 --export --reason t \
	    >/dev/null 2>&1
	exits 0 'the host reads a version' weir get llama:prod "$tmp/first"
}

seen()
{
	cat "$WEIR_STATE_DIR"/*/seen.json
}

host_refuses()
{
	refusal=$1 ref=$2 regex=$3
	shift 3
	rm -rf "$tmp/out" "$WEIR_STATE_DIR"/*/refused
	exits 3 "$refusal: refused" weir get "$@" "$ref" "$tmp/out"
	like "$err" "refused: .*$regex" 'and named'
	like "$(jq -r .reason "$WEIR_STATE_DIR"/*/refused)" "$regex" 'and noted'
	[ ! -e "$tmp/out" ]
	ok $? 'nothing was written'
}
