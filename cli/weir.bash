# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of weir for bash, with what bash-completion(7) brings.  weir itself
# says what may stand next: see "complete" in weir(1).

_weir()
{
	local cur words cword shell line
	COMPREPLY=()
	# A reference has a colon: it is one word here.
	_get_comp_words_by_ref -n '=:' cur words cword || return

	while IFS= read -r line; do
		if [[ -z $shell ]]; then
			shell=$line
		else
			COMPREPLY+=("${line%%$'\t'*}")
		fi
	done < <("${words[0]}" complete -- "${words[@]:1:cword}" 2>/dev/null)

	# "--out=FILE": what is before the value is typed already.
	local typed=$cur
	[[ $cur == --*=* ]] && typed=${cur#*=}
	case $shell in
	files) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$typed") ;;
	directories) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -d -- "$typed") ;;
	programs) mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -c -- "$typed") ;;
	esac
	[[ $shell == none ]] || compopt -o filenames 2>/dev/null

	# bash takes what follows the last = or : for the word.
	local i breaks=${cur%"${cur##*[=:]}"}
	if [[ -n $breaks && $COMP_WORDBREAKS == *[=:]* ]]; then
		for i in "${!COMPREPLY[@]}"; do
			COMPREPLY[i]=${COMPREPLY[i]#"$breaks"}
		done
	fi
}
complete -F _weir weir
