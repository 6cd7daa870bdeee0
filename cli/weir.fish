# SPDX-License-Identifier: Apache-2.0
#
# Completion of weir for fish.  weir itself says what may stand next: see
# "complete" in weir(1).

function __weir_complete
    set -l typed (commandline -opc) (commandline -ct)
    set -l lines ($typed[1] complete -- $typed[2..-1] 2>/dev/null)
    set -l word (string replace -r -- '^--[^=]*=' '' (commandline -ct))

    printf '%s\n' $lines[2..-1]
    switch "$lines[1]"
        case files programs
            __fish_complete_path $word
        case directories
            __fish_complete_directories $word
    end
end

complete -c weir -f -a '(__weir_complete)'
