"""Face examples and scores."""

from tests.fixtures.face_examples import crop, examples_dir, face, write_tfrecord
from tests.fixtures.scores import made, model_dir

__all__ = ["crop", "examples_dir", "face", "made", "model_dir", "write_tfrecord"]
