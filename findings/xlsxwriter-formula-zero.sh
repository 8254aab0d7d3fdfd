#!/usr/bin/env bash
# XlsxWriter 3.3.1, read by openpyxl 3.1.5 with data_only: every formula has the result 0.
#
# One would guess: a program that computes nothing stores no result for a formula, so a reader of results finds none
# (openpyxl's own files: None), and can ask for the file to be opened and saved in a spreadsheet program.
# What happens: XlsxWriter stores <v>0</v> for each formula, also for one that is a text, and sets fullCalcOnLoad in
# the workbook. Spreadsheet programs compute anew when they open it, so nobody ever sees the 0; readers of the file do.
#
# Why it matters here: a list of devices that a factory's script wrote so, with serials or names put together by
# formulas, would be read as a column of zeros, without a word. So results are believed only where the workbook does
# not ask to be computed first (devices/imports/workbook.py, tests/devices/imports/test_workbooks.py).
set -euo pipefail
here=$(mktemp -d); trap 'rm -rf "$here"' EXIT
python3 -m venv "$here/env"
"$here/env/bin/pip" install --quiet --disable-pip-version-check xlsxwriter==3.3.1 openpyxl==3.1.5 \
  2>"$here/pip" || { cat "$here/pip"; exit 1; }
cat >"$here/run.py" <<'PY'
import re
import zipfile
from importlib.metadata import version

import openpyxl
import xlsxwriter

FORMULA = '="GW-"&TEXT(ROW(),"0000")'


def read(path):
    return openpyxl.load_workbook(path, data_only=True).active["A2"].value


def asks_to_be_computed(path):
    return 'fullCalcOnLoad="1"' in zipfile.ZipFile(path).read("xl/workbook.xml").decode()


with xlsxwriter.Workbook("written.xlsx") as book:
    sheet = book.add_worksheet()
    sheet.write(0, 0, "Serial")
    sheet.write_formula(1, 0, FORMULA)
own = openpyxl.Workbook()
own.active.append(["Serial"])
own.active.append([FORMULA])
own.save("own.xlsx")

print("XlsxWriter", version("xlsxwriter"), "openpyxl", version("openpyxl"))
cell = re.search(r'<c r="A2".*?</c>', zipfile.ZipFile("written.xlsx").read("xl/worksheets/sheet1.xml").decode())
print("XlsxWriter writes", cell[0])
print("openpyxl reads from XlsxWriter's file:", repr(read("written.xlsx")))
print("openpyxl reads from its own file:     ", repr(read("own.xlsx")))
print("XlsxWriter's file asks to be computed when it is opened:", asks_to_be_computed("written.xlsx"))
assert read("written.xlsx") == 0
assert read("own.xlsx") is None
assert asks_to_be_computed("written.xlsx")
PY
cd "$here" && env/bin/python run.py
