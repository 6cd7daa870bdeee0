#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# TAB in bash, zsh and fish, as they are installed: what weir says may stand
# next is what the shell puts there.
. "$(dirname "$0")/lib.sh"
requires make bash

make -s -C "$top" BUILD="$BUILD" DESTDIR="$tmp/root" PREFIX=/usr put-in-place \
    2>"$tmp/make"
ok $? 'they are installed'
share=$tmp/root/usr/share
cd "$tmp" || exit 1
: >weights.bin

# --- what weir says ---

exits 0 'weir complete' weir complete -- grant a
is "$out" "$(printf 'none\nadd\tlet somebody read a model\napprove\tsign a grant that waits for approvals')" \
    'has words, and what they are for'
exits 0 'as JSON' weir complete --json -- put llama ''
json '.shell == "files" and .words == []' 'has what the shell knows'
exits 0 'with no word at all' weir complete
exits 0 'without a vault' weir complete -- ls ''
is "$out" none 'has no names'

mkvault vault
mkdir m mnt
head -c 70000 /dev/urandom >m/w.bin
ref=$(weir put llama/chat m 2>/dev/null)
idle
exits 0 'when no keyd runs' weir complete -- ls ''
is "$out" none 'none is started to be asked'
vacant
weir-keyd --vault "$vault" --key-file "$key" >"$tmp/keyd" 2>&1 &
keyd=$!
cleanup_fn end_process $keyd
listens
weir grant add llama/chat:prod --to "$me" --loads 9 --reason t >/dev/null 2>&1
# It waits for keyd for two seconds at most and says nothing then, as is right for
# a shell: where the machine is slow it is asked once more.
# soon COMMAND...: what it says when that is something
soon()
{
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		said=$("$@")
		status=$?
		[ -z "$said" ] || [ "$said" = none ] || break
	done
	printf '%s\n' "$said"
	return "$status"
}
exits 0 'of a keyd that runs' soon weir complete -- ls ll
like "$out" "^$ref	" 'versions'
like "$out" '^llama/chat	' 'models'
like "$out" '^llama/chat:prod	' 'and channels that were granted'
exits 0 'a vault that -V names' soon env WEIR_VAULT=/nowhere \
    weir complete -- -V "$vault" put ll
like "$out" '^llama/chat	' 'is the one that is asked'

# options_of PROGRAM: as its --help has them, one a line
options_of()
{
	"$BUILD/$1" --help | grep -oE '^ +(-[A-Za-z], )? *--[a-z-]+' |
	    sed 's/.* //' | sort
}

# --- bash ---

