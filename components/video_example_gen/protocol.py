"""Where a data set's own test set shares people with its training videos, it is followed, and said."""

from artifacts.words import counted
from components.video_example_gen.listing import Listing


def follow_own_sets(listing: Listing) -> None:
    """Keep the training videos of people who are in the data set's own test set, and note that they are shared.

    Without this, `splits.assign_splits` would leave them out. Nothing happens where no person is shared.

    Args:
        listing: whose videos without a split are to be divided; it is changed.
    """
    tested = {person for video in listing.videos if video.split == "test" for person in video.identities}
    waiting = {person for video in listing.videos if not video.split for person in video.identities}
    shared = tested & waiting
    if shared:
        listing.shared_identities |= {("train", "test"), ("val", "test")}
        verb = "is" if len(shared) == 1 else "are"
        listing.notes.append(
            f"{counted(len(shared), 'person', 'people')} in the data set's own test set {verb} in training, too: its "
            "own sets are followed"
        )
