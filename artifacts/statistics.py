"""The JSON documents that describe data: what VideoExampleGen found, and the statistics of face examples."""

from typing import TypedDict


class DatasetReport(TypedDict, total=False):
    """What VideoExampleGen says about one data set. Absent if a manifest is handmade.

    Attributes:
        type: of the data set, as in the config.
        root: the folder, absolute.
        videos: split -> method -> number of videos.
        missing: ids of videos that the data set's lists name and that do not exist.
        unlisted: paths of files that exist and are not used, without tables and texts.
        left_out: video id -> why the video is not used.
        notes: sentences for the user.
        shared_identities: pairs of splits that share people by the data set's own protocol.
    """

    type: str
    root: str
    videos: dict[str, dict[str, int]]
    missing: list[str]
    unlisted: list[str]
    left_out: dict[str, str]
    notes: list[str]
    shared_identities: list[list[str]]


class GroupStatistics(TypedDict):
    """Figures of one split, data set, method and label; a rate or mean of nothing is None.

    Attributes:
        split: "train", "val" or "test".
        dataset: its name in the config.
        method: "real", or the manipulation.
        label: 0 real, 1 fake.
        videos: number of videos in the manifest.
        videos_with_face: number of those that gave a face.
        frames: number of frames searched.
        faces: number of face examples.
        frames_with_face: number of frames that gave a face.
        frame_detection_rate: share of frames with a face, 0 to 1.
        video_detection_rate: share of videos with a face, 0 to 1.
        mean_pixel: mean of all channels, 0 to 255.
        mean_box_side: mean of width and height in source pixels.
        mean_score: mean confidence of the face detector, 0 to 1.
        flat_crops: number of crops of a single colour.
        sizes: "<height>x<width>" -> number of crops.
        formats: image format -> number of crops.
        rejects: scope -> reason -> count.
    """

    split: str
    dataset: str
    method: str
    label: int
    videos: int
    videos_with_face: int
    frames: int
    faces: int
    frames_with_face: int
    frame_detection_rate: float | None
    video_detection_rate: float | None
    mean_pixel: float | None
    mean_box_side: float | None
    mean_score: float | None
    flat_crops: int
    sizes: dict[str, int]
    formats: dict[str, int]
    rejects: dict[str, dict[str, int]]


class SharedIdentities(TypedDict):
    """People who are in several splits."""

    splits: list[str]
    identities: list[str]


class Statistics(TypedDict):
    """What StatisticsGen writes.

    Attributes:
        groups: one for each split, data set, method and label.
        sources: data set -> what VideoExampleGen says about it.
        shared_identities: data set -> people who are in several splits, by which splits.
    """

    groups: list[GroupStatistics]
    sources: dict[str, DatasetReport]
    shared_identities: dict[str, list[SharedIdentities]]
