#compdef weir-keyd weir-mount weir-witness
# SPDX-License-Identifier: Apache-2.0
#
# Completion of weir-keyd, weir-mount and weir-witness for zsh: their --help says
# which words and options there are.

_weir_program()
{
	local -a found
	local help

	help=$(_call_program words ${(q)words[1]} --help 2>/dev/null)
	if [[ $PREFIX == -* ]]; then
		found=("${(@f)$(print -r -- $help | sed -nE \
		    's/^ +(-[A-Za-z], +)?(--[a-z][a-z-]*)( \/?[A-Z][A-Z:]*)? *(.*)/\2:\4/p')}")
		_describe -o option found
		return
	fi
	found=("${(@f)$(print -r -- $help | sed -nE \
	    's/^(usage:)? +weir-[a-z]+ ([a-z]+) .*/\2/p')}")
	found=(${found:#})
	(( $#found )) && _describe word found
	_files
}
_weir_program "$@"
