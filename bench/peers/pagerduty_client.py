"""A job of reads one after the other with PagerDuty's own Python client, and an acknowledge every so often meanwhile."""

import json
import sys
import threading
import time

import pagerduty

with open(sys.argv[1], encoding="utf-8") as file:
    job = json.load(file)


def client():
    return pagerduty.RestApiV2Client(
        "simulator-full-access-key", default_from="oncall-bot@example.com", base_url=job["url"]
    )


subject, *to_acknowledge = job["incidents"]
began = time.monotonic()
over = threading.Event()
urgent_ms = []
failed = []


def acknowledge(incident):
    since = time.monotonic()
    try:
        client().rput(f"/incidents/{incident}", json={"type": "incident_reference", "status": "acknowledged"})
    except Exception:
        failed.append(incident)
    urgent_ms.append((time.monotonic() - since) * 1000)


def urgent():
    threads = []
    for turn, incident in enumerate(to_acknowledge):
        due = began + 0.2 + turn * job["everyMs"] / 1000
        if over.wait(max(0, due - time.monotonic())):
            break
        threads.append(threading.Thread(target=acknowledge, args=(incident,)))
        threads[-1].start()
    for thread in threads:
        thread.join()


beside = threading.Thread(target=urgent)
beside.start()
rest = client()
reads_failed = 0
for _ in range(job["reads"]):
    if time.monotonic() - began > job["limitMs"] / 1000:
        break
    try:
        rest.rget(f"/incidents/{subject}")
    except Exception:
        reads_failed += 1
seconds = time.monotonic() - began
over.set()
beside.join()
print(json.dumps({"seconds": seconds, "urgentMs": urgent_ms, "urgentFailed": len(failed), "readsFailed": reads_failed}))
