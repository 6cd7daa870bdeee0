#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# no-plaintext-at-rest: a process of weir's that holds plain bytes or keys
# leaves no core when it crashes, wherever it stands, and does not let its own
# user read its memory.
. "$(dirname "$0")/lib.sh"
requires python3 setpriv
[ "$(cat /proc/sys/kernel/core_pattern)" = core ] ||
    skip_all 'cores of this host are no files in the working directory'

cat >"$tmp/crash.py" <<'PY'
# crash.py MARKER CORES COMMAND...: give a command the marker on its standard input, which stays open; try to read its
# memory and that of its keyd, crash both, and say what was found.
import os, pathlib, resource, signal, subprocess, sys, time
marker, cores, command = bytes.fromhex(sys.argv[1]), sys.argv[2], sys.argv[3:]
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
os.chdir(cores)


def text(pid, name):
    try:
        return pathlib.Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def keyds():
    return [p for p in os.listdir("/proc") if p.isdigit() and b"weir-keyd\0" in text(p, "cmdline") and
            os.environ["WEIR_VAULT"].encode() in text(p, "cmdline")]


def readable(pid):
    found = False
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
            for line in maps:
                a, b = (int(x, 16) for x in line.split()[0].split("-"))
                if line.split()[1][0] == "r" and b - a < 1 << 26:
                    try:
                        mem.seek(a)
                        found = found or marker in mem.read(b - a)
                    except (OSError, ValueError, OverflowError):
                        pass
        return "marker" if found else "readable"
    except OSError:
        return "no"


child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
child.stdin.write(marker * 4096)
child.stdin.flush()
fifo = child.stdin.fileno()
for _ in range(600):    # until it has read what there is
    import fcntl, struct, termios
    if struct.unpack("i", fcntl.ioctl(fifo, termios.FIONREAD, b"\0\0\0\0"))[0] == 0:
        break
    time.sleep(0.05)
while not (others := keyds()) and child.poll() is None:
    time.sleep(0.05)
print("memory", readable(child.pid))
for pid in others:
    print("keyd", readable(pid))
os.kill(child.pid, signal.SIGSEGV)
child.wait()
for pid in others:
    os.kill(int(pid), signal.SIGSEGV)
    while text(pid, "cmdline"):
        time.sleep(0.05)
# The working directories of the two: here, and / or the vault.
left = [p for d in (cores, "/", os.environ["WEIR_VAULT"]) for p in pathlib.Path(d).glob("core*") if p.is_file()]
print("cores", len(left), any(marker in p.read_bytes() for p in left))
for p in left:
    p.unlink()
PY

# A user who is not root: root reads what it likes.
run()
{
	if [ "$(id -u)" -eq 0 ]; then
		setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
	else
		"$@"
	fi
}

# One that others may run, too.
python=$(command -pv python3) || skip_all "python3 is not where all find it"
chmod 755 "$tmp"
head -c 32 /dev/urandom >"$tmp/key"
chmod 644 "$tmp/key"
mkdir -m 777 "$tmp/home" "$tmp/cores" "$tmp/state"
# Where that user finds them: it may not look into everybody's build.
mkdir "$tmp/bin" "$tmp/mutant"
cp "$BUILD/weir" "$BUILD/weir-keyd" "$tmp/bin"
cp "$BUILD/weir-keyd" "$BUILD/tests/mutants/weir-leaky" "$tmp/mutant"
PATH=$tmp/bin:$PATH
WEIR_VAULT=$tmp/home/vault
WEIR_KEY_FILE=$tmp/key
export WEIR_VAULT WEIR_KEY_FILE
exits 0 'a vault of a user' run weir init "$WEIR_VAULT"
marker=$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')

try()
{
	run "$python" "$tmp/crash.py" "$marker" "$tmp/cores" "$@" 2>&1
}

said=$(try weir put llama - --name w.bin)
is "$said" "memory no
keyd no
cores 0 False" 'no-plaintext-at-rest: neither put nor keyd leaves a core or is read'

# The control: the same, but for what forbids it.
WEIR_MUTANT=core
export WEIR_MUTANT
said=$(try "$tmp/mutant/weir-leaky" put llama - --name w.bin)
like "$said" '^memory marker' 'one that can be read is found out'
like "$said" '^cores 1 True' 'one that leaves a core is found out'
unset WEIR_MUTANT
exits 0 'the crashes broke nothing' run weir check --read-data
done_testing
