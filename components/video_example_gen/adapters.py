"""All kinds of data sets: their configs as one union type, and the way from a config to a listing."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from artifacts.errors import InputError
from artifacts.manifest import Listing
from components.video_example_gen import celeb_df, dfdc, faceforensics, folder
from components.video_example_gen.dataset_config import DatasetConfig as BaseConfig
from components.video_example_gen.dataset_config import check_root


class SampleConfig(BaseConfig):
    """A small data set, generated where it is missing, in FaceForensics++'s layout."""

    type: Literal["sample"] = Field(description="a small generated data set in FaceForensics++'s layout")
    root: str = Field(min_length=1, description="the folder that it is generated in")
    clips: int = Field(
        30, ge=6, le=1000, multiple_of=2, description="real clips; four times as many fakes come with them"
    )
    seed: int = Field(0, ge=0, description="of the clips' movement, light and noise")

    def sources(self):
        """Return nothing: the clips follow from this config and the code."""
        return []


def list_sample(config):
    """Generate the sample if it is not there, and list it as what it is: c23, all four methods."""
    from components.video_example_gen.sample import make_sample  # it needs video and image libraries

    make_sample(config.folder, clips=config.clips, seed=config.seed)
    layout = faceforensics.FaceForensicsConfig(type="faceforensics", name=config.name, root=config.folder)
    return faceforensics.list_videos(layout)


@dataclass(frozen=True)
class Adapter:
    """A kind of data set.

    Attributes:
        config: its pydantic model.
        list_videos: config -> `Listing`.
        title: its name for people.
        signs: what its root holds.
        recognises: root -> whether it looks like one.
    """

    config: type[BaseConfig]
    list_videos: Callable[[BaseConfig], Listing]
    title: str
    signs: str
    recognises: Callable[[str], bool]

    @classmethod
    def of(cls, config, module):
        """The adapter that a module makes."""
        return cls(config, module.list_videos, module.TITLE, module.SIGNS, module.recognises)


# Data sets with a layout of their own come before folders of real and fake, which some copies also have.
ADAPTERS = {
    "faceforensics": Adapter.of(faceforensics.FaceForensicsConfig, faceforensics),
    "dfdc": Adapter.of(dfdc.DfdcConfig, dfdc),
    "celeb_df": Adapter.of(celeb_df.CelebDfConfig, celeb_df),
    "folder": Adapter.of(folder.FolderConfig, folder),
    "crops": Adapter(
        folder.CropsConfig, folder.list_videos, "cut out faces", "the files of the CSV", lambda root: False
    ),
    "sample": Adapter(SampleConfig, list_sample, "the sample", faceforensics.SIGNS, lambda root: False),
}

DatasetConfig = Annotated[
    faceforensics.FaceForensicsConfig
    | dfdc.DfdcConfig
    | celeb_df.CelebDfConfig
    | folder.FolderConfig
    | folder.CropsConfig
    | SampleConfig,
    Field(discriminator="type"),
]


def recognise(root):
    """Return the type of data set that a folder looks like, or None."""
    return next((name for name, adapter in ADAPTERS.items() if os.path.isdir(root) and adapter.recognises(root)), None)


def list_videos(config):
    """List a data set of any kind.

    Args:
        config: one of the union `DatasetConfig`.

    Returns:
        A `Listing` with at least one video.

    Raises:
        InputError: the root cannot be read, looks like another kind of data set, or has no video of this one.
    """
    if config.type != "sample":
        check_root(config.folder)
    listing = ADAPTERS[config.type].list_videos(config)
    if not listing.videos:
        raise InputError(f"root: {config.folder}: {_why_empty(config, listing)}")
    return listing


def _why_empty(config, listing):
    adapter, looks = ADAPTERS[config.type], recognise(config.folder)
    if looks == config.type or (listing.missing and not looks):
        named = f"none of the {len(listing.missing)} videos that its lists name is there" if listing.missing else ""
        return "; ".join([named or "has no videos that can be used", *listing.notes])
    hint = f'it looks like {ADAPTERS[looks].title}: set "type": "{looks}"' if looks else "nor like any other data set"
    return f"does not look like {adapter.title} (no {adapter.signs}); {hint}"
