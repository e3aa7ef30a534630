#!/usr/bin/env python3
"""Instructions per packet of the parts of the data plane, counted by callgrind: the same on every run and however busy
the machine is. Under valgrind libraries choose code for the processor that it shows them, so that their share is another
one than in the field; ours is not.

  insn.py BENCH_INSN
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def by_object(path):
    """Self cost by object file, of what was collected."""
    names, sums, current, skip = {}, {}, "", False
    for line in path.read_text().splitlines():
        found = re.match(r"ob=\((\d+)\)(?: (.*))?", line)
        if found:
            if found[2]:
                names[found[1]] = found[2]
            current = names.get(found[1], "?")
        elif line.startswith("cob="):
            found = re.match(r"cob=\((\d+)\)(?: (.*))?", line)
            if found[2]:
                names[found[1]] = found[2]
        elif line.startswith("calls="):
            skip = True  # the next line is the cost of the call, not of the caller
        elif re.match(r"[+\-*\d]", line):
            if not skip:
                sums[current] = sums.get(current, 0) + int(line.split()[1])
            skip = False
    return sums


def count(program, part):
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        done = subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=measured", "--callgrind-out-file=%s" % out,
                               program, part], capture_output=True, text=True, timeout=600)
        if done.returncode:
            sys.exit("%s: %s" % (part, done.stderr[-500:]))
        packets = int(done.stdout)
        sums = by_object(out)
    own = sum(v for k, v in sums.items() if os.path.basename(k) == os.path.basename(program))
    return own / packets, (sum(sums.values()) - own) / packets


def main():
    program = sys.argv[1]
    parts = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    print("| part | own instructions | of libraries |\n|---|---|---|")
    for part in parts:
        own, others = count(program, part)
        print("| %s | %.0f | %.0f |" % (part, own, others), flush=True)


if __name__ == "__main__":
    main()
