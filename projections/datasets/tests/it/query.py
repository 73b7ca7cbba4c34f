"""Reads SQL statements from standard input, a JSON array of strings, and writes each one's rows to standard output."""

import json
import sys

import duckdb

connection = duckdb.connect()
connection.execute("set timezone = 'UTC'")
answers = []
for sql in json.load(sys.stdin):
    rows = connection.execute(sql).fetchall()
    answers.append([[value if isinstance(value, (int, float, bool, type(None))) else str(value) for value in row] for row in rows])
json.dump(answers, sys.stdout)
