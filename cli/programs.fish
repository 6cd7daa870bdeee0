# SPDX-License-Identifier: Apache-2.0
#
# Completion of weir-keyd, weir-mount and weir-witness for fish: their --help says
# which words and options there are.

function __weir_program
    set -l program (commandline -opc)[1]
    set -l word (commandline -ct)

    if string match -q -- '-*' $word
        $program --help 2>/dev/null | sed -nE \
            's/^ +(-[A-Za-z], +)?(--[a-z][a-z-]*)( \/?[A-Z][A-Z:]*)? *(.*)/\2\t\4/p'
    else
        $program --help 2>/dev/null | sed -nE \
            's/^(usage:)? +weir-[a-z]+ ([a-z]+) .*/\2/p'
        __fish_complete_path $word
    end
end

for program in weir-keyd weir-mount weir-witness
    complete -c $program -f -a '(__weir_program)'
end
