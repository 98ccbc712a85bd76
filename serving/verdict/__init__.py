"""One clip or picture of a user: whether a model calls it fake, how sure that is, and what the model looked at.

A file's way through this package, the same for the command and for the server::

    finding       the faces in the file (`Found`)
    scores        what the model says about each face
    aggregation   the scores of all frames, joined into one `Verdict`
    heat_maps     where the model looked, computed on demand
    view          the verdict with its pictures, and an HTML report

`assessor.Assessor` takes files along this way, with the options of `verdict_options`; `verdict_json` defines the fields
of the result. Only the command uses `find_files` (which files the user means), `outputs` (table, JSON, CSV, report)
and `annotate` (drawn copies).
"""
