#!/usr/bin/env python3
"""tunike with real TUN devices and real peers, in network namespaces of its own. Needs root.

  run.py [--tunike FILE] [--jobs N] [--list] [WORD...]     cases whose names have all the words; default: all

One line a case; the last line counts.
"""
import argparse
import os
import pathlib
import queue
import signal
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True
import lab  # noqa: E402
import peers  # noqa: E402
import drops  # noqa: E402
import flood  # noqa: E402
import childless  # noqa: E402
import fragment  # noqa: E402
import hops  # noqa: E402
import hybrid  # noqa: E402
import life  # noqa: E402
import matrix  # noqa: E402
import redirect  # noqa: E402
import ppk  # noqa: E402
import refusals  # noqa: E402
import rekey  # noqa: E402
import scripted  # noqa: E402
import transport  # noqa: E402
import headers  # noqa: E402
import suites  # noqa: E402
import transforms  # noqa: E402
import vip  # noqa: E402
import extensions  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]


def selected(words):
    # The longest first, so that they do not stand alone at the end.
    found = [*extensions.cases(), *life.cases(), *refusals.cases(), *drops.cases(), *rekey.cases(), *transport.cases(),
             *headers.cases(), *fragment.cases(), *flood.cases(), *childless.cases(), *matrix.cases(), *transforms.cases(),
             *scripted.cases(), *redirect.cases(), *hops.cases(), *vip.cases(),
             *suites.cases(), *ppk.cases(), *hybrid.cases()]
    return [(name, run) for name, run in found if all(w in name for w in words)]


class Report:
    def __init__(self):
        self.lock, self.count = threading.Lock(), {"ok": 0, "FAIL": 0, "skip": 0}

    def add(self, verdict, name, seconds, text=""):
        with self.lock:
            self.count[verdict] += 1
            print("%-4s %s (%.1f s)%s" % (verdict, name, seconds, ": " + text if text else ""), flush=True)


def work(todo, report):
    while True:
        try:
            name, run = todo.get_nowait()
        except queue.Empty:
            return
        start = time.monotonic()
        verdict, text = "ok", ""
        try:
            run()
        except lab.Skipped as why:
            verdict, text = "skip", str(why)
        except lab.Failed as what:
            verdict, text = "FAIL", str(what)
        except Exception:  # a case that breaks has failed, whatever broke
            verdict, text = "FAIL", traceback.format_exc()
        report.add(verdict, name, time.monotonic() - start, text)


def interrupted(number, _frame):
    lab.close_all()
    os._exit(128 + number)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tunike", default=str(ROOT / "build" / "tunike"))
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    found = selected(args.words)
    if args.list:
        print("\n".join(name for name, _ in found))
        return 0
    if not os.access(args.tunike, os.X_OK):
        print("no program at %s: ./dev build" % args.tunike, file=sys.stderr)
        return 2
    if not found:
        print("no case has all of these words", file=sys.stderr)
        return 2
    peers.TUNIKE = str(pathlib.Path(args.tunike).resolve())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    todo, report = queue.Queue(), Report()
    for case in found:
        todo.put(case)
    threads = [threading.Thread(target=work, args=(todo, report), daemon=True) for _ in range(args.jobs)]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        lab.close_all()
    print("%(ok)d passed, %(FAIL)d failed, %(skip)d skipped" % report.count)
    return 1 if report.count["FAIL"] else 0


if __name__ == "__main__":
    sys.exit(main())
