"""Many devices registered at once, from a CSV file or as many as are asked for.

upload -> match -> (a worker checks every row) -> start -> (a worker makes the devices); `count` needs no file.
"""

from devices.imports.columns import FIELDS, TAG, guess
from devices.imports.operations import ENCODINGS, cancel, count, match, preview, start, upload
from devices.imports.progress import Progress, progress, topic
from devices.imports.reading import DELIMITERS, Preview, Unreadable
from devices.imports.results import problems_csv, report_csv, result_csv

__all__ = [
    "DELIMITERS",
    "ENCODINGS",
    "FIELDS",
    "TAG",
    "Preview",
    "Progress",
    "Unreadable",
    "cancel",
    "count",
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
]
