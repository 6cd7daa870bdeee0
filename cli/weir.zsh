#compdef weir
# SPDX-License-Identifier: Apache-2.0
#
# Completion of weir for zsh.  weir itself says what may stand next: see
# "complete" in weir(1).

_weir()
{
	local -a lines described
	local shell line word about

	lines=("${(@f)$(_call_program words ${(q)words[1]} complete -- \
	    "${(@q)${(@Q)words[2,CURRENT-1]}}" ${(q)PREFIX:-''} 2>/dev/null)}")
	shell=$lines[1]
	for line in "${(@)lines[2,-1]}"; do
		[[ -n $line ]] || continue
		word=${line%%$'\t'*}
		about=${line#*$'\t'}
		described+=("${word//:/\\:}${about:+:$about}")
	done
	(( $#described )) && _describe -V weir described
	[[ $PREFIX == --*=* ]] && compset -P '*='
	case $shell in
	files) _files ;;
	directories) _files -/ ;;
	programs) _normal ;;
	esac
}

_weir "$@"
