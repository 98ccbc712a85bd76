"""A model server: TensorFlow Serving's REST protocol, verdicts on videos, and a web page, in one process.

Every request passes `connections` (slow clients) and `gate` (token, sizes, times).
Then an uploaded clip takes five steps:

1. receive: `video_api` reads the options (`video_options`) and streams the file into a private folder (`uploads`).
2. queue: in `video_queue`, the job (`video_job`) waits until a worker thread is free.
3. assess: `video_assessment` lets `serving.verdict` find and score the faces. The scores come from `batching`, which
   shares forward passes among all requests, by the newest of the `model_versions`.
4. keep: `kept_jobs` holds the verdict and its pictures for a while.
5. answer: `video_api` returns the job, its pictures, and its report (`video_reports`).

A predict request takes fewer: `predict_api`, `predict_request` (its JSON), `picture_headers` and `picture_decoding`,
`batching`.

`app` puts the parts together, and `server_state` holds what they share. `server_options` and `server_limits` are the
command line, `refusals` are the errors that clients see, `health_api` and `prometheus` are for monitoring.
"""
