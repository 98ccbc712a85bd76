"""All kinds of data sets: their configs as one union type, and how a config becomes a listing.

To add a kind of data set, write a module like `dfdc.py`, and add it to `ADAPTERS` and to `DatasetConfig`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Literal

from pydantic import Field

from artifacts.errors import InputError
from components.video_example_gen import (
    celeb_df,
    celeb_df_pp,
    deeper_forensics,
    deepfakebench,
    df40,
    dfdc,
    dfdc_preview,
    faceforensics,
    folder,
    kodf,
    uadfv,
)
from components.video_example_gen.dataset_config import DatasetConfig as BaseConfig
from components.video_example_gen.dataset_config import check_root
from components.video_example_gen.dataset_files import subfolders
from components.video_example_gen.listing import Listing


class SampleConfig(BaseConfig):
    """A small data set in FaceForensics++'s layout, generated if it does not exist."""

    type: Literal["sample"] = Field(description="a small generated data set in FaceForensics++'s layout")
    root: str = Field(min_length=1, description="the folder to generate it in")
    clips: int = Field(30, ge=6, le=1000, multiple_of=2, description="real clips; there are four times as many fakes")
    seed: int = Field(0, ge=0, description="seed of the clips' movement, light and noise")

    def sources(self) -> list[str]:
        """Return nothing: the clips depend only on this config and the code."""
        return []

    def is_made(self) -> bool:
        """Return whether the clips are there."""
        return os.path.isdir(self.folder) and bool(os.listdir(self.folder))


def list_sample(config: SampleConfig) -> Listing:
    """Generate the sample if it does not exist, and list it as FaceForensics++ with c23 and all four methods."""
    from components.video_example_gen.sample import make_sample  # imports video and image libraries

    make_sample(config.folder, clips=config.clips, seed=config.seed)
    layout = faceforensics.FaceForensicsConfig(type="faceforensics", name=config.name, root=config.folder)
    return faceforensics.list_videos(layout)


@dataclass(frozen=True)
class Adapter:
    """A kind of data set.

    Attributes:
        config: its pydantic model.
        list_videos: config -> `Listing`; takes an instance of `config`.
        title: its name in messages.
        signs: what its root holds, for messages.
        recognises: root -> whether it looks like this kind.
    """

    config: type[BaseConfig]
    list_videos: Callable[..., Listing]
    title: str
    signs: str
    recognises: Callable[[str], bool]

    @classmethod
    def of(cls, config: type[BaseConfig], module: ModuleType) -> "Adapter":
        """Return the adapter for a module with `list_videos`, `TITLE`, `SIGNS` and `recognises`."""
        return cls(config, module.list_videos, module.TITLE, module.SIGNS, module.recognises)


# Data sets with their own layout come before folders of real and fake, which some copies also have: the first kind
# that recognises a root wins.
ADAPTERS = {
    "faceforensics": Adapter.of(faceforensics.FaceForensicsConfig, faceforensics),
    "dfdc": Adapter.of(dfdc.DfdcConfig, dfdc),
    "dfdc_preview": Adapter.of(dfdc_preview.DfdcPreviewConfig, dfdc_preview),
    "celeb_df_pp": Adapter.of(celeb_df_pp.CelebDfPpConfig, celeb_df_pp),
    "celeb_df": Adapter.of(celeb_df.CelebDfConfig, celeb_df),
    "deeper_forensics": Adapter.of(deeper_forensics.DeeperForensicsConfig, deeper_forensics),
    "kodf": Adapter.of(kodf.KodfConfig, kodf),
    "uadfv": Adapter.of(uadfv.UadfvConfig, uadfv),
    "deepfakebench": Adapter.of(deepfakebench.DeepfakeBenchConfig, deepfakebench),
    "df40": Adapter.of(df40.Df40Config, df40),
    "folder": Adapter.of(folder.FolderConfig, folder),
    "crops": Adapter(folder.CropsConfig, folder.list_videos, "face crops", "the files of the CSV", lambda root: False),
    "sample": Adapter(SampleConfig, list_sample, "the sample", faceforensics.SIGNS, lambda root: False),
}

DatasetConfig = Annotated[
    faceforensics.FaceForensicsConfig
    | dfdc.DfdcConfig
    | dfdc_preview.DfdcPreviewConfig
    | celeb_df_pp.CelebDfPpConfig
    | celeb_df.CelebDfConfig
    | deeper_forensics.DeeperForensicsConfig
    | kodf.KodfConfig
    | uadfv.UadfvConfig
    | deepfakebench.DeepfakeBenchConfig
    | df40.Df40Config
    | folder.FolderConfig
    | folder.CropsConfig
    | SampleConfig,
    Field(discriminator="type"),
]


def recognise(root: str) -> str | None:
    """Return the type of data set that a folder looks like, or None."""
    if os.path.isdir(root):
        for name, adapter in ADAPTERS.items():
            if adapter.recognises(root):
                return name
    return None


def list_videos(config: DatasetConfig) -> Listing:
    """List a data set of any kind.

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


def _why_empty(config: DatasetConfig, listing: Listing) -> str:
    adapter, found = ADAPTERS[config.type], recognise(config.folder)
    if found == config.type or (listing.missing and not found):
        example = f", such as {listing.missing[0]}" if listing.missing else ""
        named = f"none of the {len(listing.missing)} videos that its lists name exists{example}" if example else ""
        return "; ".join([named or "has no videos that can be used", *listing.notes])
    hint = f'it looks like {ADAPTERS[found].title}: set "type": "{found}"' if found else _below(config.folder)
    return f"does not look like {adapter.title} (no {adapter.signs}); {hint}"


def _below(folder: str) -> str:
    """Say which folder in a root looks like a data set: archives unpack into one more level."""
    for inner in subfolders(folder):
        found = recognise(inner)
        if found:
            return f'{inner} looks like {ADAPTERS[found].title}: set "root" to it and "type": "{found}"'
    return (
        'nor like any other data set. List its videos in a CSV with path and label, and set "type": "folder" and "csv"'
    )
