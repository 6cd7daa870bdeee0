#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Alerts of a weir-keyd that runs as its unit: the sandbox of systemd lets it run
# a hook, find a host by its name and tell a webhook there, and lets the hook do
# no more than keyd itself.  See tests/lib/boot.sh.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/../lib/boot.sh"

requires fuse runuser jq openssl python3
boots
boot_install
ok $? 'it is installed'
V=/var/lib/weir-keyd/llama
unit=weir-keyd@llama.service

# --- a webhook on this host, by a name, with a certificate ---

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
    -subj /CN=siem -addext subjectAltName=DNS:siem.weir.test \
    -keyout "$tmp/ca.key" -out "$tmp/ca.pem" 2>/dev/null
: >"$tmp/posted"
python3 "$top/tests/lib/webhook.py" "$tmp/ca.pem" "$tmp/ca.key" \
    "$tmp/posted" >"$tmp/port" 2>"$tmp/server.err" &
cleanup_fn end_process $!
wait_for 60 test -s "$tmp/port"
ok $? 'there is a webhook'
put_file()
{
	# shellcheck disable=SC2016 # the shell in there expands it
	inside sh -c 'mkdir -p "${2%/*}" && cat >"$2" && chmod "$1" "$2"' sh \
	    "$3" "$2" <"$1"
}
put_file "$tmp/ca.pem" /etc/weir/siem.pem 644
inside sh -c 'echo 127.0.0.1 siem.weir.test >>/etc/hosts'

# --- a hook, which says what it could do ---

cat >"$tmp/hook" <<X
#!/bin/sh
tried()
{
	what=\$1
	shift
	if "\$@" >/dev/null 2>&1; then
		echo "\$what"
	fi
}
{
	tried writes-vault touch $V/from-the-hook
	tried writes-etc touch /etc/from-the-hook
	tried writes-usr touch /usr/from-the-hook
	tried sees-home test -e /root/s
	tried is-root test -w /etc/passwd
	tried mounts unshare -U true
	tried resolves getent hosts siem.weir.test
	tried talks bash -c 'echo >/dev/tcp/127.0.0.1/$(cat "$tmp/port")'
	tried logs logger -t weir-hook 'an alert came'
	id -un
} >$V/hook.did 2>&1
cat >>$V/hook.taken
X
put_file "$tmp/hook" /usr/local/libexec/page-somebody 755
inside mkdir -p /root/s

# --- a vault, its service, and a decoy that somebody reads ---

inside sh -c "umask 077; mkdir /run/i && echo 'open it' >/run/i/pass &&
    chown -R weir /run/i && mkdir -p /etc/credstore.encrypted &&
    systemd-creds encrypt --name=weir-unlock /run/i/pass \
	/etc/credstore.encrypted/weir-llama 2>/dev/null &&
    head -c 100000 /dev/urandom >/run/i/w.bin && chown weir /run/i/w.bin"
sent()
{
	inside runuser -u weir -- env WEIR_STATE_DIR=/run/i weir -V $V "$@"
}
sent --passphrase-file /run/i/pass init $V >/dev/null 2>&1
exits 0 'the vault has its service' inside systemctl enable --now $unit
ref=$(sent put bait /run/i/w.bin 2>/dev/null)
sent grant add bait --to user:weir --loads 99 --export --reason t >/dev/null 2>&1
sent decoy add bait --reason t >/dev/null 2>&1
cat >"$tmp/watch.ini" <<I
[deliver]
hook = /usr/local/libexec/page-somebody
webhook = https://siem.weir.test:$(cat "$tmp/port")/alerts
webhook-ca = /etc/weir/siem.pem
I
put_file "$tmp/watch.ini" $V/watch.ini 644
exits 0 'its rules are read anew' inside systemctl reload $unit
exits 0 'the decoy is read' sent get --allow-unsigned "$ref" /run/i/copy

# shellcheck disable=SC2317 # wait_for calls it
hook_took()
{
	inside grep -q '"rule":"decoy"' "$V/hook.taken"
}
wait_for 60 hook_took
ok $? 'the hook is run' || diag "$(inside journalctl -q -o cat -u $unit)"
wait_for 60 grep -q '"rule":"decoy"' "$tmp/posted"
ok $? 'the webhook is told' || diag "$(inside journalctl -q -o cat -u $unit)"
is "$(inside cat $V/hook.did | tr '\n' ' ')" \
    'writes-vault resolves talks logs weir ' 'the hook may do what keyd may'
done_testing