have_bash()
{
	[ -r /usr/share/bash-completion/bash_completion ]
}
# bash_tab LINE: what bash would offer at its end
bash_tab()
{
	bash --norc -c '. /usr/share/bash-completion/bash_completion
	. "$1"
	COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=9
	# As readline parts it: at blanks and around = and :
	mapfile -t COMP_WORDS < <(printf "%s" "$2" | sed "s/\([=:]\)/ \1 /g" |
	    tr -s " " "\n")
	case $2 in *[\ =:]) COMP_WORDS+=("");; esac
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_weir; printf "%s\n" "${COMPREPLY[@]}"' bash \
	    "$share/bash-completion/completions/weir" "$1" 2>"$tmp/bash.err"
}
# bash_program PROGRAM LINE: the same of another program
bash_program()
{
	bash --norc -c '. /usr/share/bash-completion/bash_completion
	. "$1"
	COMP_LINE=$3 COMP_POINT=${#3} COMP_TYPE=9
	mapfile -t COMP_WORDS < <(printf "%s" "$3" | tr -s " " "\n")
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
	_weir_program "$2"; printf "%s\n" "${COMPREPLY[@]}"' bash \
	    "$share/bash-completion/completions/$1" "$1" "$2" 2>"$tmp/bash.err"
}
if have_bash; then
	is "$(bash_tab 'weir umou')" umount 'bash: a command'
	is "$(bash_tab 'weir grant app')" approve 'bash: its second word'
	is "$(bash_tab 'weir put --ref')" --ref-out 'bash: an option'
	is "$(bash_tab 'weir put --compress=m')" max 'bash: its value'
	is "$(bash_tab 'weir put llama wei')" weights.bin 'bash: a file'
	is "$(bash_tab 'weir put --ref-out=wei')" weights.bin \
	    'bash: one that is a value'
	is "$(soon bash_tab 'weir ls llama/chat:')" prod 'bash: a channel'
	is "$(soon bash_tab 'weir rm llama/chat@')" "$ref" 'bash: a version'
	is "$(bash_tab 'weir nonsense ')" '' 'bash: nothing where nothing fits'
	for program in weir-keyd weir-mount weir-witness; do
		is "$(bash_program $program "$program --" | sort)" \
		    "$(options_of $program)" "bash: $program's options"
	done
	is "$(bash_program weir-witness 'weir-witness se')" serve \
	    'bash: a word of weir-witness'
	is "$(bash_program weir-keyd 'weir-keyd --key-file wei')" weights.bin \
	    'bash: a file for weir-keyd'
else
	ok 0 'bash # SKIP this needs bash-completion'
fi

# --- fish ---

fish_tab()
{
	# shellcheck disable=SC2016 # fish expands it
	HOME=$tmp fish --no-config -c \
	    'source $argv[1]; complete -C $argv[2]' \
	    "$share/fish/vendor_completions.d/${1%% *}.fish" "$1" \
	    2>"$tmp/fish.err"
}
if command -v fish >/dev/null; then
	is "$(fish_tab 'weir grant app')" \
	    "$(printf 'approve\tsign a grant that waits for approvals')" \
	    'fish: a command, and what it is for'
	is "$(fish_tab 'weir put --compress ma')" max 'fish: a value'
	is "$(fish_tab 'weir put --compress=ma')" --compress=max \
	    'fish: behind ='
	is "$(fish_tab 'weir put llama wei' | cut -f 1)" weights.bin \
	    'fish: a file'
	is "$(soon fish_tab 'weir ls llama/chat:')" llama/chat:prod \
	    'fish: a channel'
	for program in weir-keyd weir-mount weir-witness; do
		is "$(fish_tab "$program --" | cut -f 1 | sort)" \
		    "$(options_of $program)" "fish: $program's options"
	done
	is "$(fish_tab 'weir-witness se')" serve 'fish: a word of weir-witness'
else
	ok 0 'fish # SKIP this needs fish'
fi

# --- zsh ---

# zsh completes at a terminal only: one of its own.
cat >"$tmp/zsh_tab.zsh" <<'ZSH'
zmodload zsh/zpty
zpty z "PS1='ready%% ' zsh -f -i"
zpty -w z "fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $2/dump
zstyle ':completion:*' list-grouped false
bindkey '^I' complete-word; bindkey '^X' send-break
show() { print -r -- \"line<\$BUFFER>\"; BUFFER=; }; zle -N show; bindkey '^Y' show
print beg''un"
zpty -r z said '*begun*'
zpty -w -n z "$3"$'\t\031'
zpty -r z said '*line<*>*'
said=${said##*line<}
print -r -- "${said%%>*}"
zpty -d z
ZSH
zsh_tab()
{
	timeout 60 zsh -f "$tmp/zsh_tab.zsh" "$share/zsh/site-functions" \
	    "$tmp" "$1" 2>"$tmp/zsh.err"
}
if command -v zsh >/dev/null; then
	is "$(zsh_tab 'weir grant app')" 'weir grant approve ' \
	    'zsh: a command'
	is "$(zsh_tab 'weir put --compress ma')" 'weir put --compress max ' \
	    'zsh: a value'
	is "$(zsh_tab 'weir put --compress=ma')" 'weir put --compress=max ' \
	    'zsh: behind ='
	is "$(zsh_tab 'weir put llama wei')" 'weir put llama weights.bin ' \
	    'zsh: a file'
	channel=
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		[ "$channel" != 'weir ls llama/chat:prod ' ] || break
		channel=$(zsh_tab 'weir ls llama/chat:p')
	done
	is "$channel" 'weir ls llama/chat:prod ' \
	    'zsh: a channel'
	is "$(zsh_tab 'weir-keyd --key-f')" 'weir-keyd --key-file ' \
	    'zsh: an option of weir-keyd'
	is "$(zsh_tab 'weir-mount --allow-u')" 'weir-mount --allow-unsigned ' \
	    'zsh: one of weir-mount'
	is "$(zsh_tab 'weir-witness se')" 'weir-witness serve ' \
	    'zsh: a word of weir-witness'
	is "$(zsh_tab 'weir-keyd --key-file wei')" \
	    'weir-keyd --key-file weights.bin ' 'zsh: a file for weir-keyd'
else
	ok 0 'zsh # SKIP this needs zsh'
fi
done_testing
