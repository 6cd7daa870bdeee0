# shellcheck shell=sh disable=SC2034,SC2154 # lib.sh's, and for who includes it
# SPDX-License-Identifier: Apache-2.0
#
# A vault that an account of its own serves, with a signed llama:prod that holds
# $tmp/m/w.bin, and users.  After lib.sh:
#
#	service_accounts		$keyd, $alice and $bob, until the test ends
#	service_vault		keyd runs; alice has a grant, root mounts for others
#	service_slurm		$tmp/slurm: settings of the Slurm scripts in $examples
#				for alice and bob, whose jobs are in $jobs
#	as USER COMMAND...	and become, which does not come back

# An account goes when the last process of it has gone.
# shellcheck disable=SC2317 # by way of cleanup_fn
drop_account()
{
	wait_for 60 no_process_of "$1"
	userdel "$1"
}

# shellcheck disable=SC2317 # by way of wait_for
no_process_of()
{
	! pgrep -u "$1"
}

service_accounts()
{
	requires root fuse useradd setpriv
	keyd=weirk$$
	alice=weira$$
	bob=weirb$$
	chmod 755 "$tmp"
	for u in $keyd $alice $bob; do
		useradd --no-create-home --home-dir "$tmp/home-$u" \
		    --shell /bin/sh "$u" || skip_all 'useradd does not work here'
		cleanup_fn drop_account "$u"
		mkdir -m 700 "$tmp/home-$u"
		chown "$u" "$tmp/home-$u"
	done
	# Others may not come to where this was built.
	mkdir -m 755 "$tmp/bin"
	cp "$BUILD"/weir "$BUILD"/weir-keyd "$BUILD"/weir-mount "$tmp/bin/"
	PATH=$tmp/bin:$PATH
}

become()
{
	who=$1
	shift
	cd "$tmp/home-$who" || exit 1
	HOME=$tmp/home-$who WEIR_STATE_DIR=$tmp/home-$who \
	    WEIR_KEYS=$tmp/home-$who exec setpriv --reuid "$who" \
	    --regid "$(id -g "$who")" --clear-groups -- "$@"
}

as()
{
	(become "$@")
}

service_keyd()
{
	become "$keyd" weir-keyd --vault "$vault" --key-file "$tmp/key" \
	    >"$tmp/keyd.log" 2>&1 &
	service=$!
	cleanup_fn end_process "$service"
	wait_for 60 test -S "$vault/run/keyd.sock"
	ok $? 'keyd runs as a service' || diag "$(cat "$tmp/keyd.log")"
}

service_vault()
{
	vault=$tmp/srv
	mkdir -m 755 "$vault" "$tmp/m" "$WEIR_TRUST_DIR"
	WEIR_VAULT=$vault
	WEIR_KEY_PASSPHRASE_FILE=$tmp/passphrase
	export WEIR_VAULT WEIR_KEY_PASSPHRASE_FILE
	echo 'of a person' >"$tmp/passphrase"
	head -c 32 /dev/urandom >"$tmp/key"
	chown "$keyd" "$vault" "$tmp/key"
	chmod 400 "$tmp/key"
	as "$keyd" weir --key-file "$tmp/key" init "$vault" \
	    >"$tmp/recovery" 2>&1
	service_keyd
	head -c 3000000 /dev/urandom >"$tmp/m/w.bin"
	chmod a+r "$tmp/m/w.bin"
	ref=$(as "$keyd" weir put llama "$tmp/m" 2>"$tmp/.err")
	for c in 'key gen carol' 'trust init --key carol --yes' \
	    "sign $ref --key carol --yes" \
	    "promote $ref prod --key carol --reason t --yes" \
	    "grant add llama --to user:$alice --loads 50 --reason t" \
	    'role add mounter --to user:root'; do
		# shellcheck disable=SC2086 # a word each
		as "$keyd" weir $c >/dev/null 2>"$tmp/.err" ||
		    { ok 1 "weir $c"; diag "$(cat "$tmp/.err")"; }
	done
	as "$keyd" weir trust show --export >"$WEIR_TRUST_DIR/srv.json" \
	    2>"$tmp/.err"
}

service_slurm()
{
	examples=$top/docs/mounting
	jobs=$tmp/jobs
	sed "s,^WEIR_VAULT=.*,WEIR_VAULT=$vault,; s,^JOBS=.*,JOBS=$jobs,
	    s/alice)/$alice | $bob)/" "$examples/slurm.conf.sh" >"$tmp/slurm"
}
