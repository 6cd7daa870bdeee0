# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Completion of weir-keyd, weir-mount and weir-witness for bash: their --help says
# which words and options there are.

_weir_program()
{
	local cur what
	COMPREPLY=()
	_get_comp_words_by_ref cur || return

	case $cur in
	-*) what='s/^ +(-[A-Za-z], +)?(--[a-z][a-z-]*).*/\2/p' ;;
	*) what='s/^(usage:)? +weir-[a-z]+ ([a-z]+) .*/\2/p' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$("$1" --help 2>/dev/null |
	    sed -nE "$what")" -- "$cur")
	[[ $cur == -* ]] || {
		mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur")
		compopt -o filenames 2>/dev/null
	}
}
complete -F _weir_program weir-keyd weir-mount weir-witness
