"""One clip or picture of a user's: what a model says of it, how sure it is, and what it saw.

The way of a file through it: `files` -> `finding` (its faces) -> `judging` (their scores, and the `Verdict` of them) ->
`output` (table, JSON, CSV, `view` for the report, `annotate` for drawn copies). `judge.Judge` takes one file after the other
through finding and judging.
"""
