# What peer scripts share: one JSON object a line comes in, one goes out. {"run": name} answers {"ms": milliseconds}.

import json
import resource
import sys
import time


def say(value):
    print(json.dumps(value), flush=True)


def megabytes():
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(build):
    """Builds the named pieces of work from the first line, then runs them one by one as they are asked for."""
    config = json.loads(sys.stdin.readline())
    works, about = build(config)
    say({"ready": True, **about})
    for line in sys.stdin:
        wanted = json.loads(line)
        if "run" not in wanted:
            break
        began = time.perf_counter()
        found = works[wanted["run"]]()
        ms = (time.perf_counter() - began) * 1000
        more = found if isinstance(found, dict) else {}
        say({"ms": ms, "megabytes": megabytes(), **more})
