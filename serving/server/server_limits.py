"""What clients may ask of the server: everything that costs memory or time is limited, each limit by a flag."""

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from commands.parameters import Parameters

MIB = 1 << 20


class ServerLimits(Parameters):
    """Limits of the server; each field is a flag of `python -m serving.server`."""

    max_body: PositiveInt = Field(32 * MIB, description="Bytes of a JSON request; more is answered with 413.")
    max_upload: PositiveInt = Field(512 * MIB, description="Bytes of an uploaded video or picture; more is 413.")
    max_crops: PositiveInt = Field(128, description="Face crops in one request; more is 413.")
    max_crop_pixels: PositiveInt = Field(
        4096 * 4096, description="Pixels of all face crops of a request, by their headers; more is 413."
    )
    max_pixels: PositiveInt = Field(8192 * 4320, description="Pixels of a video's frame or of an uploaded picture.")
    max_seconds: PositiveFloat = Field(600.0, description="Length of an uploaded video, seconds.")
    max_video_frames: PositiveInt = Field(72_000, description="Frames that an uploaded video may hold.")
    max_frames: PositiveInt = Field(
        64,
        description="Frames of a video that a client may ask for; each frame of a crowd takes 10 MB for a while.",
    )
    request_timeout: PositiveFloat = Field(
        60.0,
        description="Seconds from a request's first byte to its answer; more is 504, or 408 while it is still sent.",
    )
    video_timeout: PositiveFloat = Field(600.0, description="Seconds that an upload, or the work on it, may take.")
    stop_seconds: PositiveFloat = Field(
        15.0,
        description="Seconds that requests which have begun may take after SIGTERM or Ctrl-C; soon after, the server "
        "ends, whatever it is doing.",
    )
    idle_timeout: PositiveFloat = Field(20.0, description="Seconds without a byte after which an upload ends with 408.")
    queue: PositiveInt = Field(1024, description="Face crops that wait for the model; more is answered with 429.")
    bodies: PositiveInt = Field(256 * MIB, description="Bytes of all JSON requests at a time; more is 503.")
    max_batch: PositiveInt = Field(32, description="Face crops in one forward pass.")
    jobs: PositiveInt = Field(
        8, description="Videos that wait, and uploads that are being sent for them; more is answered with 429."
    )
    min_upload_rate: PositiveInt = Field(
        32 << 10,
        description="Bytes a second, on average, below which an upload holds no place among the jobs: others may take "
        "it, and if none is free when it is complete, it is answered with 429.",
    )
    workers: PositiveInt = Field(1, description="Videos that are assessed at a time.")
    keep_jobs: PositiveInt = Field(64, description="Verdicts that are kept for clients to fetch; the oldest go first.")
    keep_seconds: PositiveFloat = Field(3600.0, description="Seconds for which a verdict is kept.")
    keep_bytes: PositiveInt = Field(
        256 * MIB, description="Bytes that the kept verdicts and their pictures may take; the oldest go first."
    )
    connections: PositiveInt = Field(256, description="Open connections; more is answered with 503.")

    @model_validator(mode="after")
    def _check(self) -> "ServerLimits":
        if self.queue < self.max_crops:
            raise ValueError(
                f"queue ({self.queue}) is less than max_crops ({self.max_crops}): such a request could never be taken. "
                "Raise queue or lower max_crops"
            )
        return self
