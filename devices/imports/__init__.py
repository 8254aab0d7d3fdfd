"""Many devices registered at once, from a CSV file or as many as are asked for.

upload -> match -> (a worker checks every row) -> start -> (a worker makes the devices); `count` needs no file.
"""

from devices.imports.columns import FIELDS, TAG, guess
from devices.imports.lease import forsaken
from devices.imports.operations import TASK, cancel, count, match, preview, start, upload
from devices.imports.progress import Progress, progress, topic
from devices.imports.reading import DELIMITERS, ENCODINGS, Preview, Unreadable
from devices.imports.results import problems_csv, report_csv, result_csv
from devices.imports.running import work

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "FIELDS",
    "TAG",
    "TASK",
    "Preview",
    "Progress",
    "Unreadable",
    "cancel",
    "count",
    "forsaken",
    "guess",
    "match",
    "preview",
    "problems_csv",
    "progress",
    "report_csv",
    "result_csv",
    "start",
    "topic",
    "upload",
    "work",
]
