#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command at a terminal of its own, and what is typed there.

usage: typed.py COMMAND [PROMPT ANSWER]...

Each answer is typed when its prompt is there, and not before: a prompt for a passphrase drops what was typed ahead of it.
Prints all that the terminal shows; the exit status is that of COMMAND, which sh runs.  Where it says nothing for so long
that it must wait for something else, it is killed.
"""
import os, pty, select, signal, sys

PATIENCE = 120

command, answers = sys.argv[1], sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("sh", ["sh", "-c", command])
shown, at = b"", 0
while True:
    while answers and (found := shown.find(answers[0].encode(), at)) >= 0:
        at = found + len(answers[0].encode())
        os.write(terminal, answers[1].encode() + b"\n")
        answers = answers[2:]
    if not select.select([terminal], [], [], PATIENCE)[0]:
        os.kill(pid, signal.SIGKILL)
        break
    try:
        piece = os.read(terminal, 4096)
    except OSError:  # nobody has it open any more
        break
    if not piece:
        break
    shown += piece
sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
