"""Write grad_cam.json: tf-keras-vis's Grad-CAM of a small detector with weights and crops that anybody can redraw.

    pip install -e . && pip install tf-keras-vis==0.8.7        # in an environment of its own
    python tests/model/golden/make_grad_cam.py

tf-keras-vis takes functional models only, so the detector's layers are put together as one. The tests read the file and
do not need tf-keras-vis.
"""

import json
import pathlib
import zlib

import numpy as np

RECIPE = {"backbone": "resnet10", "embedding_size": 8}
CLASSES = {"real": 0, "fake": 1}
SEED = 11  # one whose maps are neither empty nor full


def draw_weights(detector):
    """Give every layer weights that are seeded by its name, of a size at which no map vanishes."""
    for variable in [
        v for part in (detector.backbone, detector.embedding, detector.classifier) for v in part.variables
    ]:
        name = "/".join(variable.path.split("/")[-2:])
        rng = np.random.default_rng([SEED, zlib.crc32(name.encode())])
        if name in ("embedding/kernel", "classifier/kernel"):
            values = rng.normal(size=variable.shape)
        elif name.endswith("kernel"):
            values = rng.normal(size=variable.shape) * np.sqrt(2 / np.prod(variable.shape[:-1]))
        elif name.endswith("moving_variance"):
            values = rng.uniform(0.5, 1.5, size=variable.shape)
        elif name.endswith("gamma"):
            values = rng.uniform(0.2, 1.0, size=variable.shape)
        else:
            values = rng.normal(size=variable.shape) * 0.1
        variable.assign(values)


def draw_crops():
    """Three crops of coarse noise, uint8 [3, 256, 256, 3]."""
    coarse = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(32, axis=1).repeat(32, axis=2)


def main():
    """Write the file."""
    import keras
    from tf_keras_vis.gradcam import Gradcam
    from tf_keras_vis.utils.scores import CategoricalScore

    from model.detector import DeepfakeDetector
    from model.recipes import Recipe

    detector = DeepfakeDetector(Recipe(**RECIPE))
    draw_weights(detector)
    backbone, crops = detector.backbone, draw_crops()
    network = keras.Model(backbone.input, detector.classifier(detector.embedding(backbone.output)))
    maps = {}
    for name, number in CLASSES.items():
        for kind, normalize in (("raw", False), ("normalized", True)):
            maps[f"{name}/{kind}"] = Gradcam(network)(
                CategoricalScore([number] * len(crops)),
                detector.preprocess(crops).numpy(),
                penultimate_layer=backbone.get_layer("features"),
                seek_penultimate_conv_layer=False,
                expand_cam=False,
                normalize_cam=normalize,
            )
    path = pathlib.Path(__file__).with_name("grad_cam.json")
    golden = {name: np.asarray(values, np.float64).round(9).tolist() for name, values in maps.items()}
    path.write_text(json.dumps({"made_by": "make_grad_cam.py", **golden}) + "\n")


if __name__ == "__main__":
    main()
