/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/commands.h"

enum { MANY = 4096 };

#define SIGNS                                                                  \
	"  --key KEY  whose signature: a name, a key file, or agent:COMMENT; " \
	"may be\n             repeated ('weir help key show')\n"               \
	"  --key-passphrase-file FILE  the key's passphrase, instead of "      \
	"asking\n"                                                             \
	"  --trust FILE  the trust root to go by, beside what this host has "  \
	"seen\n                or pinned\n"                                    \
	"  --trust-on-first-use  take keyd's word for it, once\n"              \
	"  --yes      sign without asking\n"

/* clang-format off */
static const struct commands_row rows[] = {
	{ "init", cmd_init, 1, 1, false,
	    "make a vault; prints a recovery key once",
	    "DIR\n"
	    "The vault's first unlocking secret is a key file (--key-file), a\n"
	    "passphrase file (--passphrase-file) or a passphrase asked for on "
	    "the terminal.\n" },
	{ "put", cmd_put, 2, MANY, true,
	    "take files in as a new version of a model",
	    "MODEL PATH... [--label KEY=VALUE]... [--ref-out FILE]\n"
	    "           [--allow-pickle] [--name NAME] "
	    "[--compress auto|off|max]\n"
	    "One directory: its contents are the version's root.  '-' is "
	    "standard input.\n"
	    "  --label KEY=VALUE  keep this with the version; may be repeated\n"
	    "  --ref-out FILE     write MODEL@DIGEST to FILE, too\n"
	    "  --allow-pickle     let in pickles that import what is not on the "
	    "list\n"
	    "  --name NAME        what '-' is called in the version\n"
	    "  --compress HOW     auto, off, or max: a tenth of the speed\n" },
	{ "get", cmd_get, 2, 2, true,
	    "write a version out as plain files",
	    "REF DEST [--trust FILE]... [--trust-on-first-use]\n"
	    "           [--allow-unsigned]\n"
	    "DEST must not exist, or be an empty directory.  Needs a grant "
	    "with --export.\n"
	    "REF and the options say what may be read, as for mount.\n" },
	{ "ls", cmd_ls, 0, 1, false,
	    "list models and versions, or a version's files",
	    "[MODEL|REF] [--files] [--all] [--long]\n"
	    "A version is unsigned, signed, lapsed (not as the trust root in "
	    "force asks) or\nrevoked; 'weir show REF' says who signed it.\n"
	    "  --files  the files of the version; on for MODEL:CHANNEL and "
	    "MODEL@DIGITS\n"
	    "  --all    versions that were removed and can be brought back, "
	    "too\n"
	    "  -l, --long  owner, classification, licence, parameters, types, "
	    "last read\n" },
	{ "show", cmd_show, 1, 1, false,
	    "what is known about a version, and who vouches for it",
	    "REF [--bom]\n"
	    "  --bom  as a CycloneDX 1.6 ML-BOM, JSON\n" },
	{ "diff", cmd_diff, 2, 2, false,
	    "what is different between two versions",
	    "REF REF [--all]\n"
	    "Files, tensors, and bytes that both have, from manifests alone.\n"
	    "  --all  every line of long lists\n" },
	{ "check", cmd_check, 0, 0, false,
	    "look for damaged and missing objects",
	    "[--read-data]\n"
	    "  --read-data  read every object wholly, not headers and sizes "
	    "only\n" },
	{ "rm", cmd_rm, 1, 1, true,
	    "remove a version; it can be brought back for a while",
	    "MODEL@DIGITS [--reason TEXT] [--grace SPAN]\n"
	    "       rm --undo MODEL@DIGITS [--reason TEXT]\n"
	    "A version that a signed channel points to, or that a session has "
	    "open, stays.\n"
	    "  --grace SPAN   how long it can be brought back (7d): 12h, 30d, "
	    "0\n"
	    "  --reason TEXT  why; it is recorded\n"
	    "  --undo         bring it back, as 'weir undelete' does\n" },
	{ "undelete", cmd_undelete, 1, 1, true,
	    "bring back a version that was removed",
	    "MODEL@DIGITS [--reason TEXT]\n"
	    "'weir ls --all' lists those that can be.\n"
	    "  --reason TEXT  why; it is recorded\n" },
	{ "gc", cmd_gc, 0, 0, false,
	    "free what no version needs any more",
	    "[--dry-run] [--grace SPAN]\n"
	    "Versions whose time after 'weir rm' is over go for good; then the "
	    "objects that\nno version and no upload under way needs.\n"
	    "  --grace SPAN  not objects that somebody put or found in this "
	    "time (24h)\n"
	    "  --dry-run     only say what would go\n" },
	{ "shred", cmd_shred, 1, 1, true,
	    "destroy a version, its key and what only it needs, for good",
	    "MODEL@DIGITS [--yes] [--reason TEXT] [--certificate FILE]\n"
	    "Its sessions end.  Prints and writes a deletion certificate "
	    "('weir audit verify\n--certificate').  Backups from before do "
	    "not open any more: make one after it.\n"
	    "  --certificate FILE  where it goes: MODEL@DIGITS.shredded.json, "
	    "else\n"
	    "  --reason TEXT       why; it is recorded\n"
	    "  --yes               without asking\n" },
	{ "role ls", cmd_role_ls, 0, 0, false,
	    "list who has which role",
	    "\n" },
	{ "role add", cmd_role_add, 1, 1, false,
	    "give a role",
	    "ROLE --to PRINCIPAL [--family MODEL]\n"
	    "ROLE is owner, manager, uploader (of --family), reviewer or "
	    "mounter.\n" },
	{ "role rm", cmd_role_rm, 1, 1, false,
	    "take a role away",
	    "ROLE --to PRINCIPAL [--family MODEL]\n" },
	{ "grant ls", cmd_grant_ls, 0, 0, false,
	    "list who may read what",
	    "[--all]\n"
	    "  --all  those that have ended or were taken back, too\n" },
	{ "grant add", cmd_grant_add, 1, 1, false,
	    "let somebody read a model",
	    "REF --to PRINCIPAL --loads N[/day]|--browse --reason TEXT\n"
	    "           [--export] [--until TIME] [--host PATTERN]...\n"
	    "           [--days DAYS] [--hours HH:MM-HH:MM] [--zone ZONE]\n"
	    "           [--max-sessions N] [--exe SHA256|FILE]...\n"
	    "REF is MODEL (any version), MODEL:CHANNEL or MODEL@DIGITS.\n"
	    "  --to PRINCIPAL   user:NAME\n"
	    "  --loads N[/day]  N loads of the whole, in all or a day\n"
	    "  --browse         look at small parts only\n"
	    "  --export         plain copies by 'weir get', too\n"
	    "  --until TIME     2026-12-31, 2026-12-31T18:00:00Z, or 30d\n"
	    "  --host PATTERN   on hosts of such a name only: gpu-*, node-??\n"
	    "  --days DAYS      mon-fri, or mon,wed,sat-sun\n"
	    "  --hours HOURS    08:00-18:00, or 22:00-06:00 until the day "
	    "after\n"
	    "  --zone ZONE      whose days and hours: UTC (else), or +02:00\n"
	    "  --max-sessions N at most N open at once\n"
	    "  --exe SHA256     by this program, or FILE's; others are flagged\n"
	    "  --reason TEXT    why; it is recorded\n" },
	{ "grant rm", cmd_grant_rm, 1, 1, false,
	    "take a grant back; its sessions end",
	    "ID [--reason TEXT]\n" },
	{ "grant show", cmd_grant_show, 1, 1, false,
	    "what is used and left of a grant", "ID\n" },
	{ "grant reset", cmd_grant_reset, 1, 1, false,
	    "let all who browse a model begin anew, together",
	    "MODEL --reason TEXT\n"
	    "Each one's own 2 % stays.  Not for who browses it, too.\n"
	    "  --reason TEXT  why; it is recorded\n" },
	{ "grant approve", cmd_grant_approve, 1, 1, false,
	    "sign a grant that waits for approvals",
	    "G7 --key KEY... [--terms TEXT] [--yes]\n"
	    "  --terms TEXT  what it must say, to the letter, as 'grant ls "
	    "--json' has it;\n                with --yes it must be given\n"
	    SIGNS },
	{ "grant explain", cmd_grant_explain, 2, 2, false,
	    "why somebody can or cannot read something, rule by rule",
	    "PRINCIPAL REF [--host NAME] [--export] [--at TIME]\n"
	    "Exits 4 when they cannot.\n"
	    "  --host NAME  on this host\n"
	    "  --export     plain copies, too\n"
	    "  --at TIME    by the grants of then: 2026-12-31, or 12h (ago)\n" },
	{ "grant review", cmd_grant_review, 0, 0, false,
	    "who may read what, what was used, and what is broader than that",
	    "[--at TIME]\n"
	    "  --at TIME  as it was then: 2026-12-31, or 12h (ago)\n" },
	{ "trust init", cmd_trust_init, 0, 0, false,
	    "say who may sign: the vault's first trust root",
	    "--key KEY... [--public KEY]... [--policy FILE] [--yes]\n"
	    "Without --policy: any one of the keys signs, revokes and rolls "
	    "back; more\nthan half of them promote, and sign the next trust "
	    "root.\n"
	    "  --public [NAME=]KEY  somebody else's public key: a file or a "
	    "line\n"
	    "  --policy FILE        keys and rules as JSON (see 'trust show "
	    "--policy')\n"
	    SIGNS },
	{ "trust show", cmd_trust_show, 0, 0, false,
	    "who may sign what",
	    "[--export|--policy]\n"
	    "  --export  the signed root, to be pinned on hosts: mount "
	    "--trust FILE\n"
	    "  --policy  its keys and rules as JSON, to be edited\n" },
	{ "trust set", cmd_trust_set, 1, 1, false,
	    "propose the next trust root",
	    "POLICY --key KEY... [--yes]\n"
	    "POLICY is a file as 'trust show --policy' prints it.  It takes "
	    "the\nsignatures that the old one and the new one ask for.\n"
	    SIGNS },
	{ "trust approve", cmd_trust_approve, 1, 1, false,
	    "sign a trust root that waits",
	    "T3 --key KEY... [--yes]\n"
	    SIGNS },
	{ "trust withdraw", cmd_trust_withdraw, 1, 1, false,
	    "take a trust root back that waits",
	    "T3 --reason TEXT\n" },
	{ "trust seen", cmd_trust_seen, 0, 1, false,
	    "what this host remembers of vaults",
	    "[VAULT]\n"
	    "  VAULT  the first digits of its id, or its directory: all of "
	    "that one\n" },
	{ "trust forget", cmd_trust_forget, 1, 2, false,
	    "have this host forget a vault, or one false revocation",
	    "VAULT [MODEL@DIGITS] [--yes]\n"
	    "Then it can be shown an older vault, or what was revoked.\n"
	    "  VAULT  as for 'trust seen'\n"
	    "  --yes  without asking\n" },
	{ "sign", cmd_sign, 1, 1, false,
	    "sign a version, so that it can be served",
	    "MODEL@DIGITS --key KEY... [--yes] [--no-wait]\n"
	    "           [--classification TEXT] [--owner TEXT] [--source-run "
	    "TEXT]\n"
	    "           [--licence TEXT] [--label KEY=VALUE]...\n"
	    "DIGITS are 32 or more.  The digest is computed here, from the "
	    "manifest;\nkeyd's verifier reads the version before.\n"
	    "  --no-wait  refuse a version that is not verified yet\n"
	    SIGNS
	    "  --oms      make its model.sig with a PEM key instead; takes "
	    "--name NAME,\n             --ignore-paths PATH and --bundle FILE, "
	    "too\n" },
	{ "sign-oms", cmd_sign_oms, 1, 1, true,
	    "sign a plain directory, as OpenSSF Model Signing does",
	    "DIR --key FILE --bundle FILE [--name NAME]\n"
	    "           [--ignore-paths PATH]... [--key-passphrase-file FILE]\n"
	    "The key is PEM: P-256, P-384 or P-521.  For a version in a vault: "
	    "sign --oms.\n" },
	{ "verify-oms", cmd_verify_oms, 1, 1, true,
	    "check a plain directory against such a signature",
	    "DIR --bundle FILE --public-key FILE\n"
	    "           [--ignore-paths PATH]... [--ignore-unsigned-files]\n"
	    "The bundle is model.sig, wherever it lies.\n"
	    "  --ignore-unsigned-files  what it does not list may be there\n" },
	{ "promote ls", cmd_promote_ls, 0, 1, false,
	    "list what waits for signatures",
	    "[MODEL] [--all]\n"
	    "  --all  what is in force, withdrawn or stale, too\n" },
	{ "promote show", cmd_promote_show, 1, 1, false,
	    "everything that a statement says",
	    "P7\n" },
	{ "promote approve", cmd_promote_approve, 1, 1, false,
	    "sign a promotion or rollback that waits",
	    "P7 --key KEY... [--version DIGITS [--yes]]\n"
	    "  --version DIGITS  the version that you mean, 32 digits or more; "
	    "another\n                    one is refused.  --yes asks for it\n"
	    SIGNS },
	{ "promote withdraw", cmd_promote_withdraw, 1, 1, false,
	    "take a promotion back that waits",
	    "P7 --reason TEXT\n" },
	{ "promote", cmd_promote, 2, 2, false,
	    "move a channel to a version, or propose it",
	    "MODEL@DIGITS CHANNEL --key KEY... --reason TEXT\n"
	    "           [--ticket TEXT] [--expires TIME] [--yes]\n"
	    "'weir help promote ls' and its like tell of those that wait.\n"
	    "  --reason TEXT   why; it is signed\n"
	    "  --ticket TEXT   where it was decided\n"
	    "  --expires TIME  2026-12-31, or 90d; at most what the rule "
	    "allows\n"
	    SIGNS },
	{ "rollback", cmd_rollback, 2, 2, false,
	    "move a channel back to a version that it had",
	    "MODEL CHANNEL --to SERIAL --key KEY... --reason TEXT\n"
	    "           [--ticket TEXT] [--expires TIME] [--yes]\n"
	    "It gets a new serial; 'weir channel log MODEL:CHANNEL' has the "
	    "old ones.\n"
	    SIGNS },
	{ "channel log", cmd_channel_log, 1, 1, false,
	    "what a channel pointed to, when, and who signed it",
	    "MODEL:CHANNEL\n" },
	{ "revoke", cmd_revoke, 1, 1, false,
	    "sign that a version must never be served again",
	    "MODEL@DIGITS --key KEY... --reason TEXT [--yes]\n"
	    "Without --reason: sign a revocation of it that waits.\n"
	    SIGNS },
	{ "key gen", cmd_key_gen, 1, 1, false,
	    "make a person's signing key; prints its public half",
	    "NAME [--key-passphrase-file FILE]\n"
	    "The secret half is NAME.key in $WEIR_KEYS or ~/.config/weir/keys, "
	    "sealed\nby a passphrase.  No key is ever overwritten.\n"
	    "  --key-passphrase-file FILE  its passphrase, instead of asking\n" },
	{ "key ls", cmd_key_ls, 0, 0, false,
	    "list your signing keys, and those of ssh-agent",
	    "\n" },
	{ "key show", cmd_key_show, 1, 1, false,
	    "print a key's public half, ready to paste",
	    "KEY\n"
	    "KEY is a name, a weir or OpenSSH key file, or agent:COMMENT.\n" },
	{ "mount", cmd_mount, 2, MANY, false,
	    "make versions readable below a directory",
	    "REF... MOUNTPOINT [--trust FILE]... [--trust-on-first-use]\n"
	    "           [--allow-unsigned] [--user NAME] [--stall SECONDS] [-f]\n"
	    "           [-- COMMAND...]\n"
	    "REF is MODEL:CHANNEL or MODEL@DIGEST.  Files are at "
	    "MOUNTPOINT/MODEL/CHANNEL/\n"
	    "and MOUNTPOINT/MODEL/@VERSION/.\n"
	    "  --trust FILE      the trust root; else those in "
	    "/etc/weir/trust.d\n"
	    "  --trust-on-first-use\n"
	    "                    take keyd's word for the trust root, once\n"
	    "  --allow-unsigned  MODEL@DIGEST that nobody has signed, too\n"
	    "  -f, --foreground  stay until unmounted\n"
	    "  --user NAME       mount for somebody else (as root)\n"
	    "  --stall SECONDS   how long reads wait while keyd or the store "
	    "cannot be\n"
	    "                    reached: 1 to 86400 (60)\n"
	    "  -- COMMAND...     run COMMAND; unmount when it ends\n" },
	{ "umount", cmd_umount, 1, 1, false,
	    "unmount, and close the session",
	    "[--force] MOUNTPOINT\n"
	    "  --force  also when files are open: those stay readable, and the "
	    "session\n"
	    "           open, until the last one is closed\n" },
	{ "session ls", cmd_session_ls, 0, 0, false,
	    "list open sessions",
	    "\n" },
	{ "session show", cmd_session_show, 1, 1, false,
	    "what is known about a session",
	    "ID\n" },
	{ "session close", cmd_session_close, 1, 1, false,
	    "end a session: its mount reads nothing more",
	    "ID [--reason TEXT]\n" },
	{ "session refresh", cmd_session_refresh, 1, 1, false,
	    "have a mount show what its channels point to now",
	    "MOUNTPOINT\n"
	    "By who mounted it.  Open files are read on as they were.\n" },
	{ "audit ls", cmd_audit_ls, 0, 0, false,
	    "list the trail: who did and was given what",
	    "[--by PRINCIPAL] [--model MODEL] [--kind KIND]... [--all]\n"
	    "           [--since TIME] [--until TIME] [--limit N] "
	    "[--offline] [--scan]\n"
	    "  --by PRINCIPAL  acts by or for user:NAME\n"
	    "  --since, --until TIME\n"
	    "                  2026-12-31, 2026-12-31T18:00:00Z, or 12h (ago)\n"
	    "  --kind KIND     release, session.open, session (any of its "
	    "kinds), ...\n"
	    "  --all           keyd.start and keyd.stop, too: they are left "
	    "out unless\n"
	    "                  --kind, --all or --by keyd asks for them\n"
	    "  --limit N       the newest N only\n"
	    "  --offline       do not ask keyd: no file names, published "
	    "entries only\n"
	    "  --scan          look at every entry, without the index\n" },
	{ "audit show", cmd_audit_show, 1, 1, false,
	    "one entry of the trail in full",
	    "INDEX [--offline]\n" },
	{ "audit reads", cmd_audit_reads, 0, 0, false,
	    "was somebody given bytes of a model since then? with a proof",
	    "--principal PRINCIPAL --model MODEL --since TIME\n"
	    "           [--until TIME] [--proof FILE] [--policy FILE "
	    "[--cosign]]\n"
	    "           [--cosigned DIR] [--offline] [--scan]\n"
	    "Answers yes, no, or held (keys were given earlier to a session that "
	    "went on).\n"
	    "  --proof FILE    write the proof of the answer\n"
	    "  --policy FILE   witnesses: they bound what keyd's clock says\n"
	    "  --cosign        ask them to cosign the checkpoint first\n"
	    "  --cosigned DIR  where 'audit cosign' kept checkpoints\n"
	    "  --scan          look at every entry, without the index\n" },
	{ "audit proof", cmd_audit_proof, 1, 1, false,
	    "prove to others that an entry is in the trail",
	    "ENTRY [--out FILE] [--format weir|tlog-proof]\n"
	    "           [--cosigned DIR] [--offline]\n"
	    "  -o, --out FILE       write it there, not to stdout\n"
	    "  --format tlog-proof  as others read it (C2SP tlog-proof)\n" },
	{ "audit verify", cmd_audit_verify, 0, 0, false,
	    "prove that the trail is whole, or check a proof",
	    "[--against FILE] | --since FILE\n"
	    "           | --proof FILE --log-key VKEY [--policy FILE]\n"
	    "           | --certificate FILE --log-key VKEY | --catalogue\n"
	    "Needs no keyd; with --proof or --certificate no vault either.\n"
	    "  --against FILE  compute all anew; the trail must extend this "
	    "checkpoint\n"
	    "  --since FILE    prove that the trail extends this checkpoint, and "
	    "say what\n"
	    "                  was added\n"
	    "  --proof FILE    check what 'audit reads' or 'audit proof' wrote\n"
	    "  --certificate FILE\n"
	    "                  check a deletion certificate, and show it\n"
	    "  --log-key VKEY  the log's verifier key\n"
	    "  --policy FILE   witnesses must have cosigned its checkpoint\n"
	    "  --catalogue     compare the catalogue with what the trail adds "
	    "up to\n" },
	{ "audit cosign", cmd_audit_cosign, 0, 0, false,
	    "have witnesses cosign the checkpoint, and keep that",
	    "--policy FILE [--cosigned DIR] [--offline]\n"
	    "  --policy FILE   the witnesses, with their URLs, and the quorum\n"
	    "  --cosigned DIR  keep it there, not in the vault's trail/cosigned\n" },
	{ "audit checkpoint", cmd_audit_checkpoint, 0, 0, false,
	    "print the trail's signed checkpoint; keep it elsewhere",
	    "[--offline]\n" },
	{ "audit replay", cmd_audit_replay, 0, 0, true,
	    "what the watch would have said by other rules",
	    "[--rules FILE] [--from TIME] [--to TIME] [--offline]\n"
	    "The trail is shown to the watch again, in its own time; what is "
	    "raised is\ncompared with the alerts that were.\n"
	    "  --rules FILE  as watch.ini is ('weir watch check'); without it: "
	    "the vault's\n"
	    "  --from, --to TIME\n"
	    "                alerts of this time only: 2026-12-31, or 90d "
	    "(ago); what was\n"
	    "                before is shown to the watch, too\n"
	    "  --offline     do not ask keyd: published entries only\n" },
	{ "watch check", cmd_watch_check, 1, 1, false,
	    "whether rules of the watch are sound; prints them all",
	    "RULES\n"
	    "A file as watch.ini in the vault's directory is.  Whatever it does "
	    "not set is\nprinted as it is without.\n" },
	{ "audit export", cmd_audit_export, 0, 0, false,
	    "the trail for other tools: OCSF events, or JSON lines",
	    "--format ocsf|jsonl [--from INDEX | --state FILE]\n"
	    "           [--offline]\n"
	    "One JSON object a line; says where the next one goes on.\n"
	    "  --format FORMAT  ocsf: OCSF 1.8.0; jsonl: the entries, with "
	    "names\n"
	    "  --from INDEX     entries from this one on\n"
	    "  --state FILE     go on where FILE says, and write there where "
	    "it ended\n"
	    "  --offline        do not ask keyd: no file names, published "
	    "entries only\n" },
	{ "alert ls", cmd_alert_ls, 0, 0, false,
	    "list what looks like theft, and nobody has looked at",
	    "[--all] [--model MODEL]\n"
	    "The exit status is 8 when something is listed that nobody has "
	    "acknowledged.\n"
	    "  --all          those that were acknowledged, too\n"
	    "  --model MODEL  of this one only\n" },
	{ "alert show", cmd_alert_show, 1, 1, false,
	    "an alert in full, with the entries that it rests on",
	    "ID\n" },
	{ "alert ack", cmd_alert_ack, 1, 1, false,
	    "record what you made of an alert",
	    "ID --disposition benign|real|unclear [--note TEXT]\n"
	    "  --disposition WORD  benign, real, or unclear\n"
	    "  --note TEXT         why; it is recorded\n" },
	{ "decoy add", cmd_decoy_add, 1, 1, true,
	    "have a model alert on the first chunk that is read of it",
	    "MODEL [--like REF] --reason TEXT\n"
	    "MODEL is one that was put for it.  Owners and reviewers alone are "
	    "told that it\nis a decoy.\n"
	    "  --like REF     make it: names, sizes and tensors of REF, and "
	    "random content\n"
	    "  --reason TEXT  why; it is recorded\n" },
	{ "decoy ls", cmd_decoy_ls, 0, 0, false,
	    "list decoys",
	    "\n" },
	{ "decoy rm", cmd_decoy_rm, 1, 1, false,
	    "make a decoy a model like others again",
	    "MODEL --reason TEXT\n"
	    "  --reason TEXT  why; it is recorded\n" },
	{ "backup", cmd_backup, 1, 1, true,
	    "copy the vault; again, what is new",
	    "DEST [--epoch-to FILE] [--read-data]\n"
	    "Run by the vault's owner or root, while keyd runs.  The epoch key "
	    "is left out:\nkeep it elsewhere.\n"
	    "  --epoch-to FILE  write the epoch key there\n"
	    "  --read-data      read what DEST has already, too, and mend it\n" },
	{ "restore", cmd_restore, 2, 2, true,
	    "make a vault of a backup",
	    "SRC DIR --epoch FILE\n"
	    "DIR is absent or empty.\n"
	    "  --epoch FILE  the epoch key, which is not in the backup\n" },
	{ "secret ls", cmd_secret_ls, 0, 0, false,
	    "list the secrets that unlock the vault",
	    "\n" },
	{ "secret add", cmd_secret_add, 0, 0, false,
	    "add a passphrase, a key file or a recovery key",
	    "[--new-passphrase-file FILE | --new-key-file FILE\n"
	    "           | --new-recovery] [--label TEXT]\n"
	    "Asks for a passphrase when none is named.  Takes a secret that "
	    "opens the vault,\ntoo: --key-file, --passphrase-file, or a "
	    "prompt.\n"
	    "  --new-passphrase-file FILE  add the passphrase in FILE\n"
	    "  --new-key-file FILE         add a key file\n"
	    "  --new-recovery              add a recovery key; it is printed "
	    "once\n"
	    "  --label TEXT                what it is called in lists\n" },
	{ "secret rm", cmd_secret_rm, 1, 1, false,
	    "remove an unlocking secret, proving another one",
	    "N|LABEL\n"
	    "Two stay at least, and the one that --key-file, --passphrase-file "
	    "or the prompt\ngives must not be the one that goes.\n" },
	{ "secret passwd", cmd_secret_passwd, 0, 1, false,
	    "change an unlocking secret",
	    "[N|LABEL] [--new-passphrase-file FILE\n"
	    "           | --new-key-file FILE | --new-recovery] [--label TEXT]\n"
	    "Without N: the one that is given to prove that you may.\n"
	    "The options are those of 'secret add'.\n" },
	{ "rekey", cmd_rekey, 0, 0, false,
	    "give the vault a new root key; no object is touched",
	    "[--keep-key-file FILE]... [--keep-passphrase-file FILE]...\n"
	    "           [--drop-others]\n"
	    "Secrets at hand stay: the one that --key-file, --passphrase-file or "
	    "the prompt\ngives, and those named here.  A recovery key that is not "
	    "named is replaced, and\nthe new one printed once.\n"
	    "  --keep-key-file FILE         this one stays, too; may be "
	    "repeated\n"
	    "  --keep-passphrase-file FILE  the same; a recovery key's text "
	    "will do\n"
	    "  --drop-others                those that are not named go\n" },
	{ "lock", cmd_lock, 0, 0, true,
	    "have keyd drop its keys: nothing is read until 'weir unlock'",
	    "[--reason TEXT]\n"
	    "All sessions end.  Stays so when keyd is started again.\n"
	    "  --reason TEXT  why, for the trail\n" },
	{ "unlock", cmd_unlock, 0, 0, true,
	    "give keyd a secret to open the vault again",
	    "\n"
	    "Takes a secret that opens the vault: --key-file, "
	    "--passphrase-file, or a prompt.\n" },
	{ "status", cmd_status, 0, 0, false,
	    "how the vault is: keyd, sessions, mounts on this host",
	    "\n" },
	{ "doctor", cmd_doctor, 0, 0, false,
	    "what this host has, what is missing, what mends it",
	    "\n" },
	{ "complete", cmd_complete, 0, MANY, false,
	    "what may stand next on a command line; for shells",
	    "-- WORD...\n"
	    "The words behind 'weir'; the last one is not typed to its end.  "
	    "First comes what\nthe shell adds itself (files, directories, "
	    "programs, none), then words.\n" },
	{ "help", cmd_help, 0, 2, false,
	    "this list, or how one command is used",
	    "[COMMAND]\n" },
	{ "version", cmd_version, 0, 0, false,
	    "print weir's version",
	    "\n" },
};
/* clang-format on */

const struct commands_row *
commands_row(size_t i)
{
	return i < sizeof(rows) / sizeof(rows[0]) ? &rows[i] : NULL;
}
