"""Moments between steps of a test, for --as-of."""

import datetime
import time


def now():
    """Behind all that was done and before all that will be: log records are stamped in milliseconds."""
    time.sleep(0.01)
    moment = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.01)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
