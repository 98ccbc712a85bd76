"""One clip or picture of a user: whether a model calls it fake, how sure that is, and what the model looked at.

A file's way through this package, shared by the command, the server and its page::

    input_files   which files the user means
    finding       the faces in one of them (`Found`)
    scores        what the model says about each face
    aggregation   the scores of all frames, joined into one `Verdict`
    heat_maps     where the model looked, computed when somebody asks
    view          the verdict with its pictures; an HTML report

`assessor.Assessor` goes from `finding` to `view`; `verdict_json` defines the fields of the result.
"""
