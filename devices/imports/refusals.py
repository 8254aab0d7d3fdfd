"""What is refused of files of devices, and of imports of them."""

from __future__ import annotations

from lib.refusals import declare

FILE_EMPTY = declare(
    "file-empty", "The file is empty.", "It should have a header, and a row for each device below it.", 400
)
FILE_TOO_LARGE = declare(
    "file-too-large",
    "The file is larger than {most} MB.",
    "Split it, and import its parts one by one.",
    400,
)
FILE_NOT_CSV = declare(
    "file-not-csv", "This is {what}, not CSV.", "Save the table as an Excel workbook (.xlsx) or as CSV (UTF-8).", 400
)
FILE_NOT_TABLE = declare(
    "file-not-table", "This is {what}.", "Save the table as an Excel workbook (.xlsx) or as CSV (UTF-8).", 400
)
FILE_ZIPPED = declare(
    "file-zipped", "This is a zip archive without a table of its own.", "Unpack it, and upload the table.", 400
)
WORKBOOK_DAMAGED = declare(
    "workbook-damaged",
    "This workbook is damaged, or not written as workbooks are.",
    "Open it in a spreadsheet program and save it anew, or save the sheet as CSV (UTF-8).",
    400,
)
WORKBOOK_TOO_LARGE = declare(
    "workbook-too-large",
    "This workbook has more than {most}.",
    "Save the sheet alone, as CSV (UTF-8).",
    400,
)
WORKBOOK_WITHOUT_SHEETS = declare(
    "workbook-without-sheets", "This workbook has no sheet with cells.", "Save the table as CSV (UTF-8).", 400
)
SHEET_UNKNOWN = declare("sheet-unknown", "The workbook has no such sheet.", "Its sheets are: {sheets}.", 400)
NO_WORKBOOK = declare("no-workbook", "This file is no workbook: it has no sheets.", "Leave `sheet` out.", 400)
FILE_NOT_TEXT = declare(
    "file-not-text",
    "This is not text: it is full of NUL characters.",
    "Save the table as CSV and upload that.",
    400,
)
FILE_NOT_KEPT = declare("file-not-kept", "The uploaded file is no longer kept.", "Upload it again.")
FILE_NOT_IN_ENCODING = declare(
    "file-not-in-encoding",
    "This is not {encoding}, not from row {row} on.",
    "Choose another encoding.",
    400,
)
READING_UNKNOWN = declare(
    "reading-unknown", "There is no such encoding or delimiter.", "Choose one of the encodings and delimiters.", 400
)
HEADER_UNREADABLE = declare(
    "header-unreadable", "{row} can't be read. {cause}", "Mend it, and upload the file again.", 400
)
HEADER_EMPTY = declare(
    "header-empty",
    "{row} is empty.",
    "It should name the columns, with a row for each device below it.",
    400,
)
FILE_BLANK = declare(
    "file-blank", "There is nothing in the file but empty rows.", "It should have a row for each device.", 400
)
SERIALS_ROUNDED = declare(
    "serials-rounded",
    "After the first {digits} digits every serial has zeros only: a spreadsheet rounded them, the digits are lost.",
    "Take the serials from where they came from, in a column formatted as text.",
)
TOO_FEW_SERIALS = declare(
    "too-few-serials",
    "{count} serials would be made, and {format} are too few for so many.",
    "Give the recipe a longer format, or the rows serials of their own.",
)
TOO_MANY_COLUMNS = declare(
    "too-many-columns",
    "{count} columns are too many: at most {most}.",
    "Look whether the delimiter is right; else leave columns out.",
    400,
)
FILE_WITHOUT_ROWS = declare(
    "file-without-rows",
    "There is only a header, or empty rows below it.",
    "Add a row for each device right below it.",
    400,
)
TOO_MANY_ROWS = declare("too-many-rows", "The file has more than {most} rows.", "Split it.", 400)
TOO_MANY_EMPTY_ROWS = declare(
    "too-many-empty-rows", "More than {most} rows are empty, up to row {row}.", "Delete the empty ones.", 400
)
ROW_ENDLESS = declare(
    "row-endless",
    "Row {row} goes on for more than a megabyte.",
    "Look for a closing quote that is missing.",
    400,
)
QUOTE_NOT_CLOSED = declare(
    "quote-not-closed",
    "A quote that opens in row {row} is never closed.",
    "Close it and upload the file again.",
    400,
)
CELL_ENDLESS = declare(
    "cell-endless",
    "Row {row} has a quoted cell of more than 100 KB.",
    "Look for a closing quote that is missing.",
    400,
)
FILE_NOT_READABLE_SO = declare(
    "file-not-readable-so", "The file can't be read in this way. {cause}", "Choose another way, or upload it again."
)
ROWS_REFUSED = declare(
    "rows-refused",
    "Since the check {count} of its rows can't be imported any more. Row {row}: {cause} Nothing was made.",
    "Check it again.",
)
ROWS_TAKEN = declare(
    "rows-taken",
    "One of its serials or certificates was taken meanwhile. Nothing was made.",
    "Check it again.",
)
IMPORT_NOT_MATCHABLE = declare(
    "import-not-matchable",
    "Its columns can't be matched any more: it is being checked, was started, or has ended.",
    "Upload the file again to start anew.",
)
IMPORT_NOT_CORRECTABLE = declare(
    "import-not-correctable",
    "Its rows can't be corrected here (any more): it is being checked, was started, or has ended.",
    "Look how far it is; a file that is corrected can be uploaded anew.",
)
FORMAT_UNCLEAR = declare(
    "format-unclear", "From these serials no format can be told.", "Set the format of the recipe's serials yourself."
)
IMPORT_CHANGES = declare(
    "import-changes",
    "This import changes devices that are there; it makes none.",
    "Have its changes carried out instead: its page has a button, programs `change/`.",
)
IMPORT_NOT_STARTABLE = declare(
    "import-not-startable",
    "It can't be started: it is not checked (any more), or no row fits, or all of them had to.",
    "Mend the rows and upload the file again, or match it without `all_or_nothing`.",
)
